"""`Samples`: one training set, and what all rules for its intercept and its units share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import BoolArray, Features, FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.rows import DenseRows, WeightedRows
from rmt_alpha.from_data.decomposition.sparse_rows import EXACT, SparseRows, canonical, filled

FEWER = "take some of the samples, or fewer features: their principal components, or a sparse matrix"
ITSELF = 1e-6
"""Rows whose mean has less than this share of the square that chance gives, in units of each feature, were
centred by it."""


@dataclass(frozen=True, eq=False)
class Samples(Value):
    """Features with weights."""

    features: Features
    """Shape (n, p), an array or sparse."""
    counts: FloatArray
    """How many samples each row stands for, positive; shape (n,)."""
    mass: FloatArray
    """The weight of each row in every sum, their number times their importance; the sum is n; shape (n,)."""
    removed: FloatArray
    """What leaving out takes from it: one sample, or all there is if that is less; shape (n,)."""

    @classmethod
    def of(
        cls, features: Features, counts: FloatArray | None = None, importance: FloatArray | None = None
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
    def rest(self) -> FloatArray:
        """What leaving each row out leaves of the mass, (n,)."""
        return of_the_others(self.mass) + (self.mass - self.removed)

    def without(self, values: FloatArray) -> FloatArray:
        """Sums of values (n, ...) over all samples but one of each row, (n, ...)."""
        shape = (-1,) + (1,) * (values.ndim - 1)
        kept = (self.mass - self.removed).reshape(shape)
        return np.asarray(of_the_others(self.mass.reshape(shape) * values) + kept * values)

    @cached_property
    def root(self) -> FloatArray:
        r""":math:`\sqrt{c_i / n}`, a unit vector; shape (n,)."""
        return np.sqrt(self.mass / self.total)

    @cached_property
    def rows(self) -> WeightedRows:
        """The features with these weights, and how they are decomposed.

        Sparse ones with fewer columns than rows become an array, unless that has more than `EXACT` numbers:
        their axes are one of that shape.
        """
        n, p = self.features.shape
        if not sparse.issparse(self.features):
            check_memory(
                8.0 * n * p * (4 + 6 * min(1.0, p / n)), f"decomposing {n} samples x {p} features", FEWER
            )
            return DenseRows(self.features, self.root)
        if n > p + 1 and n * (p + 1) <= EXACT:
            return DenseRows(filled(canonical(self.features)), self.root)
        return SparseRows(self.features, self.root)

    @property
    def mean(self) -> FloatArray:
        """Weighted mean of the features, (p,)."""
        return self.rows.mean

    @property
    def varies(self) -> BoolArray:
        """Which features are not constant, (p,)."""
        return self.rows.varies

    @cached_property
    def centred_on_itself(self) -> bool:
        """Whether the rows sum to zero, far nearer than chance would have it: their origin says nothing."""
        squares, varies = self.mean**2, self.varies
        if not varies.any() or squares[~varies].any():
            return False
        share = squares[varies] / (squares[varies] + self.rows.variance[varies])
        return float(share.mean()) * len(self.root) < ITSELF


def of_the_others(values: FloatArray) -> FloatArray:
    """Sums over all rows but each, (n, ...): nothing cancels if one row is much larger than the others."""
    sums = np.zeros_like(values)
    sums[1:] += np.cumsum(values[:-1], axis=0)
    sums[:-1] += np.cumsum(values[:0:-1], axis=0)[::-1]
    return sums
