"""Alphas as points z = (1, strength * alpha), or as directions where alpha is huge or infinite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha._core.evaluation import EXTREME

Array = np.ndarray[Any, Any]


def alpha_values(alpha: Any, sources: int, single: bool, dps: int | None, allowed: Range) -> Array:
    """``alpha`` as an array of shape (..., sources); a scalar stands for the same alpha for all sources."""
    if dps is None:
        values = np.asarray(as_real("alpha", alpha), dtype=float)
    else:
        values = np.asarray(arithmetic.exact_numbers("alpha", alpha), dtype=object)
    check_range("alpha", values, allowed)
    if single:
        return values[..., None]
    if values.ndim == 0:
        return np.full(sources, values[()])
    if values.shape[-1] != sources:
        raise ValueError(
            f"alpha must have shape (..., {sources}), one component per source, got shape {values.shape}"
        )
    return values


def points(values: Array, strength: Any) -> Array:
    """z = (1, strength * alpha), shape (..., 1 + k)."""
    one = np.ones((*values.shape[:-1], 1), dtype=values.dtype)
    return np.concatenate([one, strength * values], axis=-1)


def directions(values: Array, strength: Any) -> Array:
    """The same up to a positive factor, finite for every alpha."""
    if strength == 0:
        return points(
            np.zeros(values.shape, dtype=values.dtype), strength
        )  # even infinite alpha does nothing
    size = abs(values).max(axis=-1, keepdims=True)
    infinite = size == math.inf
    if values.shape[-1] > 1 and infinite.any():
        raise ValueError("alpha must be finite with several sources; use along(direction) for their limit")
    scale = np.where(infinite | (size < EXTREME), 1, size)
    z = points(np.where(infinite, np.sign(values), values / scale), strength)
    z[..., :1] = np.where(infinite, 0, 1 / scale)
    return z
