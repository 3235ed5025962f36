"""`SoftmaxCurve`: fine-tuning a classifier of K classes with softmax as a function of alpha."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.alphas import EXTREME, FINITE, alpha_values
from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha._core.types import Array, FloatArray, Real
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import Optimum
from rmt_alpha.theory.error_bars.softmax_spread import SoftmaxSpread
from rmt_alpha.theory.fixed_point_curve import FixedPointCurve
from rmt_alpha.theory.mixtures.contrasts import Contrasts
from rmt_alpha.theory.softmax import calibration
from rmt_alpha.theory.softmax.equations import ContrastState, SoftmaxEquations
from rmt_alpha.theory.softmax.forces import contrast_basis, label_loss
from rmt_alpha.theory.softmax.nodes import average_level, nodes, scattered
from rmt_alpha.theory.softmax.optimum import RTOL, best_alpha
from rmt_alpha.theory.softmax.reduction import ContrastReduction
from rmt_alpha.theory.softmax.solver import SoftmaxSolution, solve

KINKED = 4.0
"""How much finer grids are for functions with kinks."""


@dataclass(frozen=True, eq=False, repr=False)
class SoftmaxCurve(FixedPointCurve):
    r"""The law of the scores of a classifier of K classes fine-tuned with softmax, as a function of alpha.

    .. math:: s \mid c \sim \mathcal N(u_c, \Sigma_c), \qquad
        \text{accuracy}(\alpha) = \sum_c \pi_c\, P(s_c > s_a \text{ for all } a \ne c \mid c)

    Adding a constant to all scores changes neither the loss nor the answer: scores are given less their
    average over the classes.  Every alpha takes the solution of a fixed point, by itself: answers do not
    depend on what was asked before.  Curves come from ``FineTuning(..., loss="logistic").curve()`` with a
    source of K outputs.

    Notes
    -----
    Averages over K - 1 dimensions are taken on grids up to K = 7, whose errors grow from 1e-9 to 1e-4, and
    over Sobol points beyond, where they show in the fourth digit of an accuracy or so:
    `accuracy_uncertainty` and ``solution(alpha).quadrature_error`` say how large they are.  One alpha takes
    a tenth of a second for K = 3, and seconds for K = 10.

    For K = 2 this is the logistic loss of the difference of two scores: the same curve as with one output,
    half the ridge and the difference of the two rows as source, ``FixedSource(w[1] - w[0])``.

    References
    ----------
    B. Loureiro, G. Sicuro, C. Gerbelot, A. Pacco, F. Krzakala, L. Zdeborova, "Learning Gaussian Mixtures with
    Generalised Linear Models: Precise Asymptotics in High-dimensions", arXiv 2106.03791, which has no source
    and no label noise.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> means = 1.5 * np.eye(3, 60)
    >>> target = GaussianMixture(means, np.linspace(0.1, 2, 60))
    >>> source = FixedSource(
    ...     means + np.sin(np.arange(180)).reshape(3, 60) / 2, outputs=3
    ... )
    >>> curve = FineTuning(target, source, n=80, gamma=0.05, loss="logistic").curve()
    >>> curve
    SoftmaxCurve(3 classes, accuracy 0.859 at alpha=0, 0.78 at 1)
    >>> curve.class_accuracy(1.0).round(3)
    array([0.808, 0.708, 0.825])
    >>> print(f"{curve.optimal_alpha():.2f}, {curve.optimal_alpha('loss'):.2f}")
    0.16, 0.24
    """

    reduction: ContrastReduction
    """The problem."""
    chances: Array
    """Probability of each label (column) in each class (row), shape (K, K)."""
    intercept: bool
    """Whether there is one."""
    single: bool
    """Whether alpha is a scalar."""
    fluctuations: Callable[[], SoftmaxSpread]
    """Makes what finite-size error bars are computed from."""
    unknown_bars: str = ""
    """Why finite-size error bars are not known, and what to do; empty where they are."""
    _solved: dict[tuple[float, ...], SoftmaxSolution] = field(default_factory=dict, init=False)
    """Solutions by alpha."""
    _optima: dict[tuple[str, float], Optimum] = field(default_factory=dict, init=False)
    """The best alphas that were asked for."""

    # --- the fixed point --------------------------------------------------------------------------------

    def solution(self, alpha: ArrayLike) -> SoftmaxSolution:
        """The fixed point at one alpha: scores, residual, quadrature error; ConvergenceError if none."""
        values = self._alphas(alpha)
        if values.ndim != 1:
            raise ValueError(f"solution needs one alpha, got an array of shape {np.shape(alpha)}")
        return self._at(values)

    def _at(self, alpha: Array) -> SoftmaxSolution:
        key = tuple(alpha.tolist())
        if key not in self._solved:

            def equations(level: int, widths: tuple[Array, Array]) -> SoftmaxEquations:
                rules = tuple(nodes(level, spreads) for spreads in widths[0])
                return SoftmaxEquations(
                    self.reduction, self.basis, self.chances, self.intercept, alpha, widths[1], rules
                )

            groups = len(self.reduction.model.values)
            self._solved[key] = solve(equations, groups, self.reduction.contrasts)
        return self._solved[key]

    @cached_property
    def basis(self) -> Array:
        """Orthonormal contrasts of the K scores, shape (K, K - 1)."""
        return contrast_basis(len(self.priors))

    # --- the law of the scores --------------------------------------------------------------------------

    def class_mean(self, alpha: ArrayLike) -> FloatArray:
        """Mean of the K scores, less their average, in each class, intercept included: (..., K, K)."""
        return np.asarray(self._table(alpha, lambda s: s.state.mean @ self.basis.T))

    def class_covariance(self, alpha: ArrayLike) -> FloatArray:
        """Covariance of the K scores, less their average, within each class, shape (..., K, K, K)."""
        return np.asarray(self._table(alpha, lambda s: self._covariance(s.state)))

    def class_std(self, alpha: ArrayLike) -> FloatArray:
        """Standard deviation of the K scores, less their average, within each class, shape (..., K, K)."""
        variances = np.diagonal(self.class_covariance(alpha), axis1=-2, axis2=-1)
        return np.asarray(np.sqrt(np.maximum(variances, 0.0)))

    def offset(self, alpha: ArrayLike) -> FloatArray:
        """The intercepts of the K scores, less their average, shape (..., K); 0 without."""
        return np.asarray(self._table(alpha, lambda s: self.basis @ s.state.offset))

    # --- accuracy and losses ----------------------------------------------------------------------------

    def class_accuracy(self, alpha: ArrayLike) -> FloatArray:
        """Probability that a sample of each class is classified rightly, shape (..., K)."""
        return np.asarray(self._table(alpha, lambda s: self._right(s.state)[0]))

    def accuracy(self, alpha: ArrayLike) -> Real:
        """Probability that a fresh sample is classified rightly."""
        return self._table(alpha, lambda s: self._right(s.state)[0] @ self.priors)

    def expected_accuracy(self, alpha: ArrayLike) -> Real:
        """Average over draws of the training data of the accuracy, for Gaussian weights."""
        spread = self._spread
        return self._stacked(
            self._alphas(alpha), lambda row: spread.expected(*self._fixed_point(row)) @ self.priors
        )

    def accuracy_uncertainty(self, alpha: ArrayLike) -> Real:
        """Numerical error of `accuracy`: what other nodes, at least as many, change, and its quadrature."""

        def answer(solution: SoftmaxSolution) -> Array:
            (here, error), (other, _) = self._right(solution.state), self._right(solution.other)
            return abs((here - other) @ self.priors) + error @ self.priors + solution.residual

        return self._table(alpha, answer)

    def risk(self, alpha: ArrayLike) -> Real:
        """Squared error of the scores, less their average, against one-hot labels; see `test_loss`."""
        return self._by_state(alpha, lambda state: self._of_state("risk", state))

    def training_loss(self, alpha: ArrayLike) -> Real:
        """Average cross-entropy on the training sample, with the labels it has."""

        def answer(state: ContrastState) -> float:
            parts = equations_at(self, state).trained(state)
            return float(sum(share * (label_loss(self.basis, label, y) @ w) for share, label, y, w in parts))

        return self._by_state(alpha, answer)

    def training_accuracy(self, alpha: ArrayLike) -> Real:
        """Share of the training sample that is classified as it is labelled, to three digits or so."""

        def answer(state: ContrastState) -> float:
            rules = (scattered(len(state.offset)),) * len(state.covariance)
            parts = replace(equations_at(self, state), nodes=rules).trained(state)
            return float(
                sum(share * (((self.basis @ y).argmax(axis=0) == label) @ w) for share, label, y, w in parts)
            )

        return self._by_state(alpha, answer)

    # --- calibration ------------------------------------------------------------------------------------

    def posterior(self, score: ArrayLike, alpha: ArrayLike) -> FloatArray:
        """True probabilities of the classes given scores of shape (..., K), by Bayes' rule, at one alpha."""
        state = self.solution(alpha).state
        score = np.asarray(as_real("score", score), float)
        check_range("score", score, FINITE)
        if score.ndim == 0 or score.shape[-1] != len(self.priors):
            raise ValueError(f"score must have shape (..., {len(self.priors)}), got shape {score.shape}")
        points = np.moveaxis(score @ self.basis, -1, 0)
        flat = points.reshape(len(points), -1)
        found = calibration.posterior(flat, state.mean, self._each(state), self.priors)
        return np.moveaxis(found.reshape(-1, *score.shape[:-1]), 0, -1)

    def temperature(self, alpha: ArrayLike) -> Real:
        """The T for which softmax(s / T) has the least expected cross-entropy on fresh samples.

        1 is calibrated in this sense, above 1 overconfident (temperature scaling: Guo et al. 2017, arXiv
        1706.04599); inf if scores say nothing of the class.
        """
        return self._table(alpha, lambda s: calibration.temperature(self._samples(s.state), self.basis))

    def calibration_error(self, alpha: ArrayLike) -> Real:
        r"""Expected distance of stated and true probabilities, :math:`\frac12 E \sum_k |\hat p_k - p_k|`.

        The total variation: for two classes :math:`E |\hat p - p|`.  Known to three digits or so: the kinks
        of the absolute value are averaged over.
        """

        def answer(solution: SoftmaxSolution) -> Array:
            state = solution.state
            parts = self._samples(state, KINKED)
            return np.asarray(
                calibration.error(parts, self.basis, state.mean, self._each(state), self.priors)
            )

        return self._table(alpha, answer)

    # --- the best alpha ---------------------------------------------------------------------------------

    def optimum(self, criterion: str = "accuracy", *, rtol: float = 1e-3) -> Optimum:
        """The best alpha with its value, searched to a relative error of ``rtol``; see its bracket.

        ``"accuracy"`` is maximised; ``"risk"`` and the expected ``"loss"``, cross-entropy, are minimised, on
        fresh samples.
        """
        return self._optimum(criterion, rtol)

    def _searched(self, criterion: str, rtol: float) -> Optimum:
        sign = 1.0 if criterion == "accuracy" else -1.0

        def score(alpha: float) -> tuple[float, float]:
            solution = self._at(np.array([alpha]))
            here, other = (self._of_state(criterion, s) for s in (solution.state, solution.other))
            return sign * here, abs(here - other)

        return best_alpha(score, self._alpha_scale(), rtol)

    def optimal_alpha(self, criterion: str = "accuracy", *, rtol: float = 1e-3) -> Real:
        """The best alpha; inf or -inf if accuracy only approaches its supremum as alpha grows."""
        self._check("optimal_alpha")
        return self.optimum(criterion, rtol=rtol).alpha

    # --- finite-size error bars -------------------------------------------------------------------------

    def _bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        spread = self._spread
        return self._stacked(
            self._alphas(alpha), lambda row: spread.std(quantity, *self._fixed_point(row), class_counts)
        )

    def _fixed_point(self, alpha: Array) -> tuple[SoftmaxEquations, ContrastState]:
        state = self._at(alpha).state
        return replace(equations_at(self, state), alpha=alpha), state

    # --- internals --------------------------------------------------------------------------------------

    infinite_alpha: ClassVar[bool] = False
    _farthest: ClassVar[float] = 100.0
    _rtol: ClassVar[Range] = RTOL

    @property
    def priors(self) -> FloatArray:
        """Class probabilities."""
        return self.reduction.priors

    def _refusals(self) -> Mapping[str, str]:
        found = dict(super()._refusals())
        found |= dict.fromkeys(
            ("mean", "variance", "std", "second", "mean_std", "variance_std"),
            "this moment is defined for two classes with labels -1 and +1; use class_mean and "
            "class_covariance",
        )
        return found

    def _covariance(self, state: ContrastState) -> Array:
        return np.asarray(self.basis @ self._each(state) @ self.basis.T)

    def _each(self, state: ContrastState) -> Array:
        """Covariance of the contrasts of each class, shape (K, d, d)."""
        return np.asarray(state.covariance[self.reduction.group])

    def _right(self, state: ContrastState) -> tuple[Array, Array]:
        """Accuracy of each class, and its error by quadrature, shape (K,)."""
        roots = np.swapaxes(np.linalg.cholesky(self._each(state)), 1, 2) @ self.basis.T
        contrasts = Contrasts.of_scores(
            (state.mean @ self.basis.T)[..., None], roots[..., None], self.priors, None
        )
        return contrasts.class_accuracy(np.ones(1))

    def _of_state(self, criterion: str, state: ContrastState) -> float:
        """Accuracy, risk or expected loss in a state."""
        if criterion == "accuracy":
            return float(self._right(state)[0] @ self.priors)
        if criterion == "risk":
            miss = state.mean @ self.basis.T - np.eye(len(self.priors))
            spread = np.trace(self._each(state), axis1=1, axis2=2)
            return float(self.priors @ ((miss * miss).sum(axis=1) + spread))
        return calibration.fresh_loss(self._samples(state), self.basis)

    def _samples(self, state: ContrastState, finer: float = 1.0) -> list[calibration.FreshScores]:
        """Fresh scores of each class, with weights; more of them where functions have kinks."""
        equations = equations_at(self, state, finer)
        roots = equations.roots(state)
        found = []
        for c, g in enumerate(self.reduction.group):
            rule = equations.nodes[g]
            points = state.mean[c][:, None] + roots[g] @ rule.points
            found.append(calibration.FreshScores(points, self.priors[c] * rule.weights))
        return found

    def _alpha_scale(self) -> float:
        own = self._at(np.zeros(self.sources)).state
        reduction = self.reduction
        resolvent = reduction.resolvent(own.stiffness)
        moved = 0.0
        for one in np.eye(self.sources):
            weights = resolvent.weights(np.zeros((len(self.priors), reduction.contrasts)), one)
            covariance = resolvent.covariance(weights, 0 * own.covariance, one)
            reach = np.sqrt((resolvent.reach(one) ** 2).sum(axis=1).max())
            moved = max(moved, float(reach + np.sqrt(np.trace(covariance, axis1=1, axis2=2).max())))
        return own.size / moved if moved > 0 else np.inf

    def _alphas(self, alpha: ArrayLike) -> Array:
        values = alpha_values(alpha, self.sources, self.single, None, FINITE)
        if values.size and abs(values).max() > EXTREME:
            raise ValueError(f"alpha must be at most {EXTREME:g} in size, got {abs(values).max():g}")
        return values

    def _table(self, alpha: ArrayLike, answer: Callable[[SoftmaxSolution], Any]) -> Real:
        """``answer`` at every alpha."""
        return self._stacked(self._alphas(alpha), lambda row: answer(self._at(row)))

    def _by_state(self, alpha: ArrayLike, answer: Callable[[ContrastState], Any]) -> Real:
        return self._table(alpha, lambda solution: answer(solution.state))

    @property
    def _drawn(self) -> int:  # type: ignore[override]
        return 5 if len(self.priors) <= 3 and self.reduction.model.p <= 5_000 else 0

    def _summary(self) -> str:
        text = f"{len(self.priors)} classes"
        if not self._drawn:
            return f"{text}, p={self.reduction.model.p}"
        try:
            return f"{text}, {base.summary('accuracy', [(a, self.accuracy(a)) for a in (0.0, 1.0)])}"
        except ArithmeticError:  # to be seen is no reason to fail
            return f"{text}, {self.sources} sources"


def equations_at(curve: SoftmaxCurve, state: ContrastState, finer: float = 1.0) -> SoftmaxEquations:
    """The map without a source, for averages in a state; grids are ``finer`` than analytic functions need."""
    spreads, axes = state.axes
    rules = tuple(nodes(average_level(spreads.shape[1]), finer * each) for each in spreads)
    none = np.zeros(curve.sources)
    return SoftmaxEquations(curve.reduction, curve.basis, curve.chances, curve.intercept, none, axes, rules)
