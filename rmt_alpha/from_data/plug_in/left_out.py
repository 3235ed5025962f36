"""`LeftOut`: the law of the leave-one-out scores at one ridge, and its errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    stderr: float

    def __str__(self) -> str:
        return f"{self.value:.4g} +- {self.stderr:.2g}"


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Moments of the leave-one-out scores at one ridge, and what each sample contributes to them."""

    line: FloatArray
    """Mean of label times score, for (1, alpha), classes counting alike; shape (2,)."""
    gram: FloatArray
    """Its variance about this mean, as a matrix; shape (2, 2)."""
    lines: FloatArray
    """Label times score of each sample; shape (n, 2)."""
    weights: FloatArray
    """Of the samples; they sum to 1; shape (n,)."""
    changes: FloatArray
    """By how much (line, gram) changes without a sample, to first order: its own score goes, and the others
    are trained without it; shape (n, 3, 2)."""
    share: float
    """How much of the mean residual the intercept removes: 1 if it is free, 0 without."""
    surplus: float
    """The mean label: the larger class pulls the intercept to itself by share times this."""
    groups: IntArray
    """Number of the group of each sample, its class where each has a mean of its own; shape (n,)."""

    @classmethod
    def of(cls, fit: RidgeFit, weights: FloatArray, groups: IntArray, *, intercept: bool) -> LeftOut:
        """At the ridge of a fit, for weights (n,) that sum to 1 and the number of each sample's group."""
        path, left = fit.path, fit.leave_one_out
        labels, lines = left.labels[:, 0], left.contrasts
        mean = weights @ lines
        centred = lines - mean
        whole = 1.0 - float(weights @ weights)
        gram = (weights[:, None] * centred).T @ centred / whole
        products = centred[:, :, None] * centred[:, None, :]
        own = np.concatenate([centred[:, None], products], axis=1)
        change = -weights[:, None, None] * (own - _group_means(own, weights, groups))
        # Without sample j the residuals of the others move by H_ij times its own left-out residual.
        missed = left.missed[:, :, 0] * np.array([1.0, -1.0])
        pulled = (weights * labels / fit.left_out_freedom)[:, None] * np.insert(centred, 0, 1.0, axis=1)
        columns = np.column_stack([pulled, np.ones(len(labels))])
        same = RidgePath(Columns(path.design, columns[:, :, None]), path.pseudo)
        kept = same.at(fit.gamma).residuals[:, :, 0]
        moved = pulled * fit.freedom[:, None] - kept[:, :3]  # H without its diagonal
        share = float(1.0 - kept[:, 3].mean()) if intercept else 0.0
        change[:, 0] -= missed * moved[:, :1]
        both = missed[:, :, None] * moved[:, None, 1:]
        change[:, 1:] -= both + np.swapaxes(both, 1, 2)
        change[:, 1:] /= whole
        return cls(mean, gram, lines, weights, change, share, float(left.weights @ labels), groups)

    def tilt(self, total: float, n: float) -> float:
        r"""Mean square of what the larger class adds to the intercept of n samples, in units of 1 - mean.

        Drawn at random they have another mean label than the ``total`` samples at hand, with the variance of
        one label, 1 - eta^2 of mean eta, estimated without bias by total/(total - 1) (1 - surplus^2):

        .. math:: \operatorname E \bar y'^2 = \eta^2 + \frac{1 - \eta^2}{n} .
        """
        varies = (1.0 - self.surplus**2) * (1.0 - 1.0 / n) / (1.0 - 1.0 / total)
        return self.share**2 * max(1.0 - varies, 0.0)

    def expected(
        self, population: Population, products: FloatArray, gamma: float, size: float
    ) -> ScoreMoments:
        """What Gaussian classes with these inner products, (..., 2, 2), predict for (line, gram).

        For fits on ``size`` samples at this ridge.
        """
        law, pull = population.law(gamma, size).moments(products), self.share**2 / size
        miss = missed(law.line)
        # Leaving a sample out takes the intercept to the other class.
        gram = law.gram * (1.0 + pull) + (self.share * self.surplus) ** 2 * outer_square(miss)
        return ScoreMoments(law.line - self.share / size * miss, gram)

    def shrunk(self, expected: ScoreMoments, without: ScoreMoments) -> ScoreMoments:
        r"""(line, gram), shrunk to what the model predicts by the positive part of James and Stein's factor.

        .. math:: 1 - \frac{k - 2}{\delta^\top V^{-1} \delta}, \qquad k = 5

        for the k differences and their jackknife covariance V, ``without`` being what the model predicts
        without one sample each: to the model where it could be right, not at all where the samples say that
        it is not.
        """
        upper = np.array([0, 1, 2, 3, 5])  # of (line, gram) row by row, gram is symmetric
        model, size = _flat(expected), len(self.changes)
        off = (_flat(ScoreMoments(self.line, self.gram)) - model)[upper]
        changes = (self.changes.reshape(size, 6) - (_flat(without) - model))[:, upper]
        changes = changes - changes.mean(axis=0)
        scale = np.linalg.norm(changes, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        covariance = (changes / scale).T @ (changes / scale) * (size - 1) / size
        distance = float(off / scale @ np.linalg.pinv(covariance, hermitian=True) @ (off / scale))
        keep = max(1.0 - (len(upper) - 2) / distance, 0.0) if distance > 0 else 0.0
        return ScoreMoments(
            expected.line + keep * (self.line - expected.line),
            expected.gram + keep * (self.gram - expected.gram),
        )

    def stderr(self, slopes: FloatArray) -> float:
        """Standard error, by the jackknife, of what has these derivatives by (line, gram), shape (3, 2)."""
        each, size = np.einsum("iab,ab->i", self.changes, slopes), len(self.changes)
        return math.sqrt(float(np.square(each).sum()) * (size - 1) / size)

    def hits(self, point: FloatArray) -> tuple[Estimate, float, float]:
        """Fraction of left-out samples that are right, Phi(mean/deviation), error of their difference."""
        scores = self.lines @ point
        mean, variance = float(self.line @ point), float(point @ self.gram @ point)
        right = np.where(scores > 0, 1.0, 0.0)
        fraction = float(self.weights @ right)
        missing = self.weights * (right - fraction)
        measured = Estimate(fraction, float(np.linalg.norm(missing)))
        if not variance > 0:
            return measured, 0.5 + 0.5 * float(np.sign(mean)), measured.stderr
        margin = mean / math.sqrt(variance)
        unit = (scores - mean) / math.sqrt(variance)
        smooth = self.weights * _density(margin) * (unit - margin / 2 * (unit**2 - 1))
        return measured, float(ndtr(margin)), float(np.linalg.norm(missing - smooth))

    def shape(self, point: FloatArray, mean: float, variance: float) -> Estimate:
        r"""How many more are right than Phi says, where scores have another mean and variance.

        The left-out scores are moved there, and where the variance is larger, by independent Gaussian noise,
        so that the fraction is a mean of Phi.  Its error is that of the difference from Phi(mean/deviation),
        whose standardisation moves with the scores; classes keep their weights.  A class of which all are
        right may have had luck: its fraction varies as that of the posterior mean, (k + 1/2)/(n + 1), does.
        """
        center, own = float(self.line @ point), float(point @ self.gram @ point)
        if not (own > 0 and variance > 0):
            return Estimate(0.0, 0.0)
        deviation, scores = math.sqrt(variance), self.lines @ point - center
        if variance > own:
            right = ndtr((mean + scores) / math.sqrt(variance - own))
        else:
            scores = scores * (deviation / math.sqrt(own))
            right = np.where(mean + scores > 0, 1.0, 0.0)
        margin, unit = mean / deviation, scores / deviation
        smooth = _density(margin) * (unit - margin / 2 * unit**2)
        apart = self.weights * (right - smooth - _group_means(right - smooth, self.weights, self.groups))
        parts = np.bincount(self.groups, self.weights)
        squares = np.bincount(self.groups, self.weights**2)
        fraction, size = np.bincount(self.groups, self.weights * right) / parts, parts**2 / squares
        likely = (fraction * size + 0.5) / (size + 1.0)
        unseen = squares @ (likely * (1.0 - likely) - fraction * (1.0 - fraction))
        error = math.sqrt(max(float(apart @ apart + unseen), 0.0))
        return Estimate(float(self.weights @ right - ndtr(margin)), error)


def _group_means(values: FloatArray, weights: FloatArray, groups: IntArray) -> FloatArray:
    """Weighted mean of the group of each row."""
    flat = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(groups, weights * column) for column in flat.T], axis=-1)
    return np.asarray((sums / np.bincount(groups, weights)[:, None])[groups].reshape(values.shape))


def _flat(moments: ScoreMoments) -> FloatArray:
    """(line, gram) as six numbers."""
    gram = moments.gram.reshape(*moments.line.shape[:-1], 4)
    return np.concatenate([moments.line, gram], axis=-1)


def missed(line: FloatArray) -> FloatArray:
    """1 - mean, for (1, alpha)."""
    return np.asarray(np.array([1.0, 0.0]) - line)


def outer_square(vector: FloatArray) -> FloatArray:
    """Products of its entries with each other."""
    return np.asarray(vector[..., :, None] * vector[..., None, :])


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
