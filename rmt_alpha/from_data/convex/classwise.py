r"""`ClasswiseCurvature`: the Hessian of many classes, without a matrix of all their coefficients.

Second derivatives of softmax are :math:`\operatorname{diag}(p_i) - p_i p_i^\top`.  So the Hessian of all
classes is one block for each, and one rank less for each sample,

.. math:: H = A - U \Omega U^\top, \qquad A_k = \sum_i \omega_i p_{ik} x_i x_i^\top + \gamma, \qquad
    U_{k,i} = p_{ik} x_i ,

with :math:`G_k = X A_k^{-1} X^\top`, the inverse between samples i and j and classes k and l is

.. math:: \delta_{kl} G_{k,ij} + G_{k,i\cdot} P_k S^{-1} P_l G_{l,\cdot j}, \qquad
    S = \Omega^{-1} - \sum_k P_k G_k P_k

(Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 3.3): K problems of one class,
and one of n rows.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import linalg, special
from scipy.linalg import blas, lapack

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.curvature import Curvature, MeanCurvature
from rmt_alpha.from_data.convex.label_loss import LabelLoss, SoftmaxLoss
from rmt_alpha.from_data.convex.trainable import Trainable

ENTRIES = 2**26
"""Numbers that may be kept, half a gigabyte."""
COMMON = 1e-8
"""Penalty of an average that is free: softmax does not see what all classes have in common."""


def fits(trainable: Trainable, loss: LabelLoss) -> bool:
    """Whether K matrices between the samples may be kept, and K between their classes for each."""
    n, outputs = len(trainable.weights), loss.labels.shape[1]
    size = max(n, 4 * outputs * trainable.functionals**2)
    return isinstance(loss, SoftmaxLoss) and n * outputs * size <= ENTRIES


class ClasswiseCurvature(Curvature):
    """The exact Hessian for what it says about samples; its solutions are those of the mean curvature.

    How leverages change with alpha is left out: alpha is found with the mean curvature.
    """

    def __init__(self, trainable: Trainable, loss: SoftmaxLoss, z: FloatArray) -> None:
        super().__init__(trainable, loss, z)
        self._mean = MeanCurvature(trainable, loss, z)
        self._own = loss.hessian(z)
        self.contrasts = loss.contrasts
        n, r = trainable.features.shape
        rows = trainable.features
        if trainable.pull is not None:  # the average is one more row
            rows = np.zeros((n + 1, r + 1))
            rows[:n, :r], rows[:, r] = trainable.features, 1.0
        chance = special.softmax(loss.outer(z), axis=1)
        scaled = np.sqrt(trainable.weights)[:, None] * chance
        penalty = trainable.penalty.copy()
        if trainable.pull is not None:
            penalty[r] = trainable.pull or COMMON
        inner, self._products, logs = np.eye(n), [], 0.0
        for k in range(chance.shape[1]):
            block = trainable.gram(chance[:, k])
            block.flat[:: len(block) + 1] += penalty
            factor = linalg.cholesky(block, lower=True, check_finite=False)
            white = blas.dtrsm(1.0, factor, rows.T, lower=1).T if factor.size else rows
            products = white @ white.T
            logs += float(np.log(np.diagonal(factor)).sum() - np.log(penalty[:r]).sum() / 2)
            inner -= scaled[:, k, None] * products[:n, :n] * scaled[:, k]
            self._products.append(products)
        self._root = linalg.cholesky(inner, lower=True, check_finite=False)
        logs += float(np.log(np.diagonal(self._root)).sum())
        # Of what all classes have in common, only the average has a penalty that is not divided out.
        self._volume = logs - (float(np.log(penalty[r])) / 2 if trainable.pull is not None else 0.0)
        self._scaled = scaled

    def solve(self, right: FloatArray) -> FloatArray:
        """By the mean curvature: to precondition."""
        return self._mean.solve(right)

    @property
    def volume(self) -> float:
        """By the determinants of the blocks and of S."""
        return self._volume

    @property
    def own(self) -> FloatArray:
        """Of each sample."""
        return self._own

    @cached_property
    def leverage(self) -> FloatArray:
        """In contrasts; (n, f m, f m)."""
        n, f, shape = len(self._own), self.trainable.functionals, self.contrasts.shape
        root = lapack.dtrtri(self._root, lower=1)[0]  # a product is faster than a solution
        half = np.empty((len(self._products[0]), shape[1], n))
        for k, part in enumerate(self._products):
            half[:, k] = blas.dtrmm(1.0, root, (part[:, :n] * self._scaled[:, k]).T, lower=1).T
        diagonals = np.array([np.diagonal(part)[:n] for part in self._products])
        result = np.empty((n, f, shape[0], f, shape[0]))
        pairs = [(0, 0, half[:n], diagonals)]
        if f == 2:
            borders = np.array([part[:n, n] for part in self._products])
            corners = np.array([[part[n, n]] for part in self._products])
            last = half[n:]
            pairs += [(0, 1, last, borders), (1, 1, last, corners)]
        for a, b, right, blocks in pairs:
            if a == b:
                inverse = right @ np.swapaxes(right, 1, 2)
            else:
                inverse = (half[:n].reshape(-1, n) @ right[0].T).reshape(n, shape[1], shape[1])
            inverse[:, range(shape[1]), range(shape[1])] += blocks.T
            own = self.contrasts @ inverse @ self.contrasts.T
            result[:, a, :, b] = own
            if a != b:
                result[:, b, :, a] = np.swapaxes(own, 1, 2)
        return result.reshape(n, f * shape[0], f * shape[0])

    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """Left out."""
        return np.zeros_like(self.leverage)
