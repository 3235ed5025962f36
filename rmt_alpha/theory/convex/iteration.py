r"""Damped steps, then Newton's method on the residual, of one fixed point or of several at once.

The residual is what a step changes: of log sigma and log theta, and of the scores u and b in units of their
own size.  Iterations stop on it, never on the distance travelled.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.equations import LARGEST_LOG, ROUNDING, Equations, State
from rmt_alpha.theory.convex.reduction import HIDDEN

Answer = TypeVar("Answer")

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
ROUGH = 1e-2
"""Residual below which plain steps give way to Newton's at once."""
LIMIT = 120
"""Newton steps and plain steps together."""
FEW = 30
"""The same on the way to a small ridge, where it is better to take a smaller step."""
REUSED = 0.03
"""By how much a step with the Jacobian matrix of an earlier point must reduce the residual."""
DIFFERENCE = 1e-6
"""Step of the differences that approximate the Jacobian matrix."""
TRIALS, SHORTER = 8, 0.4
"""Lengths of a Newton step that are tried, and the factor between them."""
FARTHEST = 3.0
"""Largest change of a logarithm in one step."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The fixed point at one alpha, and how well it is known."""

    state: State
    """Scores, spreads and stiffnesses."""
    residual: float
    """Largest relative change by one more step."""
    n_iter: int
    """Steps, plain ones and Newton's."""
    n_eval: int
    """Evaluations of the map."""
    status: str
    """Either "converged"; "rounding" if the residual stopped falling within a thousand tolerances, or what
    the rounding of forces does to an intercept that hardly any sample holds; "collapsed" if all scores are
    one number, to the precision of the smoothing that was left (with noisy labels the hinge loss can be least
    for w = 0); "flat" if it converged and nothing but the chance surplus of one label in a sample decides the
    intercept (`imbalance`); or "max_iter"."""


def distance(equations: Equations, state: State) -> float:
    """Relative change of a state by one step; infinite where there is no such step."""
    x = state.packed()
    with np.errstate(over="ignore", invalid="ignore"):
        change = equations.step(state).packed() - x
    merit = float(np.max(abs(change / units(x, equations.classes))))
    return merit if np.isfinite(merit) else np.inf


def units(x: Array, classes: int) -> Array:
    """What counts as 1 in each unknown: the size of the scores, and a factor of e."""
    half = (len(x) - classes - 1) // 2
    largest = min(x[classes + 1 : classes + 1 + half].max(), LARGEST_LOG)
    found = np.ones(len(x))
    found[: classes + 1] = abs(x[:classes]).max() + np.exp(largest)
    return found


def iterate(
    equations: Equations, start: State, tolerance: float, growth: int = 1, limit: int = LIMIT
) -> Solution:
    """The same by this iteration alone, of ``limit`` steps at most.

    ``growth`` 2 makes the runs of plain steps longer whenever Newton's method gets stuck.
    """
    run = Iteration(equations, start, tolerance, growth).run(limit)
    asked = next(run)
    while True:
        try:
            asked = run.send(_changed(equations, asked))
        except StopIteration as end:
            found: Solution = end.value
            return found


def iterate_each(equations: Equations, starts: Sequence[State]) -> list[Solution | ConvergenceError]:
    """What `solve` first tries at several alphas, those of ``equations``, (m, k), at once.

    Every step takes one application of the map to the states of all.  No solution depends on the others.
    """
    runs = [
        Iteration(replace(equations, alpha=alpha), start, TOLERANCE, 1).run(LIMIT)
        for alpha, start in zip(equations.alpha, starts, strict=True)
    ]
    found: dict[int, Solution | ConvergenceError] = {}
    asked = {i: next(run) for i, run in enumerate(runs)}
    while asked:
        sizes = [len(y) for y in asked.values()]
        alpha = np.repeat(equations.alpha[list(asked)], sizes, axis=0)
        changes = _changed(replace(equations, alpha=alpha), np.concatenate(list(asked.values())))
        parts = np.split(changes, np.cumsum(sizes)[:-1])
        for i, part in zip(list(asked), parts, strict=True):
            try:
                asked[i] = runs[i].send(part)
            except (StopIteration, ConvergenceError) as end:
                found[i] = end.value if isinstance(end, StopIteration) else end
                del asked[i]
    return [found[i] for i in range(len(runs))]


