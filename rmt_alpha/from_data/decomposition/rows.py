r"""`WeightedRows`: what only the features themselves can tell, and `DenseRows`, for arrays.

With root_i = sqrt(c_i/n), the rows to be decomposed are root_i (x_i - m)/d, for the mean m (or 0) and units d
(or 1).  Tall arrays are reduced once, (root, Z) = Q R: a rule for intercept and units then only decomposes
columns of the small R, and Q, whose first column is root, is the same for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import BoolArray, FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.basis import SampleBasis

EPS = float(np.finfo(np.float64).eps)
CONSTANT = 1e-13
"""A column that varies by less, relative to its size, is constant."""
CACHED = 2**17
"""Numbers at once, a megabyte."""


@dataclass(frozen=True, eq=False)
class WeightedRows(Value, ABC):
    """Features (n, p), and ``root``, a unit vector (n,) of square roots of weights."""

    features: Any
    root: FloatArray

    @property
    @abstractmethod
    def mean(self) -> FloatArray:
        """Weighted mean of the features, (p,)."""

    @property
    @abstractmethod
    def variance(self) -> FloatArray:
        """Weighted variance of each feature around its mean, exactly 0 of constant ones; (p,)."""

    @abstractmethod
    def decomposed(self, *, centred: bool, standard: bool) -> tuple[SampleBasis, FloatArray, FloatArray]:
        """A basis, sigma, descending, exactly 0 below rounding, (r,), and U in the basis, (q, r)."""

    @abstractmethod
    def against_mean(self, units2: FloatArray) -> FloatArray:
        """Centred rows times root against the mean, each product weighted by 1/d^2, (n,)."""

    @property
    @abstractmethod
    def precision(self) -> float:
        """Rounding may leave this much of a column that the rows span, relative to it."""

    @cached_property
    def varies(self) -> BoolArray:
        """Which features are not constant, (p,): of the others rounding must not be taken for a signal."""
        return np.asarray(self.variance > 0)

    def inverse_units(self, *, standard: bool) -> FloatArray:
        """1/d, (p,): a constant feature has no standard unit and trains nothing in it."""
        if not standard:
            return np.ones(len(self.mean))
        return np.divide(1.0, np.sqrt(self.variance), out=np.zeros(len(self.mean)), where=self.varies)

    def reflected(self, columns: FloatArray) -> FloatArray:
        """Columns (n, m) after the reflection that takes root to the first axis, up to its sign.

        The rows below it are centred exactly, so that no singular vector is an accidental copy of root.
        """
        return np.asarray(columns - 2 * self.mirror[:, None] * (self.mirror @ columns))

    @cached_property
    def mirror(self) -> FloatArray:
        """The unit vector, (n,), along which it reflects."""
        mirror = self.root.copy()
        mirror[0] += 1.0  # root is positive: no cancellation
        return np.asarray(mirror / np.linalg.norm(mirror))


class DenseRows(WeightedRows):
    """Features as an array."""

    @cached_property
    def mean(self) -> FloatArray:
        """Weighted mean of the features, (p,)."""
        return np.asarray(self.root**2 @ self.features)

    @cached_property
    def variance(self) -> FloatArray:
        """Weighted variance of each feature around its mean, exactly 0 of constant ones; (p,)."""
        variance = np.zeros(len(self.mean))
        for rows, part in self._deviations():
            variance += self.root[rows] ** 2 @ np.square(part, out=part)
        variance[variance <= CONSTANT**2 * (variance + self.mean**2)] = 0.0
        return variance

    def _deviations(self) -> Iterator[tuple[slice, FloatArray]]:
        """Some rows minus the mean at a time."""
        step = max(1, CACHED // max(len(self.mean), 1))
        for first in range(0, len(self.root), step):
            rows = slice(first, first + step)
            yield rows, self.features[rows] - self.mean

    def against_mean(self, units2: FloatArray) -> FloatArray:
        """Centred rows times root against the mean, each product weighted by 1/d^2, (n,)."""
        mean = np.where(self.varies, units2 * self.mean, 0.0)
        products = np.concatenate([part @ mean for _, part in self._deviations()])
        return np.asarray(self.root * products)

    @property
    def precision(self) -> float:
        """Rounding may leave this much of a column that the rows span, relative to it."""
        return len(self.root) * EPS

    @cached_property
    def _basis(self) -> SampleBasis:
        n, p = self.features.shape
        return SampleBasis(n, self._triangle[0] if n > p + 1 else None)

    @cached_property
    def _triangle(self) -> tuple[FloatArray, FloatArray]:
        n, p = self.features.shape
        # All n axes if they are hardly more: that costs little and avoids 1 minus a sum.
        mode = "full" if n <= 2 * (p + 1) else "economic"
        rows = np.empty((n, p + 1), order="F")  # as LAPACK has it
        rows[:, 0] = self.root
        np.multiply(self.root[:, None], self.features, out=rows[:, 1:])
        axes, triangle = linalg.qr(rows, mode=mode, overwrite_a=True, check_finite=False)
        sign = -1.0 if axes[0, 0] < 0 else 1.0
        axes[:, 0] *= sign
        triangle[0] *= sign
        triangle[1:, 1:][:, ~self.varies] = 0.0
        return axes, triangle[: p + 1]

    def decomposed(self, *, centred: bool, standard: bool) -> tuple[SampleBasis, FloatArray, FloatArray]:
        """A basis that is the same in all units, sigma, (r,), and U in the basis, (q, r)."""
        axes, rows = self._basis.axes, self._coordinates(centred, standard)
        wide = rows.shape[0] < rows.shape[1]
        left, singular, _ = linalg.svd(
            rows, full_matrices=not wide, check_finite=False, lapack_driver="gesdd"
        )
        singular[singular <= max(rows.shape) * EPS * singular.max(initial=0.0)] = 0.0
        if axes is None:
            if centred:
                left = self.reflected(np.concatenate([np.zeros((1, left.shape[1])), left]))
        else:
            size = axes.shape[1]
            turned = np.zeros((size, size - centred))
            turned[int(centred) : len(left) + centred, : left.shape[1]] = left
            spare = size - centred - left.shape[1]
            if spare:
                turned[-spare:, -spare:] = np.eye(spare)
            left = turned
        return self._basis, np.concatenate([singular, np.zeros(left.shape[1] - singular.size)]), left

    def _coordinates(self, centred: bool, standard: bool) -> FloatArray:
        """The rows in the coordinates of the axes, (q, r), rotated; centred ones without the first.

        Products of rows are what counts: their columns are rotated, too.
        """
        units = self.inverse_units(standard=standard)
        if self._basis.axes is not None:
            triangle = self._triangle[1][:, 1:]
            return np.asarray((triangle[1:] if centred else triangle) * units)
        if not centred:
            return _reduced(self.root[:, None] * (self.features * units))
        scaled = self.root[:, None] * (self.features - self.mean)
        scaled[:, ~self.varies] = 0.0
        scaled *= units
        return self.reflected(_reduced(scaled))[1:]


def _reduced(rows: FloatArray) -> FloatArray:
    """Rows (n, p) as n x min(n, p) numbers with the same products."""
    if rows.shape[1] <= rows.shape[0]:
        return rows
    return np.asarray(linalg.qr(rows.T, mode="r", overwrite_a=True, check_finite=False)[0][: len(rows)].T)
