r"""The best alpha of a `LossCurve`, by a scan and a root of the exact derivative.

At a fixed point F(x, alpha) = 0 the implicit function theorem gives dx/dalpha = -F_x^-1 F_alpha, and so the
derivative of the accuracy: its zero is found to many more digits than a flat maximum shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from rmt_alpha._core.checks import Range, as_real, check_choice, check_range

if TYPE_CHECKING:
    from rmt_alpha.theory.convex.curve import LossCurve

Array = np.ndarray[Any, Any]

CRITERIA = ("accuracy", "loss")
SCAN = np.concatenate([-np.geomspace(300.0, 0.03, 9), [0.0], np.geomspace(0.03, 300.0, 9)])
"""Alphas that are tried first, in units of `LossCurve.unit`."""
EXTENSIONS = 4
"""How often the scan is extended, by a factor of 30, while its best alpha is at an end."""
FLAT = 1e-13
"""Differences of accuracies that are rounding."""
TOLERANCES = Range("a number in (0, 0.1]", 0.0, 0.1, open_low=True)


@dataclass(frozen=True)
class LossOptimum:
    """The best alpha.

    Attributes
    ----------
    alpha : float
        inf or -inf if no finite alpha is best.
    value : float
        Accuracy, or expected loss, there; for infinite alpha at the largest alpha that was tried.
    bracket : (float, float)
        Between them lies alpha.
    finite : bool
        Whether alpha is finite.
    """

    alpha: float
    value: float
    bracket: tuple[float, float]
    finite: bool


def best_accuracy(curve: LossCurve, criterion: str, tolerance: float) -> LossOptimum:
    """Scan, then refine."""
    check_choice("criterion", criterion, CRITERIA)
    tolerance = as_real("tolerance", tolerance)
    check_range("tolerance", tolerance, TOLERANCES)
    if curve.sources != 1:
        raise ValueError(
            f"the best alpha is searched for one source, got {curve.sources}; use along(direction) to fix "
            "their proportions"
        )

    def score(alpha: Any) -> Any:
        return curve.accuracy(alpha) if criterion == "accuracy" else -np.asarray(curve.test_loss(alpha))

    grid = curve.unit * SCAN
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
        return LossOptimum(0.0, abs(origin), (0.0, 0.0), True)
    if best in (0, len(grid) - 1):
        sign = float(np.sign(grid[best]))
        return LossOptimum(sign * np.inf, float(abs(values[best])), (float(grid[best]), sign * np.inf), False)
    low, high = float(grid[best - 1]), float(grid[best + 1])
    alpha, bracket = _refine(score, lambda a: derivative(curve, a, criterion), low, high, tolerance)
    return LossOptimum(alpha, float(abs(score(alpha))), bracket, True)


def _refine(
    score: Callable[[float], Any], slope: Callable[[float], float], low: float, high: float, tolerance: float
) -> tuple[float, tuple[float, float]]:
    """A zero of the derivative between low and high, where the scan has a maximum between them."""
    size = tolerance * max(abs(low), abs(high)) / 4
    if slope(low) > 0 > slope(high):
        root = float(optimize.brentq(slope, low, high, xtol=size, rtol=1e-14))
        return root, (root - size, root + size)
    found = optimize.minimize_scalar(
        lambda a: -float(score(a)), bounds=(low, high), method="bounded", options={"xatol": size}
    )
    return float(found.x), (low, high)


def derivative(curve: LossCurve, alpha: float, criterion: str) -> float:
    """Derivative of the accuracy, or of minus the expected loss, in alpha."""
    solution = curve.solution(alpha)
    x = solution.state.packed()
    at = np.array([alpha])
    classes = len(curve.priors)
    state_type = type(solution.state)
    step = 1e-5

    def change(y: Array, a: Array) -> Array:
        return curve.equations(a).step(state_type.unpacked(y, classes)).packed() - y

    size = float(np.max(abs(solution.state.mean)) + np.max(solution.state.std))
    scale = np.concatenate([np.full(classes + 1, size), np.ones(len(x) - classes - 1)])
    columns = []
    for i, unit in enumerate(scale):
        h = np.zeros(len(x))
        h[i] = step * unit
        columns.append((change(x + h, at) - change(x - h, at)) / (2 * h[i]))
    reach = step * max(abs(alpha), 0.1 * curve.unit)
    slope = (change(x, at + reach) - change(x, at - reach)) / (2 * reach)
    moved = -np.linalg.solve(np.stack(columns, axis=1) / scale[:, None] * scale, slope / scale) * scale

    def score(y: Array) -> float:
        state = state_type.unpacked(y, classes)
        if criterion == "accuracy":
            return float(curve.accuracy_of(state))
        sign = np.array([-1.0, 1.0])
        return -float(
            curve.priors @ curve.loss.test_loss(sign * state.mean, state.std[curve.reduction.task.group])
        )

    way = step / max(float(np.max(abs(moved / scale))), 1e-300)
    return (score(x + way * moved) - score(x - way * moved)) / (2 * way)
