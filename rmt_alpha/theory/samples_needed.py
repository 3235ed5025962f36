r"""How many target samples a source is worth, in any model, by search.

The number is n' - n for the fewest n' >= n with which alpha = 0 does as well as the source does with n.  What
alpha = 0 achieves need not grow with n': at a small ridge it dips where n' is the dimension.  So the search
goes through a grid in log n', finer around the dimension, looks for a higher maximum between its points where
one may reach the goal, and brackets the first crossing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha.theory.curve import Curve

if TYPE_CHECKING:
    from rmt_alpha.problems.fine_tuning import FineTuning
    from rmt_alpha.problems.low_rank import LowRankTransfer
    from rmt_alpha.problems.regression import RidgeRegressionTransfer

QUALITIES = {"accuracy": "margin", "risk": "risk", "loss": "test_loss"}
"""What is compared: the margin tells accuracies near 1 apart; risk and loss are better when smaller."""
FARTHEST = 1e12
"""Times max(n, p): beyond, nothing differs from infinitely many samples by more than a solver's error."""
FIRST, GROWTH = 1 / 16, 1.15
COSTLY = 1 / 4, 1.4
"""First step of the grid in log n', and by how much steps grow; where every point takes an iteration."""
AROUND = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Distances in log n' from the dimension of further points, on both sides."""
PEAK = 1e-8
"""Tolerance in log n' of a maximum between points of the grid."""


def equivalent_samples(
    problem: FineTuning | RidgeRegressionTransfer, alpha: ArrayLike | None, criterion: str, p: int
) -> float:
    """See `FineTuning.equivalent_samples`."""
    curve = problem.curve()
    goal = _goal(curve, alpha, criterion)

    def alone(n: float) -> float:
        return _quality(replace(problem, n=n).curve(), 0.0, criterion)

    return more_samples(alone, goal, problem.n, p, *(COSTLY if curve.costly else ()))


def low_rank_equivalent_samples(problem: LowRankTransfer, rank: int, alpha: float | None) -> float:
    """See `LowRankTransfer.equivalent_samples`."""
    curve = problem.curve(rank)
    at = curve.optimal_alpha() if alpha is None else alpha

    def alone(n: float) -> float:
        return -float(replace(problem, n=n).excess_risk(0.0, rank))

    return more_samples(alone, -float(curve.excess_risk(at)), problem.n, problem.p)


def more_samples(
    alone: Callable[[float], float],
    goal: float,
    n: float,
    p: int,
    first: float = FIRST,
    growth: float = GROWTH,
) -> float:
    """Smallest n' - n >= 0 with alone(n') >= goal, as far as `FARTHEST`; inf if there is none."""

    def excess(u: float) -> float:
        return alone(n * float(np.exp(u))) - goal

    if not np.isfinite(n):
        return 0.0 if alone(n) >= goal else np.inf
    before = (0.0, excess(0.0))
    if before[1] >= 0:
        return 0.0
    earlier = before
    for u in long_steps(list(_grid(n, p, first, growth)), "size"):  # at most so many
        here = (u, excess(u))
        # A maximum of a smooth function is not much higher than its neighbours differ.
        drop = before[1] - max(earlier[1], here[1])
        reach = 2 * (before[1] - min(earlier[1], here[1]))
        if here[1] < 0 and drop > 0 and before[1] + reach >= 0:
            top = _maximum(excess, earlier[0], here[0])
            before, here = (earlier, top) if top[1] >= 0 else (before, here)
        if here[1] >= 0:
            root = optimize.brentq(excess, before[0], here[0], xtol=1e-15, rtol=1e-14)
            return float(n * np.expm1(root))
        earlier, before = before, here
    return np.inf


def _grid(n: float, p: int, first: float, growth: float) -> Iterator[float]:
    """Positive values of log(n'/n), ascending.  None is log(p/n): without ridge nothing is defined there."""
    last = np.log(FARTHEST * max(n, p) / n)
    steps = first * (np.power(growth, np.arange(1, 200)) - 1) / (growth - 1)
    middle = np.log(p / n)
    around = middle + np.array([side * distance for side in (-1, 1) for distance in AROUND])
    values = np.union1d(steps[steps < last], around)
    yield from (float(u) for u in np.append(values, last) if u > 0 and abs(u - middle) > 1e-9)


def _maximum(excess: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Where the excess is largest between two points, and how much."""
    found = optimize.minimize_scalar(
        lambda u: -excess(u), bounds=(low, high), method="bounded", options={"xatol": PEAK}
    )
    return float(found.x), -float(found.fun)


def _goal(curve: Curve, alpha: ArrayLike | None, criterion: str) -> float:
    curve._check_criterion(criterion)
    if alpha is not None:
        return _quality(curve, alpha, criterion)
    best = curve.optimum(criterion)
    finite = bool(np.all(np.isfinite(np.asarray(best.alpha, float))))
    if finite or (criterion == "accuracy" and curve.sources == 1 and curve.infinite_alpha):
        return _quality(curve, best.alpha, criterion)
    value = float(np.asarray(best.value))
    return float(special.ndtri(value)) if criterion == "accuracy" else -value


def _quality(curve: Curve, alpha: ArrayLike, criterion: str) -> float:
    """The more the better, finite."""
    value = np.asarray(getattr(curve, QUALITIES[criterion])(alpha), float)
    if value.ndim:
        raise ValueError(
            f"alpha must be one number, or one for each of k sources, got shape {np.shape(alpha)}"
        )
    return float(np.nan_to_num(value if criterion == "accuracy" else -value, nan=np.nan))
