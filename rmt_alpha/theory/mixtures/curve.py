"""`MixtureCurve`: everything that can be asked about fine-tuning on a mixture as a function of alpha."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.alphas import ALPHA, FINITE, alpha_values, directions, points
from rmt_alpha._core.arithmetic import ARRAY, MP_ARRAY, Arithmetic
from rmt_alpha._core.checks import as_real, check_choice, check_range
from rmt_alpha.theory.isotropic.curve import CRITERIA
from rmt_alpha.theory.mixtures import intervals
from rmt_alpha.theory.mixtures import optimum as optima
from rmt_alpha.theory.mixtures.optimum import Optimum
from rmt_alpha.theory.mixtures.orthant import orthant_probability
from rmt_alpha.theory.ridge.mixture import MixtureRidge

Array = np.ndarray[Any, Any]

Answer = TypeVar("Answer")


def _in_precision(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Run a method with the curve's number of digits."""

    @functools.wraps(method)
    def wrapped(self: MixtureCurve, *args: Any, **kwargs: Any) -> Answer:
        with arithmetic.working_precision(self.dps):
            return method(self, *args, **kwargs)

    return wrapped


@dataclass(frozen=True, eq=False)
class MixtureCurve:
    r"""The law of the scores of a fine-tuned classifier as a function of alpha.

    .. math:: s \mid c \sim \mathcal N(M_c, \Sigma_c), \qquad
        \text{accuracy}(\alpha) = \sum_c \pi_c \, P(\text{the score of class } c \text{ is the largest})

    with means affine and covariances quadratic in alpha.  For two classes this is :math:`\sum_c \pi_c
    \Phi(y_c M_c / \sigma_c)`, *signed*: below 1/2 the classifier is wrong more often than right. Curves
    come from ``FineTuning.curve()``.

    Parameters
    ----------
    strength : float or mpf
        alpha enters every score as t = strength * alpha; 0 if the source has no influence.
    unit : float or mpf
        The effective ridge that strength is, or tends to.
    center : ndarray of shape (K, q, 1 + k)
        Mean scores, center @ (1, t).
    miss : ndarray of shape (K, q, 1 + k)
        Target minus mean score.
    spread : ndarray of shape (K, J, q, 1 + k)
        Covariance of the scores of a class: sum over j of the squares of spread_j @ (1, t).
    risk_slope : ndarray of shape (k,)
        Half the derivative of the risk in t at 0.
    priors : ndarray of shape (K,)
        Class probabilities.
    single : bool
        Whether alpha is a scalar.
    dps : int or None
        Decimal digits in high precision, None for float64.
    ridge : MixtureRidge
        The effective ridges of the target fit, with their bracket, residual and status.

    Notes
    -----
    With one source alpha is a scalar or an array of any shape.  With k sources it has shape (..., k), and a
    scalar stands for the same alpha for all.  Accuracies accept ``inf`` and ``-inf`` for one source (the
    source alone, or its negative).  Risk and accuracy refer to the true class, also where training labels
    are noisy.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> mean = np.ones(100) / 10
    >>> target = GaussianMixture.symmetric(mean, covariance=np.linspace(0.1, 3, 100))
    >>> curve = FineTuning(target, FixedSource(mean), n=50, gamma=0.1).curve()
    >>> [round(curve.accuracy(alpha), 3) for alpha in (0, 1, curve.optimal_alpha())]
    [0.626, 0.735, 0.747]
    """

    strength: Any
    unit: Any
    center: Array
    miss: Array
    spread: Array
    risk_slope: Array
    priors: Array
    single: bool
    dps: int | None
    ridge: MixtureRidge

    # --- the law of the scores -----------------------------------------------------------------------

    @_in_precision
    def class_mean(self, alpha: Any) -> Any:
        """Mean score of each class, shape (..., K), or (..., K, q) with q > 1 outputs; intercept included."""
        mean = self._squeezed(self._lines(self.center, self._point(alpha)))
        return self._result(mean)

    @_in_precision
    def class_std(self, alpha: Any) -> Any:
        """Standard deviation of the score within each class, shape (..., K) or (..., K, q)."""
        rows = self._lines(self.spread, self._point(alpha))
        return self._result(self._squeezed(arithmetic.square_root((rows * rows).sum(axis=-2))))

    @_in_precision
    def class_covariance(self, alpha: Any) -> Any:
        """Covariance of the q outputs within each class, shape (..., K, q, q)."""
        return self._result(_gram(self._lines(self.spread, self._point(alpha))))

    @_in_precision
    def mean(self, alpha: Any) -> Any:
        """Mean of label times score, E[y s], for two classes with labels -1 and +1."""
        return self._result(self._signed(self._point(alpha)) @ self.priors)

    @_in_precision
    def variance(self, alpha: Any) -> Any:
        """Variance of label times score: that within the classes, and that between their means."""
        z = self._point(alpha)
        signed = self._signed(z)
        rows = self._lines(self.spread, z)[..., 0]
        between = signed - (signed @ self.priors)[..., None]
        return self._result(((rows * rows).sum(axis=-1) + between * between) @ self.priors)

    @_in_precision
    def std(self, alpha: Any) -> Any:
        """Standard deviation of label times score."""
        return self._result(arithmetic.square_root(np.asarray(self.variance(alpha), self.center.dtype)))

    @_in_precision
    def second(self, alpha: Any) -> Any:
        """Second moment of the score, E[s^2] = variance + mean^2."""
        return self.variance(alpha) + self.mean(alpha) ** 2

    @_in_precision
    def risk(self, alpha: Any) -> Any:
        """Squared test risk, E|y - s|^2, with the label -1 or +1 or the one-hot vector of the true class."""
        z = self._point(alpha)
        miss, rows = self._lines(self.miss, z), self._lines(self.spread, z)
        each = (miss * miss).sum(axis=-1) + (rows * rows).sum(axis=(-1, -2))
        return self._result(each @ self.priors)

    # --- accuracy ------------------------------------------------------------------------------------

    @_in_precision
    def class_accuracy(self, alpha: Any) -> Any:
        """Probability that a sample of each class is classified rightly, shape (..., K)."""
        return self._result(self._class_accuracy(self._direction(alpha))[0])

    @_in_precision
    def accuracy(self, alpha: Any) -> Any:
        """Test accuracy, signed (not folded with max(acc, 1 - acc))."""
        return self._result(self._class_accuracy(self._direction(alpha))[0] @ self.priors)

    @_in_precision
    def error(self, alpha: Any) -> Any:
        """Test error, 1 - accuracy; for two classes precise even where accuracy rounds to 1."""
        z = self._direction(alpha)
        if self.contrast_lines.shape[1] > 1:
            return self._result(1 - self._class_accuracy(z)[0] @ self.priors)
        return self._result(self.ops.ndtr(-self._margins(z)) @ self.priors)

    @_in_precision
    def accuracy_error(self, alpha: Any) -> Any:
        """Numerical error of `accuracy`: rounding up to 3 classes, quadrature or sampling beyond."""
        return self._result(np.asarray(self._class_accuracy(self._direction(alpha))[1] @ self.priors))

    # --- the best alpha, and how much it matters -----------------------------------------------------

    def optimum(self, criterion: str = "accuracy") -> Optimum:
        """The best alpha with its value, and the direction in which to go if no finite alpha is best.

        Parameters
        ----------
        criterion : {"accuracy", "risk"}
            What to optimise, as in `optimal_alpha`.
        """
        check_choice("criterion", criterion, CRITERIA)
        return self._best_risk if criterion == "risk" else self._best_accuracy

    def optimal_alpha(self, criterion: str = "accuracy") -> Any:
        r"""The best alpha: a scalar for one source, shape (k,) for several.

        ``"accuracy"`` maximises the accuracy: in closed form, :math:`H^{-1} a`, where all classes share one
        margin (balanced and symmetric, see docs/mixtures.md), numerically otherwise.  ``"risk"`` minimises
        :math:`E |y - s|^2`, always in closed form.

        Returns
        -------
        float or ndarray of shape (k,)
            Infinite entries say that accuracy only approaches its supremum as alpha grows;
            ``optimum().direction`` says in which proportions.

        Raises
        ------
        ValueError
            If the criterion is unknown.
        """
        return self.optimum(criterion).alpha

    @_in_precision
    def gain(self, over: Any = 1.0) -> Any:
        """Accuracy that alpha* gains over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return self._result(np.asarray(self.optimum().value - self.accuracy(over)))

    @property
    @_in_precision
    def neutral_alpha(self) -> Any:
        """The alpha at which accuracy is exactly 1/2; inf if there is none.

        It exists where both classes share one margin; ValueError otherwise.
        """
        return intervals.neutral_alpha(self)

    @property
    @_in_precision
    def transfer_interval(self) -> tuple[Any, Any]:
        """The open interval around alpha* where the source is of use; (0, 0) if nothing beats alpha = 0."""
        return intervals.transfer_interval(self)

    @_in_precision
    def tolerance_interval(self, loss: Any) -> tuple[Any, Any]:
        """The largest interval around alpha* whose accuracy is within ``loss`` of the best.

        An end is infinite if accuracy never falls that far on its side.
        """
        return intervals.tolerance_interval(self, loss)

    @_in_precision
    def along(self, direction: Any) -> MixtureCurve:
        """The curve of a scalar s, alpha = s * direction: several sources in fixed proportions."""
        vector = np.asarray(as_real("direction", direction), dtype=float)
        if vector.shape != (self.sources,):
            raise ValueError(f"direction must have shape ({self.sources},), got shape {vector.shape}")
        check_range("direction", vector, FINITE)
        if self.dps is not None:
            vector = MP_ARRAY.number(vector)

        def mixed(lines: Array) -> Array:
            return np.stack([lines[..., 0], lines[..., 1:] @ vector], axis=-1)

        return replace(
            self,
            center=mixed(self.center),
            miss=mixed(self.miss),
            spread=mixed(self.spread),
            risk_slope=np.asarray([self.risk_slope @ vector]),
            single=True,
        )

    # --- internals -----------------------------------------------------------------------------------

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return int(self.center.shape[-1]) - 1

    @property
    def ops(self) -> Arithmetic:
        """The number type."""
        return ARRAY if self.dps is None else MP_ARRAY

    @cached_property
    def contrast_lines(self) -> Array:
        """Means of the differences that must be positive, (K, d, 1 + k)."""
        return np.asarray(np.einsum("cdq,cqz->cdz", self._contrasts, self.center))

    @cached_property
    def contrast_rows(self) -> Array:
        """Square roots of their covariances, (K, J, d, 1 + k)."""
        return np.asarray(np.einsum("cdq,cjqz->cjdz", self._contrasts, self.spread))

    @cached_property
    def _contrasts(self) -> Array:
        classes, outputs = self.center.shape[:2]
        if outputs == 1:
            return np.array([[[-1]], [[1]]])
        identity = np.eye(classes, dtype=int)
        others = [np.delete(identity, c, axis=0) for c in range(classes)]
        return np.stack([identity[c] - others[c] for c in range(classes)])

    @cached_property
    def _best_accuracy(self) -> Optimum:
        with arithmetic.working_precision(self.dps):
            return optima.best_accuracy(self)

    @cached_property
    def _best_risk(self) -> Optimum:
        with arithmetic.working_precision(self.dps):
            return optima.best_risk(self)

    def _direction(self, alpha: Any) -> Array:
        return directions(alpha_values(alpha, self.sources, self.single, self.dps, ALPHA), self.strength)

    def _point(self, alpha: Any) -> Array:
        return points(alpha_values(alpha, self.sources, self.single, self.dps, FINITE), self.strength)

    @staticmethod
    def _lines(lines: Array, z: Array) -> Array:
        """lines (A, ..., 1 + k) at points (..., 1 + k), shape (..., A, ...)."""
        return np.tensordot(z, lines, axes=(-1, -1))

    def _squeezed(self, values: Array) -> Array:
        return values[..., 0] if self.center.shape[1] == 1 else values

    def _signed(self, z: Array) -> Array:
        if self.center.shape[1] > 1:
            raise ValueError(
                "this moment is defined for two classes with labels -1 and +1; use class_mean and "
                "class_covariance"
            )
        return self._lines(self.contrast_lines, z)[..., 0]

    def _margins(self, z: Array) -> Array:
        """Mean over standard deviation of the only contrast, shape (..., K)."""
        means, rows = self._lines(self.contrast_lines, z), self._lines(self.contrast_rows, z)[..., 0]
        spread = arithmetic.square_root((rows * rows).sum(axis=-1))
        return np.asarray(self.ops.ratio(means[..., 0], spread))

    def _class_accuracy(self, z: Array) -> tuple[Array, Array]:
        if self.contrast_lines.shape[1] == 1:
            accuracy = np.asarray(self.ops.ndtr(self._margins(z)))
            return accuracy, np.zeros(accuracy.shape) + float(np.finfo(float).eps)
        means, rows = self._lines(self.contrast_lines, z), self._lines(self.contrast_rows, z)
        return orthant_probability(means, _gram(rows))

    def _result(self, value: Any) -> Any:
        if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
            value = value.item()
        return arithmetic.rounded(value, self.dps)


def _gram(rows: Array) -> Array:
    """Sum over j of rows_j rows_j^T, (..., J, q) to (..., q, q)."""
    return np.swapaxes(rows, -1, -2) @ rows
