r"""Where the limit leaves the intercept undetermined, and the labels of a sample decide it.

Where no margin reaches a kink of the hinge loss all forces are 1, whatever the intercept: with as many labels
-1 as +1 it is free, and with one more of either it goes all the way to where that label's samples reach the
kink.  The limit of large n has no answer there; a training on n samples has.  A surplus of the label +1, of
standard deviation (n q (1 - q))^1/2 for a share q, moves the intercept to where the forces balance again.
What this does to the accuracy is of order 1/n, as all that the limit leaves out, unless forces hardly depend
on the intercept near the solution of the limit.  Then all answers are averages over the number of labels +1
in n samples, each of which has a fixed point of its own.  As in a simulation by default, the sizes of the
classes are fixed, and wrong labels are drawn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.iteration import FEW, TOLERANCE, Solution, distance, iterate
from rmt_alpha.theory.convex.solver import solve

LOOSE, FLAT = 0.3, 0.8
"""n times the effect of imbalance on accuracy at which the average begins, and at which it is all.

Between them the two are mixed, so that answers are continuous in alpha.
"""
SLIGHT = 0.02
"""Shifts of the intercept, in units of the scores, that are no matter."""
FARTHEST = 1e6
"""The same, where forces never balance."""
TIE = 0.25
"""Labels +1 more or less than half that are a tie."""
MOST, REACH = 20_000, 8.0
"""Samples of which more have a normal number of labels, up to so many standard deviations."""
FINEST = 8
"""Strata per root mean square, nearest to a tie; each is twice as wide as the one before."""
NEGLIGIBLE = 1e-7
"""Probability of a stratum that is left out."""


class Sample(NamedTuple):
    """A sample with given shares of the labels."""

    weight: float
    """Its probability."""
    equations: Equations
    """The fixed-point map for such samples."""
    solution: Solution
    """Its solution."""


def weights(equations: Equations, solutions: Sequence[Solution]) -> Array:
    """Shares of the average over samples in what is reported at some alphas, from 0 to 1."""
    n, effects = equations.reduction.n, np.zeros(len(solutions))
    asked = [i for i, solution in enumerate(solutions) if solution.status != "collapsed"]
    if equations.intercept and n < math.inf and 0 < _share(equations) < 1 and asked:
        effects[asked] = n * _effects(equations, [solutions[i].state for i in asked])
    return np.clip(np.log(np.maximum(effects, LOOSE) / LOOSE) / math.log(FLAT / LOOSE), 0.0, 1.0)


def _effects(equations: Equations, states: Sequence[State]) -> Array:
    """By how much one standard deviation of labels, either way, changes the accuracy on average.

    The intercept alone moves, to where the forces balance again.  Where they are linear on the way this is an
    effect of order 1/n like others, and does not count.
    """
    reduction, n = equations.reduction, equations.reduction.n
    middle, deviation = n * (_share(equations) - 0.5), max(_deviation(equations), 0.5)
    both = [_drawn(equations, middle + side * deviation) for side in (-1, 1)]
    mean, offset, std, theta = (
        np.array([getattr(state, name) for state in states]) for name in ("mean", "offset", "std", "theta")
    )
    kappa, width = reduction.at(theta).kappa, std.max(axis=1) + abs(mean - offset[:, None]).max(axis=1)
    forces = equations.label_forces(State(mean, offset, std, theta), kappa)
    stiffness = np.maximum((equations.averaged(forces)[2] * reduction.task.priors).sum(axis=1), 1e-300)
    linear = np.stack([_balance(drawn, forces) / stiffness for drawn in both], axis=1)
    found, matters = np.zeros(len(states)), abs(linear).min(axis=1) >= SLIGHT * width
    near = matters & (abs(linear).max(axis=1) < FARTHEST * width)
    if near.any():
        matters[near] = ~_nearly_linear(equations, both, *(x[near] for x in (mean, std, kappa, linear)))
    for i in np.flatnonzero(matters).tolist():
        kept = _forces_after(equations, states[i])
        shifts = np.array([_shift(drawn, states[i], kept) for drawn in both])
        bent = np.minimum(1.0, abs(1 - abs(shifts / linear[i]))).mean()
        found[i] = bent * _change(equations, mean[i], std[i], shifts)
    return found


def _nearly_linear(
    equations: Equations, both: Sequence[Equations], mean: Array, std: Array, kappa: Array, linear: Array
) -> Array:
    """Whether n times the effect is below `LOOSE` for certain, from forces at two shifts on either side.

    Shifts that are within a share of the ``linear`` ones, (m, 2), have an effect of at most that share times
    (the change of accuracy by the linear ones, and what it can differ on the rest of the way).
    """
    n, task = equations.reduction.n, equations.reduction.task
    steepest = (task.priors / std[:, task.group]).sum(axis=1) / math.sqrt(2 * math.pi)
    fixed, rest = n * _change(equations, mean, std, linear), n * steepest * abs(linear).mean(axis=1)
    # The share at which it is half of `LOOSE`.
    share = np.minimum(LOOSE / (fixed + np.sqrt(fixed**2 + 2 * LOOSE * rest)), 0.9)[:, None, None]
    ends = linear[..., None] * (1 + share * [-1, 1])
    std, kappa = (np.broadcast_to(x[:, None, None], (*ends.shape, x.shape[1])) for x in (std, kappa))
    forces = equations.label_forces(State(mean[:, None, None] + ends[..., None], ends, std, std), kappa)
    balance = np.stack([_balance(drawn, forces[:, :, i]) for i, drawn in enumerate(both)], axis=1)
    return np.asarray((ends * balance * [1, -1] > 0).all(axis=(1, 2)))


def _change(equations: Equations, mean: Array, std: Array, shifts: Array) -> Array:
    """Of the accuracy, on average, by two shifts of the intercept, (..., 2)."""
    task = equations.reduction.task
    scores = mean[..., None, :] + np.concatenate([shifts, 0 * shifts[..., :1]], axis=-1)[..., None]
    right = special.ndtr(np.array([-1.0, 1.0]) * scores / std[..., None, task.group]) * task.priors
    one, other, before = np.moveaxis(right.sum(axis=-1), -1, 0)
    return np.asarray(abs(0.5 * (one + other) - before))


def _balance(drawn: Equations, label_forces: Array) -> Array:
    """Sum of the forces, which is 0 where the intercept rests."""
    return np.asarray((drawn.averaged(label_forces)[0] * drawn.reduction.task.priors).sum(axis=-1))


def _forces_after(equations: Equations, state: State) -> Callable[[float], Array]:
    """Forces of each label after a shift of the intercept alone, whatever the shares of the labels; kept."""
    kappa = equations.reduction.at(state.theta).kappa
    return cache(lambda shift: equations.label_forces(replace(state, mean=state.mean + shift), kappa))


def _shift(drawn: Equations, state: State, forces: Callable[[float], Array]) -> float:
    """How far the intercept alone moves to balance the forces again, with other shares of the labels."""
    width = float(state.std.max() + abs(state.mean - state.offset).max())

    def balance(shift: float) -> float:
        return float(_balance(drawn, forces(shift)))

    first = balance(0.0)
    side, far = np.sign(first), width
    while side * balance(side * far) > 0 and far < FARTHEST * width:
        far *= 2
    if not side * first > 0 > side * balance(side * far):
        return float(side * far)
    return float(side * optimize.brentq(lambda shift: balance(side * shift), 0.0, far, xtol=0.01 * width))


def draws(equations: Equations, solution: Solution) -> list[Sample]:
    """The fixed points whose weighted average is the answer: that of the limit, or those of samples."""
    loose = float(weights(equations, [solution])[0])
    if not loose:
        return [Sample(1.0, equations, solution)]
    found = [] if loose == 1 else [Sample(1 - loose, equations, solution)]
    surplus, chance = _surpluses(equations)
    beside = []
    for side in (-1, 1):
        at = solution
        # Half a label beside a tie all forces are still 1: one end of the interval where the intercept is
        # free.  Training by any usual method ends in the middle of it.
        for share, size in [(0.0, 0.5), *_strata(side * surplus, chance)]:
            drawn = _drawn(equations, side * size)
            at = _solved(drawn, at, solution)
            if share:
                found.append(Sample(loose * share, drawn, at))
            else:
                beside.append(at.state)
    tie = float(chance[abs(surplus) <= TIE].sum())
    if tie > NEGLIGIBLE:
        offset = 0.5 * (beside[0].offset + beside[1].offset)
        middle = replace(
            solution.state, mean=solution.state.mean - solution.state.offset + offset, offset=offset
        )
        drawn = _drawn(equations, 0.0)
        found.append(Sample(loose * tie, drawn, _solved(drawn, replace(solution, state=middle), solution)))
    total = sum(draw.weight for draw in found)
    return [draw._replace(weight=draw.weight / total) for draw in found]


def _share(equations: Equations) -> float:
    """Probability of the label +1."""
    return float(equations.reduction.task.priors @ [equations.noise[0], 1 - equations.noise[1]])


def _deviation(equations: Equations) -> float:
    """Standard deviation of the number of labels +1: wrong labels are drawn, the sizes of classes are not."""
    priors, noise = equations.reduction.task.priors, equations.noise
    return math.sqrt(equations.reduction.n * float(priors @ (noise * (1 - noise))))


def _drawn(equations: Equations, surplus: float) -> Equations:
    """The map for samples with n/2 + surplus labels +1."""
    n, share = equations.reduction.n, _share(equations)
    room = 0.5 * n - min(TIE, 0.1 * n)  # with one label alone there is no balance
    surplus = min(max(surplus, -room), room)
    return replace(
        equations, drawn=((0.5 * n - surplus) / (n * (1 - share)), (0.5 * n + surplus) / (n * share))
    )


def _solved(equations: Equations, start: Solution, other: Solution) -> Solution:
    """The solution, or else that of the neighbouring stratum, with the residual that it has here."""
    full, state = np.ones_like, other.state
    # The intercept alone moves; or all forces are saturated, and nothing but the ridge is stiff.
    shift = _shift(equations, state, _forces_after(equations, state))
    moved = replace(state, mean=state.mean + shift, offset=state.offset + shift)
    loose = replace(start.state, theta=equations.reduction.least_theta * full(state.theta))
    wide = replace(state, std=full(state.std), theta=0.1 * full(state.theta))
    ways: list[Callable[[Equations, State], Solution]] = [
        partial(iterate, tolerance=TOLERANCE, limit=FEW),
        solve,
    ]
    for way, each in itertools.product(ways, (start.state, moved, loose, state, wide)):
        with suppress(ConvergenceError):
            return way(equations, each)
    return replace(start, residual=distance(equations, start.state))


def _surpluses(equations: Equations) -> tuple[Array, Array]:
    """Values of (labels +1) - n/2 and their probabilities, for classes of fixed size."""
    n, priors, noise = equations.reduction.n, equations.reduction.task.priors, equations.noise
    mean, deviation = n * (_share(equations) - 0.5), _deviation(equations)
    if n > MOST:
        x = np.linspace(-REACH, REACH, 2001)
        return mean + deviation * x, np.exp(-x * x / 2) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    gained, lost = (
        _binomial(size, share) for size, share in zip(np.rint(n * priors).astype(int), noise, strict=True)
    )
    chance = np.convolve(gained, lost[::-1])
    count = np.arange(len(chance))
    return mean + count - float(count @ chance), chance


def _binomial(size: int, share: float) -> Array:
    """Probabilities of 0 to ``size`` successes; `scipy.stats` would take half a second to import."""
    k = np.arange(size + 1)
    ways = special.gammaln(size + 1) - special.gammaln(k + 1) - special.gammaln(size - k + 1)
    return np.asarray(np.exp(ways + special.xlogy(k, share) + special.xlog1py(size - k, -share)))


def _strata(surplus: Array, chance: Array) -> list[tuple[float, float]]:
    """Probability and mean of the positive surpluses, in strata each twice as wide as the one before."""
    chance = np.where(surplus > TIE, chance, 0.0)
    mean = float(chance @ surplus)
    spread = math.sqrt(max(float(chance @ surplus**2), 0.0))
    finest = max(1.0, spread / FINEST)
    stratum = np.ceil(np.log2(1 + np.maximum(surplus - TIE, 0.0) / finest)).astype(int)
    mass, first = np.bincount(stratum, chance), np.bincount(stratum, chance * surplus)
    keep = (mass > NEGLIGIBLE) & (mean > 0)
    return list(zip(mass[keep].tolist(), (first[keep] / mass[keep]).tolist(), strict=True))
