"""`ClassLaw`: accuracy of Gaussian scores with the moments of the leave-one-out scores in each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.leave_one_out import LeaveOneOut
from rmt_alpha.theory.mixtures.orthant import orthant_probability


@dataclass(frozen=True, eq=False)
class ClassLaw:
    """Mean and covariance, in each class, of what must be positive for a sample to be classified rightly.

    That is label times score, or the score of the true class minus each of the others.

    Attributes
    ----------
    priors : ndarray of shape (C,)
        Weight of each class.
    means : ndarray of shape (C, 1 + k, d)
        Mean, for the coordinates of (1, alpha).
    covariances : ndarray of shape (C, 1 + k, d, 1 + k, d)
        Covariance of the same.
    """

    priors: Array
    means: Array
    covariances: Array

    @classmethod
    def from_lines(cls, lines: LeaveOneOut) -> ClassLaw:
        """Moments of the leave-one-out lines of each class."""
        outputs = lines.labels.shape[1]
        own = (lines.labels[:, 0] > 0).astype(int) if outputs == 1 else lines.labels.argmax(axis=1)
        priors, means, covariances = [], [], []
        for one in range(max(outputs, 2)):
            rows, weights = lines.lines[own == one], lines.weights[own == one]
            if outputs == 1:
                contrasts = rows if one == 1 else -rows
            else:
                contrasts = rows[:, :, [one]] - np.delete(rows, one, axis=2)
            mean = np.tensordot(weights, contrasts, 1) / weights.sum()
            centred = contrasts - mean
            priors.append(weights.sum())
            means.append(mean)
            covariances.append(
                np.einsum("i,iac,ibd->acbd", weights, centred, centred, optimize=True) / weights.sum()
            )
        return cls(np.array(priors), np.array(means), np.array(covariances))

    def accuracy(self, points: Array) -> Array:
        """Accuracy at points (..., 1 + k)."""
        means = np.einsum("...a,cad->...cd", points, self.means)
        covariances = np.einsum("...a,cadbe,...b->...cde", points, self.covariances, points)
        if means.shape[-1] > 1:
            right = orthant_probability(means, covariances)[0]
        else:
            # Without spread a class is right or wrong as a whole, or undecided at a mean of 0.
            spread = np.sqrt(np.maximum(covariances[..., 0, 0], 0.0))
            far = np.where(means[..., 0] == 0, 0.0, np.copysign(np.inf, means[..., 0]))
            safe = np.where(spread > 0, spread, 1.0)
            right = ndtr(np.where(spread > 0, means[..., 0] / safe, far))
        return np.asarray(right @ self.priors)
