"""`LeaveOneOut`: the score of each sample by the fit without it, affine in alpha."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from rmt_alpha._core.types import FloatArray
from rmt_alpha.theory.mixtures.orthant import orthant_probability


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    r"""Leave-one-out scores :math:`f_{-i}(x_i) = A_i + B_i \cdot \alpha`."""

    lines: FloatArray
    """A and B for each sample and output; shape (n, 1 + k, K)."""
    labels: FloatArray
    """Labels -1 and +1 (one-vs-rest), or the targets of a regression; shape (n, K)."""
    counts: FloatArray
    """How many samples each row stands for; shape (n,)."""
    multilabel: bool = False
    """Whether each output is a decision of its own, and not one of the classes of one decision."""

    @cached_property
    def decisions(self) -> LeaveOneOut:
        """The same as single decisions: several labels of a sample are rows of their own, (n L, 1 + k, 1)."""
        if not self.multilabel:
            return self
        labels = self.labels.reshape(-1, 1)
        lines = np.swapaxes(self.lines, 1, 2).reshape(len(labels), -1, 1)
        return LeaveOneOut(lines, labels, np.repeat(self.counts, self.labels.shape[1]))

    @cached_property
    def weights(self) -> FloatArray:
        """Weight of each row in averages; they sum to 1."""
        return np.asarray(self.counts / self.counts.sum())

    def scores(self, point: FloatArray) -> FloatArray:
        """Scores at a point (1, alpha), or their growth rates at a direction (0, d); shape (n, K)."""
        return np.asarray(np.einsum("iak,a->ik", self.lines, point))

    @cached_property
    def missed(self) -> FloatArray:
        """Labels minus A, then B: what is left of the labels for the sources to explain, (n, 1 + k, K)."""
        lines = self.lines.copy()
        lines[:, 0] = self.labels - lines[:, 0]
        return lines

    def squared_error(self, point: FloatArray) -> float:
        """Mean squared error, summed over outputs; infinite at a direction."""
        if point[0] == 0:
            return float("inf")
        return float(self.weights @ np.square(self.labels - self.scores(point)).sum(axis=1))

    @cached_property
    def contrasts(self) -> FloatArray:
        """Label times score, or score of the true class minus the mean of the others, (n, 1 + k).

        Of several labels there are more rows, as many as `decisions` has.
        """
        if self.multilabel:
            return self.decisions.contrasts
        outputs = self.labels.shape[1]
        if outputs == 1:
            return np.asarray(self.lines[:, :, 0] * self.labels)
        own = self.labels > 0
        weight = np.where(own, 1.0, -1.0 / (outputs - 1))
        return np.asarray(np.einsum("iak,ik->ia", self.lines, weight))

    @cached_property
    def moments(self) -> ScoreMoments:
        """Mean and variance of the contrasts."""
        weights = self.decisions.weights
        mean = weights @ self.contrasts
        centred = self.contrasts - mean
        return ScoreMoments(mean, (weights[:, None] * centred).T @ centred)

    def accuracy(self, point: FloatArray) -> float:
        """Fraction classified rightly; a score of exactly 0 counts as the first class, as in scikit-learn.

        Of several labels it is the fraction of all labels of all samples.
        """
        if self.multilabel:
            return self.decisions.accuracy(point)
        scores = self.scores(point)
        if scores.shape[1] == 1:
            right = (scores[:, 0] > 0) == (self.labels[:, 0] > 0)
        else:
            right = scores.argmax(axis=1) == self.labels.argmax(axis=1)
        return float(self.counts @ right / self.counts.sum())


@dataclass(frozen=True, eq=False)
class ScoreMoments:
    r"""Moments of a score that is affine in alpha.

    .. math:: \text{mean} = a^\top z, \quad \text{variance} = z^\top H z, \qquad z = (1, \alpha)

    Many of them at once have leading axes.
    """

    line: FloatArray
    """a, of shape (..., 1 + k)."""
    gram: FloatArray
    """H, of shape (..., 1 + k, 1 + k)."""

    def margin(self, z: FloatArray) -> FloatArray:
        """Mean over standard deviation along z of shape (..., 1 + k)."""
        mean = z @ self.line
        variance = np.einsum("...a,ab,...b->...", z, self.gram, z)
        spread = np.sqrt(np.maximum(variance, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(mean == 0, 0.0, mean / spread))

    def best_direction(self) -> FloatArray:
        r"""The z of largest margin with z_0 >= 0: :math:`H^{-1} a`, or if its z_0 is < 0 the best (0, d).

        The margin rises on every way to the largest of all: where that is beyond, infinite alpha is nearest.
        """
        best = solve_scaled(self.gram, self.line)
        beyond = best[..., :1] <= 0
        if best.shape[-1] == 1 or not beyond.any():
            return best
        far = solve_scaled(self.gram[..., 1:, 1:], self.line[..., 1:])
        return np.where(beyond, np.concatenate([np.zeros_like(best[..., :1]), far], axis=-1), best)


def solve_scaled(squares: FloatArray, products: FloatArray) -> FloatArray:
    """The solution (..., k) of squares alpha = products, for positive semidefinite squares (..., k, k).

    Sources that are parallel share what they have in common (least norm in the scale of their scores), and
    silent ones get 0.
    """
    if squares.shape[-1] == 1:  # one source: a division
        square = squares[..., 0]
        return np.asarray(np.divide(products, square, where=square > 0, out=np.zeros_like(products)))
    scale = np.sqrt(np.maximum(np.einsum("...aa->...a", squares), 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    unit = squares / (scale[..., :, None] * scale[..., None, :])
    values, vectors = np.linalg.eigh(unit)
    there = values > 1e-12 * values[..., -1:]
    inside = np.einsum("...ba,...b->...a", vectors, products / scale)
    inside = np.divide(inside, values, where=there, out=np.zeros_like(inside))
    return np.asarray(np.einsum("...ab,...b->...a", vectors, inside) / scale)


@dataclass(frozen=True, eq=False)
class ClassLaw:
    """Mean and covariance, in each class, of what must be positive for a sample to be classified rightly.

    That is label times score, or the score of the true class minus each of the others.
    """

    priors: FloatArray
    """Weight of each class; shape (C,)."""
    means: FloatArray
    """Mean, for the coordinates of (1, alpha). Shape (C, 1 + k, d)."""
    covariances: FloatArray
    """Covariance of the same; shape (C, 1 + k, d, 1 + k, d)."""

    @classmethod
    def from_lines(cls, lines: LeaveOneOut) -> ClassLaw:
        """Moments of the leave-one-out lines of each class."""
        outputs = lines.labels.shape[1]
        own = (lines.labels[:, 0] > 0).astype(int) if outputs == 1 else lines.labels.argmax(axis=1)
        priors, means, covariances = [], [], []
        for one in range(max(outputs, 2)):
            rows, weights = lines.lines[own == one], lines.weights[own == one]
            if outputs == 1:
                contrasts = rows if one == 1 else -rows
            else:
                contrasts = rows[:, :, [one]] - np.delete(rows, one, axis=2)
            mean = np.tensordot(weights, contrasts, 1) / weights.sum()
            centred = contrasts - mean
            priors.append(weights.sum())
            means.append(mean)
            covariances.append(
                np.einsum("i,iac,ibd->acbd", weights, centred, centred, optimize=True) / weights.sum()
            )
        return cls(np.array(priors), np.array(means), np.array(covariances))

    def accuracy(self, points: FloatArray) -> FloatArray:
        """Accuracy at points (..., 1 + k)."""
        means = np.einsum("...a,cad->...cd", points, self.means)
        covariances = np.einsum("...a,cadbe,...b->...cde", points, self.covariances, points)
        if means.shape[-1] > 1:
            right = orthant_probability(means, covariances)[0]
        else:
            # Without spread a class is right or wrong as a whole, or undecided at a mean of 0.
            spread = np.sqrt(np.maximum(covariances[..., 0, 0], 0.0))
            far = np.where(means[..., 0] == 0, 0.0, np.copysign(np.inf, means[..., 0]))
            safe = np.where(spread > 0, spread, 1.0)
            right = ndtr(np.where(spread > 0, means[..., 0] / safe, far))
        return np.asarray(right @ self.priors)
