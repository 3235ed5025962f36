r"""`Design`: weighted, centred features in the coordinates in which every ridge fit is diagonal.

With weights c_i that sum to n, the rows sqrt(c_i/n) (x_i - mean) form a matrix Z with Z^T Z the sample
covariance. Its singular value decomposition Z = U diag(sigma) V^T makes the residual operator of every
ridge fit, I - H = outside + U diag(gamma / (sigma^2 + gamma)) U^T, a sum of positive parts: nothing
cancels where a sample has leverage close to 1.

An intercept is trained without penalty (it is then orthogonal to Z), not at all, or shrunk: as the weight
of one more feature that is constant, beside features that are centred by a shrunken mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value

InterceptRule: TypeAlias = bool | Literal["shrunk"]
"""Whether an intercept is trained: without penalty, not at all, or shrunk."""

EPS = float(np.finfo(np.float64).eps)
LOW_FREEDOM = 0.1
"""Below this, the diagonal of a projector is computed as a squared length and not as 1 minus a sum."""

CONSTANT = 1e-13
"""A column that varies by less, relative to its size, is constant."""

SHRUNK = math.sqrt(3.0)
"""Size of the constant feature of a shrunk intercept, in mean standard deviations of the features.  Chosen on
development splits (docs/from_data/ridge.md)."""


@dataclass(frozen=True, eq=False)
class Design(Value):
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
        What the features are centred by: their weighted mean with an intercept, that of James and Stein with
        a shrunk one; 0 without.
    left : ndarray of shape (n, r)
        U, orthonormal, and orthogonal to ``root`` with an intercept.
    singular : ndarray of shape (r,)
        sigma, descending, exactly 0 below rounding.
    right : ndarray of shape (min(r, q), q)
        Rows of V^T; q = p, and with a shrunk intercept p + 1.
    fit_intercept : bool
        Whether an unpenalised intercept is fitted.
    complete : bool
        Whether U (and root) span all n dimensions.
    constant : float
        Size of the constant feature whose weight is a shrunk intercept, 0 without.
    """

    counts: FloatArray
    total: float
    root: FloatArray
    mean: FloatArray
    left: FloatArray
    singular: FloatArray
    right: FloatArray
    fit_intercept: bool
    complete: bool
    constant: float = 0.0

    @classmethod
    def from_features(
        cls, features: FloatArray, counts: FloatArray | None = None, *, fit_intercept: bool | str
    ) -> Design:
        """Decompose features of shape (n, p); ``counts`` are positive weights, all 1 by default.

        ``fit_intercept`` is True, False, or "shrunk".
        """
        rule = check_fit_intercept(fit_intercept)
        rows, p = features.shape
        counts = np.ones(rows) if counts is None else np.asarray(counts, dtype=np.float64)
        total = float(counts.sum())
        root = np.sqrt(counts / total)
        constant, free = 0.0, rule is True
        if rule == "shrunk":
            scaled, mean = centred(features, root)
            variance = float(np.square(scaled).sum())
            mean = shrunken(mean, variance / max(total - 1.0, EPS))
            constant = SHRUNK * math.sqrt(variance / p) or 1.0
            scaled = np.column_stack([root[:, None] * (features - mean), constant * root])
        elif free:
            scaled, mean = centred(features, root)
        else:
            scaled, mean = root[:, None] * features, np.zeros(p)
        mirror = None
        if free:
            # A reflection takes root to the first axis.  The rows below it are the features in the hyperplane
            # orthogonal to root: centred exactly, so that no singular vector is an accidental copy of root.
            mirror = root.copy()
            mirror[0] += 1.0  # root is positive: no cancellation
            mirror /= np.linalg.norm(mirror)
            scaled = (scaled - 2 * mirror[:, None] * (mirror @ scaled))[1:]
        # Close to square, the missing left vectors cost little, and having them avoids 1 minus a sum.
        rows, columns = scaled.shape
        tall = rows > 2 * columns
        between = columns < rows <= 2 * columns
        left, singular, right = linalg.svd(
            scaled, full_matrices=between, check_finite=False, overwrite_a=True, lapack_driver="gesdd"
        )
        singular[singular <= max(scaled.shape) * EPS * singular.max(initial=0.0)] = 0.0
        singular = np.concatenate([singular, np.zeros(left.shape[1] - singular.size)])
        if mirror is not None:
            left = np.concatenate([np.zeros((1, left.shape[1])), left])
            left -= 2 * mirror[:, None] * (mirror @ left)
        return cls(counts, total, root, mean, left, singular, right, free, not tall, constant)

    @property
    def eigenvalues(self) -> FloatArray:
        """Eigenvalues of the sample covariance, descending, shape (r,)."""
        return np.asarray(self.singular**2)

    @property
    def trace(self) -> float:
        """Mean squared length of the features as they are centred, the constant one apart."""
        return max(float(self.eigenvalues.sum()) - self.constant**2, 0.0)

    @property
    def centres(self) -> bool:
        """Whether the features are centred, for an intercept of either kind."""
        return self.fit_intercept or self.constant > 0

    def divided(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) of the features as they came and the shrunk intercept (K,), or 0, from (K, q)."""
        if not self.constant:
            return weights, np.zeros(len(weights))
        own = weights[:, :-1]
        return own, np.asarray(self.constant * weights[:, -1] - own @ self.mean)

    @cached_property
    def left_squared(self) -> FloatArray:
        """Squares of the entries of U."""
        return np.asarray(self.left**2)

    @cached_property
    def outside_diagonal(self) -> FloatArray:
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

    def outside(self, columns: FloatArray) -> FloatArray:
        """Projection of columns (n, m) onto what neither U nor the intercept reaches."""
        if self.complete:
            return np.zeros_like(columns)
        for _ in range(2):  # once more: what is left of U after rounding
            if self.fit_intercept:
                columns = columns - self.root[:, None] * (self.root @ columns)
            columns = columns - self.left @ (self.left.T @ columns)
        return columns


def check_fit_intercept(value: object) -> InterceptRule:
    """True, False or "shrunk", else ValueError."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) and value == "shrunk":
        return "shrunk"
    raise ValueError(f"fit_intercept must be True, False or 'shrunk', got {value!r}")


