r"""Whether a linear classifier can separate the training sample, labels as they are.

With n samples in p dimensions there is one if n < n*, and none if n > n*: a sharp threshold (Cover 1965
without information in the features; Candes and Sur 2020).  It is a property of the data, which no source and
no alpha changes.  Below n* the classifier of largest margin exists,

    min |w - P|^2   such that   t_i (w.x_i + b) >= 1  for all i,

whose law is that of any convex loss (Montanari, Ruan, Sohn and Yan 2019): the loss is a wall, 0 from the
margin 1 on and infinite before.  Its scores grow without limit as n approaches n*; that is how n* is found.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.problems.losses.piecewise import Pieces, PiecewiseQuadratic
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.iteration import FEW, TOLERANCE, iterate
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.solver import solve

MOST_STEPS = 60
NO_MARGIN, CLOSE = 1e-4, 1e-9
"""Margins, in units of the first, and steps of log n that end the search for n*."""
STIFFEST = 1e10
"""Stiffness beyond which only the least kappa holds a state together."""
LARGEST_LOG_N = 69.0
"""1e30 samples, the most that a problem may have."""


class HardMargin(PiecewiseQuadratic):
    """0 from a margin on, infinite before it."""

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__([(margin, 0.0)], 0.0, 0.0, name="hard margin")

    def value(self, z: Array) -> Array:
        """0 or infinity."""
        return np.where(np.asarray(z, float) < self.margins[0], np.inf, 0.0)

    def _pieces(self, kappa: Array) -> Pieces:
        pieces = super()._pieces(kappa)
        pieces.rise[..., 0] = 1 / np.asarray(kappa)
        return pieces


class Threshold(NamedTuple):
    """The largest number of samples that can be separated, and the way there."""

    n: float
    """n*."""
    trail: list[tuple[float, State]]
    """log n and the classifier of largest margin, for some n below n*."""

    def start(self, n: float) -> State | None:
        """A state near that for n samples: the next in the trail, its scores grown as they do towards n*."""
        before = [(log_n, state) for log_n, state in self.trail if log_n <= math.log(n)]
        if not before or self.n == np.inf:
            return None
        left, there = math.log(self.n) - before[-1][0], math.log(self.n / n)
        return _grown(before[-1][1], left / max(there, 1e-6 * left))


def largest_separable(equations: Equations, start: State) -> Threshold:
    """n*, for the data of ``equations``; inf if every number of samples can be separated.

    The largest margin, 1 / ||w||, falls to 0 there.  It is followed as a function of log n, each time a tenth
    of what is left, and extrapolated through the last points.  ``start`` is any state.
    """
    reduction = equations.reduction
    rank = reduction.model.rank
    if rank < reduction.model.p and not equations.noise.any() and _differ_without_noise(reduction):
        return Threshold(np.inf, [])
    log_n, at = math.log(0.5 * rank), start
    logs: list[float] = []
    margins: list[float] = []
    trail: list[tuple[float, State]] = []
    ahead, known = 0.0, start
    while len(logs) < MOST_STEPS:
        try:
            at_n = _wall(equations, math.exp(log_n))
            found = iterate(at_n, at, TOLERANCE, limit=FEW) if logs else solve(at_n, at)
            margin = _margin(at_n, found.state)
            # Beyond n* no state has a finite stiffness.
            lost = float(found.state.theta.max()) > STIFFEST or (logs and margin >= margins[-1])
        except ConvergenceError:
            lost = True
        if lost:
            if not logs:
                raise ConvergenceError("no classifier of largest margin was found", None)
            ahead *= 0.3
            log_n, at = logs[-1] + ahead, known
            if ahead < CLOSE:
                break
            continue
        logs.append(log_n)
        margins.append(margin)
        at = known = found.state
        trail.append((log_n, at))
        if margin < NO_MARGIN * margins[0] or log_n > LARGEST_LOG_N:
            break
        left = math.log(4.0)
        if len(logs) > 1:
            # A parabola may turn before 0, a line through falling margins does not.
            left = max(_zero(logs[-3:], margins[-3:]) - log_n, 0.0) or _zero(logs[-2:], margins[-2:]) - log_n
        ahead = min(0.9 * left, 2.0)
        log_n += ahead
        at = _grown(at, 1 / (1 - ahead / left))
    at_zero = _zero(logs[-4:], margins[-4:])
    return Threshold(math.exp(at_zero) if max(at_zero, logs[-1]) <= LARGEST_LOG_N else np.inf, trail)


def _wall(equations: Equations, n: float) -> Equations:
    return replace(equations, loss=HardMargin(), reduction=replace(equations.reduction, n=n, gamma=1.0))


def _margin(equations: Equations, state: State) -> float:
    """1 / ||w||: samples on the wall have margin 1, so that gamma ||w||^2 is the average force."""
    reduction, (chance, sign, rows) = equations.reduction, equations.labels()
    group = reduction.task.group[rows]
    mean, std, kappa = sign * state.mean[rows], state.std[group], reduction.at(state.theta).kappa[group]
    pull = equations.loss.moments(mean, std, kappa)[0]
    return math.sqrt(reduction.gamma / max(float(reduction.task.priors[rows] * chance @ pull), 1e-300))


def _zero(logs: list[float], margins: list[float]) -> float:
    """log n at margin 0, by the polynomial in the margin through the points."""
    x, y = np.array(margins), np.array(logs)
    others = [np.delete(x, i) for i in range(len(x))]
    weights = [np.prod(o / (o - x[i])) for i, o in enumerate(others)]
    return float(np.dot(weights, y))


def _grown(state: State, factor: float) -> State:
    """A guess where all scores are larger."""
    return State(factor * state.mean, factor * state.offset, factor * state.std, factor * state.theta)


def _differ_without_noise(reduction: Reduction) -> bool:
    """Whether class means differ, or an all but constant feature has a mean, where nothing varies."""
    resolvent = reduction.model.inverse(reduction.model.priors, 1e-20)
    means = reduction.task.means
    gap = means[1:] - means[:1]
    return bool(np.max(resolvent.apply(gap) * gap) > 1e10 * float(np.max(gap * gap) + 1e-300))
