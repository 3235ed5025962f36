r"""Multi-output ridge regression with a rescaled source: test risk and the best alpha.

The fit is held near alpha times the source, as in classification, but the labels are vectors:

    W_alpha = argmin_W (1/n) sum_i ||y_i - W x_i||^2 + gamma ||W - alpha W_s||_F^2,
    x ~ N(0, I_p),   y = W_t x + sigma z,   z ~ N(0, I_d).

With Q = (X X^T/n + gamma I)^-1 the error of the fit is

    W_alpha - W_t = -gamma (W_t - alpha W_s) Q + sigma (Z X^T/n) Q,

a part that the prior missed and a part that is noise, uncorrelated because Z has mean 0.  The law of X does
not change under rotations, so E Q^2 and E Q (X X^T/n) Q are multiples of the identity, and the expected risk
is

    E ||y - W_alpha x||^2 = sigma^2 d (1 + u) + v ||W_t - alpha W_s||_F^2,
    u = E tr(Q X X^T/n Q) / n,     v = gamma^2 E tr(Q^2) / p,

exactly, for every n and p.  As n and p grow, 1 + u tends to 1/h and v to (kappa / (1 + kappa))^2 / h
(`rmt_alpha.theory.ridge.closed_form`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha.theory.ridge.closed_form import effective_ridge

LARGEST = float(np.finfo(np.float64).max)
FINITE = Range("a finite number", -math.inf, math.inf, largest=LARGEST)
NOISE = Range("a finite number >= 0", 0.0, math.inf, largest=LARGEST)


def regression_risk(
    alpha: Any, W_target: Any, W_source: Any, n: Any, *, sigma: Any = 0.0, gamma: Any = 1.0
) -> Any:
    r"""Test risk of multi-output ridge regression fine-tuned from ``alpha`` times the source weights.

    .. math:: E \|y - W_\alpha x\|^2 = \frac1h \left[ \sigma^2 d
        + \left(\frac{\kappa}{1 + \kappa}\right)^2 \|W_t - \alpha W_s\|_F^2 \right]

    for features :math:`x \sim \mathcal N(0, I_p)`, outputs :math:`y = W_t x + \sigma z` with
    :math:`z \sim \mathcal N(0, I_d)`, and

    .. math:: W_\alpha = \arg\min_W \frac1n \sum_{i=1}^n \|y_i - W x_i\|^2 + \gamma \|W - \alpha W_s\|_F^2 .

    Parameters
    ----------
    alpha : float or array_like
        Factor of the source weights, finite.
    W_target, W_source : array_like of shape (d, p)
        True weights of the target task and weights of the source; a vector counts as one output, d = 1.
    n : float or array_like
        Number of target samples, positive; ``inf`` is allowed.
    sigma : float or array_like
        Standard deviation of the noise in every output, non-negative.
    gamma : float or array_like
        Ridge penalty, non-negative, per-sample convention (1/n in front of the loss).

    Returns
    -------
    float or ndarray
        The risk summed over the d outputs; the noise of the test outputs, sigma^2 d, is part of it.
        Arguments other than the weights broadcast.

    Raises
    ------
    TypeError
        If an argument is no real number or array of them.
    ValueError
        If the weights are not two finite matrices of one shape, an argument is outside its range, or p == n
        with gamma = 0, where the variance is infinite.

    See Also
    --------
    regression_optimal_alpha : The alpha that minimises it.

    Notes
    -----
    The formula is the limit of large n and p.  Its shape is exact at every size, a constant plus a multiple
    of :math:`\|W_t - \alpha W_s\|_F^2`; only the two coefficients have a finite-size error, of relative order
    1/n.  For :math:`\gamma = 0` and p > n + 1 they are known: the factor of
    :math:`\|W_t - \alpha W_s\|_F^2` is :math:`1 - n/p`, as in the limit, and the excess noise is
    :math:`\sigma^2 d\, n/(p - n - 1)` where the limit has :math:`\sigma^2 d\, n/(p - n)`.

    The setting is the appendix of alpha-LoRA, arXiv 2510.21345.

    Examples
    --------
    >>> W_source = [[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]
    >>> W_target = [[2.0, 0.0, 1.0, 0.0], [0.0, 4.0, 0.0, 1.0]]
    >>> [
    ...     round(
    ...         regression_risk(alpha, W_target, W_source, 2, sigma=0.5, gamma=0.1), 3
    ...     )
    ...     for alpha in (0, 1, 2)
    ... ]
    [11.996, 4.404, 1.873]
    >>> regression_optimal_alpha(W_target, W_source)
    2.0
    """
    target, source = _weights(W_target, W_source)
    alpha, sigma = as_real("alpha", alpha), as_real("sigma", sigma)
    check_range("alpha", alpha, FINITE)
    check_range("sigma", sigma, NOISE)
    outputs, p = target.shape
    ridge = effective_ridge(p, n, gamma)
    shrink = ridge.kappa / ridge.lift
    best = regression_optimal_alpha(target, source)
    # ||W_t - alpha W_s||^2, split at its minimum: a sum of squares, without a (d, p) matrix for every alpha.
    missed = np.sum((target - best * source) ** 2) + (alpha - best) ** 2 * np.sum(source**2)
    risk = np.asarray((sigma * sigma * outputs + shrink * shrink * missed) / ridge.freedom)
    return risk if risk.ndim else float(risk)


def regression_optimal_alpha(W_target: Any, W_source: Any) -> float:
    r"""The alpha that minimises the test risk of multi-output regression.

    .. math:: \alpha^* = \frac{\operatorname{tr}(W_t W_s^\top)}{\operatorname{tr}(W_s W_s^\top)}

    With isotropic features this is exact for every n, p, ridge and noise: the expected risk is a constant
    plus a positive multiple of :math:`\|W_t - \alpha W_s\|_F^2`.  (In classification the best alpha depends
    on all of them, see `rmt_alpha.optimal_alpha`.)

    Parameters
    ----------
    W_target, W_source : array_like of shape (d, p)
        True weights of the target task and weights of the source; a vector counts as one output.

    Returns
    -------
    float
        0 if the source weights are all zero: then alpha has no effect.

    Raises
    ------
    TypeError
        If the weights are not real numbers.
    ValueError
        If they are not two finite matrices of one shape.

    Examples
    --------
    >>> regression_optimal_alpha([[2.0, 1.0]], [[1.0, 0.0]])
    2.0
    """
    target, source = _weights(W_target, W_source)
    # Scaled by the largest entry, so that no square overflows or vanishes.
    largest = float(np.max(np.abs(source)))
    if largest == 0:
        return 0.0
    unit = source / largest
    return float(np.sum(target * unit) / np.sum(unit * unit) / largest)


def _weights(W_target: Any, W_source: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    target, source = _matrix("W_target", W_target), _matrix("W_source", W_source)
    if target.shape != source.shape:
        raise ValueError(
            f"W_target and W_source must have the same shape (d, p), got {target.shape} and {source.shape}"
        )
    return target, source


def _matrix(name: str, value: Any) -> NDArray[np.float64]:
    array = np.atleast_2d(np.asarray(as_real(name, value), dtype=np.float64))
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix of shape (d, p) with d, p >= 1, got shape {np.shape(value)}"
        )
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must have finite entries, got {array[where]} at index {where}")
    return array
