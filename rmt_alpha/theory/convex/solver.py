r"""From the fixed-point map to its solution: damped steps, then Newton's method on the residual.

The residual is what a step changes: of log sigma and log theta, and of the scores u and b in units of their
own size.  Iterations stop on it, never on the distance travelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.equations import Equations, State

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-10
"""Largest residual of a solution."""
PLAIN = 6
"""Plain steps before Newton's method is tried, and again when it fails.

In a second attempt twice as many each time that it gets stuck: its line search may sit in a valley of the
residual that holds no solution, and fall back into it after a few plain steps.
"""
SLOW, STUCK = 0.9, 3
"""Newton steps in a row that leave more than this share of the residual: it is stuck."""
PATIENCE = 12
"""Steps without progress after which what is left is taken for rounding."""
LIMIT = 120
"""Newton steps and plain steps together."""
REUSED = 0.03
"""By how much a step with the Jacobian matrix of an earlier point must reduce the residual."""
DIFFERENCE = 1e-6
"""Step of the differences that approximate the Jacobian matrix."""
FARTHEST = 3.0
"""Largest change of a logarithm in one step."""
SMOOTHING = 3.0
"""Envelope to begin with where the loss itself is too hard."""
SMOOTHING_FACTOR, LEAST_PROGRESS = 0.3, 0.95
"""By how much smoothing is reduced at a time, and the factor at which this is given up."""
ALMOST_NONE = 0.05
"""Share of kappa below which smoothing is dropped altogether."""
COLLAPSED, SHRUNK = 1e-5, 100.0
"""Smoothing below which a spread of the scores that shrinks with it is taken for 0."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The fixed point at one alpha, and how well it is known.

    Attributes
    ----------
    state : State
        Scores, spreads and stiffnesses.
    residual : float
        Largest relative change by one more step.
    n_iter : int
        Steps, plain ones and Newton's.
    n_eval : int
        Evaluations of the map.
    status : str
        "converged"; "rounding" if the residual stopped falling within a thousand tolerances, as for an
        intercept that hardly any sample holds; "collapsed" if all scores are one number, to the precision of
        the smoothing that was left:
        with noisy labels the hinge loss can be least for w = 0 exactly; or "max_iter".
    jacobian : ndarray
        Of the residual in the packed state, from the last Newton step.
    """

    state: State
    residual: float
    n_iter: int
    n_eval: int
    status: str
    jacobian: Array | None


def distance(equations: Equations, state: State) -> float:
    """Relative change of a state by one step; infinite where there is no such step."""
    x = state.packed()
    with np.errstate(over="ignore", invalid="ignore"):
        change = equations.step(state).packed() - x
    merit = float(np.max(abs(change / units(x, equations.classes))))
    return merit if np.isfinite(merit) else np.inf


def units(x: Array, classes: int) -> Array:
    """What counts as 1 in each unknown: the size of the scores, and a factor of e."""
    state = State.unpacked(x, classes)
    size = float(np.max(abs(state.mean)) + np.max(state.std))
    return np.concatenate([np.full(classes + 1, size), np.ones(len(x) - classes - 1)])


def solve(
    equations: Equations, start: State, *, tolerance: float = TOLERANCE, jacobian: Array | None = None
) -> Solution:
    """The fixed point, from any start.

    Where the iteration fails (a kink of the loss that the scores hardly resolve), the loss is replaced by its
    Moreau envelope, which has no kinks, and the smoothing is taken back step by step.

    Raises
    ------
    ConvergenceError
        If the residual is still above the tolerance at the limit of iterations.
    """
    failure: ConvergenceError | None = None
    for growth in (1, 2):
        try:
            return iterate(equations, start, tolerance, jacobian, growth)
        except ConvergenceError as error:
            failure, jacobian = failure or error, None
    assert failure is not None
    smoothing, factor, state, known = SMOOTHING, SMOOTHING_FACTOR, start, False
    while True:
        try:
            found = iterate(replace(equations, smoothing=smoothing), state, tolerance)
        except ConvergenceError:
            if not known or factor > LEAST_PROGRESS:
                raise failure from None
            smoothing, factor = smoothing / factor, factor**0.5
        else:
            state, known = found.state, True
            if smoothing < ALMOST_NONE * equations.reduction.at(state.theta).kappa.min():
                return iterate(equations, state, tolerance)
            if smoothing < COLLAPSED and state.std.max() < SHRUNK * smoothing:
                return replace(found, status="collapsed")
        smoothing *= factor


def iterate(
    equations: Equations, start: State, tolerance: float, jacobian: Array | None = None, growth: int = 1
) -> Solution:
    """The same without smoothing; ``jacobian``, of a solution nearby, saves evaluations.

    ``growth`` 2 makes the runs of plain steps longer whenever Newton's method gets stuck.
    """
    classes = equations.classes
    x, count = start.packed(), 0

    def residual(y: Array) -> Array:
        nonlocal count
        count += 1
        state = State.unpacked(y, classes)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(equations.step(state).packed() - y)

    def farthest(y: Array) -> Array:
        # While an envelope loses its smoothing, scores stay in sight of its kinks.
        logs = np.full(len(y) - classes - 1, FARTHEST)
        if not equations.smoothing:
            return np.concatenate([FARTHEST * units(y, classes)[: classes + 1], logs])
        state = State.unpacked(y, classes)
        width = state.std + equations.reduction.at(state.theta).kappa + equations.smoothing
        return np.concatenate([np.full(classes + 1, float(width.max())), logs])

    change = residual(x)
    best, stale, slow = (np.inf, x), 0, 0
    plain, streak = PLAIN, PLAIN
    for n_iter in range(LIMIT):
        scale = units(x, classes)
        merit = float(np.max(abs(change / scale)))
        if merit < best[0]:
            best, stale = (merit, x), 0
        stale += 1
        if stale > PATIENCE and best[0] <= 1e3 * tolerance:
            state = State.unpacked(best[1], classes)
            return Solution(state, best[0], n_iter, count, "rounding", jacobian)
        if merit <= tolerance:
            return Solution(State.unpacked(x, classes), merit, n_iter, count, "converged", jacobian)
        if plain > 0 and merit > 1e-2:
            plain -= 1
            x = x + _limited(change, farthest(x))
            change = residual(x)
            continue
        fresh = jacobian is None
        if jacobian is None:
            jacobian = _jacobian(residual, x, change, scale)
        moved = _newton(residual, classes, x, change, jacobian, farthest(x))
        if not fresh and (moved is None or _size(moved[1], moved[0], classes) > REUSED * merit):
            jacobian = None  # that of an earlier point no longer does; what it gained is kept
        if moved is None:
            if not fresh:
                continue
            plain, streak = streak, growth * streak
            # Half a step: where Newton's method fails plain steps tend to overshoot.
            x = x + 0.5 * _limited(change, farthest(x))
            change = residual(x)
        else:
            x, change = moved
            slow = slow + 1 if _size(change, x, classes) > SLOW * merit else 0
            if slow == STUCK and growth > 1:
                slow, plain, streak = 0, streak, growth * streak
    merit, x = best
    result = Solution(State.unpacked(x, classes), merit, LIMIT, count, "max_iter", jacobian)
    raise ConvergenceError(
        f"no convergence in {LIMIT} iterations at alpha = {equations.alpha}: the residual is {merit:.2g}, "
        f"above {tolerance:g}; the best estimate is in the attribute `best` of this exception; a larger "
        "gamma may help",
        result,
    )


def _size(change: Array, x: Array, classes: int) -> float:
    return float(np.max(abs(change / units(x, classes))))


def _limited(change: Array, farthest: Array) -> Array:
    return change / max(1.0, float(np.max(abs(change / farthest))))


def _jacobian(residual: Callable[[Array], Array], x: Array, change: Array, scale: Array) -> Array:
    columns = []
    for i, size in enumerate(scale):
        y = x.copy()
        y[i] += DIFFERENCE * size
        columns.append((residual(y) - change) / (y[i] - x[i]))
    return np.stack(columns, axis=1)


def _newton(
    residual: Callable[[Array], Array],
    classes: int,
    x: Array,
    change: Array,
    jacobian: Array,
    farthest: Array,
) -> tuple[Array, Array] | None:
    """A Newton step, halved until the residual falls; None if that does not help."""
    if not np.isfinite(jacobian).all():
        return None
    scale = units(x, classes)
    try:
        direction = -np.linalg.solve(jacobian * scale / scale[:, None], change / scale) * scale
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(direction).all():
        return None
    length = 1 / max(1.0, float(np.max(abs(direction / farthest))))
    merit = float(np.linalg.norm(change / scale))
    for _ in range(8):
        y = x + length * direction
        new = residual(y)
        size = float(np.linalg.norm(new / units(y, classes))) if np.isfinite(new).all() else np.inf
        if size < (1 - 0.1 * length) * merit:
            return y, new
        length *= 0.4
    return None
