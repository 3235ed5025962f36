"""`Stage`: one ridge fit on Gaussian data of its own, drawn with class counts and noisy labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.problems.covariances import DIAGONAL
from rmt_alpha.simulation.mixtures.fit import ridge


class Covariance:
    """A positive semidefinite covariance matrix by its entries: a number, a diagonal (p,) or (p, p).

    Only a full matrix is ever factorised, once; nothing of size p x p is made of the other two.
    """

    def __init__(self, entries: FloatArray, p: int) -> None:
        self.entries, self.p = entries, p
        if entries.ndim == 2:
            check_memory(3 * 8.0 * p * p, f"factorising a full covariance in dimension {p}", DIAGONAL)
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


CLASS_COUNTS = ("fixed", "random")


@dataclass(frozen=True, eq=False)
class Stage:
    """What is drawn, and how it is trained: the fields of a problem, its covariances factorised."""

    means: FloatArray
    covariances: tuple[Covariance, ...]
    priors: FloatArray
    """Of the K classes: (K, p), K of them, (K,)."""
    n: int
    """Samples."""
    gamma: float
    intercept: bool
    label_noise: FloatArray
    """Probability that the label of a sample is wrong, by class, (K,)."""
    outputs: int
    """Scores of the classifier: 1 for labels -1 and +1, else K, one-hot."""

    @property
    def classes(self) -> int:
        """K."""
        return len(self.means)

    @property
    def p(self) -> int:
        """Dimension."""
        return int(self.means.shape[1])

    @property
    def targets(self) -> FloatArray:
        """What the scores of each class are fitted to, shape (K, outputs)."""
        return np.array([[-1.0], [1.0]]) if self.outputs == 1 else np.eye(self.classes)

    def class_counts(self, how: str, rng: np.random.Generator) -> IntArray:
        r"""Numbers of samples of the classes, with expectation :math:`n \pi_a` and sum n.

        "random" is multinomial.  "fixed" is :math:`n \pi_a` where that is whole, and otherwise one of its two
        neighbours, drawn (by systematic sampling) so that the expectation is right: to round to the nearest
        would be off by a fixed amount of order 1/n that does not shrink regularly as n grows.
        """
        if how == "random":
            return np.asarray(rng.multinomial(self.n, self.priors), dtype=np.int64)
        edges = np.zeros(self.classes + 1, dtype=np.int64)
        edges[1:] = np.floor(self.n * np.cumsum(self.priors) + rng.random())
        edges[-1] = self.n  # whatever the priors' sum rounds to
        return np.asarray(edges[1:] - edges[:-1])

    def draw(self, how: str, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Data, shape (p, n), class by class, and the labels they are given, 0 to K - 1, some of them wrong.

        A wrong label is any of the others, all equally likely.
        """
        x = np.empty((self.p, self.n))
        labels = np.empty(self.n, dtype=np.int64)
        start = 0
        for c, count in enumerate(self.class_counts(how, rng)):
            part = slice(start, start + count)
            x[:, part] = self.covariances[c].samples(count, rng)
            x[:, part] += self.means[c][:, None]
            labels[part] = c
            if self.label_noise[c] > 0:
                wrong = rng.random(count) < self.label_noise[c]
                # 1 to K - 1 steps round the circle of classes.
                labels[part] += np.where(wrong, rng.integers(1, self.classes, count), 0)
            start += count
        return x, labels % self.classes

    def train(
        self, prior: FloatArray | None, how: str, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Weights (p, outputs (1 + k)) and intercepts of fresh data, without prior, then by each of k."""
        x, labels = self.draw(how, rng)
        nothing = np.empty((self.p, 0))
        fit = ridge(x, self.targets[labels], self.gamma, nothing if prior is None else prior, self.intercept)
        intercepts = np.concatenate([fit.base_intercept, fit.slopes_intercept])
        return np.hstack([fit.base, fit.slopes]), intercepts

    def label_chances(self) -> FloatArray:
        """Probability of each label (column) in each class (row), shape (K, K)."""
        others = (1.0 - np.eye(self.classes)) / (self.classes - 1)
        return np.diag(1.0 - self.label_noise) + self.label_noise[:, None] * others

    def population_weights(self) -> FloatArray:
        r"""Weights (p, outputs) of the classifier that is trained on the whole population; n is not used.

        .. math:: W = \Bigl( \sum_c \pi_c (C_c + m_c m_c^\top) + \gamma I \Bigr)^{-1}
            \sum_c \pi_c\, m_c\, E[t | c]^\top

        with means and targets centred if there is an intercept.  gamma = 0 is the limit of small ridges.
        """
        means, targets = self.means, self.label_chances() @ self.targets
        if self.intercept:
            means, targets = means - self.priors @ means, targets - self.priors @ targets
        weights = self.priors[:, None]
        within = _average([covariance.entries for covariance in self.covariances], self.priors, self.p)
        if within.ndim == 1 and (within + self.gamma > 0).all():
            # A diagonal plus K directions: nothing of size p x p.
            scaled = means / (within + self.gamma)
            small = np.eye(self.classes) + weights * (means @ scaled.T)
            return np.asarray(scaled.T @ np.linalg.solve(small, weights * targets))
        matrix = (np.diag(within) if within.ndim == 1 else within) + means.T @ (weights * means)
        matrix[np.diag_indices(len(matrix))] += self.gamma
        side = means.T @ (weights * targets)
        # The shortest solution is the limit where the matrix is singular.
        return np.asarray(scipy.linalg.lstsq(matrix, side)[0])


def _average(entries: list[FloatArray], priors: FloatArray, p: int) -> FloatArray:
    # A diagonal (p,) if that is what all of them are, else (p, p).
    if all(each.ndim < 2 for each in entries):
        wide = [np.broadcast_to(each, (p,)) for each in entries]
    else:
        wide = [each if each.ndim == 2 else np.diag(np.broadcast_to(each, (p,))) for each in entries]
    return np.asarray(np.tensordot(priors, np.stack(wide), axes=1))
