"""The effective ridge kappa: the one number through which a sample enters every prediction."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.arithmetic import Arithmetic, arithmetic_of
from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha._core.types import Real
from rmt_alpha.problems.ranges import DIMENSION, RIDGE, SAMPLES, check_interpolation


class EffectiveRidge(NamedTuple):
    """What a ridge fit on n samples in dimension p does, in five numbers (isotropic covariance)."""

    kappa: Real
    """Effective ridge, gamma (1 + delta): the ridge that an infinite sample would need to shrink as much."""
    gamma_over_kappa: Real
    """gamma / kappa = 1 / (1 + delta); its limit max(1 - eta, 0) at gamma = 0."""
    lift: Real
    """L = 1 + kappa."""
    noise: Real
    """1 - h = eta / L^2, the share of the degrees of freedom that the fit spends on noise."""
    freedom: Real
    """h = (gamma/kappa + kappa) / L, the share that is left; 0 at eta = 1, gamma -> 0 (double descent)."""


def isotropic_ridge(p: Any, n: Any, gamma: Any, ops: Arithmetic) -> EffectiveRidge:
    """`effective_ridge` without validation, over any number type."""
    excess, eta = _aspect(p, n, ops)
    # kappa is the positive root of kappa^2 - e kappa - gamma = 0.  The roots are, up to sign, t = (|e| + D)/2
    # and gamma/t, and kappa - gamma/kappa = e says which is which.  Only positive numbers are added.
    e = excess + gamma
    t = (abs(e) + ops.sqrt(e * e + 4 * gamma)) / 2
    smaller = gamma / t
    kappa = smaller + ops.positive(e)
    gamma_over_kappa = smaller + ops.positive(-e)
    lift = 1 + kappa
    return EffectiveRidge(
        kappa, gamma_over_kappa, lift, eta / (lift * lift), (gamma_over_kappa + kappa) / lift
    )


def _aspect(p: Any, n: Any, ops: Arithmetic) -> tuple[Any, Any]:
    """(eta - 1, eta) with eta = p/n, from p - n: eta - 1 would lose its digits near eta = 1."""
    infinite = n == math.inf
    if infinite is False or not np.any(infinite):
        return (p - n) / n, p / n
    n = ops.where(infinite, ops.number(1), n)
    minus_one, zero = -ops.number(1), ops.number(0)
    return ops.where(infinite, minus_one, (p - n) / n), ops.where(infinite, zero, p / n)


def effective_ridge(p: ArrayLike, n: ArrayLike, gamma: ArrayLike) -> EffectiveRidge:
    r"""Effective ridge of a ridge fit with identity covariance.

    .. math:: \kappa = \gamma + \eta\,\frac{\kappa}{1 + \kappa}, \qquad \eta = p / n, \quad \kappa \ge 0.

    In the words of random matrix theory :math:`\kappa = \gamma (1 + \delta)` with
    :math:`\delta = \frac1n \operatorname{tr} \bar Q`, where :math:`\bar Q = I / (1 + \kappa) \cdot \kappa /
    \gamma` is the deterministic equivalent of :math:`Q = (X X^\top / n + \gamma I)^{-1}`.

    Parameters
    ----------
    p : float or array_like
        Dimension, positive.
    n : float or array_like
        Number of samples, positive; ``inf`` gives the population limit kappa = gamma.
    gamma : float or array_like
        Ridge penalty in the per-sample convention (1/n in front of the loss), non-negative. At 0 the limit
        kappa = max(eta - 1, 0) is returned (least squares for p < n, minimum-norm interpolation for p > n).

    Returns
    -------
    EffectiveRidge
        Named tuple ``(kappa, gamma_over_kappa, lift, noise, freedom)``; arguments broadcast.

    Raises
    ------
    ValueError
        If an argument is outside its range, or p == n with gamma == 0, where the variance is infinite.

    Examples
    --------
    >>> ridge = effective_ridge(400, 100, 0.5)
    >>> round(ridge.kappa, 12)
    3.637458608818
    >>> eta, gamma = 4, 0.5
    >>> abs(ridge.kappa - (gamma + eta * ridge.kappa / (1 + ridge.kappa))) < 1e-14
    True
    """
    values = as_real("p", p), as_real("n", n), as_real("gamma", gamma)
    for name, value, allowed in zip(("p", "n", "gamma"), values, (DIMENSION, SAMPLES, RIDGE), strict=True):
        check_range(name, value, allowed)
    check_interpolation(*values, "p == n", "gamma")
    return isotropic_ridge(*values, arithmetic_of(values))
