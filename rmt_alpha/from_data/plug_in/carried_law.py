r"""`CarriedLaw`: the law of the score at any ridge and sample size, measured by leaving samples out.

Of ridge and sample size, the mean of the score knows only the effective ridge kappa:

    w = (C + kappa)^-1 ((1 - m) mu + kappa alpha w~),    m = mu^T w
    variance = (w^T C w + d (1 - m)^2) / (1 - d),    d = (1/n) tr C^2 (C + kappa)^-2

So what the theory says about n samples and a ridge gamma is what leave-one-out measures on the samples at
hand at *another* ridge, that of the same kappa, but for d, which the spectrum tells.  Where mu lies among the
eigenvectors of C need not be known.  With many more samples than there are, kappa falls below what any ridge
reaches; only then is mu assumed to lie in the spectrum as the source does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from rmt_alpha._core.arithmetic import ARRAY
from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath
from rmt_alpha.theory.isotropic.curve import AlphaCurve

LEAST, MOST = 1e-3, 1e8
"""Ridges at which samples are left out, in mean and in largest eigenvalues of the sample covariance: at
smaller ones the fits are nearly those without a ridge, of larger ones rounding leaves half the digits."""
STEP = 1e-6
"""Relative step of a central difference in float64."""


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
    tilt: float
    """Square of share times the mean label: the larger class pulls the intercept to itself."""

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
        tilt = (share * float(left.weights @ labels)) ** 2
        return cls(mean, gram, lines, weights, change, share, tilt)

    def expected(
        self, population: Population, products: FloatArray, gamma: float, size: float
    ) -> ScoreMoments:
        """What Gaussian classes with these inner products, (..., 2, 2), predict for (line, gram).

        For fits on ``size`` samples at this ridge.
        """
        law, pull = population.law(gamma, size).moments(products), self.share**2 / size
        miss = _miss(law.line)
        # Leaving a sample out takes the intercept to the other class.
        gram = law.gram * (1.0 + pull) + self.tilt * _square(miss)
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

    def misfit(self, point: FloatArray) -> float:
        """How far Phi is from the fraction that is classified rightly, where chance does not explain it.

        Of the squared difference its variance is subtracted.
        """
        measured, smooth, error = self.hits(point)
        return math.sqrt(max((measured.value - smooth) ** 2 - error**2, 0.0))


@dataclass(frozen=True)
class Transport:
    """From moments that were measured at one sample size to those at another."""

    kappa: float
    """The effective ridge."""
    n: tuple[float, float]
    """Samples behind a left-out score, and samples asked about."""
    used: tuple[float, float]
    """d at both."""
    share: float
    """That of the intercept."""
    tilt: float
    """That of the classes, which keep their proportions."""
    start: float
    """The effective ridge of the measurement; the same, but where no ridge reaches it."""
    inverse: float = 1.0
    """By how much mu^T (C + kappa)^-1 mu grows from there."""
    energy: float = 1.0
    """By how much C (C + kappa)^-2 does."""

    def __call__(self, line: FloatArray, gram: FloatArray) -> ScoreMoments:
        """The moments there; line (2,) and gram (2, 2)."""
        (n0, n1), (d0, d1), pull = self.n, self.used, self.share**2
        # A sample that is left out leaves its class behind by one, and the intercept follows.
        line = line + self.share * _miss(line) / n0
        square = _square(_miss(line))
        gram = (gram - self.tilt * square) / (1.0 + pull / n0)
        signal = (1.0 - d0) * gram - d0 * square
        if self.start == self.kappa:
            if d1 < d0:  # then what is taken away may not exceed what is there
                low = d1 * (1.0 - d0) / (d0 * (1.0 - d1)) * gram
                gram = low + (d0 - d1) / (d0 * (1.0 - d1)) * _positive(signal)
            else:
                gram = ((1.0 - d0) * gram + (d1 - d0) * square) / (1.0 - d1)
        else:
            line, signal = self._carried(line, _positive(signal))
            square = _square(_miss(line))
            gram = (signal + d1 * square) / (1.0 - d1)
        return ScoreMoments(line, gram * (1.0 + pull / n1) + self.tilt * square)

    def _carried(self, line: FloatArray, signal: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and w^T C w at a smaller effective ridge."""
        miss = _miss(line)
        reach = 1.0 / max(float(miss[0]), STEP)  # 1 + mu^T (C + kappa)^-1 mu
        gain = (reach - 1.0) * (self.inverse if reach > 1.0 else 1.0)
        overlap = float(miss[1]) * reach / self.start * self.inverse
        after = np.array([1.0, self.kappa * overlap]) / (1.0 + gain)
        # Over mu and the source, w is (miss, kappa alpha): from the old pair to the new one.
        old = np.array([[1.0 / reach, miss[1]], [0.0, self.start]])
        new = np.array([after, [0.0, self.kappa]])
        turn = np.linalg.solve(old, new)
        return np.array([1.0, 0.0]) - after, self.energy * turn.T @ signal @ turn


