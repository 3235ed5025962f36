"""How a curve is evaluated at given alphas: number type, infinite alphas, precision, cache-sized blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import Arithmetic
from rmt_alpha._core.checks import Range, as_real, check_range

ALPHA = Range("a real number (inf and -inf are allowed)", -math.inf, math.inf, infinite=True)
BLOCK = 1 << 15
"""Entries per block: a dozen temporaries of this length stay in the processor's cache (see benchmarks)."""
EXTREME = 1e60
"""Beyond this squares could overflow, and only the direction of (1, alpha) is used."""


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


def evaluate(formula: Formula, alpha: Any, ops: Arithmetic, dps: int | None) -> Any:
    """``formula`` at validated ``alpha``; a Python float for scalars, rounded to ``dps`` digits in mpmath."""
    if dps is not None:
        return _evaluate_precisely(formula, alpha, ops, dps)
    alpha = as_real("alpha", alpha)
    check_range("alpha", alpha, ALPHA)
    if not isinstance(alpha, np.ndarray):
        value = formula(Point.at(float(alpha), ops))
        return value if isinstance(value, np.ndarray) else float(value)
    if alpha.dtype == object:
        alpha = alpha.astype(float)
    if alpha.size == 0:
        return alpha.copy()
    if ops is arithmetic.FLOAT and alpha.size > BLOCK:
        return _evaluate_in_blocks(formula, alpha)
    return np.asarray(formula(Point.at(alpha, arithmetic.ARRAY)))


def _evaluate_in_blocks(formula: Formula, alpha: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat, result = alpha.reshape(-1), np.empty(alpha.size)
    for start in range(0, flat.size, BLOCK):
        block = slice(start, start + BLOCK)
        result[block] = formula(Point.at(flat[block], arithmetic.ARRAY))
    return result.reshape(alpha.shape)


def _evaluate_precisely(formula: Formula, alpha: Any, ops: Arithmetic, dps: int) -> Any:
    with arithmetic.working_precision(dps):
        exact = arithmetic.exact_numbers("alpha", alpha)
        check_range("alpha", exact, ALPHA)
        if isinstance(exact, np.ndarray):
            ops = arithmetic.MP_ARRAY
        return arithmetic.rounded(formula(Point.at(exact, ops)), dps)
