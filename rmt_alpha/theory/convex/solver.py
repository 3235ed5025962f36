r"""From the fixed-point map to its solution: the iteration, or a path to it from an easier problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.iteration import FEW, LIMIT, TOLERANCE, Solution, iterate

SMALL, NO_RIDGE, LEAST_FACTOR = 1e-3, 1e-5, 1.02
"""Ridges, in units of the average variance, that are small, and that are tried in place of none; smallest
factor between two ridges in turn."""
SMOOTHING, SMOOTHEST = 3.0, 1e6
"""Envelope to begin with where the loss itself is too hard, and the largest that is tried."""
SMOOTHING_FACTOR, LEAST_PROGRESS = 0.3, 0.95
"""By how much smoothing is reduced at a time, and the factor at which this is given up."""
ALMOST_NONE = 0.05
"""Share of kappa below which smoothing is dropped altogether."""
COLLAPSED, SHRUNK = 1e-5, 100.0
"""Smoothing below which a spread of the scores that shrinks with it is taken for 0."""


def solve(equations: Equations, start: State, failure: ConvergenceError | None = None) -> Solution:
    """The fixed point, from any start.

    Where the iteration fails the solution is followed from a problem that is easier: one of larger ridge, or
    of a smoother loss.  ``failure`` is that of the iteration, if it was tried.
    """
    ways: list[Callable[[Equations, State, float], Solution]] = [
        iterate,
        partial(iterate, growth=2),
        along_ridge,
        along_smoothing,
    ]
    if tiny_ridge(equations):
        ways.insert(0, ways.pop(2))
    for way in ways[1:] if failure else ways:
        try:
            return way(equations, start, TOLERANCE)
        except ConvergenceError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def along_ridge(equations: Equations, start: State, tolerance: float) -> Solution:
    """The solution for a small ridge, followed from a larger one.

    Where the sample can be separated scores grow like log(1/gamma) and stiffnesses fall like gamma: the
    unknowns are all but linear in log(gamma), and are continued along that line.
    """
    reduction, unit = equations.reduction, ridge_unit(equations)
    target, gamma = reduction.gamma, max(SMALL * unit, 1e3 * reduction.gamma)
    if target >= SMALL * unit:
        raise ConvergenceError("the ridge is not small", None)

    known: list[tuple[float, Array]] = []

    def at(ridge: float, guess: State) -> Solution:
        one = replace(equations, reduction=replace(reduction, gamma=ridge))
        return iterate(one, guess, tolerance, limit=LIMIT if len(known) < 2 else FEW)

    found = _first(lambda ridge: at(ridge, start), [gamma * 10**k for k in range(8)])
    gamma = found[0]
    known.append((math.log(gamma), found[1].state.packed()))
    factor = 10.0
    while True:
        if target == 0 and gamma <= NO_RIDGE * unit:
            with suppress(ConvergenceError):
                return at(0.0, State.unpacked(known[-1][1], equations.classes))
        ahead = max(target, gamma / factor)
        (log0, x0), (log1, x1) = known[-2:] if len(known) > 1 else known * 2
        slope = (x1 - x0) / (log1 - log0) if log1 != log0 else 0 * x1
        guess = State.unpacked(x1 + slope * (math.log(ahead) - log1), equations.classes)
        try:
            solution = at(ahead, guess)
        except ConvergenceError:
            factor = math.sqrt(factor)
            if factor < LEAST_FACTOR:
                raise
            continue
        if ahead == target:
            return solution
        gamma, factor = ahead, min(factor**1.5, 1e2)
        known.append((math.log(gamma), solution.state.packed()))


def tiny_ridge(equations: Equations) -> bool:
    """Whether scores are so far from those of the start that no step arrives."""
    return equations.reduction.gamma < SMALL**2 * ridge_unit(equations)


def ridge_unit(equations: Equations) -> float:
    """The average variance of a feature."""
    model = equations.reduction.model
    return float(model.moments[0].max()) / model.p


def _first(attempt: Callable[[float], Solution], values: list[float]) -> tuple[float, Solution]:
    """The first value at which an attempt succeeds, and its result; the last failure if none does."""
    for value in values[:-1]:
        with suppress(ConvergenceError):
            return value, attempt(value)
    return values[-1], attempt(values[-1])


def along_smoothing(equations: Equations, start: State, tolerance: float) -> Solution:
    """The solution for a loss with kinks, followed from its Moreau envelopes, which have none."""
    smoothing, factor, state, known = SMOOTHING, SMOOTHING_FACTOR, start, False
    while True:
        try:
            found = iterate(replace(equations, smoothing=smoothing), state, tolerance)
        except ConvergenceError:
            if not known and smoothing < SMOOTHEST:
                smoothing *= 10  # scores may be of any size, and the start far from them
                continue
            if not known or factor > LEAST_PROGRESS:
                raise
            smoothing, factor = smoothing / factor, factor**0.5
        else:
            state, known = found.state, True
            if smoothing < ALMOST_NONE * equations.reduction.at(state.theta).kappa.min():
                return iterate(equations, state, tolerance)
            if smoothing < COLLAPSED and state.std.max() < SHRUNK * smoothing:
                return replace(found, status="collapsed")
        smoothing *= factor