@dataclass(frozen=True, eq=False)
class CarriedLaw:
    """Law of the score at one ridge and sample size, with standard errors."""

    measured: LeftOut
    """On the samples at hand."""
    shrunk: ScoreMoments
    """The same, shrunk to what Gaussian classes predict."""
    transport: Transport
    """From there to the ridge and size that were asked about."""
    other: Transport
    """The same under another assumption about where mu lies, if one was needed."""

    @classmethod
    def at(
        cls,
        left_out: Callable[[float], LeftOut],
        design: Design,
        population: Population,
        products_without: FloatArray,
        gamma: float,
        n: float,
    ) -> CarriedLaw:
        """For a ridge and a number of samples; ``left_out`` measures at a ridge on the samples at hand.

        ``products_without`` are the inner products of mu and the source, estimated without one sample each.
        """
        spectrum, total = population.spectrum, design.total
        before = total - 1.0
        kappa = start = float(spectrum.kappa(np.array(gamma), n))
        # The penalty is that of all samples: kappa = ridge total/before + kappa first/before.
        first, _ = spectrum.uses(kappa)
        ridge = kappa * (before - first) / total
        eigenvalues = design.eigenvalues
        least = LEAST * float(eigenvalues.sum()) / max(int((eigenvalues > 0).sum()), 1)
        most = MOST * float(eigenvalues.max(initial=0.0)) or math.inf
        if not least <= ridge <= most:
            ridge = min(max(ridge, least), most)
            start = float(spectrum.kappa(np.array(ridge * total / before), before))
            start = max(start, kappa) if ridge == least else min(start, kappa)
        measured = left_out(ridge)
        model, without = (
            measured.expected(population, products, ridge * total / before, before)
            for products in (population.products, products_without)
        )
        shrunk = measured.shrunk(model, without)
        used = spectrum.uses(start)[1] / before, spectrum.uses(kappa)[1] / n

        def transport(density: FloatArray) -> Transport:
            def growth(power: int) -> float:
                parts = [
                    float(density @ (spectrum.values ** (power - 1) / (spectrum.values + at) ** power))
                    for at in (kappa, start)
                ]
                return parts[0] / parts[1] if start != kappa and parts[1] > 0 else 1.0

            return Transport(
                kappa, (before, n), used, measured.share, measured.tilt, start, growth(1), growth(2)
            )

        return cls(measured, shrunk, transport(population.density), transport(spectrum.masses))

    @property
    def moments(self) -> ScoreMoments:
        """Mean and variance for (1, alpha)."""
        return self.transport(self.shrunk.line, self.shrunk.gram)

    def margin(self, point: FloatArray) -> float:
        """Mean over standard deviation."""
        return float(self.moments.margin(point))

    def accuracy(self, alpha: float) -> Estimate:
        """Accuracy, with its standard error.

        Four errors add in squares: that of the samples (jackknife of the margin, the larger side of what Phi
        makes of it), that of Phi where the scores are not Gaussian, what the shrinking has changed, and what
        another assumption about where mu lies would, if one was needed.
        """
        point = np.array([1.0, alpha])
        margin = self.margin(point)
        error, value = self.measured.stderr(self._slopes(point)), float(ndtr(margin))
        spread = max(abs(float(ndtr(margin + side * error)) - value) for side in (-1, 1))
        others = (
            self.transport(self.measured.line, self.measured.gram),
            self.other(self.shrunk.line, self.shrunk.gram),
        )
        moved = [value - float(ndtr(other.margin(point))) for other in others]
        return Estimate(value, math.hypot(spread, self.measured.misfit(point), *moved))

    def _slopes(self, point: FloatArray) -> FloatArray:
        """Derivatives of the margin by (line, gram), shape (3, 2)."""
        line, gram = self.shrunk.line, self.shrunk.gram
        scale = np.sqrt(np.maximum(np.diag(gram), np.square(line)))
        sizes = np.concatenate([scale, np.outer(scale, scale).ravel()])
        slopes = np.zeros(6)
        for i in np.flatnonzero(sizes):
            ends = []
            for sign in (1.0, -1.0):
                flat = np.concatenate([line, gram.ravel()])
                flat[i] += sign * STEP * sizes[i]
                changed = flat[2:].reshape(2, 2)
                ends.append(float(self.transport(flat[:2], (changed + changed.T) / 2).margin(point)))
            slopes[i] = (ends[0] - ends[1]) / (2 * STEP * sizes[i])
        return slopes.reshape(3, 2)


