"""`LeaveOneOut`: the score of each sample by the fit without it, affine in alpha."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.score_moments import ScoreMoments


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    r"""Leave-one-out scores :math:`f_{-i}(x_i) = A_i + B_i \cdot \alpha`.

    Attributes
    ----------
    lines : ndarray of shape (n, 1 + k, K)
        A and B for each sample and output.
    labels : ndarray of shape (n, K)
        Labels -1 and +1 (one-vs-rest), or the targets of a regression.
    counts : ndarray of shape (n,)
        How many samples each row stands for.
    """

    lines: Array
    labels: Array
    counts: Array

    @cached_property
    def weights(self) -> Array:
        """Weight of each row in averages; they sum to 1."""
        return np.asarray(self.counts / self.counts.sum())

    def scores(self, point: Array) -> Array:
        """Scores at a point (1, alpha), or their growth rates at a direction (0, d); shape (n, K)."""
        return np.asarray(np.einsum("iak,a->ik", self.lines, point))

    def squared_error(self, point: Array) -> float:
        """Mean squared error, summed over outputs; infinite at a direction."""
        if point[0] == 0:
            return float("inf")
        return float(self.weights @ np.square(self.labels - self.scores(point)).sum(axis=1))

    @cached_property
    def contrasts(self) -> Array:
        """Label times score, or score of the true class minus the mean of the others; (n, 1 + k)."""
        outputs = self.labels.shape[1]
        if outputs == 1:
            return np.asarray(self.lines[:, :, 0] * self.labels)
        own = self.labels > 0
        weight = np.where(own, 1.0, -1.0 / (outputs - 1))
        return np.asarray(np.einsum("iak,ik->ia", self.lines, weight))

    @cached_property
    def moments(self) -> ScoreMoments:
        """Mean and variance of the contrasts."""
        mean = self.weights @ self.contrasts
        centred = self.contrasts - mean
        return ScoreMoments(mean, (self.weights[:, None] * centred).T @ centred)

    def accuracy(self, point: Array) -> float:
        """Fraction classified rightly; a score of exactly 0 counts as the first class, as in scikit-learn."""
        scores = self.scores(point)
        if scores.shape[1] == 1:
            right = (scores[:, 0] > 0) == (self.labels[:, 0] > 0)
        else:
            right = scores.argmax(axis=1) == self.labels.argmax(axis=1)
        return float(self.counts @ right / self.counts.sum())
