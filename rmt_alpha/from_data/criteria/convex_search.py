r"""Choosing alpha and the ridge of a convex fit: a smooth function of alpha, a Newton search, and its errors.

Each criterion is a sum over samples that is minimised in alpha.  Where the samples say little, or nothing
finite is best (a source that separates them), a prior decides: the scores of the source have the root mean
square :math:`t = \sqrt{\alpha^\top S \alpha}`, a log-odds, and t is Gaussian of size `SCALE`: weakly
informative, in the sense of Gelman et al. (Annals of Applied Statistics 2, 2008).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.alphas import as_point
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.path import ConvexFit, ConvexPath, Start
from rmt_alpha.from_data.convex.solution import ConvexSolution
from rmt_alpha.from_data.criteria.base import (
    Choice,
    Criterion,
    index_of_best,
    jackknife,
)
from rmt_alpha.from_data.decomposition.rows import EPS
from rmt_alpha.from_data.leave_one_out import solve_scaled

PRECISION = 1e-6
"""A search ends when a sum over samples of log-losses would fall by less than half of this, and alpha move by
less than the root of it, a thousandth, in standard errors."""
COARSE = 0.5
"""The same while ridges are compared; the gain that is left is expected, but not made."""
ROUGH = 1e-3
"""The same where leverages are not followed along alpha: a thirtieth of a standard error."""
HOPELESS = 0.1
"""The same as a fraction of how much worse than another ridge this one is."""
CLEAR = 1.0
"""Difference of sums of log-losses that decides, if the mean curvature errs by less."""
SCALE = 2.5
"""Size of the log-odds that a source is expected to give."""
STEPS = 50
LEAP = 4.0
"""Largest change of the root mean square score of the sources in one step."""


class Local(NamedTuple):
    """A criterion at one alpha: a sum over samples, its slope, and a positive curvature."""

    value: float
    slope: FloatArray
    curvature: FloatArray


class ConvexCriterion(Criterion[ConvexPath, ConvexFit]):
    """A criterion for any loss: minimised in alpha by Newton's method, with the weak prior."""

    @abstractmethod
    def local(self, fit: ConvexFit, solution: ConvexSolution) -> Local:
        """What is minimised, without the prior, as a quadratic function around an alpha."""

    @abstractmethod
    def value(self, fit: ConvexFit, solution: ConvexSolution) -> float:
        """The number that is minimised, without the prior."""

    @abstractmethod
    def pulls(self, fit: ConvexFit, solution: ConvexSolution) -> tuple[FloatArray, FloatArray]:
        """What one copy of each sample adds to slope (n, k) and curvature (n, k, k)."""

    def score(self, fit: ConvexFit, solution: ConvexSolution) -> float:
        """How good a solution is; larger is better, and comparable between ridges."""
        return -self.value(fit, solution) - _prior(fit.path.spread, solution.alpha)

    def decide(
        self, path: ConvexPath, gammas: Sequence[float], point: FloatArray | None = None
    ) -> tuple[list[Choice], int]:
        """The choice at every ridge, and which of them is best; with ``point`` that alpha is held.

        All ridges are compared with the mean curvature of the loss, which is cheap.  The best one is then
        looked at exactly, and so are its neighbours unless they are clearly worse, until no ridge is better;
        what exactness changes there is what it is taken to change at the smaller ridges near by.
        """
        order = sorted(range(len(gammas)), key=lambda i: -gammas[i])
        place = {i: rank for rank, i in enumerate(order)}
        screened: dict[int, Choice] = {}
        starts: dict[int, Start | None] = {}
        path.least = math.inf
        for i in long_steps(order, "ridge"):
            screened[i] = self.choose(path.at(gammas[i], exact=False), point)
            starts[i] = path.start
        exact: dict[int, Choice] = {}
        best: ConvexFit | None = None
        while True:
            choices = [_shifted(screened, exact, place, i) for i in range(len(gammas))]
            index = index_of_best(choices)
            if index in exact:
                margin = 2 * abs(exact[index].score - screened[index].score)
                if path.at(gammas[index]).costly:  # a neighbour must be worth it
                    margin = margin if margin > 2 * CLEAR * self.unit(path) else -math.inf
                else:
                    margin += CLEAR * self.unit(path)
                around = [order[k] for k in (place[index] + 1, place[index] - 1) if 0 <= k < len(order)]
                close = [i for i in around if choices[i].score >= choices[index].score - margin]
                missing = [i for i in close if i not in exact]
                if not missing:
                    break
            else:
                missing = [index]
            i = missing[0]
            near = _nearest(exact, place, i)
            path.start, path.alpha = starts[i], screened[i].alpha
            if near is not None:
                path.alpha = path.alpha + exact[near].alpha - screened[near].alpha
            fit = path.at(gammas[i])
            if fit.costly and point is None:
                rough = path.at(gammas[i], exact=False)
                rough.precision = ROUGH
                path.alpha = self._search(rough)[0].alpha
            exact[i] = self.choose(fit, point)
            if best is None or index_of_best([exact[i], *(one for j, one in exact.items() if j != i)]) == 0:
                best = fit
        path.keep(best)
        return choices, index

    def unit(self, path: ConvexPath) -> float:
        """What the score changes by where the sum of log-losses changes by 1."""
        return 1.0

    def choose(self, fit: ConvexFit, point: FloatArray | None = None) -> Choice:
        """The choice at one ridge; with ``point`` = (1, alpha) that alpha is held."""
        if point is not None:
            return Choice(fit.gamma, point, self.score(fit, fit.solve(point[1:])))
        solution, step, gain = self._search(fit)
        if fit.exact:
            return Choice(fit.gamma, as_point(solution.alpha), self.score(fit, solution))
        score = self.score(fit, solution) + self.unit(fit.path) * gain / 2
        return Choice(fit.gamma, as_point(solution.alpha + step), score)

    def search(self, fit: ConvexFit) -> FloatArray:
        """The alpha that minimises the criterion and the prior, from where the last search ended."""
        return self._search(fit)[0].alpha

    def _search(self, fit: ConvexFit) -> tuple[ConvexSolution, FloatArray, float]:
        """Where a search ended, and the step and gain that are expected from there."""
        path, alpha = fit.path, fit.path.alpha
        solution = fit.solve(alpha)
        last: Local | None = None
        step, gain = np.zeros_like(alpha), 0.0
        # Without slopes of what is costly, alpha was found with the mean curvature.
        searched = path.sources > 0 and not (fit.exact and fit.costly)
        for _ in range(STEPS if searched else 0):
            here = _with_prior(self.local(fit, solution), path.spread, alpha)
            curvature = here.curvature if last is None else _secant(here, last, step)
            step = -solve_scaled(curvature, here.slope)
            gain = -float(here.slope @ step)
            precision = PRECISION if fit.precision is None else fit.precision
            if not fit.exact and fit.precision is None:
                path.least = min(path.least, here.value)
                precision = max(COARSE, HOPELESS * (here.value - path.least))
            if gain <= precision:
                break
            length = min(1.0, LEAP / max(math.sqrt(max(float(step @ path.spread @ step), 0.0)), EPS))
            while length * gain > precision:
                trial = fit.solve(alpha + length * step)
                found = self.value(fit, trial) + _prior(path.spread, trial.alpha)
                if found <= here.value - 1e-4 * length * gain:
                    break
                length /= 2
            else:  # rounding: there is no better alpha in this direction
                return solution, np.zeros_like(alpha), 0.0
            step, last = trial.alpha - alpha, here
            alpha, solution = trial.alpha, trial
        path.alpha = alpha + step
        return solution, step, gain

    def covariance(self, fit: ConvexFit, point: FloatArray) -> FloatArray:
        """By the jackknife, with one step to alpha without each sample."""
        solution, path = fit.solve(point[1:]), fit.path
        here = _with_prior(self.local(fit, solution), path.spread, point[1:])
        pulls, bends = self.pulls(fit, solution)
        return jackknife(solve_scaled(here.curvature - bends, pulls), path.design.samples)


