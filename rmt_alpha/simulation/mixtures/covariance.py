"""`Covariance`: samples of N(0, C) and quadratic forms in C, for a C of any kind; factorised once."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from rmt_alpha._core.types import FloatArray


class Covariance:
    """A covariance matrix by its entries: a number (times the identity), a diagonal or a full matrix.

    Only a full matrix is ever factorised; nothing of size p x p is made of the other two.

    Parameters
    ----------
    entries : ndarray of shape (), (p,) or (p, p)
        Positive semidefinite.
    p : int
        Dimension.
    """

    def __init__(self, entries: FloatArray, p: int) -> None:
        self.entries, self.p = entries, p
        self.root = matrix_root(entries) if entries.ndim == 2 else np.sqrt(entries)
        if self.root.ndim == 1:
            self.root = self.root[:, None]

    @property
    def full(self) -> bool:
        """Whether it is a full matrix."""
        return self.entries.ndim == 2

    def samples(self, count: int, rng: np.random.Generator) -> FloatArray:
        """``count`` columns of N(0, C), shape (p, count)."""
        if self.full:
            return np.asarray(self.root @ rng.standard_normal((self.root.shape[1], count)))
        normal = rng.standard_normal((self.p, count))
        normal *= self.root
        return normal

    def gram(self, w: FloatArray) -> FloatArray:
        """``w.T @ C @ w`` for w of shape (p, m), as the square of a matrix: semidefinite by construction."""
        half = self.root.T @ w if self.full else self.root * w
        return np.asarray(half.T @ half)


def matrix_root(matrix: FloatArray) -> FloatArray:
    """R of shape (p, rank) with R R^T = matrix: the Cholesky factor, or by eigenvalues if it is singular."""
    try:
        return np.asarray(scipy.linalg.cholesky(matrix, lower=True))
    except scipy.linalg.LinAlgError:
        values, vectors = scipy.linalg.eigh(matrix)
    rounding = len(values) * np.finfo(float).eps * max(values[-1], 0.0)
    if values[0] < -1e3 * rounding:
        raise ValueError(
            f"a covariance must be positive semidefinite to be simulated, got the eigenvalue {values[0]:g}; "
            "check the matrix, or clip its eigenvalues at 0"
        )
    kept = values > rounding
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))
