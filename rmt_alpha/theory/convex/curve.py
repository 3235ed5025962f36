"""`LossCurve`: fine-tuning with a convex loss as a function of alpha."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha._core.types import Array, Real
from rmt_alpha.errors import ConvergenceError, NotAvailable
from rmt_alpha.problems.losses.logistic import Logistic
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.convex import calibration, infinity
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.law import LossLaw
from rmt_alpha.theory.convex.optimum import NONE, RTOL, best_alpha, best_vector
from rmt_alpha.theory.curve import Optimum
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.searches import SATURATED, LevelSearch


@dataclass(frozen=True, eq=False, repr=False)
class LossCurve(LossLaw):
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
        return self._optimum(criterion, rtol)

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

    def _searched(self, criterion: str, rtol: float) -> Optimum:
        return (self._best if self.single else self._best_vector)(criterion, rtol)

    def _changed_along(self, vector: Array) -> dict[str, Any]:
        return super()._changed_along(vector) | {"squared": self.squared.along(vector)}

    # --- finite-size error bars --------------------------------------------------------------------------

    def _bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        spread = self._spread
        return self._table(alpha, lambda s, equations: spread.std(quantity, equations, s.state, class_counts))

    def _fixed_point(self, alpha: Array) -> tuple[Equations, State]:
        return self.equations(alpha), self._points.at(alpha).state

    # --- internals --------------------------------------------------------------------------------------

    _farthest: ClassVar[float] = 1e4
    _rtol: ClassVar[Range] = RTOL
    _whole: ClassVar[tuple[str, ...]] = ("optimum", "optimal_alpha", "gain")

    def _refusals(self) -> Mapping[str, str]:
        found = dict(super()._refusals())
        if not self.unknown_bars and self.single and (self.reduction.gamma == 0 or self.wall is not None):
            found["optimal_alpha_std"] = "without ridge it is not known: use curve.squared, or simulate"
        if not self.loss.states_probabilities:
            found["calibration_error"] = (
                f"the {self.loss.name} loss states no probabilities; use loss='logistic', or read the true "
                "ones from curve.posterior"
            )
        return found

    def _best(self, criterion: str, rtol: float) -> Optimum:
        best = self._best_of(criterion, rtol)
        if criterion != "accuracy":
            return best
        if best.value > SATURATED:
            best = self._best_of("margin", rtol)
        with suppress(NotAvailable):  # some losses do not say how they end
            best = replace(best, value=self.accuracy(best.alpha))
        return best

    def _best_of(self, criterion: str, rtol: float) -> Optimum:
        """The search; the margin is greatest where the accuracy is, and does not saturate."""
        sign, units = 1.0 if criterion in ("accuracy", "margin") else -1.0, self._units()
        ask, of_state = self._asked(criterion), partial(self._of_state, criterion)

        def slope(alpha: float) -> float:
            return sign * float(self._points.gradient(np.array([alpha]), of_state, units)[0])

        return best_alpha(lambda alpha: sign * np.asarray(ask(alpha)), slope, float(units[0]), rtol)

    def _best_vector(self, criterion: str, rtol: float) -> Optimum:
        best = self._best_vector_of(criterion, criterion, rtol)
        if criterion == "accuracy" and best.value > SATURATED and best.finite:
            best = self._best_vector_of(criterion, "margin", rtol)
            best = replace(best, value=self.accuracy(best.alpha))
        return best

    def _best_vector_of(self, criterion: str, quantity: str, rtol: float) -> Optimum:
        sign, units = 1.0 if criterion == "accuracy" else -1.0, self._units()
        ask = self._asked(quantity)

        def gradient(alpha: Array) -> Array:
            return sign * self._points.gradient(alpha, partial(self._of_state, quantity), units)

        def along(direction: Array) -> Optimum:
            return self.along(direction).optimum(criterion, rtol=rtol)

        squared = self.squared.optimum("accuracy")
        first = squared.alpha if squared.direction is None else squared.direction
        far = (lambda d: float(self.along(d).accuracy(np.inf))) if criterion == "accuracy" else None
        return best_vector(
            lambda alpha: sign * float(ask(alpha)), gradient, along, far, np.asarray(first, float), units
        )

    def _lead(self, alpha: float, over: float) -> float:
        if self.accuracy(over) <= SATURATED:
            return float("nan")
        return float(self.margin(alpha)) - float(self.margin(over))

    def _level_interval(self, level: Any, best: Optimum, over: float | None = None) -> tuple[Any, Any]:
        if over is None or level <= SATURATED:
            return super()._level_interval(level, best, over)
        scale, steps = self._alpha_scale(), self._steps
        search = LevelSearch(
            *(self.margin, self.margin(over), float(best.alpha), scale, self._farthest, steps),
            one_by_one=True,
            prepare=self._prepare,
        )
        low, high = (over if abs(end - over) < NONE * scale else end for end in search.ends())
        return low, high

    def _asked(self, quantity: str) -> Callable[[ArrayLike], Real]:
        answer: Callable[[ArrayLike], Real] = getattr(self, "test_loss" if quantity == "loss" else quantity)
        return answer

    def _units(self) -> Array:
        """Natural sizes of the components of alpha: each source moves scores as much as the data."""
        alone = np.zeros(self.sources)
        found = self._points.at(alone)
        # Where w = 0 nothing tells how stiff the loss is next to it: as the squared loss.
        own = self._squared_state(alone) if found.status == "collapsed" else found.state
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

    @property
    def _drawn(self) -> int:  # type: ignore[override]
        model = self.reduction.model
        quick = isinstance(self.loss, PiecewiseQuadratic | Logistic)  # of others the expectations are slow
        return 9 if quick and model.p <= (30 if isinstance(model, DenseCovariances) else 5_000) else 0

    def _summary(self) -> str:
        if not self._drawn:
            return f"{self.loss.name} loss, p={self.reduction.model.p}"
        try:
            found = base.summary("accuracy", [(alpha, self.accuracy(alpha)) for alpha in (0.0, 1.0)])
        except ConvergenceError:  # to be seen is no reason to fail
            found = f"{self.sources} sources"
        return f"{self.loss.name} loss, {found}"
