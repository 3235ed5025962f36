"""Problems in files: TOML with the numbers inline, or large arrays beside it in .npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmt_alpha._core.toml_file import read_toml
from rmt_alpha._core.types import FilePath
from rmt_alpha.problems.described import array, build, check_keys, check_single, require, with_arrays
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.transfer import RANGES, TransferProblem

LOW_RANK_KEYS = ("beta", "spikes", "source_norm", "noise", "n", "p", "d", "rest", "gamma")


def load_problem(path: FilePath) -> TransferProblem | FineTuning | LowRankTransfer:
    """Read a problem from a TOML file.

    A file with ``beta`` describes a `TransferProblem` by its fields, one with ``spikes`` a `LowRankTransfer`
    by its arguments.  A file with a table ``[target]``
    describes a `FineTuning` problem: ``n``, ``gamma``, ``intercept``, ``label_noise`` and ``loss`` at the
    top; in ``[target]`` either ``mean`` (classes with means -mean and +mean, balanced) or ``means`` (one row
    per class), ``covariance`` (one of all classes) or ``covariances`` (a list, one per class) or ``exponent``
    (eigenvalues j^-exponent, of average 1 or the number ``covariance``), and ``priors`` (of two classes the
    first is enough); in ``[source]`` either ``weights``, or ``n``, ``gamma``, the keys of a mixture, and if
    wanted ``intercept`` and ``label_noise``, for a source trained by ridge, or with the ``loss`` that is
    given; ``outputs`` as in these classes.
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


def _problem(values: dict[str, Any], folder: Path) -> TransferProblem | FineTuning | LowRankTransfer:
    if "spikes" in values:
        check_keys(values, LOW_RANK_KEYS, "a LowRankTransfer, which a file with spikes describes")
        require(values, LOW_RANK_KEYS[:7], "a LowRankTransfer, which a file with spikes describes,")
        check_single({name: value for name, value in values.items() if name != "spikes"})
        return LowRankTransfer(**values | {"spikes": array(values["spikes"], folder)})
    if "target" not in values:
        check_keys(values, tuple(RANGES), "a TransferProblem (a FineTuning problem has a table [target])")
        require(values, ("beta", "p", "n"), "a TransferProblem")
        check_single(values)
        return TransferProblem(**values)
    return build(with_arrays(values, folder))
