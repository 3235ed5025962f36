"""`Trainable`: what a convex fit trains at one ridge, and products with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.types import FloatArray

ROWS = 1024
"""Rows at once in products, so that they stay in the cache."""


@dataclass(frozen=True, eq=False)
class Trainable:
    """What is trained: features and an average (one more feature, 1 everywhere), and their penalties."""

    features: FloatArray
    """In the coordinates of the right singular vectors, (n, r)."""
    squares: FloatArray
    """Their squares, (n, r)."""
    single: NDArray[np.float32]
    """The features over the roots of the eigenvalues, in single precision, (n, r)."""
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

    def single_product(self, product: Callable[[Any], Any], theta: FloatArray) -> FloatArray:
        """`adjoint` of a product of `times`, to single precision; ``product`` keeps the type of its argument.

        Features and coefficients are scaled before they are rounded: neither their units nor their ratios
        leave the range of small numbers.
        """
        r, full = len(self.eigenvalues), self.pull is not None
        units = np.sqrt(self.eigenvalues)[:, None]
        scaled = units * theta[:r]
        size = max(float(abs(scaled).max(initial=0.0)), float(abs(theta[r:]).max(initial=0.0))) or 1.0
        outputs = self.single @ (scaled / size).astype(np.float32)
        if full:
            outputs += (theta[r:] / size).astype(np.float32)
        outputs = self._single_mass * product(outputs)
        result = np.empty(theta.shape)
        result[:r] = units * (self.single.T @ outputs)
        if full:
            result[r] = outputs.sum(axis=0, dtype=np.float64)
        result *= size / len(self.weights)
        return result

    @cached_property
    def _single_mass(self) -> NDArray[np.float32]:
        return (self.weights * len(self.weights)).astype(np.float32)[:, None]

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
