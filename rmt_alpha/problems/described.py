"""A problem as a mapping of plain values, the content of a problem file, and back.

Here `FineTuning`; `described_regressions` has the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from rmt_alpha._core.checks import as_real, brief
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems import described_regressions as regressions
from rmt_alpha.problems.covariances import is_ambiguous, power_law
from rmt_alpha.problems.file_values import array, check_keys, check_single, require
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import Loss
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.sources import FixedSource, LossSource, RidgeSource, Source

Described: TypeAlias = FineTuning | RidgeRegressionTransfer | LowRankTransfer
MIXTURE_KEYS = ("mean", "means", "covariance", "covariances", "exponent", "priors")
FIXED_KEYS = ("weights", "outputs")
TRAINED_KEYS = ("n", "gamma", "intercept", "label_noise", "loss", "outputs")
OPTIONS = ("intercept", "label_noise", "loss")
TOP_KEYS = ("n", "gamma", *OPTIONS, "target", "source")
ARRAYS = ("mean", "means", "covariance", "covariances", "priors", "weights")
"""Keys whose values may stand in a file."""


def build(values: Mapping[str, Any]) -> Described:
    """The problem that the content of a problem file describes; its arrays have been read.

    A file with ``spikes`` is a `LowRankTransfer`, one with ``coef_target`` a `RidgeRegressionTransfer`.
    """
    if regressions.is_one(values):
        return regressions.build(values)
    check_keys(values, TOP_KEYS, "the top of a FineTuning file")
    require(values, ("n", "gamma", "target", "source"), "a FineTuning file")
    check_single({name: values[name] for name in ("n", "gamma")})
    options = {name: values[name] for name in OPTIONS if name in values}
    target = _mixture(_table(values, "target"), "[target]")
    return FineTuning(target, _sources(values["source"], target), values["n"], values["gamma"], **options)


def describe(problem: Described) -> dict[str, Any]:
    """What `build` makes an equal problem of.

    Raises
    ------
    TypeError
        If a loss is an object: a file has the names of losses.
    """
    if not isinstance(problem, FineTuning):
        return regressions.describe(problem)
    sources = [_told_source(source) for source in problem.sources]
    return {
        "n": problem.n,
        "gamma": problem.gamma,
        "intercept": problem.intercept,
        "label_noise": _shortest(problem.label_noise),
        "loss": _told_loss("loss", problem.loss),
        "target": _told_mixture(problem.target),
        "source": sources if isinstance(problem.source, tuple) else sources[0],
    }


def with_arrays(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The content of a problem file with every ``"file.npz:name"`` looked up, and lists made arrays."""
    if regressions.is_one(values):
        return regressions.with_arrays(values, folder)
    found = dict(values)
    for name in ("target", "source"):
        part = values.get(name)
        if isinstance(part, list):  # several sources
            found[name] = [_table_with_arrays(each, folder) for each in part]
        else:
            found[name] = _table_with_arrays(part, folder)
    return {name: value for name, value in found.items() if name in values}


def _table_with_arrays(table: Any, folder: Path) -> Any:
    if not isinstance(table, Mapping):
        return table  # which `build` refuses
    return {
        name: _covariance_arrays(value, folder)
        if name == "covariances"
        else array(value, folder)
        if name in ARRAYS
        else value
        for name, value in table.items()
    }


def _covariance_arrays(value: Any, folder: Path) -> Any:
    """A list is read as in Python, which tells one covariance from one per class."""
    if not isinstance(value, list):
        return array(value, folder)
    return [array(each, folder) for each in value] if any(isinstance(each, str) for each in value) else value


def _mixture(table: Mapping[str, Any], where: str) -> GaussianMixture:
    check_keys(table, MIXTURE_KEYS, where)
    if ("mean" in table) == ("means" in table):
        raise ValueError(f"{where} must have either mean (two balanced classes, -mean and +mean) or means")
    if "covariance" in table and "covariances" in table:
        raise ValueError(f"{where} must have covariance or covariances, not both")
    if "mean" in table:
        if "priors" in table:
            raise ValueError(f"{where} with mean is balanced: give means to set priors")
        means = GaussianMixture.symmetric(table["mean"]).means
    else:
        means = table["means"]
    shape = getattr(means, "shape", ())
    covariances = _covariances(table, where, shape)
    return GaussianMixture(means, covariances, _priors(table.get("priors"), shape[0] if shape else 0))


