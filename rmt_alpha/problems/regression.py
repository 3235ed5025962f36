r"""`RidgeRegressionTransfer`: ridge regression from a rescaled source, features of any covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha._core.checks import Range, as_real, check_dps, check_range, check_scalar
from rmt_alpha.problems.covariances import parse_one
from rmt_alpha.problems.ranges import RIDGE, SAMPLES
from rmt_alpha.theory.ridge.covariance_model import covariance_model
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum

Array = np.ndarray[Any, Any]

FINITE = Range("a finite number", -math.inf, math.inf, largest=1e60)
NOISE = Range("a finite number >= 0, or one per output", 0.0, math.inf)


@dataclass(frozen=True, eq=False)
class RidgeRegressionTransfer:
    r"""Multi-output ridge regression fine-tuned from alpha times the source weights.

    .. math:: W_\alpha = \arg\min_W \frac1n \sum_i |y_i - W x_i|^2 + \gamma |W - \alpha W_s|_F^2,
        \qquad x \sim \mathcal N(0, C), \quad y = W_t x + \text{noise} .

    In the limit of large p and n its test risk is

    .. math:: E |y - W_\alpha x|^2 = \frac{\sigma^2
        + \kappa^2 \operatorname{tr}\big[ D\, C (C + \kappa)^{-2} D^\top \big]}
        {1 - \frac1n \operatorname{tr} C^2 (C + \kappa)^{-2}}, \qquad D = W_t - \alpha W_s,
        \quad \kappa = \gamma + \frac{\kappa}{n} \operatorname{tr} C (C + \kappa)^{-1},

    with :math:`\sigma^2` the noise variance summed over outputs, which the risk includes.

    Parameters
    ----------
    covariance : None, float, array_like of shape (p,) or (p, p)
        Covariance of the features: identity, a multiple of it, diagonal or full; may be singular.
    coef_target, coef_source : array_like of shape (p,) or (d, p)
        True weights of the target task, and weights of the source; one row per output.
    noise : float or array_like of shape (d,)
        Standard deviation of the noise, overall or per output.
    n : float
        Number of target samples, positive; ``inf`` is allowed.
    gamma : float
        Ridge penalty, non-negative, per sample (1/n in front of the loss); 0 is the ridgeless limit.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit together.  Also, when an answer is asked for, if gamma = 0 and n is the rank
        of the covariance, where the variance is infinite.

    See Also
    --------
    rmt_alpha.theory.mixtures.regression.regression_risk : the same for identity covariance, broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> target, source = np.ones(300), np.linspace(0, 1, 300)
    >>> problem = RidgeRegressionTransfer(
    ...     np.linspace(0.1, 2, 300), target, source, 1.0, n=150, gamma=0.1
    ... )
    >>> print(
    ...     f"{problem.optimal_alpha():.4f} {problem.risk(problem.optimal_alpha()):.3f} {problem.risk(0):.3f}"
    ... )
    1.4914 29.827 136.497
    """

    covariance: Any
    coef_target: Any
    coef_source: Any
    noise: Any
    n: Any
    gamma: Any

    def __post_init__(self) -> None:
        target, source = (
            _coefficients("coef_target", self.coef_target),
            _coefficients("coef_source", self.coef_source),
        )
        if target.shape != source.shape:
            raise ValueError(
                f"coef_target and coef_source must have the same shape, got {target.shape} and {source.shape}"
            )
        noise = np.asarray(as_real("noise", self.noise), dtype=float)
        check_range("noise", noise, NOISE)
        outputs = 1 if target.ndim == 1 else len(target)
        if noise.shape not in ((), (outputs,)):
            raise ValueError(f"noise must be a number or have shape ({outputs},), got shape {noise.shape}")
        object.__setattr__(self, "covariance", parse_one("covariance", self.covariance, target.shape[-1]))
        object.__setattr__(self, "coef_target", target)
        object.__setattr__(self, "coef_source", source)
        object.__setattr__(self, "noise", noise[()])
        object.__setattr__(self, "n", check_scalar("n", self.n, SAMPLES))
        object.__setattr__(self, "gamma", check_scalar("gamma", self.gamma, RIDGE))

    @property
    def p(self) -> int:
        """Dimension of the features."""
        return int(self.coef_target.shape[-1])

    @cached_property
    def model(self) -> Spectrum:
        """Spectrum and eigenvectors of the covariance."""
        model = covariance_model((self.covariance,), np.zeros(1, int), np.ones(1), self.p)
        assert isinstance(model, Spectrum)  # one covariance commutes with itself
        return model

    @cached_property
    def ridge(self) -> MixtureRidge:
        """The effective ridge kappa, with its bracket, residual and status."""
        return fit_ridge(self.model, self.n, self.gamma)

    def risk(self, alpha: Any, dps: int | None = None) -> Any:
        """Test risk E|y - W_alpha x|^2, the noise of the test outputs included.

        Parameters
        ----------
        alpha : float or array_like
            Finite.
        dps : int or None
            None evaluates in float64; a number of digits in mpmath, for scalar and diagonal covariances.
        """
        dps = check_dps(dps)
        with arithmetic.working_precision(dps):
            value = as_real("alpha", alpha) if dps is None else arithmetic.exact_numbers("alpha", alpha)
            check_range("alpha", value, FINITE)
            best, floor, curvature = self._parabola(dps)
            risk = floor + curvature * (value - best) ** 2
            return arithmetic.rounded(
                risk if isinstance(value, np.ndarray) or dps is not None else float(risk), dps
            )

    def optimal_alpha(self, dps: int | None = None) -> Any:
        r"""The alpha of least risk.

        .. math:: \alpha^* = \frac{\operatorname{tr}(W_t B W_s^\top)}
            {\operatorname{tr}(W_s B W_s^\top)}, \qquad B = C (C + \kappa)^{-2} .

        With identity covariance it depends on nothing but the weights; otherwise on n and gamma through
        kappa. 0 if the source weights have no influence at all.
        """
        dps = check_dps(dps)
        with arithmetic.working_precision(dps):
            best = self._parabola(dps)[0]
            return arithmetic.rounded(best if dps is not None else float(best), dps)

    def gain(self, over: Any = 1.0) -> Any:
        """Risk that alpha* saves over ``over``: 1 is standard fine-tuning, 0 ignores the source."""
        return self.risk(over) - self.risk(self.optimal_alpha())

    def _parabola(self, dps: int | None) -> tuple[Any, Any, Any]:
        """(alpha*, risk*, c) with risk = risk* + c (alpha - alpha*)^2: no difference of large numbers."""
        if dps is None and "_in_floats" in self.__dict__:
            result: tuple[Any, Any, Any] = self.__dict__["_in_floats"]
            return result
        rows = [np.atleast_2d(self.model.basis.coordinates(w)) for w in (self.coef_target, self.coef_source)]
        noise, ridge = np.broadcast_to(self.noise, (len(rows[0]),)), None
        if dps is None:
            ridge = self.ridge
        else:
            rows = [MP_ARRAY.number(w) for w in rows]
            noise = MP_ARRAY.number(noise)
            n, gamma = arithmetic.to_mpf(self.n), arithmetic.to_mpf(self.gamma)
            ridge = fit_ridge(self.model.exact(), n, gamma)
        target, source = rows
        scale = abs(source).max()
        unit = source / (scale if scale > 0 else 1)
        moved = ridge.resolvent.apply(unit)
        inner = _trace_form(ridge, ridge.resolvent.apply(target), moved)
        length = _trace_form(ridge, moved, moved)
        best = inner / length if length > 0 else 0 * length
        missed = ridge.resolvent.apply(target - best * unit)
        variance = (noise * noise).sum()
        inflation, k = ridge.inflation[0, 0], ridge.strength
        floor = inflation * (variance + k * k * _trace_form(ridge, missed, missed))
        parts = best / (scale if scale > 0 else 1), floor, inflation * k * k * length * scale * scale
        if dps is None:
            self.__dict__["_in_floats"] = parts
        return parts


def _trace_form(ridge: MixtureRidge, left: Array, right: Array) -> Any:
    """tr(left C right^T)."""
    spectrum = ridge.resolvent.spectrum  # type: ignore[union-attr]
    return (left * spectrum.values[0] * right).sum()


def _coefficients(name: str, value: Any) -> Array:
    array = np.array(as_real(name, value), dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} must have shape (p,) or (d, p), got shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must have finite entries, got {array[where]} at index {where}")
    array.flags.writeable = False
    return array