def curve_of(kappa: FloatArray, moments: ScoreMoments) -> AlphaCurve:
    """The law of one source as a curve in alpha; leading axes of kappa and moments are problems."""
    kappa = np.asarray(kappa)
    line, scale = moments.line, np.sqrt(np.maximum(np.einsum("...aa->...a", moments.gram), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(moments.gram / (safe[..., :, None] * safe[..., None, :]))
    roots = np.sqrt(np.maximum(values, 0.0))[..., None, :] * vectors * scale[..., :, None]
    roots = [(roots[..., 0, i], roots[..., 1, i]) for i in range(2)]

    def risk_parts() -> tuple[Any, tuple[Any, ...]]:
        miss = ((1.0 - line[..., 0])[()] / kappa[()], -line[..., 1][()] / kappa[()])
        return 0.0, (miss, *((u[()] / kappa[()], v[()] / kappa[()]) for u, v in roots))

    return AlphaCurve(
        kappa=kappa[()],
        mean_line=(line[..., 0][()], (line[..., 1] / kappa)[()]),
        aligned=0.0 * kappa[()],
        terms=tuple((u[()], (v / kappa)[()]) for u, v in roots),
        risk_parts=risk_parts,
        ops=ARRAY,
    )


def _group_means(values: FloatArray, weights: FloatArray, groups: IntArray) -> FloatArray:
    """Weighted mean of the group of each row."""
    flat = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(groups, weights * column) for column in flat.T], axis=-1)
    return np.asarray((sums / np.bincount(groups, weights)[:, None])[groups].reshape(values.shape))


def _flat(moments: ScoreMoments) -> FloatArray:
    """(line, gram) as six numbers."""
    gram = moments.gram.reshape(*moments.line.shape[:-1], 4)
    return np.concatenate([moments.line, gram], axis=-1)


def _miss(line: FloatArray) -> FloatArray:
    """1 - mean, for (1, alpha)."""
    return np.asarray(np.array([1.0, 0.0]) - line)


def _square(vector: FloatArray) -> FloatArray:
    return np.asarray(vector[..., :, None] * vector[..., None, :])


def _positive(matrix: FloatArray) -> FloatArray:
    """The nearest positive semidefinite matrix, each coordinate in its own unit."""
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    return np.asarray(scale[:, None] * ((vectors * np.maximum(values, 0.0)) @ vectors.T) * scale)


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
