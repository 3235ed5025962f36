r"""`SparseRows`: sparse features, decomposed through the products of their rows.

The kernel of the centred rows, Z Z^T with Z = root (X - 1 m^T)/d, is one sparse product and n^2 numbers; in
the coordinates that begin with root, that of the rows as they come is bordered by a row and a column:

    K = [ m.m    (Z m)^T ]
        [ Z m    Z Z^T   ]

in units d.

Nothing cancels: columns that are more than half filled are centred as arrays (of at most twice the numbers
that are stored), and of the others the squared mean is at most the variance, if weights are equal.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.linalg import blas

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.decomposition.basis import SampleBasis
from rmt_alpha.from_data.decomposition.rows import CONSTANT, EPS, WeightedRows
from rmt_alpha.from_data.decomposition.truncated import largest_eigenvectors

EXACT = 25_000_000
"""Numbers in one array of axes, n^2 or n (p + 1), up to which the decomposition is exact: 200 MB."""
TRUNCATED = 10_000_000
"""Numbers in it where it is truncated: 80 MB, 500 eigenvectors for n = 20,000."""
FEWEST, MOST = 50, 1000
"""Eigenvectors of a truncated decomposition, whatever n is."""
BLOCK = 8_000_000
"""Numbers of a temporary array."""


class SparseRows(WeightedRows):
    """Features as a sparse matrix, of float64 numbers."""

    @cached_property
    def _matrix(self) -> Any:
        return canonical(self.features)

    @cached_property
    def mean(self) -> FloatArray:
        """Weighted mean of the features, (p,)."""
        return np.asarray(self._matrix.T @ self.root**2)

    @cached_property
    def variance(self) -> FloatArray:
        """Weighted variance of each feature around its mean, exactly 0 of constant ones; (p,).

        A sum of positive parts: of what is filled, and of what is not, whose distance is the mean.
        """
        matrix, p = self._matrix, self.features.shape[1]
        weights = np.repeat(self.root**2, np.diff(matrix.indptr))
        here = matrix.indices
        inside = np.bincount(here, weights * np.square(matrix.data - self.mean[here]), minlength=p)
        there = np.maximum(1.0 - np.bincount(here, weights, minlength=p), 0.0)
        there[np.bincount(here, minlength=p) == len(self.root)] = 0.0
        variance = inside + there * self.mean**2
        variance[variance <= CONSTANT**2 * (variance + self.mean**2)] = 0.0
        return np.asarray(variance)

    @property
    def precision(self) -> float:
        """Singular values below this times the largest are rounding: their squares are what is computed."""
        return float(np.sqrt(len(self.root) * EPS))

    @cached_property
    def _parts(self) -> tuple[Any, FloatArray, Any]:
        """Rows times root: sparse columns (n, p - d), centred dense ones (n, d); and which these are."""
        matrix, (n, p) = self._matrix, self.features.shape
        full = np.bincount(matrix.indices, minlength=p) > n / 2
        scaled = matrix.copy()
        scaled.data = matrix.data * np.repeat(self.root, np.diff(matrix.indptr))
        if not full.any():
            return scaled, np.zeros((n, 0)), full
        dense = filled(matrix[:, full]) - self.mean[full]
        dense[:, ~self.varies[full]] = 0.0
        return scaled[:, ~full], self.root[:, None] * dense, full

    def _times(self, columns: FloatArray, units: FloatArray) -> FloatArray:
        """Z times columns (p, m)."""
        thin, dense, full = self._parts
        columns = units[:, None] * columns
        own = columns if not full.any() else columns[~full]
        found = thin @ own - self.root[:, None] * (self.mean[~full] @ own)
        return np.asarray(found + dense @ columns[full])

    def _transposed(self, columns: FloatArray, units: FloatArray) -> FloatArray:
        """Z^T times columns (n, m)."""
        thin, dense, full = self._parts
        found = np.empty((len(units), columns.shape[1]))
        found[~full] = thin.T @ columns - self.mean[~full, None] * (self.root @ columns)
        found[full] = dense.T @ columns
        found *= units[:, None]
        return found

    def kernel(self, columns: FloatArray, *, centred: bool, standard: bool) -> FloatArray:
        """Products of the rows with each other, times columns (n, m)."""
        units = self.inverse_units(standard=standard)
        inside = self._transposed(columns, units)
        if centred:
            return self._times(inside, units)
        mean = units * self.mean
        inside += mean[:, None] * (self.root @ columns)
        return self._times(inside, units) + self.root[:, None] * (mean @ inside)

    def lengths2(self, *, centred: bool, standard: bool) -> FloatArray:
        """Diagonal of those products, (n,)."""
        thin, dense, full = self._parts
        units, root = self.inverse_units(standard=standard), self.root
        mean = units**2 * self.mean
        found = thin.power(2) @ units[~full] ** 2 + dense**2 @ units[full] ** 2
        found -= root * (2 * (thin @ mean[~full]) - root * (mean[~full] @ self.mean[~full]))
        if not centred:
            found += 2 * root * self._times((units * self.mean)[:, None], units)[:, 0]
            found += root**2 * (mean @ self.mean)
        return np.asarray(found)

    def decomposed(self, *, centred: bool, standard: bool) -> tuple[SampleBasis, FloatArray, FloatArray]:
        """The unit vectors, or axes of a truncated kernel; sigma, (r,), and U in that basis, (q, r)."""
        n, units = len(self.root), self.inverse_units(standard=standard)
        if n * n > EXACT:
            return self._truncated(units, centred)
        first = int(centred)  # without its first row and column it is the kernel of centred rows
        values, own = linalg.eigh(
            self._whole(units)[first:, first:], driver="evd", overwrite_a=True, check_finite=False
        )
        vectors = np.zeros((n, n - first), order="F")
        vectors[first:] = own[:, ::-1]
        return SampleBasis(n), self._singular(values[::-1]), self.reflected(vectors)

    def against_mean(self, units2: FloatArray) -> FloatArray:
        """Centred rows times root against the mean, each product weighted by 1/d^2, (n,)."""
        return self._times((units2 * self.mean)[:, None], np.ones(len(units2)))[:, 0]

    def _singular(self, values: FloatArray) -> FloatArray:
        """From eigenvalues, descending."""
        return np.sqrt(np.where(values > self.precision**2 * values.max(initial=0.0), values, 0.0))

    def _products(self, units: FloatArray) -> FloatArray:
        """Of the rows with each other, centred up to a multiple of root in each factor, (n, n)."""
        thin, dense, full = self._parts
        n = len(self.root)
        dense = dense * units[full]
        kernel = np.zeros((n, n)) if not full.any() else dense @ dense.T
        thin = thin.copy()
        thin.data *= units[~full][thin.indices]
        other = thin.T.tocsr()
        step = max(1, BLOCK // n)
        for first in range(0, n, step):
            part = thin[first : first + step] @ other
            place = np.repeat(np.arange(first, first + part.shape[0]) * n, np.diff(part.indptr))
            place += part.indices
            kernel.ravel()[place] += part.data
        return kernel

    def _whole(self, units: FloatArray) -> FloatArray:
        """The kernel after the reflection, of which LAPACK needs the lower half."""
        mirror = self.mirror
        kernel = self._products(units).T  # symmetric: the same, in Fortran's order
        images = kernel @ mirror
        images -= (mirror @ images) * mirror
        kernel = blas.dsyr2(-2.0, mirror, images, lower=1, a=kernel, overwrite_a=1)
        # What is not centred is in the first column now, which it should be without cancellation.
        mean = units * self.mean
        kernel[:, 0] = -self.reflected(self._times(mean[:, None], units))[:, 0]  # root becomes minus an axis
        kernel[0, 0] = mean @ mean
        return np.asarray(kernel)

    def _truncated(self, units: FloatArray, centred: bool) -> tuple[SampleBasis, FloatArray, FloatArray]:
        """Its largest eigenvectors, by random columns and powers of the kernel, and the trace of the rest."""
        n, rank = len(self.root), min(len(self.root) - 1, int(np.count_nonzero(units * self.varies)))
        size = min(max(FEWEST, min(MOST, TRUNCATED // n)), rank)
        columns = largest_eigenvectors(
            lambda columns: self._times(self._transposed(columns, units), units), self.root, size, rank
        )
        inside = self._transposed(columns, units)
        values, vectors = linalg.eigh(inside.T @ inside, check_finite=False)
        values, vectors = values[::-1][:size], vectors[:, ::-1][:, :size]
        rest = rank - size
        trace = float((units**2 * self.variance).sum()) - float(values.sum())
        tail = max(trace, 0.0) / rest if rest else 0.0
        basis = SampleBasis(n, np.column_stack([self.root, columns @ vectors]), tail, rest)
        if centred:
            return basis, self._singular(values), np.eye(size + 1)[:, 1:]
        mean = units * self.mean
        kernel = np.diag(np.append(mean @ mean, values))
        kernel[1:, 0] = (inside @ vectors).T @ mean
        values, vectors = linalg.eigh(kernel, check_finite=False)
        return basis, self._singular(values[::-1]), vectors[:, ::-1]


def filled(matrix: Any) -> FloatArray:
    """A sparse matrix in rows, each column once in each, with its zeros."""
    array = np.zeros(matrix.shape)
    array[np.repeat(np.arange(len(array)), np.diff(matrix.indptr)), matrix.indices] = matrix.data
    return array


def canonical(features: Any) -> Any:
    """Sparse features in rows, each column once in each; what was given is not changed."""
    matrix = sparse.csr_array(features)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix
