r"""`Design`: weighted, centred features in the coordinates in which every ridge fit is diagonal.

With weights c_i that sum to n, the rows sqrt(c_i/n) (x_i - mean) form a matrix Z with Z^T Z the sample
covariance. Its singular value decomposition Z = U diag(sigma) V^T makes the residual operator of every
ridge fit, I - H = outside + U diag(gamma / (sigma^2 + gamma)) U^T, a sum of positive parts: nothing
cancels where a sample has leverage close to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

Array = np.ndarray[Any, np.dtype[np.float64]]

EPS = float(np.finfo(np.float64).eps)
LOW_FREEDOM = 0.1
"""Below this, the diagonal of a projector is computed as a squared length and not as 1 minus a sum."""

CONSTANT = 1e-13
"""A column that varies by less, relative to its size, is constant."""


@dataclass(frozen=True, eq=False)
class Design:
    r"""Features of one training set, decomposed once.

    Attributes
    ----------
    counts : ndarray of shape (n,)
        How many samples each row stands for, positive.
    total : float
        Their sum, the number of samples n of the formulas.
    root : ndarray of shape (n,)
        :math:`\sqrt{c_i / n}`, a unit vector.
    mean : ndarray of shape (p,)
        Weighted mean of the features with an intercept, 0 without.
    left : ndarray of shape (n, r)
        U, orthonormal, and orthogonal to ``root`` with an intercept.
    singular : ndarray of shape (r,)
        sigma, descending, exactly 0 below rounding.
    right : ndarray of shape (min(r, p), p)
        Rows of V^T.
    fit_intercept : bool
        Whether an unpenalised intercept is fitted.
    complete : bool
        Whether U (and root) span all n dimensions.
    """

    counts: Array
    total: float
    root: Array
    mean: Array
    left: Array
    singular: Array
    right: Array
    fit_intercept: bool
    complete: bool

    @classmethod
    def from_features(cls, features: Array, counts: Array | None = None, *, fit_intercept: bool) -> Design:
        """Decompose features of shape (n, p); ``counts`` are positive weights, all 1 by default."""
        rows, p = features.shape
        counts = np.ones(rows) if counts is None else np.asarray(counts, dtype=np.float64)
        total = float(counts.sum())
        root = np.sqrt(counts / total)
        if fit_intercept:
            scaled, mean = centred(features, root)
        else:
            scaled, mean = root[:, None] * features, np.zeros(p)
        mirror = None
        if fit_intercept:
            # A reflection takes root to the first axis.  The rows below it are the features in the hyperplane
            # orthogonal to root: centred exactly, so that no singular vector is an accidental copy of root.
            mirror = root.copy()
            mirror[0] += 1.0  # root is positive: no cancellation
            mirror /= np.linalg.norm(mirror)
            scaled = (scaled - 2 * mirror[:, None] * (mirror @ scaled))[1:]
        # Close to square, the missing left vectors cost little, and having them avoids 1 minus a sum.
        tall = scaled.shape[0] > 2 * p
        between = p < scaled.shape[0] <= 2 * p
        left, singular, right = linalg.svd(
            scaled, full_matrices=between, check_finite=False, overwrite_a=True, lapack_driver="gesdd"
        )
        singular[singular <= max(scaled.shape) * EPS * singular.max(initial=0.0)] = 0.0
        singular = np.concatenate([singular, np.zeros(left.shape[1] - singular.size)])
        if mirror is not None:
            left = np.concatenate([np.zeros((1, left.shape[1])), left])
            left -= 2 * mirror[:, None] * (mirror @ left)
        return cls(counts, total, root, mean, left, singular, right, fit_intercept, not tall)

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of the sample covariance, descending, shape (r,)."""
        return np.asarray(self.singular**2)

    @cached_property
    def left_squared(self) -> Array:
        """Squares of the entries of U."""
        return np.asarray(self.left**2)

    @cached_property
    def outside_diagonal(self) -> Array:
        """Diagonal of the projector onto what neither U nor the intercept reaches, shape (n,)."""
        if self.complete:
            return np.zeros(len(self.root))
        fixed = self.root**2 if self.fit_intercept else 0.0
        diagonal = 1.0 - fixed - self.left_squared.sum(axis=1)
        for rows in np.array_split(low := np.flatnonzero(diagonal < LOW_FREEDOM), 1 + low.size // 256):
            if rows.size:
                axes = np.zeros((len(self.root), rows.size))
                axes[rows, np.arange(rows.size)] = 1.0
                diagonal[rows] = np.square(self.outside(axes)).sum(axis=0)
        return np.asarray(diagonal)

    def outside(self, columns: Array) -> Array:
        """Projection of columns (n, m) onto what neither U nor the intercept reaches."""
        if self.complete:
            return np.zeros_like(columns)
        for _ in range(2):  # once more: what is left of U after rounding
            if self.fit_intercept:
                columns = columns - self.root[:, None] * (self.root @ columns)
            columns = columns - self.left @ (self.left.T @ columns)
        return columns


def centred(columns: Array, root: Array) -> tuple[Array, Array]:
    """``root`` times columns (n, m) minus their weighted means (m,), and those means.

    Constant columns become exactly 0: what rounding leaves of them must not be taken for a signal.
    """
    mean = (root * root) @ columns
    scaled = root[:, None] * (columns - mean)
    spread2 = np.einsum("ij,ij->j", scaled, scaled)
    scaled[:, spread2 <= CONSTANT**2 * (spread2 + mean * mean)] = 0.0
    return scaled, mean
