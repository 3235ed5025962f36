r"""Hessians of a penalised loss: exact, and with the mean curvature of the loss in place of each sample's.

With the mean curvature :math:`\bar D = \sum_i \omega_i \ell''_i` the Hessian is diagonal where the sample
covariance and :math:`\bar D` are,

.. math:: \bar H_{jm} = \lambda_j \mu_m + \gamma ,

at no cost for any number of classes: it preconditions Newton's method, and compares ridges before the best
ones are looked at exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.samples import EPS

ROWS = 1024
"""Rows at once in products, so that they stay in the cache."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """What is trained: features and an average (one more feature, 1 everywhere), and their penalties."""

    features: FloatArray
    """In the coordinates of the right singular vectors, (n, r)."""
    squares: FloatArray
    """Their squares, (n, r)."""
    eigenvalues: FloatArray
    """Weighted means of the squares, (r,)."""
    weights: FloatArray
    """omega, which sum to 1; shape (n,)."""
    gamma: float
    """Penalty of the features."""
    pull: float | None
    """Penalty of the average; None: there is none."""

    @property
    def size(self) -> int:
        """Number of coefficients of one output, d."""
        return len(self.eigenvalues) + (self.pull is not None)

    @property
    def functionals(self) -> int:
        """1, or 2 if leaving out a sample also moves what the average is shrunk to."""
        return 2 if self.pull else 1

    @cached_property
    def penalty(self) -> FloatArray:
        """Of each coefficient, (d,)."""
        own = np.full(len(self.eigenvalues), self.gamma)
        return own if self.pull is None else np.append(own, self.pull)

    def times(self, theta: FloatArray) -> FloatArray:
        """Outputs (..., n, m) of coefficients (..., d, m)."""
        if self.pull is None:
            return np.asarray(self.features @ theta)
        return np.asarray(self.features @ theta[..., :-1, :] + theta[..., -1:, :])

    def adjoint(self, outputs: FloatArray) -> FloatArray:
        """Products (..., d, m) of features and weighted outputs (..., n, m)."""
        scaled = self.weights[:, None] * outputs
        own = self.features.T @ scaled
        if self.pull is None:
            return np.asarray(own)
        return np.concatenate([own, scaled.sum(axis=-2, keepdims=True)], axis=-2)

    def gram(self, curvature: FloatArray) -> FloatArray:
        """Products (d, d) of the coefficients' features, with weights times curvature (n,)."""
        r = len(self.eigenvalues)
        result, scale = np.zeros((self.size,) * 2), self.weights * curvature
        signed = bool((scale < 0).any())
        factor = scale if signed else np.sqrt(scale)
        for first in range(0, len(scale), ROWS):
            rows = self.features[first : first + ROWS]
            scaled = factor[first : first + ROWS, None] * rows
            result[:r, :r] += scaled.T @ (rows if signed else scaled)
        if self.pull is not None:
            result[r, :r] = result[:r, r] = scale @ self.features
            result[r, r] = scale.sum()
        return result


