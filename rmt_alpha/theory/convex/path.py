"""`FixedPoints`: the solutions along alpha, each on its own: none depends on what was asked before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.theory.convex import imbalance
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.solver import Solution, solve

WALK = 16
"""Steps from alpha = 0 to an alpha that is hard to reach."""


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """The fixed point at every alpha that was asked for.

    ``label_noise`` has shape (K,); ``squared`` gives the state at an alpha with the squared loss, from which
    every solution starts.
    """

    reduction: Reduction
    loss: Loss
    label_noise: Array
    intercept: bool
    squared: Callable[[Array], State]
    _solved: dict[tuple[float, ...], Solution] = field(default_factory=dict, init=False, repr=False)
    """Solutions by alpha: a cache, which only grows."""
    _drawn: dict[tuple[float, ...], list[imbalance.Draw]] = field(
        default_factory=dict, init=False, repr=False
    )
    """The same where the labels of a sample decide the intercept."""

    def equations(self, alpha: Array) -> Equations:
        """The fixed-point map at one alpha, shape (k,)."""
        return Equations(self.reduction, self.loss, self.label_noise, self.intercept, alpha)

    def at(self, alpha: Array) -> Solution:
        """The solution at one alpha, shape (k,)."""
        key = tuple(alpha.tolist())
        if key not in self._solved:
            equations = self.equations(alpha)
            try:
                found = solve(equations, self.squared(alpha))
            except ConvergenceError as error:
                found = self._walked(alpha, error)
            if imbalance.weight(equations, found) > 0:
                found = replace(found, status="flat")
            self._solved[key] = found
        return self._solved[key]

    def draws(self, alpha: Array) -> list[imbalance.Draw]:
        """Solutions of which answers at one alpha are an average, with their weights: mostly a single one."""
        key = tuple(alpha.tolist())
        if key not in self._drawn:
            self._drawn[key] = imbalance.draws(self.equations(alpha), self.at(alpha))
        return self._drawn[key]

    def derivative(self, alpha: float, score: Callable[[State], float], unit: float) -> float:
        """Derivative in a scalar alpha of a function of the state; ``unit`` is a natural size of alpha."""
        at = np.array([alpha])
        if self.at(at).status != "flat":
            return self._implicit(at, self.at(at).state, score, unit)
        step = 1e-4 * max(abs(alpha), 0.1 * unit)

        def average(a: Array) -> float:
            return float(sum(draw.weight * score(draw.solution.state) for draw in self.draws(a)))

        return (average(at + step) - average(at - step)) / (2 * step)

    def _implicit(self, at: Array, state: State, score: Callable[[State], float], unit: float) -> float:
        """The same at a fixed point F(x, alpha) = 0, where dx/dalpha = -F_x^-1 F_alpha."""
        x, classes, step = state.packed(), len(self.label_noise), 1e-5

        def change(y: Array, a: Array) -> Array:
            return self.equations(a).step(State.unpacked(y, classes)).packed() - y

        size = float(np.max(abs(state.mean)) + np.max(state.std))
        scale = np.concatenate([np.full(classes + 1, size), np.ones(len(x) - classes - 1)])
        columns = []
        for i, natural in enumerate(scale):
            h = np.zeros(len(x))
            h[i] = step * natural
            columns.append((change(x + h, at) - change(x - h, at)) / (2 * h[i]))
        reach = step * max(abs(float(at[0])), 0.1 * unit)
        slope = (change(x, at + reach) - change(x, at - reach)) / (2 * reach)
        moved = -np.linalg.solve(np.stack(columns, axis=1) / scale[:, None] * scale, slope / scale) * scale
        way = step / max(float(np.max(abs(moved / scale))), 1e-300)
        ahead, behind = (State.unpacked(x + sign * way * moved, classes) for sign in (1, -1))
        return (score(ahead) - score(behind)) / (2 * way)

    def _walked(self, alpha: Array, failure: ConvergenceError) -> Solution:
        """The solution by small steps from alpha = 0, where no step from elsewhere arrives."""
        if not alpha.any():
            raise failure
        solution = self.at(0 * alpha)
        for share in np.linspace(0, 1, WALK + 1)[1:]:
            try:
                solution = solve(self.equations(share * alpha), solution.state)
            except ConvergenceError:
                raise failure from None
        return solution
