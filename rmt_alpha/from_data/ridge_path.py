"""`RidgePath`: ridge fits of labels and source scores for any number of ridges, from one decomposition."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.design import EPS, Design, centred
from rmt_alpha.from_data.leave_one_out import LeaveOneOut

TINY = 1e-8
"""Ridge in units of the largest eigenvalue, below which rounding is kept from what no fit reaches."""


@dataclass(frozen=True, eq=False)
class RidgeFit(Value):
    r"""Residuals of the ridge fits of labels and source scores at one ridge."""

    path: RidgePath
    """Where it comes from."""
    gamma: float
    """The ridge, per sample; ``inf`` trains nothing but the intercept."""
    keep: FloatArray
    """gamma / (eigenvalue + gamma), what a direction keeps of its residual; shape (r,)."""

    @property
    def frozen(self) -> bool:
        """Whether nothing is trained: H is 0, and what rounding makes of it would be a copy of the labels."""
        return math.isinf(self.gamma) and not self.path.design.fit_intercept

    @cached_property
    def freedom(self) -> FloatArray:
        """1 - H_ii for each sample, a sum of positive parts, shape (n,)."""
        design = self.path.design
        if self.frozen:
            return np.ones(len(design.root))
        return np.asarray(design.outside_diagonal + design.left_squared @ self.keep)

    @cached_property
    def left_out_freedom(self) -> FloatArray:
        """1 - (leverage of the part that is left out), shape (n,).

        A row that stands for c samples loses one of them (or all of it, if c < 1), not all c.
        """
        share = 1.0 / np.maximum(self.path.design.counts, 1.0)
        return np.asarray((1.0 - share) + share * self.freedom)

    @cached_property
    def residuals(self) -> FloatArray:
        """(I - H) applied to labels and source scores, shape (n, 1 + k, K)."""
        path = self.path
        if self.frozen:
            return path.columns
        scaled = path.outside + path.design.left @ (self.keep[:, None] * path.coordinates)
        return np.asarray(scaled / path.design.root[:, None]).reshape(path.columns.shape)

    @cached_property
    def gram(self) -> FloatArray:
        """Mean products V^T (I - H) V of labels and source scores, summed over outputs, (1 + k, 1 + k)."""
        path = self.path
        size, outputs = path.columns.shape[1:]
        inside = (np.sqrt(self.keep)[:, None] * path.coordinates).reshape(-1, size, outputs)
        outer = path.outside.reshape(-1, size, outputs)
        return np.asarray(np.einsum("iaj,ibj->ab", inside, inside) + np.einsum("iaj,ibj->ab", outer, outer))

    @cached_property
    def leave_one_out(self) -> LeaveOneOut:
        """What the fits without a sample predict for it, as affine functions of alpha."""
        path = self.path
        missed = self.residuals / self.left_out_freedom[:, None, None]
        lines = np.concatenate([path.columns[:, :1] - missed[:, :1], missed[:, 1:]], axis=1)
        return LeaveOneOut(lines, path.columns[:, 0], path.design.counts)

    def left_out(self, point: FloatArray) -> FloatArray:
        """Score of each sample by the fit without it, (n, K), or its growth at a direction."""
        return self.leave_one_out.scores(point)

    def correction(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Weights (K, p) and intercept (K,) that are trained on top of the source.

        .. math:: \Big(\tfrac1n X^\top X + \gamma\Big)^{-1} \tfrac1n X^\top (z_0\, y - z_1 s_1 - \dots)

        at the point z = (1, alpha), or at a direction (0, d).
        """
        path, design = self.path, self.path.design
        mix = np.concatenate([point[:1], -point[1:]])
        target = path.coordinates.reshape(-1, *path.columns.shape[1:])
        used = len(design.right)
        singular = design.singular[:used]
        gain = singular / self.gamma / (1.0 + singular**2 / self.gamma)
        inside = gain[:, None] * np.einsum("rak,a->rk", target[:used], mix)
        weights = np.asarray(inside.T @ design.right)
        if not design.fit_intercept:
            return design.divided(weights)
        mean = np.einsum("i,iak,a->k", design.root**2, path.columns, mix)
        return weights, np.asarray(mean - weights @ design.mean)


@dataclass(frozen=True, eq=False)
class RidgePath(Value):
    """Labels and source scores in the coordinates of a `Design`."""

    design: Design
    """The features."""
    columns: FloatArray
    """Labels, then the scores of each of k sources, for K outputs; shape (n, 1 + k, K)."""
    spanned: bool = False
    """Whether columns that lie in the span of the features, but for rounding, are taken to lie there."""

    @classmethod
    def from_scores(cls, design: Design, labels: FloatArray, scores: FloatArray) -> RidgePath:
        """Labels (n, K) and source scores (k, n, K)."""
        return cls(design, np.concatenate([labels[:, None], np.moveaxis(scores, 0, 1)], axis=1))

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return int(self.columns.shape[1]) - 1

    @property
    def outputs(self) -> int:
        """Number of outputs, K."""
        return int(self.columns.shape[2])

    @cached_property
    def _flat(self) -> FloatArray:
        flat = self.columns.reshape(len(self.columns), -1)
        if self.design.fit_intercept:
            return centred(flat, self.design.root)[0]
        return np.asarray(self.design.root[:, None] * flat)

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray]:
        design, flat = self.design, self._flat
        inside, outside = design.left.T @ flat, design.outside(flat)
        if self.spanned:
            silent = design.singular == 0
            left = np.square(outside).sum(axis=0) + np.square(inside[silent]).sum(axis=0)
            none = left <= (len(flat) * EPS) ** 2 * np.square(flat).sum(axis=0)
            outside[:, none] = 0.0
            inside[np.ix_(silent, none)] = 0.0
        return np.asarray(inside), outside

    @property
    def coordinates(self) -> FloatArray:
        """U^T of the weighted columns, (r, (1 + k) K)."""
        return self._parts[0]

    @property
    def outside(self) -> FloatArray:
        """The part of the weighted columns that no fit reaches, (n, (1 + k) K)."""
        return self._parts[1]

    def at(self, gamma: float) -> RidgeFit:
        """The fits at one ridge, positive or ``inf``."""
        eigenvalues = self.design.eigenvalues
        tiny = gamma < TINY * eigenvalues.max(initial=0.0)
        return RidgeFit(self._within if tiny else self, float(gamma), 1.0 / (1.0 + eigenvalues / gamma))

    @cached_property
    def _within(self) -> RidgePath:
        """For ridges that leave less of the scores of a source than rounding does."""
        return replace(self, spanned=True)
