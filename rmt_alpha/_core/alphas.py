"""Alphas as points of a projective line: weights (1, alpha), or a direction where alpha is huge or infinite.

Three forms of one thing: one alpha for many problems or one problem for many alphas (`Point`, `evaluate`),
vectors of alphas as rows z = (1, kappa alpha) (`alpha_values`, `points`, `directions`), and single choices
from data, which may be infinite (`as_point`, `as_alpha`, `normalised`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import Arithmetic
from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha._core.types import Array, FloatArray, Real

BLOCK = 1 << 15
"""Entries per block: a dozen temporaries of this length stay in the processor's cache (see benchmarks)."""
EXTREME = 1e60
"""Beyond this squares could overflow, and only the direction of (1, alpha) is used."""
ALPHA = Range("a real number (inf and -inf are allowed)", -math.inf, math.inf, infinite=True)
FINITE = Range("a finite number", -math.inf, math.inf, largest=EXTREME)


# --- numbers that broadcast with the fields of a problem ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """One or many alphas, as weights (present, prior) of the target part and the source part of a function.

    Regular points have the weights (1, alpha).  Extreme ones, |alpha| up to inf, have (1, alpha) divided by
    max(1, |alpha|), which is finite and enough for whatever depends only on the direction.
    """

    ops: Arithmetic
    present: Any
    prior: Any
    extreme: bool

    @classmethod
    def at(cls, alpha: Any, ops: Arithmetic) -> Point:
        largest = max(abs(alpha.min()), abs(alpha.max())) if isinstance(alpha, np.ndarray) else abs(alpha)
        if largest <= EXTREME:
            return cls(ops, 1, alpha, False)
        size = abs(alpha)
        far = size > 1
        present = ops.where(far, 1 / ops.where(far, size, ops.number(1)), ops.number(1))
        sign = ops.where(alpha > 0, ops.number(1), ops.number(-1))
        return cls(ops, present, ops.where(far, sign, alpha), True)

    def grounded(self, has_influence: Any) -> Point:
        """The same point, moved to alpha = 0 where alpha has no influence."""
        ops = arithmetic.array_version(self.ops) if isinstance(has_influence, np.ndarray) else self.ops
        present = ops.where(has_influence, self.present, ops.number(1))
        return Point(ops, present, ops.where(has_influence, self.prior, ops.number(0)), True)

    def ray(self, start: Any, slope: Any) -> Any:
        """``start + slope * alpha`` up to the positive factor by which an extreme point is scaled."""
        if not self.extreme:
            return self.line(start, slope)
        return start * self.present + slope * self.prior

    def line(self, start: Any, slope: Any) -> Any:
        """``start + slope * alpha``, infinite where alpha is, unless the slope is 0.

        An ``int`` start is the literal 0 of a term without constant part, which need not be added.
        """
        if not self.extreme:
            return slope * self.prior if type(start) is int else start + slope * self.prior
        scaled = self.ops.ratio(self.ray(start, slope), self.present)
        return self.ops.where(slope == 0, start, scaled)


Formula = Callable[[Point], Any]


def evaluate(formula: Formula, alpha: ArrayLike, ops: Arithmetic, dps: int | None) -> Real:
    """``formula`` at validated ``alpha``; a Python float for scalars, rounded to ``dps`` digits in mpmath."""
    if dps is not None:
        return _evaluate_precisely(formula, alpha, ops, dps)
    at = as_real("alpha", alpha)
    check_range("alpha", at, ALPHA)
    if not isinstance(at, np.ndarray):
        value = formula(Point.at(float(at), ops))
        return value if isinstance(value, np.ndarray) else float(value)
    if at.dtype == object:
        at = at.astype(float)
    if at.size == 0:
        return np.array(at)
    if ops is arithmetic.FLOAT and at.size > BLOCK:
        return _evaluate_in_blocks(formula, at)
    return np.asarray(formula(Point.at(at, arithmetic.ARRAY)))


def _evaluate_in_blocks(formula: Formula, alpha: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat, result = alpha.reshape(-1), np.empty(alpha.size)
    for start in range(0, flat.size, BLOCK):
        block = slice(start, start + BLOCK)
        result[block] = formula(Point.at(flat[block], arithmetic.ARRAY))
    return result.reshape(alpha.shape)


def _evaluate_precisely(formula: Formula, alpha: Any, ops: Arithmetic, dps: int) -> Real:
    with arithmetic.working_precision(dps):
        exact = arithmetic.exact_numbers("alpha", alpha)
        check_range("alpha", exact, ALPHA)
        if isinstance(exact, np.ndarray):
            ops = arithmetic.MP_ARRAY
        value: Real = arithmetic.rounded(formula(Point.at(exact, ops)), dps)
        return value


# --- vectors of alphas, one component per source ------------------------------------------------------------


def alpha_values(alpha: ArrayLike, sources: int, single: bool, dps: int | None, allowed: Range) -> Array:
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


def points(values: Array, kappa: Any) -> Array:
    """z = (1, kappa * alpha), shape (..., 1 + k)."""
    one = np.ones((*values.shape[:-1], 1), dtype=values.dtype)
    return np.concatenate([one, kappa * values], axis=-1)


def directions(values: Array, kappa: Any) -> Array:
    """The same up to a positive factor, finite for every alpha."""
    if kappa == 0:
        # Even infinite alpha does nothing.
        return points(np.zeros(values.shape, dtype=values.dtype), kappa)
    size = abs(values).max(axis=-1, keepdims=True)
    infinite = size == math.inf
    if values.shape[-1] > 1 and infinite.any():
        raise ValueError("alpha must be finite with several sources; use along(direction) for their limit")
    scale = np.where(infinite | (size < EXTREME), 1, size)
    z = points(np.where(infinite, np.sign(values), values / scale), kappa)
    z[..., :1] = np.where(infinite, 0, 1 / scale)
    return z


# --- single choices, which may be infinite ------------------------------------------------------------------


def as_point(alpha: ArrayLike) -> FloatArray:
    """(1, alpha), or (0, signs of the infinite entries) if any entry is infinite."""
    values = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    infinite = np.isinf(values)
    if infinite.any():
        return np.concatenate([[0.0], np.where(infinite, np.sign(values), 0.0)])
    return np.concatenate([[1.0], values])


def as_alpha(point: FloatArray) -> FloatArray:
    """The alpha of a point; for a direction (0, d), infinities with the signs of d."""
    if point[0] > 0:
        return np.asarray(point[1:] / point[0])
    return np.asarray(np.where(point[1:] == 0, 0.0, np.copysign(np.inf, point[1:])))


def normalised(point: FloatArray) -> FloatArray:
    """(1, alpha) if the first coordinate is positive, else a direction (0, d) of length 1."""
    size = np.abs(point[1:]).max(initial=0.0)
    # Where alpha would overflow, the direction says the same.
    if point[0] > size * 1e-150:
        return np.asarray(point / point[0])
    if size == 0:
        return np.concatenate([[1.0], np.zeros(point.size - 1)])
    direction = point[1:] / size
    return np.concatenate([[0.0], direction / np.linalg.norm(direction)])