def _nearest(exact: dict[int, Choice], place: dict[int, int], i: int) -> int | None:
    """The ridge that was looked at exactly, and is nearest in the order of ridges."""
    return min(exact, key=lambda j: abs(place[j] - place[i]), default=None)


def _shifted(screened: dict[int, Choice], exact: dict[int, Choice], place: dict[int, int], i: int) -> Choice:
    """The exact choice, or the screened one with what exactness changes at the next larger ridge.

    The mean curvature is the better the larger the ridge; below, it flatters.  So this is rather too good
    than too bad, and no good ridge is passed over.
    """
    if i in exact:
        return exact[i]
    own = screened[i]
    above = [j for j in exact if place[j] < place[i]]
    if not above:
        return own
    near = max(above, key=lambda j: place[j])
    one, other = exact[near], screened[near]
    return Choice(own.gamma, own.point, own.score + one.score - other.score, own.tie + one.tie - other.tie)


def _secant(here: Local, last: Local, step: FloatArray) -> FloatArray:
    """The curvature, corrected along the last step to what the slopes say (BFGS)."""
    change = here.slope - last.slope
    along, model = float(change @ step), here.curvature @ step
    if along <= 0 or float(model @ step) <= 0:
        return here.curvature
    return np.asarray(
        here.curvature - np.outer(model, model) / (model @ step) + np.outer(change, change) / along
    )


def _prior(spread: FloatArray, alpha: FloatArray) -> float:
    """Minus the logarithm of the prior, up to a constant."""
    return float(alpha @ spread @ alpha) / (2 * SCALE**2)


def _with_prior(local: Local, spread: FloatArray, alpha: FloatArray) -> Local:
    weight = spread / SCALE**2
    return Local(local.value + _prior(spread, alpha), local.slope + weight @ alpha, local.curvature + weight)