def _priors(value: Any, classes: int) -> Any:
    """A number is the share of the first of two classes."""
    if value is None or np.ndim(value):
        return value
    first = float(as_real("priors", value))
    if classes != 2 or not 0 < first < 1:
        raise ValueError(
            f"priors must be one number per class, or for two classes the share of the first, in (0, 1); "
            f"got {value!r} for {classes} classes"
        )
    return [first, 1 - first]


def _covariances(table: Mapping[str, Any], where: str, shape: tuple[int, ...]) -> Any:
    """``covariance`` is one of all classes; a list ``covariances`` is read as in Python."""
    if "exponent" in table:
        scale = table.get("covariance", 1.0)
        if "covariances" in table or isinstance(scale, str | list | np.ndarray):
            raise ValueError(
                f"{where} exponent sets the eigenvalues of the covariance: beside it covariance may only be "
                "a number, their average"
            )
        return as_real("covariance", scale) * power_law(table["exponent"], shape[-1] if shape else 1)
    value = table.get("covariances", table.get("covariance"))
    if isinstance(value, list) and len(shape) == 2 and is_ambiguous(value, *shape):
        raise ValueError(
            f"{where} covariances could be one covariance of all classes or one per class, as there are "
            f"{shape[0]} classes in dimension {shape[1]}: write covariance = ... for one of all classes; for "
            "one per class write every one as a matrix, [[...], [...]], or as 'file.npz:name'"
        )
    return value


def _sources(value: Any, target: GaussianMixture) -> Source | list[Source]:
    """One source from a table ``[source]``, several from tables ``[[source]]``."""
    if isinstance(value, list):
        return [_source(table, target) for table in value]
    return _source(value, target)


def _source(table: Any, target: GaussianMixture) -> Source:
    if not isinstance(table, Mapping):
        raise TypeError(f"source must be a table [source], got {type(table).__name__}")
    if "weights" in table:
        check_keys(table, FIXED_KEYS, "[source] with weights")
        outputs = table.get("outputs", 1 if target.classes == 2 else target.classes)
        return FixedSource(table["weights"], outputs=outputs)
    require(table, ("n", "gamma"), "[source] without weights")
    options = {name: table[name] for name in ("intercept", "label_noise", "outputs") if name in table}
    rest = {name: value for name, value in table.items() if name not in TRAINED_KEYS}
    mixture = _mixture(rest, "[source]")
    if "loss" in table:
        return LossSource(mixture, table["n"], table["gamma"], table["loss"], **options)
    return RidgeSource(mixture, table["n"], table["gamma"], **options)


def _told_mixture(mixture: GaussianMixture) -> dict[str, Any]:
    told: dict[str, Any] = {"means": mixture.means, "priors": mixture.priors}
    if len(mixture.members) > 1:
        return told | {"covariances": list(mixture.covariances)}
    [covariance] = mixture.members
    return told | {"covariance": covariance if covariance.ndim else float(covariance)}


def _told_source(source: Source) -> dict[str, Any]:
    if isinstance(source, FixedSource):
        return {"weights": source.weights, "outputs": source.outputs}
    told = _told_mixture(source.mixture) | {"n": source.n, "gamma": source.gamma}
    told |= {"intercept": source.intercept, "label_noise": _shortest(source.label_noise)}
    told |= {"outputs": source.outputs}
    return told | ({"loss": _told_loss("source.loss", source.loss)} if isinstance(source, LossSource) else {})


def _told_loss(name: str, loss: str | Loss) -> str:
    if not isinstance(loss, str):
        raise TypeError(f"{name} must be the name of a loss to be written down, got {brief(loss)}")
    return loss


def _shortest(values: FloatArray) -> float | FloatArray:
    return float(values[0]) if (values == values[0]).all() else values


def _table(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values[name], Mapping):
        raise TypeError(f"{name} must be a table [{name}], got {type(values[name]).__name__}")
    return dict(values[name])
