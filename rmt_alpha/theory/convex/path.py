"""`FixedPoints`: the solutions along alpha, each on its own: none depends on what was asked before."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.theory.convex import imbalance, infinity
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.iteration import Solution, iterate_each
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.solver import solve, tiny_ridge

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
    _failed: dict[tuple[float, ...], ConvergenceError] = field(default_factory=dict, init=False, repr=False)
    """Failures of the first thing to try, where something else is still to be tried."""
    _drawn: dict[tuple[float, ...], list[imbalance.Sample]] = field(
        default_factory=dict, init=False, repr=False
    )
    """The same where the labels of a sample decide the intercept."""

    def equations(self, alpha: Array) -> Equations:
        """The fixed-point map at one alpha, shape (k,)."""
        return Equations(self.reduction, self.loss, self.label_noise, self.intercept, alpha)

    def at(self, alpha: Array) -> Solution:
        """The solution at one alpha, shape (k,)."""
        key = tuple(alpha.tolist())
        if key not in self._solved and np.isinf(alpha).any():
            self._solved[key] = self._at_infinity(np.sign(alpha))
        elif key not in self._solved:
            try:
                found = solve(self.equations(alpha), self.squared(alpha), self._failed.pop(key, None))
            except ConvergenceError as error:
                found = self._walked(alpha, error)
            self._keep({key: found})
        return self._solved[key]

    def _keep(self, found: dict[tuple[float, ...], Solution]) -> None:
        loose = imbalance.weights(self.equations(np.zeros(self.reduction.sources)), [*found.values()]) > 0
        for flat, (key, solution) in zip(loose, found.items(), strict=True):
            self._solved[key] = replace(solution, status="flat") if flat else solution

    def prepare(self, alphas: Array) -> None:
        """Solve at several alphas, (m, k), at once, as far as that succeeds; `at` does the rest."""
        keys = [key for key in dict.fromkeys(map(tuple, alphas.tolist())) if key not in self._solved]
        keys = [key for key in keys if np.isfinite(key).all()]
        equations = self.equations(np.array(keys))
        if len(keys) < 2 or tiny_ridge(equations):
            return
        with suppress(ArithmeticError, ValueError):  # of one of them
            each = iterate_each(equations, [self.squared(alpha) for alpha in equations.alpha])
            found = dict(zip(keys, each, strict=True))
            self._failed.update({k: v for k, v in found.items() if isinstance(v, ConvergenceError)})
            self._keep({k: v for k, v in found.items() if isinstance(v, Solution)})

    def draws(self, alpha: Array) -> list[imbalance.Sample]:
        """Solutions of which answers at one alpha are an average, with their weights: mostly a single one."""
        key = tuple(alpha.tolist())
        if key not in self._drawn:
            found = self.at(alpha)
            known = np.isinf(alpha).any() or found.status != "flat"
            one = [imbalance.Sample(1.0, self.equations(alpha), found)]
            self._drawn[key] = one if known else imbalance.draws(self.equations(alpha), found)
        return self._drawn[key]

    def gradient(self, alpha: Array, score: Callable[[State], float], units: Array) -> Array:
        """Derivatives of a function of the state in alpha, shape (k,); ``units`` are its natural sizes."""
        found = self.at(alpha)
        if found.status != "flat":
            return self._implicit(alpha, found.state, score, units)
        steps = 1e-4 * np.maximum(abs(alpha), 0.1 * units)

        def average(a: Array) -> float:
            return float(sum(draw.weight * score(draw.solution.state) for draw in self.draws(a)))

        return np.array(
            [(average(alpha + step) - average(alpha - step)) / (2 * step.sum()) for step in np.diag(steps)]
        )

    def _implicit(self, at: Array, state: State, score: Callable[[State], float], units: Array) -> Array:
        """The same at a fixed point F(x, alpha) = 0, where dx/dalpha = -F_x^-1 F_alpha."""
        x, classes, step = state.packed(), len(self.label_noise), 1e-5

        size = float(np.max(abs(state.mean)) + np.max(state.std))
        scale = np.concatenate([np.full(classes + 1, size), np.ones(len(x) - classes - 1)])
        sides, reach = np.diag(step * scale), step * np.maximum(abs(at), 0.1 * units)
        # By the unknowns and by alpha, all at once.
        y = np.concatenate([np.concatenate([x + sign * sides, [x] * len(at)]) for sign in (1, -1)])
        a = np.concatenate([np.concatenate([[at] * len(x), at + sign * np.diag(reach)]) for sign in (1, -1)])
        up, down = np.split(self.equations(a).step(State.unpacked(y, classes)).packed() - y, 2)
        slopes = (up - down) / 2
        matrix = (slopes[: len(x)] / step).T / scale[:, None]
        found = []
        for slope in slopes[len(x) :] / reach[:, None]:
            # Of an intercept that nothing holds, the shortest way.
            moved = -np.linalg.lstsq(matrix, slope / scale)[0] * scale
            way = step / max(float(np.max(abs(moved / scale))), 1e-300)
            ahead, behind = (State.unpacked(x + sign * way * moved, classes) for sign in (1, -1))
            found.append((score(ahead) - score(behind)) / (2 * way))
        return np.array(found)

    def _at_infinity(self, sign: Array) -> Solution:
        """The solution at infinite alpha, shape (1,), in units of alpha."""
        equations, loss = self.equations(sign), infinity.far_loss(self.loss)
        if not infinity.seen(equations):
            return self.at(0 * sign)
        if loss is None:
            return Solution(infinity.source_alone(equations), 0.0, 0, 0, "converged")
        return solve(replace(equations, loss=loss), self.squared(sign))

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