class Curvature(ABC):
    """A Hessian, and what it says about each sample.

    The functionals of a sample are its output and, if that is shrunk, the average.  They are handled in blocks
    of b outputs that depend on each other, at the sites that are left: (n,) and b = m, or (n, m) and b = 1.
    """

    geometry: Geometry

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

    @abstractmethod
    def bend(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """How `own` changes with outputs (n, m)."""

    @abstractmethod
    def volume_change(self, bend: FloatArray) -> float:
        """How `volume` does."""

    @abstractmethod
    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """How `leverage` does."""

    @abstractmethod
    def split(self, outputs: FloatArray) -> FloatArray:
        """Outputs (..., n, m) at the sites: (..., sites, b)."""

    @abstractmethod
    def join(self, parts: FloatArray) -> FloatArray:
        """The inverse of `split`."""


class MeanCurvature(Curvature):
    """The Hessian with one curvature for all samples."""

    def __init__(self, geometry: Geometry, loss: LabelLoss, z: FloatArray) -> None:
        self.geometry, self.loss = geometry, loss
        sizes, self.axes = np.linalg.eigh(loss.mean_hessian(z, geometry.weights))
        self.sizes = np.maximum(sizes, EPS * EPS)
        """Eigenvalues of the mean curvature, (m,)."""
        self.diagonal = geometry.eigenvalues[:, None] * self.sizes + geometry.gamma
        """Of the features, (r, m)."""
        # An average that is not penalised has no curvature where all outputs are saturated.
        self.average = self.sizes + (geometry.pull or EPS)
        full = self.diagonal if geometry.pull is None else np.vstack([self.diagonal, self.average])
        self._full = full

    def solve(self, right: FloatArray) -> FloatArray:
        """Diagonal."""
        return np.asarray(((right @ self.axes) / self._full) @ self.axes.T)

    @property
    def volume(self) -> float:
        """Of a diagonal."""
        found = np.log1p(self.geometry.eigenvalues[:, None] * self.sizes / self.geometry.gamma).sum()
        return float(found + (np.log(self.average).sum() if self.geometry.pull is not None else 0.0)) / 2

    @property
    def own(self) -> FloatArray:
        """The same of all samples."""
        return np.asarray(self.sizes[None, :, None, None])

    def _functionals(self, features: FloatArray, average: FloatArray) -> FloatArray:
        """Sites (n, m), from the parts of the features (n, m) and the average (m,)."""
        f = self.geometry.functionals
        blocks = np.zeros((*features.shape, f, f))
        if self.geometry.pull is not None:
            blocks[:] = average[:, None, None]
        blocks[..., 0, 0] += features
        return blocks

    @cached_property
    def leverage(self) -> FloatArray:
        """Squares over the diagonal."""
        return self._functionals(self.geometry.squares @ (1 / self.diagonal), 1 / self.average)

    def bend(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """Of the eigenvalues, (1, m, 1, 1), the axes as they are."""
        moved = self.loss.mean_hessian_along(z, change, self.geometry.weights)
        return ((moved @ self.axes) * self.axes).sum(axis=0)[None, :, None, None]

    def volume_change(self, bend: FloatArray) -> float:
        """Of the sum of logarithms."""
        found = (self.geometry.eigenvalues[:, None] / self.diagonal).sum(axis=0)
        if self.geometry.pull is not None:
            found = found + 1 / self.average
        return float(found @ bend[0, :, 0, 0]) / 2

    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """Of squares over the diagonal."""
        change = bend[0, :, 0, 0]
        inner = self.geometry.eigenvalues[:, None] * change / self.diagonal**2
        return -self._functionals(self.geometry.squares @ inner, change / self.average**2)

    def split(self, outputs: FloatArray) -> FloatArray:
        """In the axes of the mean curvature."""
        return np.asarray((outputs @ self.axes)[..., None])

    def join(self, parts: FloatArray) -> FloatArray:
        """Back from there."""
        return np.asarray(parts[..., 0] @ self.axes.T)


class ExactCurvature(Curvature):
    """The Hessian, factorised: coefficients of one output after those of another."""

    def __init__(self, geometry: Geometry, loss: LabelLoss, z: FloatArray) -> None:
        self.geometry, self.loss = geometry, loss
        self._own = loss.hessian(z)
        d, m = geometry.size, z.shape[1]
        hessian: Any = self._assembled(self._own)
        # An unpenalised average has no curvature where all outputs are saturated; rounding keeps it regular.
        extra = geometry.penalty.copy()
        if geometry.pull is not None:
            extra[-1] += EPS
        hessian.flat[:: m * d + 1] += np.tile(extra, m)
        self.factor = linalg.cholesky(hessian, lower=True, overwrite_a=True, check_finite=False)

    def _assembled(self, blocks: FloatArray) -> FloatArray:
        """Sum over samples of blocks (n, m, m) times products of features; (m d, m d)."""
        d, m = self.geometry.size, blocks.shape[1]
        result = np.zeros((m, d, m, d))
        for k in range(m):
            for j in range(k + 1):
                result[k, :, j] = self.geometry.gram(blocks[:, k, j])
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
        m, r = self._own.shape[1], len(self.geometry.eigenvalues)
        found = np.log(np.diagonal(self.factor)).reshape(m, -1)
        if r:
            found[:, :r] -= np.log(self.geometry.gamma) / 2
        return float(found.sum())

    @property
    def own(self) -> FloatArray:
        """Of each sample."""
        return self._own

    @cached_property
    def _root(self) -> FloatArray:
        """Inverse of the factor."""
        return np.asarray(lapack.dtrtri(self.factor, lower=1)[0])

    @cached_property
    def _white(self) -> FloatArray:
        """Inverse of the factor applied to the features of each sample, one output; (n, d)."""
        r = len(self.geometry.eigenvalues)
        found = self.geometry.features @ np.ascontiguousarray(self._root[:, :r].T)
        return found if self.geometry.pull is None else found + self._root[:, r]

    @cached_property
    def leverage(self) -> FloatArray:
        """Products with the inverse; of one output squared lengths, which nothing cancels in."""
        if self._own.shape[1] == 1:
            return self._one(self._white, self._root)
        return self._several(self._root.T @ self._root)

    def _one(self, left: FloatArray, root: FloatArray) -> FloatArray:
        f = self.geometry.functionals
        result = np.empty((len(left), f, f))
        result[:, 0, 0] = np.einsum("ij,ij->i", left, self._white)
        if f == 2:
            result[:, 0, 1] = result[:, 1, 0] = self._white @ root[:, -1]
            result[:, 1, 1] = self._root[:, -1] @ root[:, -1]
        return result

    def _several(self, inverse: FloatArray) -> FloatArray:
        geometry, m, f = self.geometry, self._own.shape[1], self.geometry.functionals
        n, d, r = len(self._own), geometry.size, len(geometry.eigenvalues)
        parts = inverse.reshape(m, d, m, d)
        result = np.zeros((n, f, m, f, m))
        for a in range(m):
            for b in range(a + 1):
                part = parts[a, :, b]
                own = np.einsum("ij,ij->i", geometry.features @ part[:r, :r], geometry.features)
                if geometry.pull is not None:
                    one, other = geometry.features @ part[:r, r], geometry.features @ part[r, :r]
                    own += one + other + part[r, r]
                if f == 2:
                    # Between the output of one class and the average of the other.
                    result[:, 0, a, 1, b] = result[:, 1, b, 0, a] = one + part[r, r]
                    result[:, 0, b, 1, a] = result[:, 1, a, 0, b] = other + part[r, r]
                    result[:, 1, a, 1, b] = result[:, 1, b, 1, a] = part[r, r]
                result[:, 0, a, 0, b] = result[:, 0, b, 0, a] = own
        return result.reshape(n, f * m, f * m)

    def bend(self, z: FloatArray, change: FloatArray) -> FloatArray:
        """Of each sample, (n, m, m)."""
        return self.loss.hessian_along(z, change)

    def volume_change(self, bend: FloatArray) -> float:
        """By Jacobi's formula."""
        m = bend.shape[1]
        return float(np.einsum("i,iab,iba->", self.geometry.weights, self.leverage[:, :m, :m], bend)) / 2

    def leverage_change(self, bend: FloatArray) -> FloatArray:
        """Minus the change of the Hessian between two inverses."""
        if not bend.any():
            return np.zeros_like(self.leverage)
        inner = self._root @ self._assembled(bend) @ self._root.T
        if bend.shape[1] == 1:
            return -self._one(self._white @ inner, inner @ self._root)
        return -self._several(self._root.T @ inner @ self._root)

    def split(self, outputs: FloatArray) -> FloatArray:
        """As they are."""
        return outputs

    def join(self, parts: FloatArray) -> FloatArray:
        """As they are."""
        return parts
