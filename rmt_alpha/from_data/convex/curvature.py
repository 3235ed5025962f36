r"""`Curvature`: what a Hessian must answer, and the one with the mean curvature of the loss.

With the mean curvature :math:`\bar D = \sum_i \omega_i \ell''_i` the Hessian is diagonal where the sample
covariance and :math:`\bar D` are,

.. math:: \bar H_{jm} = \lambda_j \mu_m + \gamma ,

at no cost for any number of classes: it preconditions Newton's method, and compares ridges before the best
ones are looked at exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.convex.trainable import Trainable
from rmt_alpha.from_data.decomposition.rows import EPS


class Curvature(ABC):
    """A Hessian, and what it says about each sample.

    The functionals of a sample are its output and, if that is shrunk, the average.  They are handled in
    blocks of b outputs that depend on each other, at the sites that are left: (n,) and b = m, or (n, m) and
    b = 1.
    """

    def __init__(self, trainable: Trainable, loss: LabelLoss, z: FloatArray) -> None:
        self.trainable, self.loss = trainable, loss

    @abstractmethod
    def solve(self, right: FloatArray) -> FloatArray:
        """Inverse Hessian times (..., d, m)."""

    @property
    @abstractmethod
    def volume(self) -> float:
        """Half the log determinant of the Hessian over that of the penalty of the features."""

    @property
    @abstractmethod
    def own(self) -> FloatArray:
        """Second derivatives of each sample's loss: sites, then (b, b)."""

    @property
    @abstractmethod
    def leverage(self) -> FloatArray:
        """Inverse Hessian between the functionals of a sample: sites, then (f b, f b)."""

    def bend(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """How `own` changes with outputs (n, m); of second derivatives that are exact, (n, m, m)."""
        return self.loss.hessian_along(z, change)

    def volume_change(self, bend: FloatArray) -> float:
        """How `volume` does, by Jacobi's formula."""
        m = bend.shape[1]
        return float(np.einsum("i,iab,iba->", self.trainable.weights, self.leverage[:, :m, :m], bend)) / 2

    @abstractmethod
    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """How `leverage` does."""

    def split(self, outputs: FloatArray) -> FloatArray:
        """Outputs (..., n, m) at the sites, (..., sites, b); as they are."""
        return outputs

    def join(self, parts: FloatArray) -> FloatArray:
        """The inverse of `split`."""
        return parts


class MeanCurvature(Curvature):
    """The Hessian with one curvature for all samples."""

    def __init__(self, trainable: Trainable, loss: LabelLoss, z: FloatArray) -> None:
        super().__init__(trainable, loss, z)
        sizes, self.axes = np.linalg.eigh(loss.mean_hessian(z, trainable.weights))
        self.sizes = np.maximum(sizes, EPS * EPS)
        """Eigenvalues of the mean curvature, (m,)."""
        self.diagonal = trainable.eigenvalues[:, None] * self.sizes + trainable.gamma
        """Of the features, (r, m)."""
        # An average that is not penalised has no curvature where all outputs are saturated.
        self.average = self.sizes + (trainable.pull or EPS)
        full = self.diagonal if trainable.pull is None else np.vstack([self.diagonal, self.average])
        self._full = full

    def solve(self, right: FloatArray) -> FloatArray:
        """Diagonal."""
        return np.asarray(((right @ self.axes) / self._full) @ self.axes.T)

    @property
    def volume(self) -> float:
        """Of a diagonal."""
        found = np.log1p(self.trainable.eigenvalues[:, None] * self.sizes / self.trainable.gamma).sum()
        return float(found + (np.log(self.average).sum() if self.trainable.pull is not None else 0.0)) / 2

    @property
    def own(self) -> FloatArray:
        """The same of all samples."""
        return np.asarray(self.sizes[None, :, None, None])

    def _functionals(self, features: FloatArray, average: FloatArray) -> FloatArray:
        """Sites (n, m), from the parts of the features (n, m) and the average (m,)."""
        f = self.trainable.functionals
        blocks = np.zeros((*features.shape, f, f))
        if self.trainable.pull is not None:
            blocks[:] = average[:, None, None]
        blocks[..., 0, 0] += features
        return blocks

    @cached_property
    def leverage(self) -> FloatArray:
        """Squares over the diagonal."""
        return self._functionals(self.trainable.squares @ (1 / self.diagonal), 1 / self.average)

    def bend(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """Of the eigenvalues, (1, m, 1, 1), the axes as they are."""
        moved = self.loss.mean_hessian_along(z, change, self.trainable.weights)
        return np.asarray(((moved @ self.axes) * self.axes).sum(axis=0)[None, :, None, None])

    def volume_change(self, bend: FloatArray) -> float:
        """Of the sum of logarithms."""
        found = (self.trainable.eigenvalues[:, None] / self.diagonal).sum(axis=0)
        if self.trainable.pull is not None:
            found = found + 1 / self.average
        return float(found @ bend[0, :, 0, 0]) / 2

    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """Of squares over the diagonal."""
        change = bend[0, :, 0, 0]
        inner = self.trainable.eigenvalues[:, None] * change / self.diagonal**2
        return -self._functionals(self.trainable.squares @ inner, change / self.average**2)

    def split(self, outputs: FloatArray) -> FloatArray:
        """In the axes of the mean curvature."""
        return np.asarray((outputs @ self.axes)[..., None])

    def join(self, parts: FloatArray) -> FloatArray:
        """Back from there."""
        return np.asarray(parts[..., 0] @ self.axes.T)
