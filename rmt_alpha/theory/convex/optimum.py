"""The best alpha of a `LossCurve`, by a scan and a root of the exact derivative.

The zero of a derivative is found to many more digits than a flat maximum shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from rmt_alpha._core.checks import Range
from rmt_alpha.theory.curve import FLAT, Optimum

SCAN = np.concatenate([-np.geomspace(300.0, 0.03, 9), [0.0], np.geomspace(0.03, 300.0, 9)])
"""Alphas that are tried first, in natural units."""
EXTENSIONS = 4
"""How often the scan is extended, by a factor of 30, while its best alpha is at an end."""
RTOL = Range("a number in (0, 0.1]", 0.0, 0.1, open_low=True)


def best_alpha(
    score: Callable[[Any], Any], slope: Callable[[float], float], unit: float, rtol: float
) -> Optimum:
    """The alpha of highest ``score``: scan, then refine where ``slope``, its derivative, vanishes.

    ``score`` takes numbers and arrays of them; ``unit`` is a natural size of alpha, ``rtol`` the relative
    error allowed in it.
    """
    grid = unit * SCAN
    values = np.asarray(score(grid))
    for _ in range(EXTENSIONS):
        best = int(np.argmax(values))
        if best not in (0, len(grid) - 1):
            break
        # Still rising at an end: farther out there, until it falls or no longer changes.
        ahead = grid[best] * np.geomspace(3.0, 30.0, 3)
        more = np.asarray(score(ahead))
        order = slice(None, None, -1) if best == 0 else slice(None)
        grid = np.concatenate([ahead[::-1], grid] if best == 0 else [grid, ahead])
        values = np.concatenate([more[order], values] if best == 0 else [values, more])
    best, origin = int(np.argmax(values)), float(score(0.0))
    if values[best] - origin <= FLAT:
        return Optimum(0.0, abs(origin), None, (0.0, 0.0), True)
    if best in (0, len(grid) - 1):
        sign, last = float(np.sign(grid[best])), float(grid[best])
        ends = (last, np.inf) if sign > 0 else (-np.inf, last)
        return Optimum(sign * np.inf, float(abs(values[best])), np.array([sign]), ends, False)
    low, high = float(grid[best - 1]), float(grid[best + 1])
    alpha, bracket = _refine(score, slope, low, high, rtol)
    return Optimum(alpha, float(abs(score(alpha))), None, bracket, True)


def _refine(
    score: Callable[[float], Any], slope: Callable[[float], float], low: float, high: float, rtol: float
) -> tuple[float, tuple[float, float]]:
    """A zero of the derivative between low and high, where the scan has a maximum between them."""
    size = rtol * max(abs(low), abs(high)) / 4
    if slope(low) > 0 > slope(high):
        root = float(optimize.brentq(slope, low, high, xtol=size, rtol=1e-14))
        return root, (root - size, root + size)
    found = optimize.minimize_scalar(
        lambda a: -float(score(a)), bounds=(low, high), method="bounded", options={"xatol": size}
    )
    return float(found.x), (low, high)
