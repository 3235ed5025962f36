"""Problems in files: TOML with the numbers inline, or large arrays beside it in .npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmt_alpha._core.toml_file import read_toml
from rmt_alpha._core.types import FilePath
from rmt_alpha.problems.described import Described, build, with_arrays
from rmt_alpha.problems.described_regressions import is_one
from rmt_alpha.problems.file_values import check_keys, check_single, require
from rmt_alpha.problems.transfer import RANGES, TransferProblem


def load_problem(path: FilePath) -> TransferProblem | Described:
    """Read a problem from a TOML file.

    A file with ``beta`` describes a `TransferProblem` by its fields, one with ``spikes`` a `LowRankTransfer`
    by its arguments, one with ``coef_target`` a `RidgeRegressionTransfer`: ``coef_target``, ``coef_source``,
    ``noise``, ``n``, ``gamma``, and ``covariance`` or ``exponent`` if it is not the identity.  A file with a
    table ``[target]`` describes a `FineTuning` problem: ``n``, ``gamma``, ``intercept``, ``label_noise`` and
    ``loss`` at the top; in ``[target]`` either ``mean`` (classes with means -mean and +mean, balanced) or
    ``means`` (one row per class), ``covariance`` (one of all classes) or ``covariances`` (a list, one per
    class) or ``exponent`` (eigenvalues j^-exponent, of average 1 or the number ``covariance``), and
    ``priors`` (of two classes the first is enough); in ``[source]`` either ``weights``, or ``n``, ``gamma``,
    the keys of a mixture, and if wanted ``intercept`` and ``label_noise``, for a source trained by ridge, or
    with the ``loss`` that is given; ``outputs`` as in these classes.
    Several sources are several tables ``[[source]]``.
    Wherever an array is expected, the text ``"file.npz:name"`` stands for the array ``name`` in a file beside
    the TOML file.

    Raises
    ------
    ValueError
        If the file is no TOML, a key is unknown or missing, or a value is refused; the message names the
        file and the key.
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "problem.toml"
    >>> _ = file.write_text("beta = 0.8; p = 400; n = 40".replace("; ", chr(10)))
    >>> round(load_problem(file).curve().optimal_alpha(), 4)
    0.8174
    """
    path = Path(path)
    values = read_toml(path)
    try:
        return _problem(values, path.parent)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def _problem(values: dict[str, Any], folder: Path) -> TransferProblem | Described:
    if "target" in values or is_one(values):
        return build(with_arrays(values, folder))
    check_keys(values, tuple(RANGES), "a TransferProblem (a FineTuning problem has a table [target])")
    require(values, ("beta", "p", "n"), "a TransferProblem")
    check_single(values)
    return TransferProblem(**values)
