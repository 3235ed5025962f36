"""`FixedPoints`: the solutions along alpha, each started from those that are known already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.solver import Solution, distance, solve

WALK = 16
"""Steps from alpha = 0 to an alpha that is hard to reach."""


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """The fixed point at every alpha that was asked for.

    ``label_noise`` has shape (K,); ``squared`` gives the state at an alpha with the squared loss, from which
    the first solution starts.
    """

    reduction: Reduction
    loss: Loss
    label_noise: Array
    intercept: bool
    squared: Callable[[Array], State]
    _solved: dict[tuple[float, ...], Solution] = field(default_factory=dict, init=False, repr=False)
    """Solutions by alpha: a cache, which only grows."""

    def equations(self, alpha: Array) -> Equations:
        """The fixed-point map at one alpha, shape (k,)."""
        return Equations(self.reduction, self.loss, self.label_noise, self.intercept, alpha)

    def at(self, alpha: Array) -> Solution:
        """The solution at one alpha, shape (k,)."""
        key = tuple(alpha.tolist())
        if key not in self._solved:
            try:
                start, jacobian = self._start(alpha)
                self._solved[key] = solve(self.equations(alpha), start, jacobian=jacobian)
            except ConvergenceError as error:
                self._solved[key] = self._walked(alpha, error)
        return self._solved[key]

    def derivative(self, alpha: float, score: Callable[[State], float], unit: float) -> float:
        r"""Derivative in a scalar alpha of a function of the state.

        At a fixed point F(x, alpha) = 0 the implicit function theorem gives dx/dalpha = -F_x^-1 F_alpha.
        ``unit`` is a natural size of alpha.
        """
        at = np.array([alpha])
        state = self.at(at).state
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
        reach = step * max(abs(alpha), 0.1 * unit)
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

    def _start(self, alpha: Array) -> tuple[State, Array | None]:
        """The best of three guesses, by their residuals, and a Jacobian matrix from nearby.

        The solution at the nearest alpha, the line through the nearest two, and the squared loss.
        """
        squared = self.squared(alpha)
        if not self._solved:
            return squared, None
        keys = np.array(list(self._solved))
        near = np.argsort(abs(keys - alpha).max(axis=1), kind="stable")[:2]
        solutions = [self._solved[tuple(keys[i].tolist())] for i in near]
        guesses = [(solutions[0].state, solutions[0].jacobian), (squared, None)]
        if len(solutions) == 2 and self.reduction.sources == 1:
            x, y = (solution.state.packed() for solution in solutions)
            first, second = keys[near, 0]
            ahead = x + (y - x) * ((alpha[0] - first) / (second - first))
            guesses.append((State.unpacked(ahead, len(self.label_noise)), solutions[0].jacobian))
        equations = self.equations(alpha)
        return min(guesses, key=lambda guess: distance(equations, guess[0]))
