"""`RidgePath`: ridge fits of labels and source scores for any number of ridges, from one decomposition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.design import Design, Rule
from rmt_alpha.from_data.leave_one_out import LeaveOneOut, ScoreMoments
from rmt_alpha.from_data.samples import CONSTANT, EPS, Samples

TINY = 1e-8
"""Ridge in units of the largest eigenvalue, below which rounding is kept from what no fit reaches."""


@dataclass(frozen=True, eq=False)
class CorrectionFit(Value):
    """Residuals at one ridge, with a free intercept if the design is centred, and without one if not."""

    columns: Columns
    gamma: float
    keep: FloatArray
    """gamma / (eigenvalue + gamma), what a direction keeps of its residual; shape (r,)."""

    @property
    def frozen(self) -> bool:
        """Whether nothing is trained: H is 0, and what rounding makes of it would be a copy of the labels."""
        return math.isinf(self.gamma) and not self.columns.design.centred

    @cached_property
    def freedom(self) -> FloatArray:
        """1 - H_ii for each sample, a sum of positive parts, shape (n,)."""
        if self.frozen:
            return np.ones(len(self.columns.values))
        return self.columns.freedoms([self.gamma])[:, 0]

    @cached_property
    def left_out_freedom(self) -> FloatArray:
        """1 - (leverage of the part that is left out), shape (n,).

        A row that stands for c samples loses one of them (or all of it, if c < 1), not all c.
        """
        samples = self.columns.design.samples
        share = samples.removed / samples.mass
        return np.asarray((1.0 - share) + share * self.freedom)

    @cached_property
    def residuals(self) -> FloatArray:
        """(I - H) applied to labels and source scores, shape (n, 1 + k, K)."""
        columns, design = self.columns, self.columns.design
        if self.frozen:
            return columns.values
        inside = design.rotation @ (self.keep[:, None] * columns.coordinates)
        axes = design.samples.axes
        scaled = columns.outside + (inside if axes is None else axes @ inside)
        return np.asarray(scaled / design.root[:, None]).reshape(columns.values.shape)

    @cached_property
    def gram(self) -> FloatArray:
        """Mean products V^T (I - H) V of labels and source scores, summed over outputs, (1 + k, 1 + k)."""
        columns = self.columns
        size, outputs = columns.values.shape[1:]
        inside = (np.sqrt(self.keep)[:, None] * columns.coordinates).reshape(-1, size, outputs)
        outer = columns.outside.reshape(-1, size, outputs)
        return np.asarray(np.einsum("iaj,ibj->ab", inside, inside) + np.einsum("iaj,ibj->ab", outer, outer))


@dataclass(frozen=True, eq=False)
class Columns(Value):
    """Labels and source scores in the coordinates of a `Design`; what paths of one design share."""

    design: Design
    values: FloatArray
    """Labels, then the scores of each of k sources, for K outputs; shape (n, 1 + k, K)."""
    spanned: bool = False
    """Whether what is left of a column by rounding alone counts as nothing."""

    @cached_property
    def _fits(self) -> dict[float, CorrectionFit]:
        return {}

    @classmethod
    def of(cls, design: Design, labels: FloatArray, scores: FloatArray) -> Columns:
        """Labels (n, K) and source scores (k, n, K)."""
        return cls(design, np.concatenate([labels[:, None], np.moveaxis(scores, 0, 1)], axis=1))

    @cached_property
    def means(self) -> FloatArray:
        """Weighted means over the samples, (1 + k, K)."""
        return np.einsum("i,iak->ak", self.design.root**2, self.values)

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray]:
        design = self.design
        flat = self.values.reshape(len(self.values), -1)
        flat = centred(flat, design.root) if design.centred else design.root[:, None] * flat
        inside, outside = design.coordinates(flat), design.samples.outside(flat)
        if self.spanned:
            silent = design.singular == 0
            left = np.square(outside).sum(axis=0) + np.square(inside[silent]).sum(axis=0)
            none = left <= (len(flat) * EPS) ** 2 * np.square(flat).sum(axis=0)
            outside[:, none] = 0.0
            inside[np.ix_(silent, none)] = 0.0
        return inside, outside

    @property
    def coordinates(self) -> FloatArray:
        """U^T of the weighted columns, (r, (1 + k) K)."""
        return self._parts[0]

    @property
    def outside(self) -> FloatArray:
        """The part of the weighted columns that no fit reaches, (n, (1 + k) K)."""
        return self._parts[1]

    @cached_property
    def _products(self) -> tuple[FloatArray, FloatArray]:
        """Products of the columns in each direction, (r, 1 + k, 1 + k), and outside of all (1 + k, 1 + k)."""
        shape = (-1, *self.values.shape[1:])
        inside, outer = self.coordinates.reshape(shape), self.outside.reshape(shape)
        each = np.einsum("iaj,ibj->iab", inside, inside)
        return np.asarray(each), np.einsum("iaj,ibj->ab", outer, outer)

    @cached_property
    def _freedoms(self) -> dict[float, FloatArray]:
        return {}

    def freedoms(self, gammas: Sequence[float]) -> FloatArray:
        """1 - H_ii at many ridges, (n, g): one product of matrices for those that are not remembered."""
        known, design = self._freedoms, self.design
        missing = [gamma for gamma in gammas if gamma not in known]
        if missing:
            keep = 1.0 / (1.0 + design.eigenvalues[:, None] / np.array(missing))
            found = design.samples.outside_diagonal[:, None] + design.left_squared @ keep
            known.update(zip(missing, found.T.copy(), strict=True))
        return np.array([known[gamma] for gamma in gammas]).T

    def grams(self, gammas: FloatArray) -> FloatArray:
        """`CorrectionFit.gram` at many ridges, (g, 1 + k, 1 + k)."""
        eigenvalues = self.design.eigenvalues
        tiny = gammas < TINY * eigenvalues.max(initial=0.0)
        result = np.empty((len(gammas), *[self.values.shape[1]] * 2))
        for columns, rows in ((self, ~tiny), (self._within, tiny)):
            if rows.any():
                each, outer = columns._products
                keep = 1.0 / (1.0 + eigenvalues / gammas[rows, None])
                result[rows] = np.tensordot(keep, each, 1) + outer
        return result

    @cached_property
    def _within(self) -> Columns:
        """For ridges that leave less of the scores of a source than rounding does."""
        return replace(self, spanned=True)

    def at(self, gamma: float) -> CorrectionFit:
        """The fits at one ridge, positive or ``inf``; they are remembered."""
        if gamma not in self._fits:
            eigenvalues = self.design.eigenvalues
            tiny = gamma < TINY * eigenvalues.max(initial=0.0)
            keep = 1.0 / (1.0 + eigenvalues / gamma)
            self._fits[gamma] = CorrectionFit(self._within if tiny else self, float(gamma), keep)
        return self._fits[gamma]


@dataclass(frozen=True, eq=False)
class RidgeFit(Value):
    r"""Ridge fits of labels and source scores at one ridge, with the intercept of the path's rule.

    Of centred features the average of what is trained decouples: it is n/(n + k0) times the mean residual
    r = y - alpha s.  The samples without i have another mean, and their fit is that with a free intercept of
    theirs, but for its average over them.  So, with mass c_i left out,

    .. math:: f_{-i}(x_i) = f^{\text{free}}_{-i}(x_i) - \frac{k_0}{n - c_i + k_0}\, \bar r_{-i} , \qquad
        \bar r_{-i} = \frac{n \bar r - c_i r_i}{n - c_i} ,

    exactly: the free leave-one-out fit needs no mean.
    """

    path: RidgePath
    """Where it comes from."""
    gamma: float
    """The ridge, per sample; ``inf`` trains nothing but the intercept."""

    @cached_property
    def _fit(self) -> CorrectionFit:
        return self.path.columns.at(self.gamma)

    @property
    def left_out_freedom(self) -> FloatArray:
        """1 - (leverage of the part that is left out) by the fit with a free intercept or none, (n,)."""
        return self._fit.left_out_freedom

    @cached_property
    def gram(self) -> FloatArray:
        """Mean products V^T (I - H) V of labels and source scores, summed over outputs, (1 + k, 1 + k)."""
        if not self.path.pseudo:
            return self._fit.gram
        means = self.path.columns.means
        kept = shrinkage(self.path.pseudo, self.path.design.total)
        return np.asarray(self._fit.gram + kept * np.einsum("ak,bk->ab", means, means))

    @cached_property
    def grams_without(self) -> FloatArray:
        """`gram` without one sample each, (n, 1 + k, 1 + k): I - H loses r r^T / r_i, r its column for i."""
        fit, samples = self._fit, self.path.design.samples
        share = np.sqrt(samples.removed / (samples.total * fit.left_out_freedom))
        missed = fit.residuals * share[:, None, None]
        grams = fit.gram - np.einsum("iak,ibk->iab", missed, missed)
        if self.path.pseudo:
            means, rest = self._means_without, samples.total - samples.removed
            kept = shrinkage(self.path.pseudo, rest) * rest / samples.total
            grams += kept[:, None, None] * np.einsum("iak,ibk->iab", means, means)
        return np.asarray(grams)

    @property
    def _means_without(self) -> FloatArray:
        """Means of labels and source scores over all samples but one each, (n, 1 + k, K)."""
        columns, samples = self.path.columns, self.path.design.samples
        sums = samples.total * columns.means - samples.removed[:, None, None] * columns.values
        return np.asarray(sums / (samples.total - samples.removed)[:, None, None])

    @cached_property
    def leave_one_out(self) -> LeaveOneOut:
        """What the fits without a sample predict for it, as affine functions of alpha."""
        samples, values = self.path.design.samples, self.path.columns.values
        missed = self._fit.residuals / self._fit.left_out_freedom[:, None, None]
        if self.path.pseudo:
            kept = shrinkage(self.path.pseudo, samples.total - samples.removed)
            missed = missed + kept[:, None, None] * self._means_without
        lines = np.concatenate([values[:, :1] - missed[:, :1], missed[:, 1:]], axis=1)
        return LeaveOneOut(lines, values[:, 0], samples.mass)

    def left_out(self, point: FloatArray) -> FloatArray:
        """Score of each sample by the fit without it, (n, K), or its growth at a direction."""
        return self.leave_one_out.scores(point)

    def correction(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Weights (K, p) and intercept (K,) that are trained on top of the source.

        .. math:: \Big(\tfrac1n X^\top X + \gamma\Big)^{-1} \tfrac1n X^\top (z_0\, y - z_1 s_1 - \dots)

        at the point z = (1, alpha), or at a direction (0, d).
        """
        design, columns = self.path.design, self.path.columns
        mix = np.concatenate([point[:1], -point[1:]])
        used = design.rank
        target = columns.coordinates[:used].reshape(-1, *columns.values.shape[1:])
        gain = 1.0 / self.gamma / (1.0 + design.eigenvalues[:used] / self.gamma)
        inside = gain[:, None] * np.einsum("rak,a->rk", target, mix)
        dual = design.rotation[:, :used] @ inside
        axes = design.samples.axes
        weights, intercept = design.trained(dual if axes is None else axes @ dual)
        if self.path.pseudo is not None:
            average = 1.0 - shrinkage(self.path.pseudo, design.total)
            intercept = intercept + average * (mix @ columns.means)
        return weights, np.asarray(intercept)


