"""Samples of a Gaussian mixture: covariances of any kind, class counts, noisy labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from rmt_alpha._core.types import FloatArray

Generator = np.random.Generator
IntArray = np.ndarray[Any, np.dtype[np.int64]]
CLASS_COUNTS = ("fixed", "random")


class Covariance:
    """A covariance matrix by its entries: a number (times the identity), a diagonal or a full matrix.

    Only a full matrix is ever factorised; nothing of size p x p is made of the other two.

    Parameters
    ----------
    entries : float or ndarray of shape (p,) or (p, p)
        Positive semidefinite.
    p : int
        Dimension.
    """

    def __init__(self, entries: Any, p: int) -> None:
        self.entries = np.asarray(entries, dtype=np.float64)
        self.p = p
        self.root = matrix_root(self.entries) if self.entries.ndim == 2 else np.sqrt(self.entries)
        if self.root.ndim == 1:
            self.root = self.root[:, None]

    @property
    def full(self) -> bool:
        """Whether it is a full matrix."""
        return self.entries.ndim == 2

    def samples(self, count: int, rng: Generator) -> FloatArray:
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


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture in plain arrays: means (K, p), K covariances, K priors."""

    means: FloatArray
    covariances: tuple[Covariance, ...]
    priors: FloatArray

    @property
    def classes(self) -> int:
        """K."""
        return len(self.means)

    @property
    def p(self) -> int:
        """Dimension."""
        return int(self.means.shape[1])

    def counts(self, n: int, how: str, rng: Generator) -> IntArray:
        r"""Numbers of samples of the classes, with expectation :math:`n \pi_a` and sum n.

        "random" is multinomial.  "fixed" is :math:`n \pi_a` where that is whole, and otherwise one of its two
        neighbours, drawn (by systematic sampling) so that the expectation is right: to round to the nearest
        would be off by a fixed amount of order 1/n that does not shrink regularly as n grows.
        """
        if how == "random":
            return np.asarray(rng.multinomial(n, self.priors), dtype=np.int64)
        edges = np.zeros(self.classes + 1, dtype=np.int64)
        edges[1:] = np.floor(n * np.cumsum(self.priors) + rng.random())
        edges[-1] = n  # whatever the priors' sum rounds to
        return np.asarray(edges[1:] - edges[:-1])

    def draw(self, n: int, noise: FloatArray, how: str, rng: Generator) -> tuple[FloatArray, IntArray]:
        """Data, shape (p, n), class by class, and the labels they are given, 0 to K - 1, some of them wrong.

        A label of class a is wrong with probability ``noise[a]``: any of the others, all equally likely.
        """
        x = np.empty((self.p, n))
        labels = np.empty(n, dtype=np.int64)
        start = 0
        for c, count in enumerate(self.counts(n, how, rng)):
            part = slice(start, start + count)
            x[:, part] = self.covariances[c].samples(count, rng)
            x[:, part] += self.means[c][:, None]
            labels[part] = c
            if noise[c] > 0:
                wrong = rng.random(count) < noise[c]
                # 1 to K - 1 steps round the circle of classes.
                labels[part] += np.where(wrong, rng.integers(1, self.classes, count), 0)
            start += count
        return x, labels % self.classes

    def label_chances(self, noise: FloatArray) -> FloatArray:
        """Probability of each label (column) in each class (row), shape (K, K)."""
        others = (1.0 - np.eye(self.classes)) / (self.classes - 1)
        return np.diag(1.0 - noise) + noise[:, None] * others
