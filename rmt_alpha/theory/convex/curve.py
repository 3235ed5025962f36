"""`LossCurve`: fine-tuning with a convex loss as a function of alpha."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rmt_alpha._core.alphas import ALPHA, EXTREME, FINITE, alpha_values
from rmt_alpha._core.checks import as_real, check_choice, check_range
from rmt_alpha._core.types import Array, FloatArray, Real
from rmt_alpha.errors import ConvergenceError, NotAvailable
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.problems.losses.logistic import Logistic
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.convex import calibration, infinity
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.optimum import RTOL, best_alpha, best_vector
from rmt_alpha.theory.convex.path import FixedPoints
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.separability import HardMargin
from rmt_alpha.theory.convex.solver import Solution, distance
from rmt_alpha.theory.curve import Curve, Optimum
from rmt_alpha.theory.error_bars.convex_loss import LossSpread
from rmt_alpha.theory.mixtures.curve import MixtureCurve
from rmt_alpha.theory.ridge.dense import DenseCovariances

STEP = 0.03
"""Of differences, in units of alpha, for the spread of the best alpha: errors of its fourth power."""
SIGN = np.array([-1.0, 1.0])
"""Labels of the two classes."""


@dataclass(frozen=True, eq=False, repr=False)
class LossCurve(Curve):
    r"""The law of the scores of a classifier fine-tuned with a convex loss, as a function of alpha.

    .. math:: s \mid c \sim \mathcal N(u_c, \sigma_c^2), \qquad
        \text{accuracy}(\alpha) = \sum_c \pi_c\, \Phi(y_c u_c / \sigma_c)

    *signed*, as everywhere.  Nothing is affine in alpha as it is for the squared loss: every alpha takes the
    solution of a fixed point, which depends on nothing that was asked before and is kept.  Curves come from
    ``FineTuning(..., loss=...).curve()``.

    Notes
    -----
    Where the forces of all samples are saturated, as with the hinge loss and a large gamma, the intercept is
    free in the limit of large n (`solution` has the status "flat").  What decides it is which label a sample
    has more of: every answer is then the average over the random number of labels +1 among n samples, in
    classes of fixed size as in `rmt_alpha.simulate`.

    gamma = 0 is the limit gamma -> 0.  Data that cannot be separated have a least loss, and no source changes
    where; on others the margin becomes the largest possible (`rmt_alpha.separable`), and scores are in units
    of it: with the hinge losses, whose scores stay finite, the least change of the source with all margins at
    least 1; with the logistic loss, whose scores grow for ever, the direction alone, without a source.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> mean = np.ones(100) / 10
    >>> target = GaussianMixture.symmetric(
    ...     2 * mean, covariance=np.linspace(0.1, 3, 100)
    ... )
    >>> problem = FineTuning(
    ...     target, FixedSource(mean), n=80, gamma=0.01, loss="logistic"
    ... )
    >>> curve = problem.curve()
    >>> curve
    LossCurve(logistic loss, accuracy 0.899 at alpha=0, 0.923 at 1)
    >>> round(curve.accuracy(curve.optimal_alpha()), 3)
    0.947
    """

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
        return self._table(alpha, lambda s, _: self._of_state("risk", s.state))

    def test_loss(self, alpha: ArrayLike) -> Real:
        """Expected loss on a fresh sample with its true label, E phi(y s)."""
        return self._table(alpha, lambda s, _: self._of_state("loss", s.state))

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

    # --- calibration ------------------------------------------------------------------------------------

    def posterior(self, score: ArrayLike, alpha: ArrayLike) -> Real:
        """True probability of label +1 given the score, by Bayes' rule; alpha is one alpha."""
        state = self.solution(alpha).state
        score = np.asarray(as_real("score", score), float)
        check_range("score", score, FINITE)
        return self._result(calibration.posterior(score, state.mean, state.std[self._group], self.priors))

    def calibration_slope(self, alpha: ArrayLike) -> Real:
        """Slope of the true log odds in the score, where both classes have one spread (else at its centre).

        1 is calibrated, below 1 overconfident; for losses that state probabilities as the logistic does.
        """
        return self._table(alpha, lambda s, _: calibration.slope(s.state.mean, s.state.std[self._group]))

    def calibration_error(self, alpha: ArrayLike) -> Real:
        r"""Expected difference between stated and true probability, :math:`E\,|\hat p(s) - P(+1 \mid s)|`."""
        self._check("calibration_error")
        return self._table(
            alpha,
            lambda s, _: calibration.error(self.loss, s.state.mean, s.state.std[self._group], self.priors),
        )

    # --- the best alpha ---------------------------------------------------------------------------------

    def optimum(self, criterion: str = "accuracy", *, rtol: float = 1e-6) -> Optimum:
        """The best alpha with its value, known to a relative error of ``rtol``.

        ``"accuracy"`` is maximised; ``"risk"``, E (y - s)^2, and the expected ``"loss"`` are minimised, on
        fresh samples.
        """
        self._check("optimum")
        self._check_criterion(criterion)
        check_range("rtol", rtol := as_real("rtol", rtol), RTOL)
        if (criterion, rtol) not in self._optima:
            search = self._best if self.single else self._best_vector
            self._optima[criterion, rtol] = search(criterion, rtol)
        return self._optima[criterion, rtol]

    def optimal_alpha(self, criterion: str = "accuracy", *, rtol: float = 1e-6) -> Real:
        """The best alpha; inf or -inf if accuracy only approaches its supremum as alpha grows."""
        self._check("optimal_alpha")
        return self.optimum(criterion, rtol=rtol).alpha

    def accuracy_derivative(self, alpha: ArrayLike) -> Real:
        """Derivative of the accuracy in alpha."""
        self._check("accuracy_derivative")
        values = self._alphas(alpha, infinite=True)[..., 0]
        score, units = partial(self._of_state, "accuracy"), self._units()
        found = [
            0.0 if np.isinf(a) else self._points.gradient(np.array([a]), score, units)[0]
            for a in values.ravel().tolist()
        ]
        return self._result(np.array(found).reshape(values.shape))

    def along(self, direction: ArrayLike) -> LossCurve:
        """The curve of a scalar s, alpha = s * direction: several sources in fixed proportions."""
        vector = base.check_direction(direction, self.sources)
        return replace(
            self,
            reduction=self.reduction.along(vector),
            single=True,
            squared=self.squared.along(vector),
            fluctuations=partial(_fluctuations_along, self.fluctuations, vector),
        )

    # --- finite-size error bars --------------------------------------------------------------------------

    def optimal_alpha_std(self, criterion: str = "accuracy", *, class_counts: str = "fixed") -> Real:
        """Standard deviation, over draws of the training data, of the alpha that is best for the draw.

        For accuracy and risk, with known sources and losses without kinks.
        """
        self._check("optimal_alpha_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        best, unit = self.optimum(criterion), STEP * self._alpha_scale()
        if criterion == "loss" or not best.finite:
            why = "it is known for accuracy and risk" if best.finite else "no finite alpha is best"
            raise NotAvailable(
                f"LossCurve has no optimal_alpha_std here: {why}; simulate draws at several alphas"
            )
        if np.isinf(unit):  # the source changes nothing
            return 0.0
        alphas = [np.array([float(best.alpha) + unit * k]) for k in (-2, -1, 0, 1, 2)]
        states = [self._points.at(alpha).state for alpha in alphas]
        around = [self._of_state(criterion, state) for state in states]
        curvature = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) @ around / (12 * unit**2)
        points = [(self.equations(alpha), state) for alpha, state in zip(alphas, states, strict=True)]
        weights = np.array([1.0, -8.0, 8.0, -1.0]) / (12 * unit)
        slope = self._spread.slope_std(criterion, points[:2] + points[3:], weights, class_counts)
        return float(slope / abs(curvature))

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        self._check(f"{quantity}_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        spread = self._spread
        return self._table(alpha, lambda s, equations: spread.std(quantity, equations, s.state, class_counts))

    @cached_property
    def _spread(self) -> LossSpread:
        return self.fluctuations()

    # --- internals --------------------------------------------------------------------------------------

    costly: ClassVar[bool] = True
    criteria: ClassVar[tuple[str, ...]] = ("accuracy", "risk", "loss")
    _steps: ClassVar[int] = 24  # each takes the solution of a fixed point
    _farthest: ClassVar[float] = 1e4
    dps = None

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return self.reduction.sources

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

    def _refusals(self) -> Mapping[str, str]:
        found = dict(super()._refusals())
        if reason := self._unknown_best():
            found["optimal_alpha_std"] = f"{reason}: use curve.squared, or simulate draws at several alphas"
        if self.unknown_bars:
            found |= dict.fromkeys(base.ERROR_BARS, self.unknown_bars)
        if not self.single:
            found |= dict.fromkeys(
                (
                    *("accuracy_derivative", "neutral_alpha", "landmarks"),
                    *("transfer_interval", "tolerance_interval"),
                ),
                f"it is searched for one scalar alpha, here it has {self.sources} components: use "
                "along(direction) to fix their proportions",
            )
        if not self.loss.states_probabilities:
            found["calibration_error"] = (
                f"the {self.loss.name} loss states no probabilities; use loss='logistic', or read the true "
                "ones from curve.posterior"
            )
        return found

    def _unknown_best(self) -> str:
        """Why the spread of the best alpha is not known; empty where it is."""
        if not self.single:
            return "it is known for one scalar alpha, see along(direction)"
        if any(self.reduction.prior.noise):
            return "fits at two alphas with a source that is random are not known"
        if self.reduction.gamma == 0 or self.wall is not None:
            return "without ridge it is not known"
        loss = self.loss
        line = isinstance(loss, PiecewiseQuadratic) and len(loss.margins) == 1 and loss.before == loss.after
        if loss.breaks(np.ones(1)).size and not line:
            return f"fits at two alphas are known for losses without kinks, unlike {loss.name}"
        return ""

    def _margins(self, state: State) -> Array:
        """Mean over standard deviation of label times score, shape (2,)."""
        return np.asarray(SIGN * state.mean / state.std[self._group])

    def _log_share(self, margins: Array) -> Any:
        """log sum_c pi_c Phi(margin_c)."""
        return special.logsumexp(special.log_ndtr(margins), b=self.priors)

    def _of_state(self, criterion: str, state: State) -> float:
        """Accuracy, risk or expected loss in a state."""
        std = state.std[self._group]
        if criterion == "accuracy":
            return float(self.priors @ special.ndtr(self._margins(state)))
        if criterion == "risk":
            return float(self.priors @ ((SIGN - state.mean) ** 2 + std**2))
        return float(self.priors @ self.loss.test_loss(SIGN * state.mean, std))

    def _best(self, criterion: str, rtol: float) -> Optimum:
        sign, units = 1.0 if criterion == "accuracy" else -1.0, self._units()
        ask = {"accuracy": self.accuracy, "risk": self.risk, "loss": self.test_loss}[criterion]

        def slope(alpha: float) -> float:
            of_state = partial(self._of_state, criterion)
            return sign * float(self._points.gradient(np.array([alpha]), of_state, units)[0])

        best = best_alpha(lambda alpha: sign * np.asarray(ask(alpha)), slope, float(units[0]), rtol)
        if best.finite or criterion != "accuracy":
            return best
        with suppress(NotAvailable):  # some losses do not say how they end
            best = replace(best, value=self.accuracy(best.alpha))
        return best

    def _best_vector(self, criterion: str, rtol: float) -> Optimum:
        sign, units = 1.0 if criterion == "accuracy" else -1.0, self._units()
        ask = {"accuracy": self.accuracy, "risk": self.risk, "loss": self.test_loss}[criterion]

        def gradient(alpha: Array) -> Array:
            return sign * self._points.gradient(alpha, partial(self._of_state, criterion), units)

        def along(direction: Array) -> Optimum:
            return self.along(direction).optimum(criterion, rtol=rtol)

        squared = self.squared.optimum("accuracy")
        first = squared.alpha if squared.direction is None else squared.direction
        far = (lambda d: float(self.along(d).accuracy(np.inf))) if criterion == "accuracy" else None
        return best_vector(
            lambda alpha: sign * float(ask(alpha)), gradient, along, far, np.asarray(first, float), units
        )

    def _units(self) -> Array:
        """Natural sizes of the components of alpha: each source moves scores as much as the data."""
        own = self._points.at(np.zeros(self.sources)).state
        reduced = self.reduction.at(own.theta)
        classes = len(self.priors)
        moved = np.sqrt(
            np.einsum("gss->gs", reduced.forms[:, classes:, classes:])
            + (reduced.reach**2).sum(axis=0)
            + reduced.noise
        ).max(axis=0)
        size = float(np.sqrt((own.std**2).sum() + (own.mean**2).sum()))
        return np.where(moved > 0, size / np.where(moved > 0, moved, 1.0), 1.0)

    def _alpha_scale(self) -> float:
        seen = infinity.seen(self.equations(np.zeros(self.sources)))
        return float(self._units()[0]) if seen else np.inf

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
        values = self._alphas(alpha, infinite)
        flat = values.reshape(-1, self.sources)
        if not len(flat):
            return np.empty(values.shape[:-1])
        table = np.stack(
            [
                sum(
                    draw.weight * np.asarray(answer(draw.solution, draw.equations), float)
                    for draw in self._points.draws(row)
                )
                for row in flat
            ]
        )
        return self._result(table.reshape((*values.shape[:-1], *table.shape[1:])))

    @property
    def _drawn(self) -> int:  # type: ignore[override]
        model = self.reduction.model
        quick = isinstance(self.loss, PiecewiseQuadratic | Logistic)  # of others the expectations are slow
        return 9 if quick and model.p <= (30 if isinstance(model, DenseCovariances) else 5_000) else 0

    def _known_optimum(self) -> Optimum | None:
        return next((best for (name, _), best in self._optima.items() if name == "accuracy"), None)

    def _summary(self) -> str:
        if not self._drawn:
            return f"{self.loss.name} loss, p={self.reduction.model.p}"
        try:
            found = base.summary("accuracy", [(alpha, self.accuracy(alpha)) for alpha in (0.0, 1.0)])
        except ConvergenceError:  # to be seen is no reason to fail
            found = f"{self.sources} sources"
        return f"{self.loss.name} loss, {found}"


def _fluctuations_along(fluctuations: Callable[[], LossSpread], direction: Array) -> LossSpread:
    return fluctuations().along(direction)
