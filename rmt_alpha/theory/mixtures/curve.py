"""`MixtureCurve`: everything that can be asked about fine-tuning on a mixture as a function of alpha."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import mpmath
import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rmt_alpha._core import arithmetic
from rmt_alpha._core.alphas import ALPHA, FINITE, alpha_values, as_alpha, directions, points
from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import Array, FloatArray, Real
from rmt_alpha.errors import NotAvailable
from rmt_alpha.theory import curve as base
from rmt_alpha.theory.curve import Curve, Optimum, in_precision
from rmt_alpha.theory.error_bars.mixture import MixtureSpread
from rmt_alpha.theory.isotropic.curve import AlphaCurve
from rmt_alpha.theory.mixtures import optimum
from rmt_alpha.theory.mixtures.contrasts import LARGEST, Contrasts, at_points, squared
from rmt_alpha.theory.ridge.mixture import MixtureRidge

STEPS = {True: 2000, False: 60}
"""Angles at which accuracy is compared with a level: many where it has a closed form."""
MOST_CLASSES = 4
"""Of more, even one accuracy may take too long to be shown unasked."""
UNCERTAIN = 1e-6
"""Angle by which a maximum may be missed that is searched by its quadrature alone: it is flat."""


@dataclass(frozen=True, eq=False, repr=False)
class MixtureCurve(Curve):
    r"""The law of the scores of a fine-tuned classifier as a function of alpha.

    .. math:: s \mid c \sim \mathcal N(M_c, \Sigma_c), \qquad
        \text{accuracy}(\alpha) = \sum_c \pi_c \, P(\text{the score of class } c \text{ is the largest})

    with means affine and covariances quadratic in alpha.  For two classes this is :math:`\sum_c \pi_c
    \Phi(y_c M_c / \sigma_c)`, *signed*: below 1/2 the classifier is wrong more often than right. Curves
    come from ``FineTuning.curve()``.

    Notes
    -----
    Risk and accuracy refer to the true class, also where training labels are noisy.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> mean = np.ones(100) / 10
    >>> target = GaussianMixture.symmetric(mean, covariance=np.linspace(0.1, 3, 100))
    >>> curve = FineTuning(target, FixedSource(mean), n=50, gamma=0.1).curve()
    >>> curve
    MixtureCurve(accuracy 0.626 at alpha=0, 0.735 at 1, 0.747 at 1.87)
    """

    kappa: Real
    """The largest effective ridge: alpha enters every score as t = kappa alpha.  0 if the source has no
    influence, which is the limit of small kappa."""
    center: Array
    """Mean scores, center @ (1, t), shape (K, q, 1 + k)."""
    miss: Array
    """Target minus mean score, shape (K, q, 1 + k)."""
    score_rows: Array
    """Shape (K, J, q, 1 + k): the covariance of the scores of a class is the sum over j of the squares of
    score_rows_j @ (1, t)."""
    risk_slope: Array
    """Half the derivative of the risk in t at 0, shape (k,)."""
    priors: Array
    """Class probabilities, shape (K,)."""
    single: bool
    """Whether alpha is a scalar."""
    dps: int | None
    """Decimal digits in high precision, None for float64."""
    ridge: MixtureRidge
    """The effective ridges of the target fit, with their bracket, residual and status."""
    fluctuations: Callable[[], MixtureSpread] | None = None
    """Makes what finite-size error bars are computed from."""
    unknown_bars: str = ""
    """Why finite-size error bars are not known, and what to do; empty where they are."""
    _optima: dict[str, Optimum] = field(default_factory=dict, init=False)
    """The best alphas that were asked for."""

    # --- the law of the scores -----------------------------------------------------------------------

    @in_precision
    def class_mean(self, alpha: ArrayLike) -> FloatArray:
        """Mean score of each class, shape (..., K), or (..., K, q) with q > 1 outputs; intercept included."""
        return np.asarray(self._result(self._squeezed(at_points(self.center, self._point(alpha)))))

    @in_precision
    def class_std(self, alpha: ArrayLike) -> FloatArray:
        """Standard deviation of the score within each class, shape (..., K) or (..., K, q)."""
        rows = at_points(self.score_rows, self._point(alpha))
        return np.asarray(self._result(self._squeezed(arithmetic.square_root((rows * rows).sum(axis=-2)))))

    @in_precision
    def class_covariance(self, alpha: ArrayLike) -> FloatArray:
        """Covariance of the q outputs within each class, shape (..., K, q, q)."""
        return np.asarray(self._result(squared(at_points(self.score_rows, self._point(alpha)))))

    @in_precision
    def mean(self, alpha: ArrayLike) -> Real:
        """Mean of label times score, E[y s], for two classes with labels -1 and +1."""
        self._check("mean")
        return self._result(self._signed(self._point(alpha)) @ self.priors)

    @in_precision
    def variance(self, alpha: ArrayLike) -> Real:
        """Variance of label times score: that within the classes, and that between their means."""
        self._check("variance")
        z = self._point(alpha)
        signed = self._signed(z)
        rows = at_points(self.score_rows, z)[..., 0]
        between = signed - np.asarray(signed @ self.priors)[..., None]
        return self._result(((rows * rows).sum(axis=-1) + between * between) @ self.priors)

    @in_precision
    def risk(self, alpha: ArrayLike) -> Real:
        """Squared test risk, E|y - s|^2, with the label -1 or +1 or the one-hot vector of the true class."""
        z = self._point(alpha)
        miss, rows = at_points(self.miss, z), at_points(self.score_rows, z)
        each = (miss * miss).sum(axis=-1) + (rows * rows).sum(axis=(-1, -2))
        return self._result(each @ self.priors)

    # --- accuracy ------------------------------------------------------------------------------------

    @in_precision
    def class_accuracy(self, alpha: ArrayLike) -> FloatArray:
        """Probability that a sample of each class is classified rightly, shape (..., K)."""
        return np.asarray(self._result(self.contrasts.class_accuracy(self._direction(alpha))[0]))

    @in_precision
    def accuracy(self, alpha: ArrayLike) -> Real:
        """Test accuracy, signed (not folded with max(acc, 1 - acc))."""
        return self._result(self.contrasts.accuracy(self._direction(alpha)))

    def expected_accuracy(self, alpha: ArrayLike) -> Real:
        """Average over draws of the training data of the accuracy, for Gaussian weights; alpha is finite."""
        self._check("expected_accuracy")
        values = alpha_values(alpha, self.sources, self.single, None, FINITE)
        assert self._spread is not None
        return self._result(self._spread.expected(values) @ self.priors)

    @in_precision
    def error(self, alpha: ArrayLike) -> Real:
        """Test error, 1 - accuracy; for two classes precise even where accuracy rounds to 1."""
        z = self._direction(alpha)
        if not self.contrasts.exact:
            return self._result(1 - self.contrasts.accuracy(z))
        return self._result(self.contrasts.ops.ndtr(-self.contrasts.margins(z)) @ self.priors)

    @in_precision
    def log_accuracy(self, alpha: ArrayLike) -> Real:
        """Logarithm of the accuracy; for two classes finite where the accuracy itself underflows."""
        if not self.contrasts.exact:
            return super().log_accuracy(alpha)
        return self._result(self._log_share(self.contrasts.margins(self._direction(alpha))))

    @in_precision
    def log_error(self, alpha: ArrayLike) -> Real:
        """Logarithm of the error; for two classes finite where the error itself underflows."""
        if not self.contrasts.exact:
            return super().log_error(alpha)
        return self._result(self._log_share(-self.contrasts.margins(self._direction(alpha))))

    @in_precision
    def margin(self, alpha: ArrayLike) -> Real:
        r"""The signed signal-to-noise ratio, :math:`\Phi^{-1}(\text{accuracy})`."""
        if self.contrasts.one_margin:
            return self._result(self.contrasts.margins(self._direction(alpha))[..., 0])
        if self.dps is None:
            return super().margin(alpha)
        margins = self.contrasts.margins(self._direction(alpha))
        right, wrong = self._log_share(margins), self._log_share(-margins)
        small = _quantiles(np.minimum(right, wrong))
        return self._result(np.where(wrong < right, -small, small))

    @in_precision
    def accuracy_uncertainty(self, alpha: ArrayLike) -> Real:
        """Numerical error of `accuracy`: rounding up to 3 classes, quadrature or sampling beyond."""
        return self._result(
            np.asarray(self.contrasts.class_accuracy(self._direction(alpha))[1] @ self.priors)
        )

    @in_precision
    def accuracy_derivative(self, alpha: ArrayLike) -> Real:
        """Derivative of the accuracy in alpha; 0 at infinite alpha."""
        if self.contrasts.lines.shape[1] > LARGEST:
            return super().accuracy_derivative(alpha)
        self._check("accuracy_derivative")
        z = self._direction(alpha)
        flat = z.reshape(-1, 2)
        # The gradient belongs to z = (1, t); that of the same direction is inversely proportional to z.
        found = [self.kappa * self.contrasts.gradient(at)[1] * at[0] for at in flat]
        return self._result(np.array(found, dtype=z.dtype).reshape(z.shape[:-1]))

    # --- the best alpha, and how much it matters -----------------------------------------------------

    @in_precision
    def optimum(self, criterion: str = "accuracy") -> Optimum:
        r"""The best alpha with its value, and the direction in which to go if no finite alpha is best.

        ``"accuracy"`` maximises the accuracy: in closed form, :math:`H^{-1} a`, where all classes share one
        margin (balanced and symmetric, see :doc:`/theory/mixtures`), numerically otherwise.  ``"risk"``
        minimises :math:`E |y - s|^2`, always in closed form.
        """
        self._check_criterion(criterion)
        if criterion not in self._optima:
            self._optima[criterion] = self._least_risk() if criterion == "risk" else self._most_accurate()
        return self._optima[criterion]

    @in_precision
    def neutral_alpha(self) -> Real:
        """The alpha at which accuracy passes 1/2; inf if there is none.

        Where both classes share one margin both are guessed there.  Otherwise that happens at different
        alphas (see `class_accuracy`), and of two alphas, one on each side of alpha*, this is the nearer to 0.
        """
        self._check("neutral_alpha")
        common = self._common
        return super().neutral_alpha() if common is None else common.neutral_alpha()

    @in_precision
    def transfer_interval(self) -> tuple[Real, Real]:
        """The open interval around alpha* where the source is of use; (0, 0) if nothing beats alpha = 0."""
        self._check("transfer_interval")
        common = self._common
        if common is not None and (self.kappa == 0 or self.optimum().finite):
            return common.transfer_interval()
        return super().transfer_interval()

    @in_precision
    def tolerance_interval(self, tolerance: ArrayLike) -> tuple[Real, Real]:
        """How precise need alpha be: the interval whose accuracy is within ``tolerance`` of the best."""
        self._check("tolerance_interval")
        common = self._common
        if common is not None and self.optimum().finite:
            return common.tolerance_interval(tolerance)
        return super().tolerance_interval(tolerance)

    @in_precision
    def along(self, direction: ArrayLike) -> MixtureCurve:
        """The curve of a scalar s, alpha = s * direction: several sources in fixed proportions."""
        vector = base.check_direction(direction, self.sources)
        if self.dps is not None:
            vector = MP_ARRAY.number(vector)

        def mixed(lines: Array) -> Array:
            return np.stack([lines[..., 0], lines[..., 1:] @ vector], axis=-1)

        return replace(
            self,
            center=mixed(self.center),
            miss=mixed(self.miss),
            score_rows=mixed(self.score_rows),
            risk_slope=np.asarray([self.risk_slope @ vector]),
            single=True,
            fluctuations=self.fluctuations and partial(_fluctuations_along, self.fluctuations, vector),
        )

    # --- finite-size error bars --------------------------------------------------------------------------

    def optimal_alpha_std(self, criterion: str = "accuracy", *, class_counts: str = "fixed") -> Real:
        """Standard deviation over draws of the training data of the alpha that is best for the draw, (k,)."""
        self._check("optimal_alpha_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        best = self.optimum(criterion)
        if self.kappa == 0:  # nothing depends on alpha
            return self._result(np.zeros(np.shape(best.alpha)))
        if not best.finite:
            raise NotAvailable(
                "MixtureCurve has no optimal_alpha_std here: no finite alpha is best, each draw has its own; "
                "ask for accuracy_std at the alphas that matter"
            )
        assert self._spread is not None
        found = self._spread.optimum_std(criterion, np.atleast_1d(best.alpha), class_counts)
        return self._result(found[0] if self.single else found)

    def _error_bar(self, quantity: str, alpha: ArrayLike, class_counts: str) -> Real:
        self._check(f"{quantity}_std")
        check_choice("class_counts", class_counts, base.CLASS_COUNTS)
        values = alpha_values(alpha, self.sources, self.single, None, FINITE)
        assert self._spread is not None
        return self._result(self._spread.std(quantity, values, class_counts))

    @cached_property
    def _spread(self) -> MixtureSpread | None:
        return self.fluctuations and self.fluctuations()

    # --- internals -----------------------------------------------------------------------------------

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return int(self.center.shape[-1]) - 1

    @cached_property
    def contrasts(self) -> Contrasts:
        """The law of the differences between scores, on which accuracy depends."""
        return Contrasts.of_scores(self.center, self.score_rows, self.priors, self.dps)

    @cached_property
    def _common(self) -> AlphaCurve | None:
        """The isotropic kind of curve, with the same mean and variance in both classes, if this is one."""
        if not self.contrasts.one_margin:
            return None
        lines, rows = self.contrasts.lines, self.contrasts.rows
        zero = 0 * self.ridge.kappa_max
        mean = (lines[0, 0] + lines[1, 0]) / 2
        terms = tuple((row[0], row[1]) for row in rows[0, :, 0])
        ops = arithmetic.FLOAT if self.dps is None else arithmetic.MP
        line = mean[0], mean[1]
        return AlphaCurve(self.kappa, line, zero, terms, lambda: (zero, ()), ops, self.dps)

    def _refusals(self) -> Mapping[str, str]:
        found = dict(super()._refusals())
        if self.fluctuations is None:
            reason = "finite-size error bars are computed in float64: use curve() without dps"
            found |= dict.fromkeys((*base.ERROR_BARS, "expected_accuracy"), reason)
        if self.unknown_bars:
            found |= dict.fromkeys(base.ERROR_BARS, self.unknown_bars)
        if self.center.shape[1] > 1:
            found |= dict.fromkeys(
                ("mean", "variance", "std", "second", "mean_std", "variance_std"),
                "this moment is defined for two classes with labels -1 and +1; use class_mean and "
                "class_covariance",
            )
        if not self.single:
            found |= dict.fromkeys(
                (
                    *("accuracy_derivative", "neutral_alpha", "landmarks"),
                    *("transfer_interval", "tolerance_interval"),
                ),
                f"it exists for one scalar alpha, here it has {self.sources} components: use "
                "along(direction), the curve of their common factor",
            )
        return found

    def _most_accurate(self) -> Optimum:
        z = optimum.best_direction(self.contrasts)
        if optimum.is_finite(self.contrasts, z):
            t = z[1:] / z[0]
            alpha = self.contrasts.ops.ratio(t, self.kappa + 0 * t)
            # Without ridge the source may have lost its influence: the limit of alpha* is infinite, accuracy
            # constant.
            finite = bool(self.kappa != 0) or not np.any(t)
            direction, at = (None, z) if finite else (_unit(t), np.concatenate([z[:1], 0 * t]))
        else:
            finite, direction = False, _unit(z[1:])
            alpha = as_alpha(np.concatenate([[0.0], direction]))
            at = np.concatenate([0 * z[:1], z[1:]])
        value = self._result(np.asarray(self.contrasts.accuracy(at)))
        return self._optimum(alpha, value, direction, finite, self.contrasts.exact)

    def _least_risk(self) -> Optimum:
        t = optimum.least_risk(self.miss, self.score_rows, self.priors, self.risk_slope)
        best = self._optimum(t / self.ridge.kappa_max, 0.0, None, True, True)
        return replace(best, value=self.risk(best.alpha))

    def _optimum(self, alpha: Array, value: Any, direction: Any, finite: bool, known: bool) -> Optimum:
        best = self._result(np.asarray(alpha[0] if self.single else alpha))
        bracket = (best, best) if self.single else None
        if self.single and finite and not known:
            scale = self._alpha_scale()
            angle = np.arctan(best / scale) if np.isfinite(scale) else 0.0
            bracket = (
                float(scale * np.tan(angle - UNCERTAIN)) if angle else best,
                float(scale * np.tan(angle + UNCERTAIN)) if angle else best,
            )
        return Optimum(best, value, direction, bracket, finite)

    @property
    def _steps(self) -> int:  # type: ignore[override]
        return STEPS[self.contrasts.exact]

    def _alpha_scale(self) -> float:
        size = np.sqrt((self.contrasts.rows.astype(float) ** 2).sum(axis=(0, 1, 2)))
        if self.kappa == 0 or (size[1] == 0 and not np.any(self.contrasts.lines[..., 1])):
            return np.inf
        return float(size[0] / size[1]) / float(self.kappa) if size[1] > 0 else 1 / float(self.kappa)

    def _lead(self, alpha: float, over: float) -> float:
        if not self.contrasts.exact:
            return super()._lead(alpha, over)
        lead = self.contrasts.lead(self._direction(alpha), self._direction(over))
        return float(lead) or float(mpmath.sign(lead)) * 1e-300  # a sign is all that is asked for

    def _polished(self, level: Any, alpha: float) -> Any:
        if self.dps is None:
            return float(alpha)
        root = mpmath.findroot(
            lambda x: self.accuracy(x) - level, (alpha, alpha * (1 + 1e-9) + 1e-12), verify=False
        )
        return arithmetic.rounded(root, self.dps)

    def _log_share(self, margins: Array) -> Any:
        """log sum_c pi_c Phi(margin_c)."""
        if self.dps is not None:  # mpf do not underflow
            return np.frompyfunc(mpmath.log, 1, 1)(self.contrasts.ops.ndtr(margins) @ self.priors)
        return special.logsumexp(special.log_ndtr(margins), b=self.priors, axis=-1)

    def _direction(self, alpha: ArrayLike) -> Array:
        return directions(alpha_values(alpha, self.sources, self.single, self.dps, ALPHA), self.kappa)

    def _point(self, alpha: ArrayLike) -> Array:
        return points(alpha_values(alpha, self.sources, self.single, self.dps, FINITE), self.kappa)

    def _squeezed(self, values: Array) -> Array:
        return values[..., 0] if self.center.shape[1] == 1 else values

    def _signed(self, z: Array) -> Array:
        return at_points(self.contrasts.lines, z)[..., 0]

    @property
    def _drawn(self) -> int:  # type: ignore[override]
        if len(self.priors) > MOST_CLASSES:
            return 0
        return (121 if self.dps is None else 31) if self.contrasts.exact else 13

    def _known_optimum(self) -> Optimum | None:
        # A search in high precision, or by quadrature, takes long or may fail.
        quick = self.contrasts.one_margin or (self.contrasts.exact and self.dps is None)
        return self.optimum() if quick else self._optima.get("accuracy")

    def _summary(self) -> str:
        if not self._drawn:
            return f"{len(self.priors)} classes, {self.sources} source{'s' * (self.sources > 1)}"
        best = self._known_optimum() if self.single else None
        ask: list[Any] = [0.0, 1.0, *([best.alpha] if best else [])]
        return base.summary("accuracy", [(alpha, self.accuracy(alpha)) for alpha in ask])


def _fluctuations_along(fluctuations: Callable[[], MixtureSpread], direction: Array) -> MixtureSpread:
    return fluctuations().along(direction)


def _unit(vector: Array) -> Array:
    values = vector.astype(float)
    return np.asarray(values / np.linalg.norm(values))


def _quantiles(logs: Any) -> Array:
    """x with log Phi(x) = logs, by Newton's method from float64."""

    def quantile(value: Any) -> Any:
        x, step = mpmath.mpf(float(special.ndtri_exp(float(value)))), mpmath.mpf(1)
        while mpmath.isfinite(x) and abs(step) > mpmath.sqrt(mpmath.mp.eps) * (1 + abs(x)):
            there = arithmetic.MP.log_ndtr(x)
            density = mpmath.exp(-x * x / 2 - there) / mpmath.sqrt(2 * mpmath.pi)
            step = (value - there) / density
            x += step
        return x

    return np.asarray(np.frompyfunc(quantile, 1, 1)(logs))
