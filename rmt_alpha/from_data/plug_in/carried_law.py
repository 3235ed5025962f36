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
from typing import Any

import numpy as np
from scipy.special import ndtr

from rmt_alpha._core.arithmetic import ARRAY
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.left_out import Estimate, LeftOut, missed, outer_square
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.theory.isotropic.curve import AlphaCurve

LEAST, MOST = 1e-3, 1e8
"""Ridges at which samples are left out, in mean and in largest eigenvalues of the sample covariance: at
smaller ones the fits are nearly those without a ridge, of larger ones rounding leaves half the digits."""
STEP = 1e-6
"""Relative step of a central difference in float64."""


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
    tilt: tuple[float, float]
    """That of the classes: of the samples at hand, and the mean over others, drawn at random."""
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
        line = line + self.share * missed(line) / n0
        square = outer_square(missed(line))
        gram = (gram - self.tilt[0] * square) / (1.0 + pull / n0)
        signal = (1.0 - d0) * gram - d0 * square
        if self.start == self.kappa:
            if d1 < d0:  # then what is taken away may not exceed what is there
                low = d1 * (1.0 - d0) / (d0 * (1.0 - d1)) * gram
                gram = low + (d0 - d1) / (d0 * (1.0 - d1)) * _positive(signal)
            else:
                gram = ((1.0 - d0) * gram + (d1 - d0) * square) / (1.0 - d1)
        else:
            line, signal = self._carried(line, _positive(signal))
            square = outer_square(missed(line))
            gram = (signal + d1 * square) / (1.0 - d1)
        return ScoreMoments(line, gram * (1.0 + pull / n1) + self.tilt[1] * square)

    def _carried(self, line: FloatArray, signal: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and w^T C w at a smaller effective ridge."""
        miss = missed(line)
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
        tilt = measured.tilt(total, total), measured.tilt(total, n)

        def transport(density: FloatArray) -> Transport:
            def growth(power: int) -> float:
                parts = [
                    float(density @ (spectrum.values ** (power - 1) / (spectrum.values + at) ** power))
                    for at in (kappa, start)
                ]
                return parts[0] / parts[1] if start != kappa and parts[1] > 0 else 1.0

            return Transport(kappa, (before, n), used, measured.share, tilt, start, growth(1), growth(2))

        return cls(measured, shrunk, transport(population.density), transport(spectrum.masses))

    @property
    def moments(self) -> ScoreMoments:
        """Mean and variance for (1, alpha)."""
        return self.transport(self.shrunk.line, self.shrunk.gram)

    def margin(self, point: FloatArray) -> float:
        """Mean over standard deviation."""
        return float(self.moments.margin(point))

    def accuracy(self, alpha: float) -> Estimate:
        r"""Accuracy, with its standard error.

        .. math:: \Phi(m/\sigma) + \Bigl(1 - \frac{v}{\delta^2}\Bigr)_+ \delta

        where delta is by how much more of the left-out scores are right than Phi says, and v its variance:
        of the difference counts what chance does not explain.

        Four errors add in squares: that of the samples (jackknife of the margin, the larger side of what Phi
        makes of it), that of delta, what the shrinking has changed, and what another assumption about where
        mu lies would, if one was needed.
        """
        point, moments = np.array([1.0, alpha]), self.moments
        margin = float(moments.margin(point))
        error, value = self.measured.stderr(self._slopes(point)), float(ndtr(margin))
        spread = max(abs(float(ndtr(margin + side * error)) - value) for side in (-1, 1))
        others = (
            self.transport(self.measured.line, self.measured.gram),
            self.other(self.shrunk.line, self.shrunk.gram),
        )
        moved = [value - float(ndtr(other.margin(point))) for other in others]
        shape = self.measured.shape(point, float(moments.line @ point), float(point @ moments.gram @ point))
        known = max(1.0 - (shape.stderr / shape.value) ** 2, 0.0) if shape.value else 0.0
        missing = min(abs(shape.value), shape.stderr)
        return Estimate(value + known * shape.value, math.hypot(spread, missing, *moved))

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


def _positive(matrix: FloatArray) -> FloatArray:
    """The nearest positive semidefinite matrix, each coordinate in its own unit."""
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    return np.asarray(scale[:, None] * ((vectors * np.maximum(values, 0.0)) @ vectors.T) * scale)