def shrunken(mean: FloatArray, error2: float) -> FloatArray:
    """The mean, shrunk to 0 by James and Stein's factor; ``error2`` is the mean square of its error's length.

    Features that are centred already keep their origin, which is better known than the mean of few samples.
    """
    length2 = float(mean @ mean)
    return mean * max(0.0, 1.0 - error2 / length2) if length2 > 0 else mean


def centred(columns: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``root`` times columns (n, m) minus their weighted means (m,), and those means.

    Constant columns become exactly 0: what rounding leaves of them must not be taken for a signal.
    """
    mean = (root * root) @ columns
    scaled = root[:, None] * (columns - mean)
    spread2 = np.einsum("ij,ij->j", scaled, scaled)
    scaled[:, spread2 <= CONSTANT**2 * (spread2 + mean * mean)] = 0.0
    return scaled, mean


ITSELF = 1e-6
"""Rows whose mean has less than this share of the squared length that chance gives were centred by it."""


def judged_on(design: Design, features: FloatArray) -> Design:
    """The design on which ridge and alpha are chosen: the same, but for features centred by their own mean.

    Such a row is minus the sum of the others, so that a fit without it knows it.  If the labels sum to zero
    as well, a small ridge predicts each of them from the others without any error, and means nothing by it:
    ridge and alpha must be judged as if the mean were fitted, as it was.
    """
    if design.fit_intercept or not centred_on_itself(features, design.counts):
        return design
    return Design.from_features(features, design.counts, fit_intercept=True)


def centred_on_itself(features: FloatArray, counts: FloatArray) -> bool:
    """Whether the rows sum to zero, far nearer than chance would have it."""
    weights = counts / counts.sum()
    mean = weights @ features
    variance = float(weights @ np.einsum("ij,ij->i", features, features))
    return float(mean @ mean) * len(features) < ITSELF * variance
