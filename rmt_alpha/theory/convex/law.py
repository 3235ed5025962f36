"""`LossLaw`: scores, accuracy and losses of a classifier fine-tuned with a convex loss, at given alphas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rmt_alpha._core.alphas import ALPHA, EXTREME, FINITE, alpha_values
from rmt_alpha._core.types import Array, FloatArray, Real
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.iteration import Solution, distance
from rmt_alpha.theory.convex.path import FixedPoints
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.separability import HardMargin
from rmt_alpha.theory.curve import Optimum
from rmt_alpha.theory.error_bars.convex_loss import LossSpread
from rmt_alpha.theory.fixed_point_curve import FixedPointCurve
from rmt_alpha.theory.mixtures.curve import MixtureCurve
from rmt_alpha.theory.searches import margin_of

SIGN = np.array([-1.0, 1.0])
"""Labels of the two classes."""


@dataclass(frozen=True, eq=False, repr=False)
class LossLaw(FixedPointCurve):
    """What `LossCurve` takes from the fixed point at each alpha."""

    reduction: Reduction
    """The problem."""
    loss: Loss
    """What is minimised in training."""
    label_noise: Array
    """Share of wrong labels in each class, shape (2,)."""
    intercept: bool
    """Whether there is one."""
    single: bool
    """Whether alpha is a scalar."""
    squared: MixtureCurve
    """The same problem with the squared loss, from which the first solution starts."""
    fluctuations: Callable[[], LossSpread]
    """Makes what finite-size error bars are computed from."""
    unknown_bars: str = ""
    """Why finite-size error bars are not known, and what to do; empty where they are."""
    wall: HardMargin | None = None
    """What is trained with in place of ``loss`` where gamma is 0 and the sample can be separated: the least
    margin is 1."""
    near: State | None = None
    """A state near the solutions, if it is known from those for fewer samples."""
    _optima: dict[tuple[str, float], Optimum] = field(default_factory=dict, init=False)
    """The best alphas that were asked for."""

    # --- the fixed point --------------------------------------------------------------------------------

    def solution(self, alpha: ArrayLike) -> Solution:
        """The fixed point at one alpha: scores, spreads, residual; ConvergenceError if there is none."""
        values = self._alphas(alpha)
        if values.ndim != 1:
            raise ValueError(f"solution needs one alpha, got an array of shape {np.shape(alpha)}")
        return self._points.at(values)

    def equations(self, alpha: FloatArray) -> Equations:
        """The fixed-point map at one alpha, shape (k,)."""
        return self._points.equations(alpha)

    def kappa(self, alpha: ArrayLike) -> FloatArray:
        """Effective step of every distinct covariance, (1/n) tr C Q, shape (..., G)."""
        return np.asarray(self._table(alpha, lambda s, _: self.reduction.at(s.state.theta).kappa))

    # --- the law of the scores --------------------------------------------------------------------------

    def class_mean(self, alpha: ArrayLike) -> FloatArray:
        """Mean score of each class, intercept included, shape (..., 2)."""
        return np.asarray(self._table(alpha, lambda s, _: s.state.mean))

    def class_std(self, alpha: ArrayLike) -> FloatArray:
        """Standard deviation of the score within each class, shape (..., 2)."""
        return np.asarray(self._table(alpha, lambda s, _: s.state.std[self._group]))

    def offset(self, alpha: ArrayLike) -> Real:
        """The intercept b; 0 without one."""
        return self._table(alpha, lambda s, _: np.asarray(s.state.offset if self.intercept else 0.0))

    def mean(self, alpha: ArrayLike) -> Real:
        """Mean of label times score, E[y s]."""
        return self._table(alpha, lambda s, _: self.priors @ (SIGN * s.state.mean))

    def variance(self, alpha: ArrayLike) -> Real:
        """Variance of label times score: that within the classes, and that between their means."""

        def answer(solution: Solution, _: Equations) -> Array:
            signed = SIGN * solution.state.mean
            between = signed - self.priors @ signed
            return np.asarray(self.priors @ (solution.state.std[self._group] ** 2 + between**2))

        return self._table(alpha, answer)

    # --- accuracy and losses ----------------------------------------------------------------------------

    def class_accuracy(self, alpha: ArrayLike) -> FloatArray:
        """Probability that a sample of each class is classified rightly, shape (..., 2)."""
        return np.asarray(self._table(alpha, lambda s, _: special.ndtr(self._margins(s.state)), True))

    def accuracy(self, alpha: ArrayLike) -> Real:
        """Probability that a fresh sample is classified rightly."""
        return self._table(alpha, lambda s, _: self._of_state("accuracy", s.state), True)

    def expected_accuracy(self, alpha: ArrayLike) -> Real:
        """Average over draws of the training data of the accuracy, for Gaussian weights."""
        spread = self._spread
        return self._table(alpha, lambda s, equations: self.priors @ spread.expected(equations, s.state))

    def error(self, alpha: ArrayLike) -> Real:
        """1 - accuracy, precise even where accuracy rounds to 1."""
        return self._table(alpha, lambda s, _: self.priors @ special.ndtr(-self._margins(s.state)), True)

    def log_accuracy(self, alpha: ArrayLike) -> Real:
        """Logarithm of the accuracy, finite where the accuracy itself underflows."""
        return self._table(alpha, lambda s, _: self._log_share(self._margins(s.state)), True)

    def log_error(self, alpha: ArrayLike) -> Real:
        """Logarithm of the error, finite where the error itself underflows."""
        return self._table(alpha, lambda s, _: self._log_share(-self._margins(s.state)), True)

    def accuracy_uncertainty(self, alpha: ArrayLike) -> Real:
        """Residual of the fixed point: the largest relative change of a score by one more step."""
        return self._table(alpha, lambda s, _: max(s.residual, float(np.finfo(float).eps)))

    def risk(self, alpha: ArrayLike) -> Real:
        """Squared test risk, E (y - s)^2, whatever the training loss; `test_loss` is that of the loss."""
        return self._by_state(alpha, lambda state: self._of_state("risk", state))

    def training_loss(self, alpha: ArrayLike) -> Real:
        """Average loss on the training sample, with the labels it has: (1/n) sum phi(t_i s_i)."""

        def answer(solution: Solution, equations: Equations) -> Array:
            state = solution.state
            if self.wall is not None:
                return np.zeros(())
            chance, sign, rows = equations.labels()
            group = self._group[rows]
            kappa = np.maximum(self.reduction.at(state.theta).kappa, 1e-13)[group]
            losses = self.loss.training_loss(sign * state.mean[rows], state.std[group], kappa)
            return np.asarray((self.priors[rows] * chance) @ losses)

        return self._table(alpha, answer)

    def training_accuracy(self, alpha: ArrayLike) -> Real:
        """Share of the training sample that is classified as it is labelled; 1 once it can be separated."""

        def answer(solution: Solution, equations: Equations) -> Array:
            state = solution.state
            if self.wall is not None:
                return np.ones(())
            chance, sign, rows = equations.labels()
            group = self._group[rows]
            # prox(z) is positive for z above kappa phi'(0).
            border = self.reduction.at(state.theta).kappa[group] * self.loss.slope(np.zeros(1))
            right = special.ndtr((sign * state.mean[rows] - border) / state.std[group])
            return np.asarray((self.priors[rows] * chance) @ right)

        return self._table(alpha, answer)

    # --- internals --------------------------------------------------------------------------------------

    @property
    def priors(self) -> FloatArray:
        """Class probabilities."""
        return self.reduction.task.priors

    @property
    def _group(self) -> Array:
        return self.reduction.task.group

    @cached_property
    def _points(self) -> FixedPoints:
        loss = self.wall or self.loss
        return FixedPoints(self.reduction, loss, self.label_noise, self.intercept, self._start)

    def _start(self, alpha: Array) -> State:
        """The better of two guesses, by their residuals."""
        squared = self._squared_state(alpha)
        if self.near is None or np.isinf(alpha).any():
            return squared
        equations = self._points.equations(alpha)
        return min((self.near, squared), key=lambda state: distance(equations, state))

    def _squared_state(self, alpha: Array) -> State:
        at = alpha[0] if self.squared.single else alpha
        mean, std = self.squared.class_mean(at), self.squared.class_std(at)
        first = [int(np.flatnonzero(self._group == g)[0]) for g in range(self._group.max() + 1)]
        ridge = self.squared.ridge
        spread = np.maximum(std[first], 1e-12)
        return State(mean, float(np.mean(mean)) if self.intercept else 0.0, spread, ridge.gamma / ridge.kappa)

    def _margins(self, state: State) -> Array:
        """Mean over standard deviation of label times score, shape (2,)."""
        return np.asarray(SIGN * state.mean / state.std[self._group])

    def _log_share(self, margins: Array) -> Any:
        """log sum_c pi_c Phi(margin_c)."""
        return special.logsumexp(special.log_ndtr(margins), b=self.priors)

    def _of_state(self, criterion: str, state: State) -> float:
        """Accuracy, the margin that belongs to it, risk or expected loss in a state."""
        std = state.std[self._group]
        if criterion == "accuracy":
            return float(self.priors @ special.ndtr(self._margins(state)))
        if criterion == "margin":
            return float(margin_of(*(self._log_share(side * self._margins(state)) for side in (1, -1))))
        if criterion == "risk":
            return float(self.priors @ ((SIGN - state.mean) ** 2 + std**2))
        return float(self.priors @ self.loss.test_loss(SIGN * state.mean, std))

    def _alphas(self, alpha: ArrayLike, infinite: bool = False) -> Array:
        values = alpha_values(alpha, self.sources, self.single, None, ALPHA if infinite else FINITE)
        far = abs(values) > EXTREME
        if far.any() and self.sources > 1:
            raise ValueError(
                "alpha must be finite with several sources; use along(direction) for their limit"
            )
        return np.where(far, np.copysign(np.inf, values), values)

    def _table(
        self, alpha: ArrayLike, answer: Callable[[Solution, Equations], Any], infinite: bool = False
    ) -> Real:
        """``answer`` at every alpha, which may be ``infinite``."""

        def at(row: Array) -> Any:
            parts = self._points.draws(row)
            return sum(d.weight * np.asarray(answer(d.solution, d.equations), float) for d in parts)

        return self._stacked(self._alphas(alpha, infinite), at)

    def _prepare(self, alphas: Array) -> None:
        self._points.prepare(alphas)

    def _by_state(self, alpha: ArrayLike, answer: Callable[[State], Any]) -> Real:
        return self._table(alpha, lambda solution, _: answer(solution.state))
