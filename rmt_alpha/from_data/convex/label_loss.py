"""Convex losses of scores given labels: value, derivatives, and the outputs they are functions of."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy import linalg, special

from rmt_alpha._core.types import FloatArray


class LabelLoss(ABC):
    r"""A loss :math:`\ell(y_i, z_i)` of m outputs, with the labels of n samples in it.

    Scores have K columns, one per class; outputs are what the loss depends on.  They differ for softmax,
    which does not see what is common to all classes.  Labels (n, K) are -1 and +1, one-vs-rest for more than
    two classes.
    """

    def __init__(self, labels: FloatArray) -> None:
        self.labels = labels

    def inner(self, scores: FloatArray) -> FloatArray:
        """Outputs (..., n, m) of scores (..., n, K)."""
        return scores

    def outer(self, outputs: FloatArray) -> FloatArray:
        """Scores (..., K) of outputs (..., m)."""
        return outputs

    @abstractmethod
    def value(self, z: FloatArray) -> FloatArray:
        """Loss of each sample, (n,), at outputs (n, m)."""

    @abstractmethod
    def gradient(self, z: FloatArray) -> FloatArray:
        """First derivatives, (n, m)."""

    @abstractmethod
    def hessian(self, z: FloatArray) -> FloatArray:
        """Second derivatives, (n, m, m)."""

    @abstractmethod
    def hessian_along(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """Derivative of the Hessian along a change (n, m) of the outputs, (n, m, m)."""


class LogisticLoss(LabelLoss):
    r"""Binary cross-entropy, :math:`\log(1 + e^{-y z})` with y = -1 or +1."""

    def value(self, z: FloatArray) -> FloatArray:
        """log(1 + exp(-y z))."""
        return np.logaddexp(0.0, -self.labels * z)[:, 0]

    def gradient(self, z: FloatArray) -> FloatArray:
        """-y / (1 + exp(y z))."""
        return np.asarray(-self.labels * special.expit(-self.labels * z))

    def hessian(self, z: FloatArray) -> FloatArray:
        """s (1 - s) with s the probability of the second class."""
        return np.asarray(special.expit(z) * special.expit(-z))[:, :, None]

    def hessian_along(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """s (1 - s) (1 - 2 s) times the change."""
        return self.hessian(z) * (np.tanh(-z / 2) * change)[:, :, None]


class SoftmaxLoss(LabelLoss):
    r"""Multinomial cross-entropy, :math:`\log \sum_k e^{s_k} - s_y`.

    The outputs are K - 1 orthonormal contrasts of the K scores: adding a number to all scores changes
    nothing, and without that direction the Hessian is regular even where it is not penalised.
    """

    def __init__(self, labels: FloatArray) -> None:
        super().__init__(labels)
        self.own = (labels > 0).astype(np.float64)
        self.contrasts = linalg.helmert(labels.shape[1])

    def inner(self, scores: FloatArray) -> FloatArray:
        """Contrasts of the scores."""
        return np.asarray(scores @ self.contrasts.T)

    def outer(self, outputs: FloatArray) -> FloatArray:
        """Scores that add up to 0."""
        return np.asarray(outputs @ self.contrasts)

    def value(self, z: FloatArray) -> FloatArray:
        """log sum exp(s) - s_y."""
        scores = self.outer(z)
        return np.asarray(special.logsumexp(scores, axis=1) - (self.own * scores).sum(axis=1))

    def gradient(self, z: FloatArray) -> FloatArray:
        """Probabilities minus labels 0 and 1."""
        return self.inner(special.softmax(self.outer(z), axis=1) - self.own)

    def hessian(self, z: FloatArray) -> FloatArray:
        """diag(p) - p p^T."""
        p = special.softmax(self.outer(z), axis=1)
        return self._inner_blocks(_diagonals(p) - p[:, :, None] * p[:, None, :])

    def hessian_along(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """diag(dp) - dp p^T - p dp^T with dp = p (ds - p.ds)."""
        p, ds = special.softmax(self.outer(z), axis=1), self.outer(change)
        dp = p * (ds - (p * ds).sum(axis=1, keepdims=True))
        product = dp[:, :, None] * p[:, None, :]
        return self._inner_blocks(_diagonals(dp) - product - np.swapaxes(product, 1, 2))

    def _inner_blocks(self, blocks: FloatArray) -> FloatArray:
        return np.asarray(self.contrasts @ blocks @ self.contrasts.T)


def cross_entropy(labels: FloatArray) -> LabelLoss:
    """Logistic for one column of labels, softmax for more."""
    return LogisticLoss(labels) if labels.shape[1] == 1 else SoftmaxLoss(labels)


def _diagonals(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors[:, :, None] * np.eye(vectors.shape[1]))
