"""Convex losses of scores given labels: value, derivatives, and the outputs they are functions of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy import linalg, special

from rmt_alpha._core.exponentials import log_sum_exp
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

    def product(self, z: FloatArray) -> Callable[[FloatArray], FloatArray]:
        """The Hessian of each sample as a function: product with vectors (..., n, m), of the type of z."""
        blocks = self.hessian(z)
        return lambda change: np.asarray(np.einsum("iab,...ib->...ia", blocks, change))

    def mean_hessian(self, z: FloatArray, weights: FloatArray) -> FloatArray:
        """Sum of the Hessians with weights (n,); shape (m, m)."""
        return np.asarray(np.tensordot(weights, self.hessian(z), 1))

    def mean_hessian_along(self, z: FloatArray, change: FloatArray, weights: FloatArray) -> FloatArray:
        """Derivative of `mean_hessian` along a change (n, m) of the outputs."""
        return np.asarray(np.tensordot(weights, self.hessian_along(z, change), 1))


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

    def product(self, z: FloatArray) -> Callable[[FloatArray], FloatArray]:
        """s (1 - s) times a vector."""
        bend = self.hessian(z)[:, :, 0]
        return lambda change: np.asarray(bend * change)


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
        return np.asarray(scores @ self.contrasts.T.astype(scores.dtype, copy=False))

    def outer(self, outputs: FloatArray) -> FloatArray:
        """Scores that add up to 0."""
        return np.asarray(outputs @ self.contrasts.astype(outputs.dtype, copy=False))

    def value(self, z: FloatArray) -> FloatArray:
        """log sum exp(s) - s_y."""
        scores = self.outer(z)
        return np.asarray(log_sum_exp(scores, axis=1) - (self.own * scores).sum(axis=1))

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

    def product(self, z: FloatArray) -> Callable[[FloatArray], FloatArray]:
        """diag(p) - p p^T times a vector, without n matrices."""
        p = special.softmax(self.outer(z), axis=1)

        def times(change: FloatArray) -> FloatArray:
            own = p * self.outer(change)
            return self.inner(own - p * own.sum(axis=-1, keepdims=True))

        return times

    def mean_hessian(self, z: FloatArray, weights: FloatArray) -> FloatArray:
        """diag of the mean probabilities, minus their mean products."""
        p = special.softmax(self.outer(z), axis=1)
        return self._inner_blocks(np.diag(weights @ p) - (weights[:, None] * p).T @ p)

    def mean_hessian_along(self, z: FloatArray, change: FloatArray, weights: FloatArray) -> FloatArray:
        """The same of dp = p (ds - p.ds)."""
        p, ds = special.softmax(self.outer(z), axis=1), self.outer(change)
        dp = p * (ds - (p * ds).sum(axis=1, keepdims=True))
        product = (weights[:, None] * dp).T @ p
        return self._inner_blocks(np.diag(weights @ dp) - product - product.T)

    def _inner_blocks(self, blocks: FloatArray) -> FloatArray:
        return np.asarray(self.contrasts @ blocks @ self.contrasts.T)


def cross_entropy(labels: FloatArray) -> LabelLoss:
    """Logistic for one column of labels, softmax for more."""
    return LogisticLoss(labels) if labels.shape[1] == 1 else SoftmaxLoss(labels)


def _diagonals(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors[:, :, None] * np.eye(vectors.shape[1]))
