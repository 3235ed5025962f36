r"""`SparseRows`: sparse features, decomposed through the products of their rows.

The kernel of the centred rows, Z Z^T with Z = root (X - 1 m^T)/d, is one sparse product and n^2 numbers; in
the coordinates that begin with root, that of the rows as they come is bordered by a row and a column:

    K = [ m.m    (Z m)^T ]
        [ Z m    Z Z^T   ]

in units d.  A tridiagonalisation that leaves the first coordinate alone, K = Q T Q^T, then serves all rules
for the intercept: T without its first row and column is the kernel of the centred rows, and a constant
feature of size c adds c^2 to its first number.

Nothing cancels: columns that are more than half filled are centred as arrays (of at most twice the numbers
that are stored), and of the others the squared mean is at most the variance, if weights are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.linalg import blas, lapack

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.basis import RowSpectrum, SampleBasis
from rmt_alpha.from_data.rows import CONSTANT, EPS, WeightedRows
from rmt_alpha.from_data.truncated import largest_eigenvectors

EXACT = 25_000_000
"""Numbers in one array of axes, n^2 or n (p + 1), up to which the decomposition is exact: 200 MB."""
TRUNCATED = 10_000_000
"""Numbers in it where it is truncated: 80 MB, 500 eigenvectors for n = 20,000."""
FEWEST, MOST = 50, 1000
"""Eigenvectors of a truncated decomposition, whatever n is."""
BLOCK = 8_000_000
"""Numbers of a temporary array."""


@dataclass(frozen=True, eq=False)
class _Chain:
    """A kernel in the coordinates of ``axes``, in which it is tridiagonal."""

    axes: FloatArray
    """(n, q), the first one root."""
    diagonal: FloatArray
    beside: FloatArray


@dataclass(frozen=True, eq=False)
class _ChainSpectrum:
    """Of a tridiagonal kernel: the eigenvectors cost n^3, and only leverages need them."""

    diagonal: FloatArray
    beside: FloatArray
    first: int
    """Axes before its own."""
    precision: float
    """Singular values below this times the largest are 0."""

    @cached_property
    def singular(self) -> FloatArray:
        """sigma, descending, exactly 0 below rounding; shape (r,)."""
        values = linalg.eigvalsh_tridiagonal(self.diagonal, self.beside, check_finite=False)[::-1].copy()
        values[values <= self.precision**2 * values.max(initial=0.0)] = 0.0
        return np.asarray(np.sqrt(values))

    @cached_property
    def rotation(self) -> FloatArray:
        """U in the coordinates of the basis, (q, r)."""
        vectors = linalg.eigh_tridiagonal(self.diagonal, self.beside, check_finite=False)[1]
        return np.concatenate([np.zeros((self.first, len(vectors))), vectors[:, ::-1]])

    def products(self, gamma: float, columns: FloatArray) -> FloatArray | None:
        """C^T gamma (T + gamma)^-1 C of columns C in the basis, if rounding leaves T + gamma positive."""
        own = columns[self.first :]
        *_, found, failed = lapack.dptsv(1.0 + self.diagonal / gamma, self.beside / gamma, own)
        return None if failed else np.asarray(own.T @ found)


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

    def kernel(self, columns: FloatArray, *, centred: bool, standard: bool, constant: float) -> FloatArray:
        """Products of the rows with each other, times columns (n, m)."""
        units = self.inverse_units(standard=standard)
        inside = self._transposed(columns, units)
        if centred:
            return self._times(inside, units)
        mean, level = units * self.mean, self.root @ columns
        inside += mean[:, None] * level
        across = mean @ inside + constant**2 * level
        return self._times(inside, units) + self.root[:, None] * across

    def lengths2(self, *, centred: bool, standard: bool, constant: float) -> FloatArray:
        """Diagonal of those products, (n,)."""
        thin, dense, full = self._parts
        units, root = self.inverse_units(standard=standard), self.root
        mean = units**2 * self.mean
        found = thin.power(2) @ units[~full] ** 2 + dense**2 @ units[full] ** 2
        found -= root * (2 * (thin @ mean[~full]) - root * (mean[~full] @ self.mean[~full]))
        if not centred:
            found += 2 * root * self._times((units * self.mean)[:, None], units)[:, 0]
            found += root**2 * (mean @ self.mean + constant**2)
        return np.asarray(found)

    @cached_property
    def _chains(self) -> dict[bool, tuple[_Chain, SampleBasis]]:
        return {}

    def _chain(self, standard: bool) -> tuple[_Chain, SampleBasis]:
        if standard not in self._chains:
            n = len(self.root)
            find = self._whole if n * n <= EXACT else self._truncated
            self._chains[standard] = find(self.inverse_units(standard=standard))
        return self._chains[standard]

    def basis(self, *, standard: bool) -> SampleBasis:
        """The unit vectors, or the axes of a truncated kernel and what is beside them."""
        return self._chain(standard)[1]

    def decomposed(self, *, centred: bool, standard: bool, constant: float) -> RowSpectrum:
        """Singular values and vectors in the coordinates of the basis."""
        (chain, _), first = self._chain(standard), int(centred)
        diagonal = chain.diagonal[first:].copy()
        if constant:
            diagonal[0] += constant**2
        return _ChainSpectrum(diagonal, chain.beside[first:], first, self.precision)

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

    def _whole(self, units: FloatArray) -> tuple[_Chain, SampleBasis]:
        """All of the kernel, of which LAPACK needs the lower half."""
        mirror = self.mirror
        kernel = self._products(units).T  # symmetric: the same, in Fortran's order
        images = kernel @ mirror
        images -= (mirror @ images) * mirror
        kernel = blas.dsyr2(-2.0, mirror, images, lower=1, a=kernel, overwrite_a=1)
        # What is not centred is in the first column now, which it should be without cancellation.
        mean = units * self.mean
        kernel[:, 0] = self.reflected(self._times(mean[:, None], units))[:, 0]
        kernel[0, 0] = mean @ mean
        chain = _chained(kernel)
        axes = self.reflected(chain.axes)
        axes[:, 0] = self.root
        return _Chain(axes, chain.diagonal, chain.beside), SampleBasis(len(self.root), axes)

    def _truncated(self, units: FloatArray) -> tuple[_Chain, SampleBasis]:
        """Its largest eigenvectors, by random columns and powers of the kernel, and the trace of the rest."""
        n, rank = len(self.root), min(len(self.root) - 1, int(np.count_nonzero(units * self.varies)))
        size = min(max(FEWEST, min(MOST, TRUNCATED // n)), rank)
        columns = largest_eigenvectors(
            lambda columns: self._times(self._transposed(columns, units), units), self.root, size, rank
        )
        inside = self._transposed(columns, units)
        values, vectors = linalg.eigh(inside.T @ inside, check_finite=False)
        axes, inside = columns @ vectors[:, ::-1][:, :size], inside @ vectors[:, ::-1][:, :size]
        mean = units * self.mean
        kernel = np.diag(np.append(mean @ mean, values[::-1][:size]))
        kernel[1:, 0] = inside.T @ mean
        chain = _chained(np.asfortranarray(kernel))
        whole = np.column_stack([self.root, axes]) @ chain.axes
        trace = float((units**2 * self.variance).sum()) - float(values[::-1][:size].sum())
        rest = rank - size
        tail = max(trace, 0.0) / rest if rest else 0.0
        return _Chain(whole, chain.diagonal, chain.beside), SampleBasis(n, whole, tail, rest)


def _chained(kernel: FloatArray) -> _Chain:
    """The lower half of a symmetric matrix as Q T Q^T, T tridiagonal, the first axis kept; overwrites it."""
    reflections, diagonal, beside, scales, _ = lapack.dsytrd(
        kernel, lower=1, lwork=64 * len(kernel), overwrite_a=1
    )
    axes = np.zeros(kernel.shape)
    axes[0, 0] = 1.0
    if len(kernel) > 1:
        axes[1:, 1:] = lapack.dorgqr(reflections[1:, :-1], scales, lwork=64 * len(kernel))[0]
    return _Chain(axes, diagonal, beside)


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
