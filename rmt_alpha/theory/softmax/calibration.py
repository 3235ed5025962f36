"""Calibration of the scores of K classes: the probabilities that they state, and those that they have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize

from rmt_alpha._core.types import Array
from rmt_alpha.theory.softmax.forces import label_loss, softmax

SMALLEST, LARGEST = 1e-6, 1e6
"""Factors of the scores that are tried."""


class FreshScores(NamedTuple):
    """Fresh scores of one class, as contrasts."""

    points: Array
    """Shape (d, N)."""
    weights: Array
    """They sum to the fraction of the class, shape (N,)."""


def posterior(points: Array, mean: Array, covariance: Array, priors: Array) -> Array:
    """P(class | contrasts) at points (d, N), for classes N(mean_c, covariance_c); shape (K, N)."""
    logs = []
    for c, prior in enumerate(priors):
        root = np.linalg.cholesky(covariance[c])
        away = np.linalg.solve(root, points - mean[c][:, None])
        logs.append(np.log(prior) - np.log(np.diagonal(root)).sum() - 0.5 * (away * away).sum(axis=0))
    return softmax(np.stack(logs))


def fresh_loss(samples: list[FreshScores], basis: Array, factor: float = 1.0) -> float:
    """Expected cross-entropy of the scores times a factor."""
    parts = [label_loss(basis, c, factor * each.points) @ each.weights for c, each in enumerate(samples)]
    return float(sum(parts))


def temperature(samples: list[FreshScores], basis: Array) -> float:
    """1 over the factor with the least expected cross-entropy, a convex function of the factor."""

    def slope(log_factor: float) -> float:
        total = 0.0
        for c, (points, weights) in enumerate(samples):
            full = basis @ points
            chance = softmax(np.exp(log_factor) * full)
            total += ((chance * full).sum(axis=0) - full[c]) @ weights
        return float(total)

    ends = np.log(SMALLEST), np.log(LARGEST)
    if slope(ends[0]) >= 0:
        return np.inf
    if slope(ends[1]) <= 0:
        return 0.0
    return float(np.exp(-optimize.brentq(slope, *ends, xtol=1e-12)))


def error(samples: list[FreshScores], basis: Array, mean: Array, covariance: Array, priors: Array) -> float:
    """E of half the sum of absolute differences of stated and true probabilities."""
    total = 0.0
    for points, weights in samples:
        stated, true = softmax(basis @ points), posterior(points, mean, covariance, priors)
        total += 0.5 * abs(stated - true).sum(axis=0) @ weights
    return float(total)