@dataclass(frozen=True, eq=False)
class RidgePath(Value):
    """Ridge fits under one rule."""

    columns: Columns
    """Labels and source scores in the coordinates of the design."""
    pseudo: float | None
    """How many samples keep the average correction of centred features at 0; None if they are not centred."""

    @classmethod
    def of(cls, samples: Samples, rule: Rule, labels: FloatArray, scores: FloatArray) -> RidgePath:
        """The path of samples with labels (n, K) and source scores (k, n, K) under one rule."""
        return cls(Columns.of(Design.of(samples, rule), labels, scores), rule.pseudo)

    @property
    def design(self) -> Design:
        """The features."""
        return self.columns.design

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return int(self.columns.values.shape[1]) - 1

    @property
    def outputs(self) -> int:
        """Number of outputs, K."""
        return int(self.columns.values.shape[2])

    @cached_property
    def _fits(self) -> dict[float, RidgeFit]:
        return {}

    def grams(self, gammas: FloatArray) -> FloatArray:
        """`RidgeFit.gram` at many ridges, (g, 1 + k, 1 + k)."""
        grams, means = self.columns.grams(gammas), self.columns.means
        if not self.pseudo:
            return grams
        return np.asarray(
            grams + shrinkage(self.pseudo, self.design.total) * np.einsum("ak,bk->ab", means, means)
        )

    def volumes(self, gammas: FloatArray) -> FloatArray:
        """log det of the covariance of the labels in units of the noise, (g,); a free intercept has none."""
        volume = np.log1p(self.design.eigenvalues / gammas[:, None]).sum(axis=1)
        return np.asarray(volume + (math.log1p(self.design.total / self.pseudo) if self.pseudo else 0.0))

    def moments(self, gammas: FloatArray) -> ScoreMoments:
        """Those of the leave-one-out scores at many ridges, with leading axis g."""
        self.columns.freedoms(gammas.tolist())
        found = [self.at(gamma).leave_one_out.moments for gamma in gammas.tolist()]
        return ScoreMoments(np.array([one.line for one in found]), np.array([one.gram for one in found]))

    def at(self, gamma: float) -> RidgeFit:
        """The fits at one ridge, positive or ``inf``; they are remembered."""
        return self._fits.setdefault(gamma, RidgeFit(self, float(gamma)))


def shrinkage(pseudo: float, total: FloatArray | float) -> FloatArray:
    """k0 / (n + k0), what the average of a correction loses; 1 at infinity."""
    return np.asarray(np.ones_like(total) if math.isinf(pseudo) else pseudo / (total + pseudo))


def centred(columns: FloatArray, root: FloatArray) -> FloatArray:
    """``root`` times columns (n, m) minus their weighted means.

    Constant columns become exactly 0: what rounding leaves of them must not be taken for a signal.
    """
    mean = (root * root) @ columns
    scaled = root[:, None] * (columns - mean)
    spread2 = np.einsum("ij,ij->j", scaled, scaled)
    scaled[:, spread2 <= CONSTANT**2 * (spread2 + mean * mean)] = 0.0
    return np.asarray(scaled)