def _changed(equations: Equations, y: Array) -> Array:
    """What one step changes at each row of unknowns."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(equations.step(State.unpacked(y, equations.classes)).packed() - y)


Asking: TypeAlias = Generator[Array, Array, Answer]
"""A part of an iteration: it yields rows of unknowns, is sent what one step changes there, and returns."""


class Iteration:
    """Where an iteration is, how far it came, and what it does next.

    Attributes
    ----------
    x, change : ndarray
        The unknowns, and what one application of the map changes.
    scale, merit : ndarray, float
        What counts as 1 in each unknown, and the residual in these units.
    best : (float, ndarray)
        The least residual so far, and where.
    mark, stale : float, int
        The last residual that was clearly less than all before, and the steps since then.
    plain, streak : int
        Plain steps to do before Newton's, and how many there will be the next time.
    slow : int
        Newton steps in a row that reduced the residual too little.
    jacobian : ndarray or None
        Of the last Newton step.
    n_eval : int
        Evaluations of the map.
    """

    def __init__(self, equations: Equations, start: State, tolerance: float, growth: int) -> None:
        self.equations, self.tolerance, self.growth = equations, tolerance, growth
        self.classes, self.n_eval = equations.classes, 0
        self.x = start.packed()
        self.jacobian: Array | None = None
        self.change = self.x
        self.best, self.mark, self.stale, self.slow = (np.inf, self.x), np.inf, 0, 0
        self.plain, self.streak = PLAIN, PLAIN
        self.scale, self.merit = self.x, np.inf

    def run(self, limit: int) -> Asking[Solution]:
        """From the start to the solution, in ``limit`` steps at most."""
        self.change = yield from self.residual(self.x)
        for n_iter in range(limit):
            found = yield from self.check_convergence(n_iter)
            if found is not None:
                return found
            if self.plain > 0 and self.merit > ROUGH:
                self.plain -= 1
                yield from self.plain_step()
            else:
                yield from self.newton_step()
        raise self.failure(limit)

    def residual(self, y: Array) -> Asking[Array]:
        """What one step changes at y, or at each row of y."""
        rows = np.atleast_2d(y)
        self.n_eval += len(rows)
        return (yield rows).reshape(y.shape)

    def check_convergence(self, n_iter: int) -> Asking[Solution | None]:
        """Measure the residual; the solution if it is small enough, or as small as rounding lets it be."""
        self.scale = units(self.x, self.classes)
        self.merit = float(np.max(abs(self.change / self.scale)))
        if self.merit < self.best[0]:
            self.best = self.merit, self.x
        self.stale += 1
        if self.merit < SLOW * self.mark:
            self.mark, self.stale = self.merit, 0
        if self.stale > PATIENCE and (yield from self._rounded(self.best[1])):
            return self._solution(*self.best, n_iter, "rounding")
        if self.merit <= self.tolerance:
            return self._solution(self.merit, self.x, n_iter, "converged")
        return None

    def _rounded(self, x: Array) -> Asking[bool]:
        """Whether the residual may be rounding, of the forces where next to no sample holds the intercept.

        There forces balance to rounding, and what is left of them over the stiffness moves scores and
        intercept together, and the logarithms of stiffnesses that the ridge hides.  All else stands still.
        """
        change, floor = (yield from self.residual(x)), 1e3 * self.tolerance
        if self._size(change, x) <= floor:
            return True
        if not self.equations.intercept:
            return False
        reduction, state = self.equations.reduction, State.unpacked(x, self.classes)
        priors, theta = reduction.task.priors, state.theta
        change[: self.classes + 1] -= change[self.classes]
        change[-len(theta) :] *= np.minimum(1.0, theta / max(reduction.least_theta / HIDDEN, 1e-300))
        eta, omega, _ = self.equations.forces(state, reduction.at(theta).kappa)
        balanced = abs(float(priors @ eta)) <= ROUNDING * float(priors @ np.sqrt(omega))
        return balanced and self._size(change, x) <= floor

    def plain_step(self, length: float = 1.0) -> Asking[None]:
        """One application of the map, or part of its way."""
        change = self.change / max(1.0, float(np.max(abs(self.change / self._farthest()))))
        self.x = self.x + length * change
        self.change = yield from self.residual(self.x)

    def newton_step(self) -> Asking[None]:
        """Newton's step with the Jacobian matrix at hand, or a new one."""
        fresh = self.jacobian is None
        if self.jacobian is None:
            self.jacobian = yield from self._new_jacobian()
        moved = yield from self._newton(self.jacobian)
        if not fresh and (moved is None or self._size(moved[1], moved[0]) > REUSED * self.merit):
            self.jacobian = None  # that of an earlier point no longer does; what it gained is kept
        if moved is not None:
            self.x, self.change = moved
            self._watch_progress()
        elif fresh:
            self._more_plain_steps()
            # Half a step: where Newton's method fails plain steps tend to overshoot.
            yield from self.plain_step(0.5)

    def failure(self, limit: int) -> ConvergenceError:
        """The error after the last step, with the best estimate."""
        merit, x = self.best
        return ConvergenceError(
            f"no convergence in {limit} iterations at alpha = {self.equations.alpha}: the residual is "
            f"{merit:.2g}, above {self.tolerance:g}; the best estimate is in the attribute `best` of this "
            "exception; a larger gamma may help",
            self._solution(merit, x, limit, "max_iter"),
        )

    def _watch_progress(self) -> None:
        """Leave Newton's method for a while, in a second attempt, where it is stuck."""
        stuck = self._size(self.change, self.x) > SLOW * self.merit
        self.slow = self.slow + 1 if stuck else 0
        if self.slow == STUCK and self.growth > 1:
            self.slow = 0
            self._more_plain_steps()

    def _more_plain_steps(self) -> None:
        self.plain, self.streak = self.streak, self.growth * self.streak

    def _farthest(self) -> Array:
        """The largest change of each unknown in one step."""
        farthest, smoothing = FARTHEST * self.scale, self.equations.smoothing
        if not smoothing:
            return farthest
        # While an envelope loses its smoothing, scores stay in sight of its kinks.
        state = State.unpacked(self.x, self.classes)
        width = state.std + self.equations.reduction.at(state.theta).kappa + smoothing
        farthest[: self.classes + 1] = float(width.max())
        return farthest

    def _solution(self, merit: float, x: Array, n_iter: int, status: str) -> Solution:
        state = State.unpacked(x, self.classes)
        return Solution(state, merit, n_iter, self.n_eval, status)

    def _size(self, change: Array, x: Array) -> float:
        return float(np.max(abs(change / units(x, self.classes))))

    def _new_jacobian(self) -> Asking[Array]:
        # All differences at once: of several states the map costs hardly more than of one.
        y = self.x + np.diag(DIFFERENCE * self.scale)
        changes = yield from self.residual(y)
        return np.asarray(((changes - self.change) / np.diag(y - self.x)[:, None]).T)

    def _newton(self, jacobian: Array) -> Asking[tuple[Array, Array] | None]:
        """Where a Newton step leads, halved until the residual falls; None if that does not help."""
        if not np.isfinite(jacobian).all():
            return None
        scale = self.scale
        try:
            direction = -np.linalg.solve(jacobian * scale / scale[:, None], self.change / scale) * scale
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(direction).all():
            return None
        length = 1 / max(1.0, float(np.max(abs(direction / self._farthest()))))
        merit = float(np.linalg.norm(self.change / scale))
        # The whole step, else the longest of some shorter ones, which are tried at once.
        for lengths in np.split(length * SHORTER ** np.arange(TRIALS), [1]):
            y = self.x + lengths[:, None] * direction
            new = yield from self.residual(y)
            for k in range(len(lengths)):
                if not np.isfinite(new[k]).all():
                    continue
                size = float(np.linalg.norm(new[k] / units(y[k], self.classes)))
                if size < (1 - 0.1 * lengths[k]) * merit:
                    return y[k], new[k]
        return None
