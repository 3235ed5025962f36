"""From the law of a classifier's scores to the probability that it decides rightly."""

from __future__ import annotations

import numpy as np
from scipy import special

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.mixtures.orthant import positive_orthant


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
