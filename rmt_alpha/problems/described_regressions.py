"""`RidgeRegressionTransfer` and `LowRankTransfer` as mappings of plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.checks import as_real
from rmt_alpha.problems.covariances import power_law
from rmt_alpha.problems.file_values import array, check_keys, check_single, require
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer

LOW_RANK_KEYS = ("beta", "spikes", "source_norm", "noise", "n", "p", "d", "rest", "gamma")
REGRESSION_KEYS = ("coef_target", "coef_source", "noise", "n", "gamma", "covariance", "exponent")
ARRAYS = ("coef_target", "coef_source", "covariance", "noise", "spikes")
"""Keys whose values may stand in a file."""
A_LOW_RANK = "a LowRankTransfer, which a file with spikes describes"
A_REGRESSION = "a RidgeRegressionTransfer, which a file with coef_target describes"


def is_one(values: Mapping[str, Any]) -> bool:
    """Whether the values are of one of these."""
    return "spikes" in values or "coef_target" in values


def build(values: Mapping[str, Any]) -> RidgeRegressionTransfer | LowRankTransfer:
    """The problem; arrays have been read."""
    if "spikes" in values:
        check_keys(values, LOW_RANK_KEYS, A_LOW_RANK)
        require(values, LOW_RANK_KEYS[:7], f"{A_LOW_RANK},")
        check_single({name: value for name, value in values.items() if name != "spikes"})
        return LowRankTransfer(**dict(values) | {name: _whole(values[name]) for name in ("p", "d")})
    check_keys(values, REGRESSION_KEYS, A_REGRESSION)
    require(values, REGRESSION_KEYS[:5], f"{A_REGRESSION},")
    check_single({name: values[name] for name in ("n", "gamma")})
    given = {name: value for name, value in values.items() if name != "exponent"}
    return RidgeRegressionTransfer(**given | {"covariance": _covariance(values)})


def describe(problem: RidgeRegressionTransfer | LowRankTransfer) -> dict[str, Any]:
    """What `build` makes an equal problem of."""
    told = {field.name: getattr(problem, field.name) for field in fields(problem)}
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in told.items()}


def with_arrays(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values with every ``"file.npz:name"`` looked up, and lists made arrays."""
    return {name: array(value, folder) if name in ARRAYS else value for name, value in values.items()}


def _covariance(values: Mapping[str, Any]) -> Any:
    scale = values.get("covariance")
    if "exponent" not in values:
        return scale
    if scale is not None and np.ndim(scale):
        raise ValueError(
            "exponent sets the eigenvalues of the covariance: beside it covariance may only be a number, "
            "their average"
        )
    average = 1.0 if scale is None else as_real("covariance", scale)
    return average * power_law(values["exponent"], np.shape(values["coef_target"])[-1])


def _whole(value: Any) -> Any:
    """400.0, as an axis has it, is 400; what is not whole is left to be refused."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
