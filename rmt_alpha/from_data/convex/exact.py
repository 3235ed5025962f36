"""`ExactCurvature`: the Hessian of a penalised loss, factorised."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg
from scipy.linalg import blas, lapack

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.curvature import Curvature
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.convex.trainable import Trainable
from rmt_alpha.from_data.decomposition.rows import EPS


class ExactCurvature(Curvature):
    """The Hessian, factorised: coefficients of one output after those of another."""

    def __init__(self, trainable: Trainable, loss: LabelLoss, z: FloatArray) -> None:
        super().__init__(trainable, loss, z)
        self._own = loss.hessian(z)
        d, m = trainable.size, z.shape[1]
        hessian: Any = self._assembled(self._own)
        # An unpenalised average has no curvature where all outputs are saturated; rounding keeps it regular.
        extra = trainable.penalty.copy()
        if trainable.pull is not None:
            extra[-1] += EPS
        hessian.flat[:: m * d + 1] += np.tile(extra, m)
        self.factor = linalg.cholesky(hessian, lower=True, overwrite_a=True, check_finite=False)

    def _assembled(self, blocks: FloatArray) -> FloatArray:
        """Sum over samples of blocks (n, m, m) times products of features; (m d, m d)."""
        d, m = self.trainable.size, blocks.shape[1]
        result = np.zeros((m, d, m, d))
        for k in range(m):
            for j in range(k + 1):
                result[k, :, j] = self.trainable.gram(blocks[:, k, j])
                result[j, :, k] = result[k, :, j]
        return result.reshape(m * d, m * d)

    def solve(self, right: FloatArray) -> FloatArray:
        """By the factor."""
        d, m = right.shape[-2:]
        if not d:
            return right
        flat = np.swapaxes(right, -1, -2).reshape(-1, m * d)
        found = linalg.cho_solve((self.factor, True), flat.T, check_finite=False).T
        return np.asarray(np.swapaxes(found.reshape(*right.shape[:-2], m, d), -1, -2))

    @property
    def volume(self) -> float:
        """From the diagonal of the factor."""
        m, r = self._own.shape[1], len(self.trainable.eigenvalues)
        found = np.log(np.diagonal(self.factor)).reshape(m, -1)
        if r:
            found[:, :r] -= np.log(self.trainable.gamma) / 2
        return float(found.sum())

    @property
    def own(self) -> FloatArray:
        """Of each sample."""
        return self._own

    @cached_property
    def _root(self) -> FloatArray:
        """Inverse of the factor."""
        return np.asarray(lapack.dtrtri(self.factor, lower=1)[0] if self.factor.size else self.factor)

    @cached_property
    def _white(self) -> FloatArray:
        """Inverse of the factor applied to the features of each sample, one output; (n, d)."""
        r = len(self.trainable.eigenvalues)
        # A triangle takes half the time; its last row is of the average.
        found = np.empty((len(self._own), self.trainable.size))
        found[:, :r] = blas.dtrmm(1.0, self._root[:r, :r], self.trainable.features.T, lower=1).T
        if self.trainable.pull is not None:
            found[:, r] = self.trainable.features @ self._root[r, :r]
            found[:, r] += self._root[r, r]
        return found

    @cached_property
    def leverage(self) -> FloatArray:
        """Products with the inverse; of one output squared lengths, which nothing cancels in."""
        if self._own.shape[1] == 1:
            return self._one(self._white, self._root)
        return self._several(self._root.T @ self._root)

    def _one(self, left: FloatArray, root: FloatArray) -> FloatArray:
        f = self.trainable.functionals
        result = np.empty((len(left), f, f))
        result[:, 0, 0] = np.einsum("ij,ij->i", left, self._white)
        if f == 2:
            result[:, 0, 1] = result[:, 1, 0] = self._white @ root[:, -1]
            result[:, 1, 1] = self._root[:, -1] @ root[:, -1]
        return result

    def _several(self, inverse: FloatArray) -> FloatArray:
        trainable, m, f = self.trainable, self._own.shape[1], self.trainable.functionals
        n, d, r = len(self._own), trainable.size, len(trainable.eigenvalues)
        parts = inverse.reshape(m, d, m, d)
        result = np.zeros((n, f, m, f, m))
        for a in range(m):
            for b in range(a + 1):
                part = parts[a, :, b]
                own = np.einsum("ij,ij->i", trainable.features @ part[:r, :r], trainable.features)
                if trainable.pull is not None:
                    one, other = trainable.features @ part[:r, r], trainable.features @ part[r, :r]
                    own += one + other + part[r, r]
                if f == 2:
                    # Between the output of one class and the average of the other.
                    result[:, 0, a, 1, b] = result[:, 1, b, 0, a] = one + part[r, r]
                    result[:, 0, b, 1, a] = result[:, 1, a, 0, b] = other + part[r, r]
                    result[:, 1, a, 1, b] = result[:, 1, b, 1, a] = part[r, r]
                result[:, 0, a, 0, b] = result[:, 0, b, 0, a] = own
        return result.reshape(n, f * m, f * m)

    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """Minus the change of the Hessian between two inverses."""
        if not bend.any():
            return np.zeros_like(self.leverage)
        inner = self._root @ self._assembled(bend) @ self._root.T
        if bend.shape[1] == 1:
            return -self._one(self._white @ inner, inner @ self._root)
        return -self._several(self._root.T @ inner @ self._root)
