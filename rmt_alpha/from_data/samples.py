r"""`Samples`: one training set, and what all rules for its intercept and its units share.

With masses c_i that sum to n, a rule decomposes the rows sqrt(c_i/n) (x_i - m)/d, for its mean m (or 0) and
its units d (or 1).  Tall samples are reduced once, (root, Z) = Q R with root_i = sqrt(c_i/n): a rule then
decomposes columns of the small R, and Q, whose first column is root, is the same for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import BoolArray, FloatArray
from rmt_alpha._core.values import Value

EPS = float(np.finfo(np.float64).eps)
LOW_FREEDOM = 0.1
"""Below this, the diagonal of a projector is computed as a squared length and not as 1 minus a sum."""
CONSTANT = 1e-13
"""A column that varies by less, relative to its size, is constant."""
ITSELF = 1e-6
"""Rows whose mean has less than this share of the squared length that chance gives were centred by it."""


@dataclass(frozen=True, eq=False)
class Samples(Value):
    """Features with weights."""

    features: FloatArray
    """Shape (n, p)."""
    counts: FloatArray
    """How many samples each row stands for, positive; shape (n,)."""
    mass: FloatArray
    """The weight of each row in every sum, their number times their importance; the sum is n; shape (n,)."""
    removed: FloatArray
    """What leaving out takes from it: one sample, or all there is if that is less; shape (n,)."""

    @classmethod
    def of(
        cls, features: FloatArray, counts: FloatArray | None = None, importance: FloatArray | None = None
    ) -> Samples:
        """Features (n, p), counts (n,), all 1 by default, and weights (n,) of one sample of each row."""
        counts = np.ones(features.shape[0]) if counts is None else np.asarray(counts, dtype=np.float64)
        mass, removed = counts, np.minimum(counts, 1.0)
        if importance is not None:
            scale = counts.sum() / (counts @ importance)
            mass, removed = scale * importance * counts, scale * importance * removed
        return cls(features, counts, mass, removed)

    @cached_property
    def total(self) -> float:
        """The number of samples n of the formulas."""
        return float(self.mass.sum())

    @cached_property
    def root(self) -> FloatArray:
        r""":math:`\\sqrt{c_i / n}`, a unit vector; shape (n,)."""
        return np.sqrt(self.mass / self.total)

    @cached_property
    def mean(self) -> FloatArray:
        """Weighted mean of the features, (p,)."""
        return np.asarray(self.root**2 @ self.features)

    @cached_property
    def deviation(self) -> FloatArray:
        """Weighted standard deviation of each feature around its mean, exactly 0 of constant ones; (p,)."""
        variance = np.zeros(len(self.mean))
        for columns in np.array_split(np.arange(variance.size), 1 + variance.size // 512):
            part = self.features[:, columns] - self.mean[columns]
            variance[columns] = self.root**2 @ np.square(part, out=part)
        variance[variance <= CONSTANT**2 * (variance + self.mean**2)] = 0.0
        return np.sqrt(variance)

    @cached_property
    def varies(self) -> BoolArray:
        """Which features are not constant, (p,): of the others rounding must not be taken for a signal."""
        return np.asarray(self.deviation > 0)

    @cached_property
    def length2(self) -> float:
        """Mean squared length of the features as they come."""
        return float(np.square(self.deviation).sum() + self.mean @ self.mean)

    @cached_property
    def centred_on_itself(self) -> bool:
        """Whether the rows sum to zero, far nearer than chance would have it: their origin says nothing."""
        return float(self.mean @ self.mean) * len(self.root) < ITSELF * self.length2

    def inverse_units(self, *, standard: bool) -> FloatArray:
        """1/d, (p,): a constant feature has no standard unit and trains nothing in it."""
        if not standard:
            return np.ones(len(self.mean))
        return np.divide(1.0, self.deviation, out=np.zeros(len(self.mean)), where=self.varies)

    @property
    def tall(self) -> bool:
        """Whether there are more rows than features and a constant."""
        return self.features.shape[0] > self.features.shape[1] + 1

    @cached_property
    def complete(self) -> bool:
        """Whether the axes span all n dimensions: near square that costs little and avoids 1 minus a sum."""
        return self.features.shape[0] <= 2 * (self.features.shape[1] + 1)

    @cached_property
    def _triangle(self) -> tuple[FloatArray, FloatArray]:
        rows = np.column_stack([self.root, self.root[:, None] * self.features])
        axes, triangle = linalg.qr(
            rows, mode="full" if self.complete else "economic", overwrite_a=True, check_finite=False
        )
        sign = -1.0 if axes[0, 0] < 0 else 1.0
        axes[:, 0] *= sign
        triangle[0] *= sign
        triangle[1:, 1:][:, ~self.varies] = 0.0
        return axes, triangle[: self.features.shape[1] + 1]

    @property
    def axes(self) -> FloatArray | None:
        """Q of tall samples, (n, q), its first column root; None: the unit vectors of all rows."""
        return self._triangle[0] if self.tall else None

    def rows(self, *, centred: bool, standard: bool) -> FloatArray:
        """The rows to be decomposed, in the coordinates of `axes`, (q, r); centred ones without the first.

        Their columns are rotated: products of rows are what counts.
        """
        units = self.inverse_units(standard=standard)
        if self.tall:
            triangle = self._triangle[1][:, 1:]
            return np.asarray((triangle[1:] if centred else triangle) * units)
        return self._centred(standard) if centred else self._as_they_come(standard)

    def _as_they_come(self, standard: bool) -> FloatArray:
        return reduced(self.root[:, None] * (self.features * self.inverse_units(standard=standard)))

    def _centred(self, standard: bool) -> FloatArray:
        scaled = self.root[:, None] * (self.features - self.mean)
        scaled[:, ~self.varies] = 0.0
        scaled *= self.inverse_units(standard=standard)
        return self.reflected(reduced(scaled))[1:]

    def reflected(self, columns: FloatArray) -> FloatArray:
        """Columns (n, m) after the reflection that takes root to the first axis.

        The rows below it are centred exactly, so that no singular vector is an accidental copy of root.
        """
        mirror = self.root.copy()
        mirror[0] += 1.0  # root is positive: no cancellation
        mirror /= np.linalg.norm(mirror)
        return np.asarray(columns - 2 * mirror[:, None] * (mirror @ columns))

    @cached_property
    def outside_diagonal(self) -> FloatArray:
        """Diagonal of the projector onto what no axis reaches, shape (n,)."""
        axes = self.axes
        if axes is None or self.complete:
            return np.zeros(len(self.root))
        diagonal = 1.0 - np.einsum("ij,ij->i", axes, axes)
        for rows in np.array_split(low := np.flatnonzero(diagonal < LOW_FREEDOM), 1 + low.size // 256):
            if rows.size:
                units = np.zeros((len(self.root), rows.size))
                units[rows, np.arange(rows.size)] = 1.0
                diagonal[rows] = np.square(self.outside(units)).sum(axis=0)
        return np.asarray(diagonal)

    def outside(self, columns: FloatArray) -> FloatArray:
        """Projection of columns (n, m) onto what no axis reaches."""
        axes = self.axes
        if axes is None or self.complete:
            return np.zeros_like(columns)
        for _ in range(2):  # once more: what is left of the axes after rounding
            columns = columns - axes @ (axes.T @ columns)
        return columns

    def inside(self, columns: FloatArray) -> FloatArray:
        """Columns (n, m) in the coordinates of the axes."""
        return columns if self.axes is None else np.asarray(self.axes.T @ columns)


def reduced(rows: FloatArray) -> FloatArray:
    """Rows (n, p) as n x min(n, p) numbers with the same products."""
    if rows.shape[1] <= rows.shape[0]:
        return rows
    return np.asarray(linalg.qr(rows.T, mode="r", overwrite_a=True, check_finite=False)[0][: len(rows)].T)
