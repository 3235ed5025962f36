"""`AlphaCurve`: everything that can be asked about a fine-tuned classifier as a function of alpha."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core import arithmetic
from rmt_alpha._core.alphas import FINITE, Formula, Point, evaluate
from rmt_alpha._core.arithmetic import Arithmetic
from rmt_alpha._core.checks import as_real, check_choice, check_range
from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import Curve, Optimum
from rmt_alpha.theory.isotropic import geometry
from rmt_alpha.theory.isotropic.fluctuations import Fluctuations
from rmt_alpha.theory.isotropic.geometry import Pair


@dataclass(frozen=True, eq=False, repr=False)
class AlphaCurve(Curve):
    r"""The law of the score of a fine-tuned classifier as a curve in alpha.

    .. math:: y\, w_\alpha^\top x \sim \mathcal N(m_\alpha, \sigma^2_\alpha), \qquad
        \text{accuracy}(\alpha) = \Phi(m_\alpha / \sigma_\alpha)

    with an affine mean and a quadratic variance.  Accuracy is *signed*: a classifier that is wrong more often
    than right has accuracy below 1/2.  Curves come from ``TransferProblem.curve()``; the fields are for those
    who derive a new model.  A problem of arrays broadcasts with alpha.

    Examples
    --------
    >>> from rmt_alpha import TransferProblem
    >>> curve = TransferProblem(beta=0.8, p=400, n=40, gamma=0.1).curve()
    >>> round(curve.accuracy(1.0), 4), round(curve.accuracy(curve.optimal_alpha()), 4)
    (0.7782, 0.7785)
    >>> curve
    AlphaCurve(accuracy 0.613 at alpha=0, 0.778 at 1, 0.779 at 0.854)
    """

    kappa: Real
    """The effective ridge: alpha enters every score as t = kappa alpha."""
    mean_line: Pair
    """Mean of the score, (a0, a1) for a0 + a1 t."""
    aligned: Real
    """r, the part of the standard deviation that is proportional to the mean."""
    terms: tuple[Pair, ...]
    """The rest: variance = (r mean)^2 + sum over terms of (u + v t)^2.  A sum of squares of affine functions
    is evaluated, and maximised, without the cancellation that a quadratic polynomial suffers."""
    risk_parts: Callable[[], tuple[Any, tuple[Pair, ...]]]
    """Returns (floor, terms) of the risk E(y - w.x)^2 = floor + kappa^2 * (sum over terms of (r + q
    alpha)^2); called when the risk is first asked for."""
    ops: Arithmetic
    """The number type of the fields."""
    dps: int | None = None
    """Decimal digits of the results in high precision, None for float64."""
    fluctuations: Callable[[], Fluctuations] | None = None
    """Returns the `Fluctuations` behind the finite-size error bars; None if the model has none."""

    # --- the law of the score ------------------------------------------------------------------------

    def mean(self, alpha: ArrayLike) -> Real:
        """Mean of the score, E[y w.x]; 1 would be a perfect regression on the labels."""
        return self._evaluate(lambda at: self._line(self.mean_line, at), alpha)

    def variance(self, alpha: ArrayLike) -> Real:
        """Variance of the score within a class, E[(w.x)^2] - mean^2; in the isotropic model ||w||^2."""
        return self._evaluate(self._variance, alpha)

    def std(self, alpha: ArrayLike) -> Real:
        """Standard deviation of the score within a class."""
        return self._evaluate(lambda at: at.ops.sqrt(self._variance(at)), alpha)

    def second(self, alpha: ArrayLike) -> Real:
        """Second moment of the score, E[(w.x)^2] = variance + mean^2 (nu in the paper)."""
        return self._evaluate(lambda at: self._variance(at) + _square(self._line(self.mean_line, at)), alpha)

    def risk(self, alpha: ArrayLike) -> Real:
        """Squared test risk, E(y - w.x)^2 = variance + (1 - mean)^2."""

        def formula(at: Point) -> Any:
            floor, terms = self._risk
            lines = (at.line(self.kappa * r, self.kappa * q) for r, q in terms)
            return floor + sum(_square(line) for line in lines)

        return self._evaluate(formula, alpha)

    # --- accuracy ------------------------------------------------------------------------------------

    def margin(self, alpha: ArrayLike) -> Real:
        """Mean over standard deviation: the signed signal-to-noise ratio, accuracy = Phi(margin)."""
        return self._evaluate(self._margin, alpha)

    def accuracy(self, alpha: ArrayLike) -> Real:
        """Test accuracy Phi(mean / std), signed (not folded with max(acc, 1 - acc))."""
        return self._evaluate(lambda at: at.ops.ndtr(self._margin(at)), alpha)

    def error(self, alpha: ArrayLike) -> Real:
        """Test error Phi(-mean / std); keeps its relative precision where accuracy rounds to 1."""
        return self._evaluate(lambda at: at.ops.ndtr(-self._margin(at)), alpha)

    def log_accuracy(self, alpha: ArrayLike) -> Real:
        """Logarithm of the accuracy, finite where the accuracy itself underflows."""
        return self._evaluate(lambda at: at.ops.log_ndtr(self._margin(at)), alpha)

    def log_error(self, alpha: ArrayLike) -> Real:
        """Logarithm of the error, finite where the error itself underflows."""
        return self._evaluate(lambda at: at.ops.log_ndtr(-self._margin(at)), alpha)

    def accuracy_derivative(self, alpha: ArrayLike) -> Real:
        r"""Derivative of the accuracy in alpha, :math:`\varphi(m/\sigma)\, \frac{d}{d\alpha}(m/\sigma)`."""

        def formula(at: Point) -> Any:
            # d/dt (m/sigma) = sum_j (u_j + v_j t) w_j / sigma^3 with the wedge products w_j, free of t.
            rays = [self._ray(pair, at) for pair in self.terms]
            sigma = at.ops.sqrt(self._sum_of_squares(self._ray(self.mean_line, at), rays))
            turn = sum(
                ray * geometry.wedge(pair, self.mean_line) for ray, pair in zip(rays, self.terms, strict=True)
            )
            x = self._margin(at)
            density = at.ops.exp(-x * x / 2) / at.ops.sqrt(2 * at.ops.pi)
            slope = at.ops.ratio(turn, sigma * sigma * sigma)
            return self.kappa * density * slope * (at.present * at.present)

        return self._evaluate(formula, alpha)

    # --- the best alpha, and how much it matters -----------------------------------------------------

    def optimum(self, criterion: str = "accuracy") -> Optimum:
        """The best alpha with its value; see `optimal_alpha`."""
        best = self.optimal_alpha(criterion)
        value = self.risk(best) if criterion == "risk" else self.accuracy(best)
        infinite = np.isinf(np.asarray(best, float))
        direction = np.where(infinite, np.sign(np.asarray(best, float)), 0.0)[..., None]
        finite = ~infinite if infinite.ndim else not infinite
        return Optimum(best, value, direction if infinite.any() else None, (best, best), finite)

    def optimal_alpha(self, criterion: str = "accuracy") -> Real:
        r"""The best alpha, in closed form.

        ``"accuracy"`` maximises :math:`m_\alpha / \sigma_\alpha`: use it to classify.  ``"risk"`` minimises
        :math:`E (y - w_\alpha^\top x)^2`: use it when the score itself must be close to the label
        (regression, scores that are averaged or thresholded elsewhere).  They are different
        numbers, because the risk also charges for the length of the score, which its sign ignores.

        Finite wherever the source influences the classifier, 0 if the source is orthogonal to the target
        mean.  For ``"accuracy"`` without ridge and with p < n, where the source has no influence, the signed
        infinity that the optimum tends to.
        """
        self._check_criterion(criterion)
        with arithmetic.working_precision(self.dps):
            if criterion == "risk":
                _, terms = self._risk
                pull = -sum(r * q for r, q in terms)
                return self._result(self.ops.ratio(pull, sum(q * q for _, q in terms)))
            z0, z1 = geometry.best_direction(self.mean_line, self.terms)
            return self._result(self._alpha(self.ops.ratio(z1, z0)))

    def neutral_alpha(self) -> Real:
        """The alpha at which the mean is 0 and accuracy exactly 1/2; inf where there is none."""
        with arithmetic.working_precision(self.dps):
            a0, a1 = self.mean_line
            slope = a1 * self.kappa
            exists = slope != 0
            value = -a0 / self.ops.where(exists, slope, 1 + 0 * slope)
            return self._result(self.ops.where(exists, value, self.ops.number(math.inf)))

    def transfer_interval(self) -> tuple[Real, Real]:
        """The open interval (low, high) that beats alpha = 0; one end is 0, both if none does."""
        with arithmetic.working_precision(self.dps):
            end = self._alpha(geometry.better_than_zero(self.mean_line, self.terms, self.ops))
            # Without ridge and with p < n every alpha gives the same accuracy: none is better.
            end = self.ops.where(self.kappa == 0, 0 * self.kappa, end)
            zero = self.ops.number(0)
            low, high = self.ops.where(end < 0, end, zero), self.ops.where(end > 0, end, zero)
            return self._result(low), self._result(high)

    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """How precise need alpha be: the interval whose accuracy is within ``tolerance`` of the best."""
        allowed = base.check_tolerance(tolerance)
        with arithmetic.working_precision(self.dps):
            ops = self.ops if not isinstance(allowed, np.ndarray) else arithmetic.array_version(self.ops)
            best = self.margin(self.optimal_alpha())
            level = ops.ndtr(-best) + allowed  # the error that is still accepted
            floor = -ops.ndtri(ops.where(level < 1, level, ops.number(1)))
            cosine = ops.ratio(ops.where(abs(floor) < best, floor, -best), best)
            ends = geometry.level_interval(self.mean_line, self.aligned, self.terms, cosine, ops)
            # Without influence (kappa 0) every alpha is as good as any other.
            everywhere = self.kappa == 0
            low, high = (
                self._result(ops.where(everywhere, sign * ops.number(math.inf), self._alpha(end)))
                for sign, end in zip((-1, 1), ends, strict=True)
            )
            return low, high

    def gain(self, over: ArrayLike = 1.0) -> Real:
        """Accuracy that alpha* gains over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        with arithmetic.working_precision(self.dps):
            return self._result(self.error(over) - self.error(self.optimal_alpha()))

    def along(self, direction: ArrayLike) -> AlphaCurve:
        """The curve of s with alpha = s * direction, a finite number."""
        factor: Any = base.check_direction(direction, 1)[0]
        fluctuations = self.fluctuations and partial(_fluctuations_along, self.fluctuations, float(factor))
        if self.dps is not None:
            factor = arithmetic.to_mpf(factor)

        def along(pair: Pair) -> Pair:
            return pair[0], pair[1] * factor

        with arithmetic.working_precision(self.dps):
            return replace(
                self,
                mean_line=along(self.mean_line),
                terms=tuple(map(along, self.terms)),
                risk_parts=partial(_risk_along, self.risk_parts, factor),
                fluctuations=fluctuations,
            )

    # --- the classes, labelled -1 and +1, which are mirror images of each other -----------------------

    def class_mean(self, alpha: ArrayLike) -> FloatArray:
        """Mean score of each class, shape (..., 2)."""
        mean = self.mean(alpha)
        return np.stack([-np.asarray(mean), np.asarray(mean)], axis=-1)

    def class_std(self, alpha: ArrayLike) -> FloatArray:
        """Standard deviation of the score within each class, shape (..., 2)."""
        return _twice(self.std(alpha))

    def class_accuracy(self, alpha: ArrayLike) -> FloatArray:
        """Probability that a sample of each class is classified rightly, shape (..., 2)."""
        return _twice(self.accuracy(alpha))

    # --- finite-size error bars --------------------------------------------------------------------------

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        if self.fluctuations is None:
            raise self._not_available(f"{quantity}_std")
        # The classes are mirror images: how many samples each has does not matter.
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        if quantity == "class_accuracy":
            return _twice(self._error_bar("accuracy", alpha, class_counts))
        check_range("alpha", at := as_real("alpha", alpha), FINITE)
        mean, std = np.asarray(self.mean(at)), np.asarray(self.std(at))
        deviation: Real = self.fluctuations().std(quantity, self.kappa * at, mean, std)
        return deviation

    def optimal_alpha_std(self, criterion: str = "accuracy", *, class_counts: str = "fixed") -> Real:
        """Standard deviation, over draws of the training data, of the alpha that is best for the draw."""
        if self.fluctuations is None:
            raise self._not_available("optimal_alpha_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        self._check_criterion(criterion)
        if criterion == "risk":
            at = self.kappa * np.asarray(self.optimal_alpha("risk"))
            least: Real = self.fluctuations().least_risk_alpha_std(at, self.kappa)
            return least
        best = geometry.best_direction(self.mean_line, self.terms)
        std: Real = self.fluctuations().optimal_alpha_std(best, self.kappa)
        return std

    # --- internals -----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the fields, () for a scalar problem."""
        return np.broadcast_shapes(
            *(np.shape(x) for x in (self.kappa, *self.mean_line, *sum(self.terms, ())))
        )

    def _refusals(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        if self.fluctuations is None:
            found |= dict.fromkeys(
                base.ERROR_BARS,
                "this curve has no finite-size error bars: they exist in float64 (dps=None) for "
                "TransferProblem",
            )
        found["expected_accuracy"] = (
            "all directions are equally strong here, and accuracy is its own average up to terms of order "
            "1/n; FineTuning.from_transfer(problem).curve() has it"
        )
        if self.shape:
            found["landmarks"] = (
                f"they exist for a scalar problem, this is an array of them of shape {self.shape}: use "
                "optimal_alpha and neutral_alpha"
            )
        return found

    def _alpha_scale(self) -> float:
        pairs = [(self.aligned * self.mean_line[0], self.aligned * self.mean_line[1]), *self.terms]
        first, second = (math.sqrt(sum(float(pair[i]) ** 2 for pair in pairs)) for i in (0, 1))
        influence = float(self.kappa) * (second or abs(float(self.mean_line[1])))
        return (first or 1.0) / influence if influence else math.inf

    def _summary(self) -> str:
        if self.shape:
            return f"{self.shape} problems"
        return base.summary(
            "accuracy", [(alpha, self.accuracy(alpha)) for alpha in (0, 1, self.optimal_alpha())]
        )

    @cached_property
    def _risk(self) -> tuple[Any, tuple[Pair, ...]]:
        return self.risk_parts()

    def _line(self, pair: Pair, at: Point) -> Any:
        return at.line(pair[0], self.kappa * pair[1])

    def _ray(self, pair: Pair, at: Point) -> Any:
        return at.ray(pair[0], self.kappa * pair[1])

    def _variance(self, at: Point) -> Any:
        return self._sum_of_squares(
            self._line(self.mean_line, at), (self._line(pair, at) for pair in self.terms)
        )

    def _sum_of_squares(self, mean: Any, terms: Iterable[Any]) -> Any:
        return sum((_square(term) for term in terms), start=_square(self.aligned * mean))

    def _margin(self, at: Point) -> Any:
        if at.extreme:
            at = at.grounded(self._has_influence())
        mean = self._ray(self.mean_line, at)
        variance = self._sum_of_squares(mean, (self._ray(pair, at) for pair in self.terms))
        # Variance 0 means w = 0: every score is 0 and accuracy, by convention, 1/2 (ratio(0, 0) = 0).
        return at.ops.ratio(mean, at.ops.sqrt(variance))

    def _has_influence(self) -> Any:
        """Whether alpha matters at all."""
        slopes = (pair[1] for pair in (self.mean_line, *self.terms))
        return self.kappa * sum(abs(slope) for slope in slopes) != 0

    def _alpha(self, t: Any) -> Any:
        """alpha = t / kappa, with the signed infinity that it tends to as kappa -> 0."""
        return self.ops.ratio(t, self.kappa)

    def _evaluate(self, formula: Formula, alpha: ArrayLike) -> Real:
        return evaluate(formula, alpha, self.ops, self.dps)


def _square(x: Any) -> Any:
    return x * x


def _twice(value: Any) -> FloatArray:
    return np.stack([np.asarray(value)] * 2, axis=-1)


def _fluctuations_along(fluctuations: Callable[[], Fluctuations], factor: float) -> Fluctuations:
    return fluctuations().along(factor)


def _risk_along(
    parts: Callable[[], tuple[Any, tuple[Pair, ...]]], factor: Any
) -> tuple[Any, tuple[Pair, ...]]:
    floor, terms = parts()
    return floor, tuple((r, q * factor) for r, q in terms)
