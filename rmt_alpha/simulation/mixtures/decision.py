"""Right decisions of classifiers whose scores' law is known: how likely they are, and at which alpha most."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.mixtures.orthant import positive_orthant

ANGLES = 60
"""Steps of the search over a half turn."""
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
SHRINKINGS = 32
"""Golden sections of two steps: to 1e-8 radians, below which a maximum is flat in float64."""


Moments = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def right_probabilities(mean: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability (..., K) that each class is classified rightly, and its quadrature error.

    Parameters
    ----------
    mean, covariance : ndarray, shapes (..., K, q) and (..., K, q, q)
        Of the q scores in each of the K classes.
    """
    classes = mean.shape[-2]
    if mean.shape[-1] == 1:
        margin = mean[..., 0] * np.array([-1.0, 1.0])
        std = np.sqrt(np.maximum(covariance[..., 0, 0], 0.0))
        # Without spread right or wrong for certain; a classifier that is zero is a coin.
        certain = np.where(margin == 0, 0.0, np.copysign(np.inf, margin))
        ratio = np.divide(margin, std, out=certain, where=std > 0)
        return np.asarray(special.ndtr(ratio)), np.zeros_like(ratio)
    parts = []
    for c in range(classes):
        # Score of the true class minus each of the others.
        lead = np.delete(np.eye(classes)[c] - np.eye(classes), c, axis=0)
        parts.append(positive_orthant(mean[..., c, :] @ lead.T, lead @ covariance[..., c, :, :] @ lead.T))
    right, error = (np.stack(part, axis=-1) for part in zip(*parts, strict=True))
    return right, error


def least_risky(
    score_mean: FloatArray, score_gram: FloatArray, priors: FloatArray, targets: FloatArray
) -> FloatArray:
    r"""Minimiser of the risk for every replicate, shape (replicates, k).

    The risk is :math:`u^\top H u - 2 g^\top u` + constant with u = (1, alpha) and

    .. math:: H_{ij} = \sum_c \pi_c \operatorname{tr}\{ W_i^\top (C_c + m_c m_c^\top) W_j \}, \qquad
        g_i = \sum_c \pi_c\, t_c^\top W_i^\top m_c

    (with intercepts added to the scores :math:`W_i^\top m_c`), so that
    :math:`H_{1:,1:}\, \alpha = g_{1:} - H_{1:,0}`.
    """
    h = np.einsum("c,rciojo->rij", priors, score_gram)
    h = h + np.einsum("c,rcio,rcjo->rij", priors, score_mean, score_mean)
    g = np.einsum("c,co,rcio->ri", priors, targets, score_mean)
    inverse = np.linalg.pinv(h[:, 1:, 1:], hermitian=True)
    return np.asarray((inverse @ (g[:, 1:] - h[:, 1:, 0])[..., None])[..., 0])


def most_accurate(score_gram: FloatArray, priors: FloatArray, moments: Moments) -> FloatArray:
    r"""Maximiser of the accuracy for every replicate, one source; shape (replicates,).

    To multiply a classifier by a positive number changes no decision.  So
    :math:`W_0 + \alpha W_1` is :math:`\cos\theta\, W_0 + \sin\theta\, r W_1` with
    :math:`\alpha = r \tan\theta`, and the search is over the half turn
    :math:`-\pi/2 \le \theta \le \pi/2`, both infinities included: a grid, then golden sections around its
    best point.  r makes the two parts equally large.

    ``moments`` gives mean and covariance of the scores for factors (R, A, 2) of the two parts.
    """
    size = np.einsum("c,rcioio->ri", priors, score_gram)
    ratio = np.sqrt(np.divide(size[:, 0], size[:, 1], out=np.ones(len(size)), where=(size > 0).all(axis=1)))

    def accuracy(angle: FloatArray) -> FloatArray:
        parts = np.stack([np.cos(angle), ratio[:, None] * np.sin(angle)], axis=-1)
        return np.asarray(right_probabilities(*moments(parts))[0] @ priors)

    step = np.pi / ANGLES
    grid = step * np.arange(-ANGLES // 2, ANGLES // 2 + 1)
    grid = np.concatenate([[0.0], grid])  # the first of equals is taken: alpha = 0 where alpha has no effect
    found = accuracy(np.broadcast_to(grid, (len(size), len(grid))))
    first = np.argmax(found > found.max(axis=1, keepdims=True) - 1e-15, axis=1)
    best, value = grid[first], found[np.arange(len(found)), first]
    low, high = np.maximum(best - step, -np.pi / 2), np.minimum(best + step, np.pi / 2)
    for _ in range(SHRINKINGS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        pair = accuracy(np.stack([left, right], axis=1))
        keep_left = pair[:, 0] >= pair[:, 1]
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
    middle = 0.5 * (low + high)
    # No better than the grid: the function is flat there, or largest at an end.
    better = accuracy(middle[:, None])[:, 0] > value + 1e-15
    angle = np.where(better, middle, best)
    endless = np.abs(angle) >= np.pi / 2
    finite = ratio * np.tan(np.where(endless, 0.0, angle))
    return np.asarray(np.where(endless, np.copysign(np.inf, angle), finite))
