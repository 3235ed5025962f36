"""Problems in files: TOML with the numbers inline, or large arrays beside it in .npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.toml_file import read_toml
from rmt_alpha._core.types import FilePath
from rmt_alpha._core.stored_arrays import read_arrays
from rmt_alpha.problems.covariances import is_ambiguous
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, LossSource, RidgeSource, Source
from rmt_alpha.problems.transfer import RANGES, TransferProblem

MIXTURE_KEYS = ("mean", "means", "covariance", "covariances", "priors")
LOW_RANK_KEYS = ("beta", "spikes", "source_norm", "noise", "n", "p", "d", "rest", "gamma")
TOP_KEYS = ("n", "gamma", "intercept", "label_noise", "loss", "target", "source")


def load_problem(path: FilePath) -> TransferProblem | FineTuning | LowRankTransfer:
    """Read a problem from a TOML file.

    A file with ``beta`` describes a `TransferProblem` by its fields, one with ``spikes`` a `LowRankTransfer`
    by its arguments.  A file with a table ``[target]``
    describes a `FineTuning` problem: ``n``, ``gamma``, ``intercept``, ``label_noise`` and ``loss`` at the
    top; in ``[target]`` either ``mean`` (classes with means -mean and +mean, balanced) or ``means`` (one row
    per class), ``covariance`` (one of all classes) or ``covariances`` (a list, one per class), and
    ``priors``; in ``[source]`` either ``weights``, or ``n``, ``gamma``, the keys of a mixture, and if wanted
    ``intercept`` and ``label_noise``, for a source trained by ridge, or with the ``loss`` that is given;
    ``outputs`` as in these classes.
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
        _check_keys(values, LOW_RANK_KEYS, "a LowRankTransfer, which a file with spikes describes")
        _require(values, LOW_RANK_KEYS[:7], "a LowRankTransfer, which a file with spikes describes,")
        _check_single({name: value for name, value in values.items() if name != "spikes"})
        return LowRankTransfer(**values | {"spikes": _array(values["spikes"], folder)})
    if "target" not in values:
        _check_keys(values, tuple(RANGES), "a TransferProblem (a FineTuning problem has a table [target])")
        _require(values, ("beta", "p", "n"), "a TransferProblem")
        _check_single(values)
        return TransferProblem(**values)
    _check_keys(values, TOP_KEYS, "the top of a FineTuning file")
    _require(values, ("n", "gamma", "source"), "a FineTuning file")
    _check_single({name: values[name] for name in ("n", "gamma")})
    options = {name: values[name] for name in ("intercept", "label_noise", "loss") if name in values}
    target = _mixture(_table(values, "target"), "[target]", folder)
    source = _sources(values["source"], target, folder)
    return FineTuning(target, source, values["n"], values["gamma"], **options)


def _mixture(table: dict[str, Any], where: str, folder: Path) -> GaussianMixture:
    _check_keys(table, MIXTURE_KEYS, where)
    if ("mean" in table) == ("means" in table):
        raise ValueError(f"{where} must have either mean (two balanced classes, -mean and +mean) or means")
    if "covariance" in table and "covariances" in table:
        raise ValueError(f"{where} must have covariance or covariances, not both")
    if "mean" in table:
        if "priors" in table:
            raise ValueError(f"{where} with mean is balanced: give means to set priors")
        means = GaussianMixture.symmetric(_array(table["mean"], folder)).means
    else:
        means = _array(table["means"], folder)
    covariances = _covariances(table, where, folder, getattr(means, "shape", ()))
    return GaussianMixture(means, covariances, _array(table.get("priors"), folder))


def _covariances(table: dict[str, Any], where: str, folder: Path, shape: tuple[int, ...]) -> Any:
    """``covariance`` is one of all classes; a list ``covariances`` is read as in Python."""
    value = table.get("covariances")
    if not isinstance(value, list):
        return _array(table.get("covariance", value), folder)
    if any(isinstance(item, str) for item in value):
        return [_array(item, folder) for item in value]
    if len(shape) == 2 and is_ambiguous(value, *shape):
        raise ValueError(
            f"{where} covariances could be one covariance of all classes or one per class, as there are "
            f"{shape[0]} classes in dimension {shape[1]}: write covariance = ... for one of all classes; for "
            "one per class write every one as a matrix, [[...], [...]], or as 'file.npz:name'"
        )
    return value


def _sources(value: Any, target: GaussianMixture, folder: Path) -> Source | list[Source]:
    """One source from a table ``[source]``, several from tables ``[[source]]``."""
    if isinstance(value, list):
        return [_source(table, target, folder) for table in value]
    return _source(value, target, folder)


def _source(table: Any, target: GaussianMixture, folder: Path) -> Source:
    if not isinstance(table, Mapping):
        raise TypeError(f"source must be a table [source], got {type(table).__name__}")
    if "weights" in table:
        _check_keys(table, ("weights", "outputs"), "[source] with weights")
        outputs = table.get("outputs", 1 if target.classes == 2 else target.classes)
        return FixedSource(_array(table["weights"], folder), outputs=outputs)
    _require(table, ("n", "gamma"), "[source] without weights")
    options = {name: table[name] for name in ("intercept", "label_noise", "outputs") if name in table}
    rest = {name: value for name, value in table.items() if name not in ("n", "gamma", "loss", *options)}
    mixture = _mixture(rest, "[source]", folder)
    if "loss" in table:
        return LossSource(mixture, table["n"], table["gamma"], table["loss"], **options)
    return RidgeSource(mixture, table["n"], table["gamma"], **options)


def _array(value: Any, folder: Path) -> Any:
    """Lists become arrays, ``"file.npz:name"`` is looked up; numbers and None stay."""
    if isinstance(value, str):
        file, separator, name = value.rpartition(":")
        if not separator:
            raise ValueError(f"an array must be numbers or 'file.npz:name', got {value!r}")
        return read_arrays(folder / file, [name])[name]
    if isinstance(value, list):
        if any(isinstance(item, str) for item in value):  # one entry per class, some of them in files
            return [_array(item, folder) for item in value]
        try:
            return np.asarray(value, float)
        except (ValueError, TypeError):
            return [_array(item, folder) for item in value]  # entries of different shapes
    return value


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values[name], dict):
        raise TypeError(f"{name} must be a table [{name}], got {type(values[name]).__name__}")
    return dict(values[name])


def _check_keys(values: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r} in {where}; known keys are {', '.join(known)}")


def _check_single(values: Mapping[str, Any]) -> None:
    """A file has one problem; arrays of them are for Python and for sweeps."""
    for name, value in values.items():
        if isinstance(value, list):
            raise TypeError(f"{name} must be one number, got {value!r}; `rmt-alpha sweep` takes a grid")


def _require(values: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(f"{where} needs {missing[0]!r}")
