"""Standard deviations of a curve over draws of the training data, by the delta method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha.theory.isotropic import geometry

if TYPE_CHECKING:
    from rmt_alpha.theory.isotropic.curve import AlphaCurve
    from rmt_alpha.theory.isotropic.fluctuations import Fluctuations


def curve_std(curve: AlphaCurve, quantity: str, alpha: Any) -> Any:
    r"""Standard deviation of a quantity over draws of the n target and N source samples.

    .. math:: \operatorname{std} \approx \sqrt{v(\alpha) / n}, \qquad
        v = \lim_{n \to \infty} n \operatorname{Var}

    exact to first order in 1/n.  It is the error bar of a single experiment: one draw of the data falls at
    prediction +- std.

    Parameters
    ----------
    curve : AlphaCurve
        From ``TransferProblem.curve()``.
    quantity : {"accuracy", "mean", "variance", "risk"}
        Which function of alpha.
    alpha : float or array_like
        Finite alphas.

    Returns
    -------
    float or array
        The standard deviation, with the shape of alpha broadcast with the problem.

    Raises
    ------
    ValueError
        If alpha is not finite, or the curve has no float64 error bars.

    Examples
    --------
    >>> from rmt_alpha import TransferProblem
    >>> curve = TransferProblem(beta=0.8, p=400, n=40, N=2000).curve()
    >>> round(curve.accuracy(1.0), 3), round(curve.accuracy_std(1.0), 3)
    (0.748, 0.008)
    """
    spread = _spread(curve)
    check_range("alpha", alpha := as_real("alpha", alpha), FINITE)
    mean, std = np.asarray(curve.mean(alpha)), np.asarray(curve.std(alpha))
    m = spread.chain.m
    safe = np.where(std == 0, 1.0, std)
    slope = np.exp(-((mean / safe) ** 2) / 2) / math.sqrt(2 * math.pi)
    # Partial derivatives by the length w.e along the target mean (mean = m w.e) and by ||w||^2.
    by_length, by_square = {
        "mean": (m, 0.0),
        "variance": (0.0, 1.0),
        "risk": (-2 * (1 - mean) * m, 1.0),
        "accuracy": (slope * m / safe, -slope * mean / (2 * safe**3)),
    }[quantity]
    return _result(spread.variance(curve.strength * alpha, by_length, by_square))


def optimal_alpha_std(curve: AlphaCurve) -> Any:
    r"""Standard deviation of the empirical alpha*, the best alpha for the one draw that was made.

    By implicit differentiation of :math:`x'(\alpha^*) = 0` with x = mean / std: the deviation of alpha* is
    that of :math:`x'` divided by :math:`-x''`.  0 where nothing depends on alpha.

    Raises
    ------
    ValueError
        If the curve has no float64 error bars.
    """
    spread = _spread(curve)
    z0, z1 = geometry.best_direction(curve.mean_line, curve.terms)
    z0 = np.asarray(z0, float)
    free = z0 > 0
    t = np.asarray(z1) / np.where(free, z0, 1.0)
    chain = spread.chain

    def gradient(at: Any) -> tuple[Any, Any]:
        length, square = chain.length_and_square(at)
        return chain.m / np.sqrt(square), -chain.m * length / (2 * square**1.5)

    _, square = chain.length_and_square(t)
    # x'' = -z0 / std^3 in units of t; alpha = t / kappa.
    deviation = np.sqrt(spread.variance_of_derivative(t, gradient)) * square**1.5
    free = free & (np.asarray(curve.strength) > 0)
    scale = np.where(free, z0 * curve.strength, 1.0)
    return _result(np.where(free, deviation / scale, 0.0) ** 2)


def _spread(curve: AlphaCurve) -> Fluctuations:
    if curve.spread is None:
        raise ValueError(
            "this curve has no finite-size error bars: they exist in float64 (dps=None) for TransferProblem"
        )
    return curve.spread()


def _result(variance: Any) -> Any:
    std = np.sqrt(np.maximum(variance, 0.0))
    return float(std) if np.ndim(std) == 0 else np.asarray(std)
