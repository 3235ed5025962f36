"""The best alpha of a `SoftmaxCurve`: a scan, then Brent's search, with as much precision as values have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize

from rmt_alpha._core.checks import Range
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha.theory.curve import Optimum
from rmt_alpha.theory.searches import FLAT

SCAN = np.array([-30.0, -6.0, -1.5, -0.4, 0.0, 0.4, 1.5, 6.0, 30.0])
"""Alphas that are tried first, in natural units."""
RTOL = Range("a number in [1e-6, 0.1]", 1e-6, 0.1)
GOLDEN = 0.381966
"""Share of the interval at which Brent's search begins."""


def best_alpha(score: Callable[[float], tuple[float, float]], unit: float, rtol: float) -> Optimum:
    """The alpha of highest ``score``, which returns the value and its numerical error.

    ``unit`` is a natural size of alpha, ``rtol`` the relative error that is asked for.  The bracket is wider
    where values are too flat, or too uncertain, to tell its alphas apart.
    """
    if not np.isfinite(unit):
        return Optimum(0.0, abs(score(0.0)[0]), None, (0.0, 0.0), True)
    grid = unit * SCAN
    sections = int(np.log(rtol / 4) / np.log(1 - GOLDEN))  # Brent's search seldom needs more, mostly fewer
    steps = iter(long_steps(range(len(grid) + sections), "alpha"))

    def counted(alpha: float) -> tuple[float, float]:
        next(steps, None)
        return score(alpha)

    found = [counted(float(alpha)) for alpha in grid]
    values, error = np.array([value for value, _ in found]), max(e for _, e in found)
    best, zero = int(np.argmax(values)), len(grid) // 2
    if values[best] - values[zero] <= FLAT and values.max() - values.min() <= 2 * (FLAT + error):
        return Optimum(0.0, float(abs(values[zero])), None, (0.0, 0.0), True)
    if best in (0, len(grid) - 1):
        sign, last = float(np.sign(grid[best])), float(grid[best])
        ends = (last, np.inf) if sign > 0 else (-np.inf, last)
        return Optimum(sign * np.inf, float(abs(values[best])), np.array([sign]), ends, False)
    low, high = float(grid[best - 1]), float(grid[best + 1])
    seen: dict[float, tuple[float, float]] = {float(grid[best]): found[best]}

    def fall(angle: float) -> float:
        alpha = unit * float(np.tan(angle))
        seen[alpha] = counted(alpha)
        return -seen[alpha][0]

    # By angle, so that a step counts the same near 0 and far out.
    bounds = np.arctan(low / unit), np.arctan(high / unit)
    optimize.minimize_scalar(
        fall, bounds=bounds, method="bounded", options={"xatol": rtol * abs(bounds[1] - bounds[0]) / 4}
    )
    alpha = max(seen, key=lambda each: seen[each][0])
    return Optimum(alpha, abs(seen[alpha][0]), None, _bracket(seen, alpha, low, high, rtol, unit), True)


def _bracket(
    seen: dict[float, tuple[float, float]], best: float, low: float, high: float, rtol: float, unit: float
) -> tuple[float, float]:
    """Between the nearest alphas whose values are lower for certain, or ``rtol`` away if that is farther."""
    value, error = seen[best]
    lower = {alpha for alpha, (v, e) in seen.items() if value - v > error + e + FLAT} | {low, high}
    size = rtol * max(abs(best), rtol * unit)
    below = max(alpha for alpha in lower if alpha < best)
    above = min(alpha for alpha in lower if alpha > best)
    return min(below, best - size), max(above, best + size)
