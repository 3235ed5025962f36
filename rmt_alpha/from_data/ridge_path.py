"""`RidgePath`: ridge fits of labels and source scores for any number of ridges, from one decomposition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.columns import TINY, Columns, CorrectionFit
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.leave_one_out import LeaveOneOut, ScoreMoments


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
    def _kept(self) -> float:
        """How much of a mean residual a shrunk average keeps."""
        return float(shrinkage(self.path.pseudo, self.path.design.total)) if self.path.pseudo else 0.0

    @cached_property
    def residuals(self) -> FloatArray:
        """(I - H) applied to labels and source scores, shape (n, 1 + k, K)."""
        return np.asarray(self._fit.residuals + self._kept * self.path.columns.means)

    @cached_property
    def freedom(self) -> FloatArray:
        """1 - H_ii for each sample, shape (n,)."""
        return np.asarray(self._fit.freedom + self._kept * self.path.design.root**2)

    @property
    def left_out_freedom(self) -> FloatArray:
        """1 - (leverage of the part that is left out) by the fit with a free intercept or none, (n,)."""
        return self._fit.left_out_freedom

    @cached_property
    def gram(self) -> FloatArray:
        """Mean products V^T (I - H) V of labels and source scores, summed over outputs, (1 + k, 1 + k)."""
        return np.asarray(self.path.grams(np.array([self.gamma]))[0])

    @cached_property
    def grams_without(self) -> FloatArray:
        """`gram` without one sample each, (n, 1 + k, 1 + k): I - H loses r r^T / r_i, r its column for i."""
        fit, samples = self._fit, self.path.design.samples
        share = np.sqrt(samples.removed / (samples.total * fit.left_out_freedom))
        missed = fit.residuals * share[:, None, None]
        grams = fit.gram - np.einsum("iak,ibk->iab", missed, missed)
        if self.path.pseudo:
            means, rest = self.path.means_without, samples.rest
            kept = shrinkage(self.path.pseudo, rest) * rest / samples.total
            grams += kept[:, None, None] * np.einsum("iak,ibk->iab", means, means)
        return np.asarray(grams)

    @cached_property
    def leave_one_out(self) -> LeaveOneOut:
        """What the fits without a sample predict for it, units held, as affine functions of alpha."""
        if math.isinf(self.gamma) and self.path.pseudo == math.inf:
            return self._lines(self.path.columns.values)  # rounding would leave a copy of the labels
        return self._lines(self._fit.missed + self.path.missed_by_means)

    def _lines(self, missed: FloatArray) -> LeaveOneOut:
        """From what labels and source scores are missed by, (n, 1 + k, K)."""
        columns = self.path.columns
        lines = np.concatenate([columns.values[:, :1] - missed[:, :1], missed[:, 1:]], axis=1)
        return LeaveOneOut(lines, columns.values[:, 0], self.path.design.samples.mass, columns.multilabel)

    def left_out(self, point: FloatArray) -> FloatArray:
        """Score of each sample by the fit without it, (n, K), or its growth at a direction.

        Standard units are those of the other samples, too, as long as that is not too much work (`Others`).
        Where the kernel is truncated, residuals are those of the fit itself, and leverages are probed.
        """
        design, columns = self.path.design, self.path.columns
        if not math.isinf(self.gamma) and (others := columns.others) is not None:
            missed = columns.values - others.predicted(self.gamma).reshape(columns.values.shape)
            return self._lines(missed + self.path.missed_by_means).scores(point)
        if not design.basis.rest or math.isinf(self.gamma):
            return self.leave_one_out.scores(point)
        freedom = self._fit.left_out_of(self._fit.probed_freedom)
        missed = self.gamma * self._dual(point) / (design.root * freedom)[:, None]
        mix = np.concatenate([point[:1], -point[1:]])
        return np.asarray(
            point[0] * self.path.columns.values[:, 0]
            - missed
            - np.einsum("iak,a->ik", self.path.missed_by_means, mix)
        )

    @cached_property
    def _duals(self) -> dict[bytes, FloatArray]:
        return {}

    def _dual(self, point: FloatArray) -> FloatArray:
        """Coefficients of the rows, (n, K)."""
        if point.tobytes() not in self._duals:
            columns, mix = self.path.columns, np.concatenate([point[:1], -point[1:]])
            shape = -1, *columns.values.shape[1:]
            inside = np.einsum("rak,a->rk", columns.coordinates.reshape(shape), mix)
            outside = np.einsum("nak,a->nk", columns.outside.reshape(shape), mix)
            self._duals[point.tobytes()] = self.path.design.dual(
                self.gamma, inside, outside, mix @ columns.means
            )
        return self._duals[point.tobytes()]

    def correction(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Weights (K, p) and intercept (K,) that are trained on top of the source.

        .. math:: \Big(\tfrac1n X^\top X + \gamma\Big)^{-1} \tfrac1n X^\top (z_0\, y - z_1 s_1 - \dots)

        at the point z = (1, alpha), or at a direction (0, d).
        """
        design, columns = self.path.design, self.path.columns
        mix = np.concatenate([point[:1], -point[1:]])
        weights, intercept = design.trained(self._dual(point))
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

    @property
    def dimensions(self) -> int:
        """Of the outputs: K, or K - 1 if their mean was taken off."""
        return self.outputs - self.columns.differences

    @property
    def judged(self) -> RidgePath:
        """The path by which ridge and alpha are chosen for classes: `Columns.of_differences`."""
        columns = self.columns.of_differences
        return self if columns is self.columns else RidgePath(columns, self.pseudo)

    @cached_property
    def means_without(self) -> FloatArray:
        """Means of labels and source scores over all samples but one each, (n, 1 + k, K)."""
        samples = self.design.samples
        return np.asarray(samples.without(self.columns.values) / samples.rest[:, None, None])

    @cached_property
    def missed_by_means(self) -> FloatArray:
        """What a shrunk average adds to the residuals of samples that are left out, (n, 1 + k, K)."""
        if not self.pseudo:
            return np.zeros(self.columns.values.shape)
        kept = shrinkage(self.pseudo, self.design.samples.rest)
        return np.asarray(kept[:, None, None] * self.means_without)

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
        volume = self.design.volumes(gammas)
        return np.asarray(volume + (math.log1p(self.design.total / self.pseudo) if self.pseudo else 0.0))

    @cached_property
    def _moments(self) -> dict[bytes, ScoreMoments]:
        return {}

    def moments(self, gammas: FloatArray) -> ScoreMoments:
        """Those of the leave-one-out scores at many ridges, with leading axis g; kept, to be asked again."""
        key = gammas.tobytes()
        if key not in self._moments:
            self._moments[key] = self._moments_at(gammas)
        return self._moments[key]

    def _moments_at(self, gammas: FloatArray) -> ScoreMoments:
        columns, ridges = self.columns, gammas.tolist()
        columns.freedoms(ridges)
        if columns.remembered:
            tiny = TINY * columns.design.largest
            columns.shrunk([gamma for gamma in ridges if gamma >= tiny])
        found = [self.at(gamma).leave_one_out.moments for gamma in ridges]
        return ScoreMoments(np.array([one.line for one in found]), np.array([one.gram for one in found]))

    def at(self, gamma: float) -> RidgeFit:
        """The fits at one ridge, positive or ``inf``."""
        return RidgeFit(self, float(gamma))


def shrinkage(pseudo: float, total: FloatArray | float) -> FloatArray:
    """k0 / (n + k0), what the average of a correction loses; 1 at infinity."""
    return np.asarray(np.ones_like(total) if math.isinf(pseudo) else pseudo / (total + pseudo))
