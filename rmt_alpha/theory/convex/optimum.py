"""The best alpha of a `LossCurve`, by a scan and a root of the exact derivative.

The zero of a derivative is found to many more digits than a flat maximum shows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from scipy import optimize

from rmt_alpha._core.checks import Range
from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.iteration import TOLERANCE
from rmt_alpha.theory.curve import Optimum
from rmt_alpha.theory.searches import FLAT

POSITIVE = np.sort(np.append(np.geomspace(0.03, 300.0, 9), np.geomspace(0.03, 300.0, 17)[3:10:2]))
SCAN = np.concatenate([-POSITIVE[::-1], [0.0], POSITIVE])
"""Alphas that are tried first, in natural units; closest near 1, where there may be two maxima."""
FINER = 4
"""Finer scans, each next to the best of the one before, until that is next to a zero of the derivative."""
EXTENSIONS = 4
"""How often the scan is extended, by a factor of 30, while its best alpha is at an end."""
UNSOLVED = (ConvergenceError, ArithmeticError)
"""No fixed point, or expectations that could not be integrated: both happen at huge alphas."""
NONE = 1e-9
"""Alphas, in natural units, that are 0 to the precision of the derivative."""
FARTHEST, INFINITE = 1e3, 300.0
"""Alphas, in natural units, that stand for infinity, and beyond which it is asked for."""
RTOL = Range("a number in (0, 0.1]", 0.0, 0.1, open_low=True)


def best_alpha(
    score: Callable[[Any], Any], slope: Callable[[float], float], unit: float, rtol: float
) -> Optimum:
    """The alpha of highest ``score``: scan, then refine where ``slope``, its derivative, vanishes.

    ``score`` takes numbers and arrays of them; ``unit`` is a natural size of alpha, ``rtol`` the relative
    error allowed in it.  Where far alphas have no solution the scan ends before them.
    """
    grid = unit * SCAN
    try:
        values = np.asarray(score(grid))
    except UNSOLVED:
        grid, values = _inner_part(score, grid)
        best = int(np.argmax(values))
        early = best in (0, len(grid) - 1) and abs(grid[best]) < unit * SCAN[-1]
        if early or 0.0 in (grid[0], grid[-1]):
            raise  # nobody knows how it goes on
    for _ in range(EXTENSIONS):
        best = int(np.argmax(values))
        if best not in (0, len(grid) - 1):
            break
        # Still rising at an end: farther out there, until it falls, no longer changes or is not solved.
        ahead = grid[best] * np.geomspace(3.0, 30.0, 3)
        try:
            more = np.asarray(score(ahead))
        except UNSOLVED:
            break
        order = slice(None, None, -1) if best == 0 else slice(None)
        grid = np.concatenate([ahead[::-1], grid] if best == 0 else [grid, ahead])
        values = np.concatenate([more[order], values] if best == 0 else [values, more])
    best, zero = int(np.argmax(values)), int(np.flatnonzero(grid == 0)[0])
    if values[best] - values[zero] <= FLAT:
        near = slice(zero - 1, zero + 2)
        alpha, bracket = _near_zero(score, slope, grid[near], values[near], rtol)
        return Optimum(alpha, float(abs(score(alpha))), None, bracket, True)
    end = 0 if grid[best] < 0 else len(grid) - 1
    if abs(grid[best]) > unit * SCAN[-1] and values[best] - values[end] <= TOLERANCE:
        best = end  # it no longer changes: what differs is how well the scores are known
    if best == end:
        sign, last = float(np.sign(grid[best])), float(grid[best])
        ends = (last, np.inf) if sign > 0 else (-np.inf, last)
        return Optimum(sign * np.inf, float(abs(values[best])), np.array([sign]), ends, False)
    alpha, bracket = _refine(score, slope, grid[best - 1 : best + 2], rtol)
    return Optimum(alpha, float(abs(score(alpha))), None, bracket, True)


def _inner_part(score: Callable[[Any], Any], grid: Array) -> tuple[Array, Array]:
    """The alphas from 0 outwards as far as they are solved, and their scores."""
    zero = int(np.flatnonzero(grid == 0)[0])
    found = {zero: float(score(0.0))}
    for side in (range(zero - 1, -1, -1), range(zero + 1, len(grid))):
        with suppress(*UNSOLVED):
            for i in side:
                found[i] = float(score(grid[i]))
    solved = sorted(found)
    return grid[solved], np.array([found[i] for i in solved])


def _near_zero(
    score: Callable[[Any], Any], slope: Callable[[float], float], near: Array, values: Array, rtol: float
) -> tuple[float, tuple[float, float]]:
    """The maximum next to 0, which no other alpha of the scan beats: between its two neighbours there."""
    low, high = float(near[0]), float(near[-1])
    if np.max(values[1] - values) > FLAT and slope(low) > 0 > slope(high):
        none = NONE * high / float(SCAN[SCAN > 0][0])
        root = float(optimize.brentq(slope, low, high, xtol=none / 4, rtol=rtol / 4))
        # A plateau around 0, where all scores are one number, may be higher than where the slope vanishes.
        if abs(root) > none and score(root) >= values[1] - FLAT:
            size = none + rtol * abs(root) / 4
            return root, (root - size, root + size)
    return 0.0, (0.0, 0.0)


def _refine(
    score: Callable[[Any], Any], slope: Callable[[float], float], near: Array, rtol: float
) -> tuple[float, tuple[float, float]]:
    """A zero of the derivative next to the middle of three alphas, which the scan has as the best of them."""
    for _ in range(FINER):
        # There may be several maxima: the best of them, on the side that its derivative points to.
        grid = np.append(np.linspace(near[0], near[2], 9)[1:-1], near)
        grid.sort()
        best = int(np.argmax(score(grid[1:-1]))) + 1
        low, middle, high = map(float, near := grid[best - 1 : best + 2])
        size = rtol * max(abs(low), abs(high)) / 4
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
        if slope(low) > 0 > slope(high):
            root = float(optimize.brentq(slope, low, high, xtol=size, rtol=1e-14))
            if score(root) >= score(middle) - FLAT:
                return root, (root - size, root + size)
    low, high = float(near[0]), float(near[2])
    found = optimize.minimize_scalar(
        lambda a: -float(score(a)), bounds=(low, high), method="bounded", options={"xatol": size}
    )
    return float(found.x), (low, high)


# --- several sources ----------------------------------------------------------------------------------------


def best_vector(
    score: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    along: Callable[[Array], Optimum],
    at_infinity: Callable[[Array], float] | None,
    first: Array,
    units: Array,
) -> Optimum:
    """The vector alpha of highest ``score``, climbed from the best along a direction, or beside it.

    ``along`` is the optimum of a factor of a direction, ``at_infinity`` the score at its end; ``first`` is a
    direction to begin with, ``units`` are natural sizes of the components.
    """
    best = np.zeros(len(units))
    if first.any():
        found = along(first)
        far = found.direction is not None
        best = (FARTHEST * found.direction[0] / abs(first / units).max() if far else found.alpha) * first  # type: ignore[index]
    size = max(float(abs(best / units).max()), 1.0)
    each = [side * size * row for row in np.diag(units) for side in (-1.0, 1.0)]
    best = max([np.zeros(len(units)), best, *each], key=score)
    best = _climbed(score, gradient, best, units)
    size = float(abs(best / units).max())
    if size > INFINITE and at_infinity is not None:
        found = along(_best_direction(at_infinity, best / size, units))
        if not found.finite:
            assert found.direction is not None
            unit = found.direction[0] * _best_direction(at_infinity, best / size, units)
            alpha = np.where(abs(unit / units) > NONE, np.copysign(np.inf, unit), 0.0)
            return Optimum(alpha, found.value, unit / np.linalg.norm(unit), None, False)
    return Optimum(best, abs(score(best)), None, None, True)


def _best_direction(at_infinity: Callable[[Array], float], start: Array, units: Array) -> Array:
    """The proportions of highest score at infinite alpha, in which the largest component is 1."""
    largest = int(np.argmax(abs(start / units)))
    x = start / units / abs(start / units)[largest]
    free = np.arange(len(x)) != largest

    def direction(y: Array) -> Array:
        full = x.copy()
        full[free] = y
        return np.asarray(full * units)

    found = optimize.minimize(
        lambda y: -at_infinity(direction(y)), x[free], method="BFGS", options={"gtol": 1e-8}
    )
    return direction(found.x) if -found.fun >= at_infinity(direction(x[free])) else direction(x[free])


def _climbed(
    score: Callable[[Array], float], gradient: Callable[[Array], Array], start: Array, units: Array
) -> Array:
    """The maximum reached from ``start``: uphill, then where the gradient vanishes."""
    found = optimize.minimize(
        lambda x: -score(x * units),
        start / units,
        jac=lambda x: -gradient(x * units) * units,
        method="BFGS",
        options={"gtol": 1e-9, "maxiter": 100},
    )
    x = found.x if -found.fun >= score(start) else start / units
    root = optimize.root(lambda y: gradient(y * units) * units, x, tol=1e-12)
    return np.asarray((root.x if score(root.x * units) >= score(x * units) - FLAT else x) * units)
