"""`Columns`: labels and source scores in the coordinates of a design, and their residuals at any ridge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.others import Others
from rmt_alpha.from_data.decomposition.rows import CONSTANT

BATCH = 20_000_000
"""Numbers that are kept of the fits at all ridges of a grid, 160 MB; of more, none."""
GRID = 50
"""Ridges of a usual grid."""
TINY = 1e-8
"""Ridge in units of the largest eigenvalue, below which rounding is kept from what no fit reaches."""


@dataclass(frozen=True, eq=False)
class CorrectionFit(Value):
    """Residuals at one ridge, with a free intercept if the design is centred, and without one if not."""

    columns: Columns
    gamma: float
    outer: float
    """gamma / (eigenvalue + gamma) beside the axes: 1 if nothing is trained there."""

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
    def probed_freedom(self) -> FloatArray:
        """The same where the kernel is truncated, without the error of that on average, (n,)."""
        return self.columns.design.probed_freedom(self.gamma, self.freedom)

    @cached_property
    def left_out_freedom(self) -> FloatArray:
        """1 - (leverage of the part that is left out), shape (n,).

        A row that stands for c samples loses one of them (or all of it, if c < 1), not all c.
        """
        return self.left_out_of(self.freedom)

    def left_out_of(self, freedom: FloatArray) -> FloatArray:
        """1 - (leverage of the part that is left out), from that of all."""
        samples = self.columns.design.samples
        share = samples.removed / samples.mass
        return np.asarray((1.0 - share) + share * freedom)

    @cached_property
    def residuals(self) -> FloatArray:
        """(I - H) applied to labels and source scores, shape (n, 1 + k, K)."""
        columns, design = self.columns, self.columns.design
        if self.frozen:
            return columns.values
        scaled = self.outer * columns.outside + columns.shrunk([self.gamma])[self.gamma]
        return np.asarray(scaled / design.root[:, None]).reshape(columns.values.shape)

    @cached_property
    def missed(self) -> FloatArray:
        """Residuals of the fits without the sample, shape (n, 1 + k, K)."""
        return np.asarray(self.residuals / self.left_out_freedom[:, None, None])

    @cached_property
    def gram(self) -> FloatArray:
        """Mean products V^T (I - H) V of labels and source scores, summed over outputs, (1 + k, 1 + k)."""
        return np.asarray(self.columns.grams(np.array([self.gamma]))[0])


@dataclass(frozen=True, eq=False)
class Columns(Value):
    """Labels and source scores in the coordinates of a `Design`; what paths of one design share."""

    design: Design
    values: FloatArray
    """Labels, then the scores of each of k sources, for K outputs; shape (n, 1 + k, K)."""
    multilabel: bool = False
    """Whether outputs are labels of which a sample may have several, and not its classes."""
    spanned: bool = False
    """Whether what is left of a column by rounding alone counts as nothing."""
    differences: bool = False
    """Whether the mean over the outputs was taken off: then they have one dimension less."""

    @cached_property
    def _fits(self) -> dict[float, CorrectionFit]:
        return {}

    @classmethod
    def of(
        cls, design: Design, labels: FloatArray, scores: FloatArray, *, multilabel: bool = False
    ) -> Columns:
        """Labels (n, K) and source scores (k, n, K)."""
        return cls(design, np.concatenate([labels[:, None], np.moveaxis(scores, 0, 1)], axis=1), multilabel)

    @cached_property
    def of_differences(self) -> Columns:
        """Of more than two classes, labels and source scores minus their mean over the classes.

        Every fit is linear and the same for all classes, so that it decides as before; but what all classes
        share, such as the mean of labels -1 and +1 or the gauge of softmax, is no error of a source.
        """
        if self.differences or self.multilabel or self.values.shape[2] < 3:
            return self
        return replace(self, values=self.values - self.values.mean(axis=2, keepdims=True), differences=True)

    @cached_property
    def others(self) -> Others | None:
        """The fits without a sample, in standard units of the others; None in raw ones, and of too many."""
        design = self.design
        if not design.standard:
            return None
        flat = self.values.reshape(len(self.values), -1)
        return Others.of(design.samples, flat, centred=design.centred)

    @cached_property
    def means(self) -> FloatArray:
        """Weighted means over the samples, (1 + k, K)."""
        return np.asarray(np.einsum("i,iak->ak", self.design.root**2, self.values))

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray]:
        design = self.design
        flat = self.values.reshape(len(self.values), -1)
        apart = design.centred or design.origin is not None
        flat = centred(flat, design.root) if apart else design.root[:, None] * flat
        return design.basis.inside(flat), design.basis.outside(flat)

    @cached_property
    def _reached(self) -> tuple[FloatArray, FloatArray]:
        design, (placed, outside) = self.design, self._parts
        inside = design.rotation.T @ placed
        if self.spanned:
            silent = design.singular == 0
            left = np.square(outside).sum(axis=0) + np.square(inside[silent]).sum(axis=0)
            whole = np.square(placed).sum(axis=0) + np.square(outside).sum(axis=0)
            none = left <= design.samples.rows.precision**2 * whole
            outside = np.where(none, 0.0, outside)
            inside[np.ix_(silent, none)] = 0.0
        return inside, outside

    @property
    def coordinates(self) -> FloatArray:
        """U^T of the weighted columns, (r, (1 + k) K)."""
        return self._reached[0]

    @property
    def outside(self) -> FloatArray:
        """The part of the weighted columns that no fit reaches, (n, (1 + k) K)."""
        return self._reached[1] if self.spanned else self._parts[1]

    def _levels(self, gammas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Of rows seen from an `Origin`: omega, (n, g), and omega against weighted columns, (g, (1 + k) K).

        Both divided by the square root of tau.
        """
        design = self.design
        assert design.origin is not None
        along, scale = design.origin.along(gammas), np.sqrt(design.origin.gains(gammas))
        w = (design.root[:, None] - design.basis.expanded(design.rotation @ along)) / scale
        return w, (self.means.ravel() - along.T @ self.coordinates) / scale[:, None]

    @cached_property
    def _products(self) -> FloatArray:
        """Products of the columns in each direction, summed over outputs, (r, 1 + k, 1 + k)."""
        inside = self.coordinates.reshape(-1, *self.values.shape[1:])
        return np.asarray(np.einsum("iaj,ibj->iab", inside, inside))

    @cached_property
    def _outer_products(self) -> FloatArray:
        """Products of what is outside of all, (1 + k, 1 + k)."""
        outer = self.outside.reshape(-1, *self.values.shape[1:])
        return np.asarray(np.einsum("iaj,ibj->ab", outer, outer))

    @property
    def remembered(self) -> bool:
        """Whether what fits leave is small enough to be kept for a whole grid of ridges."""
        return bool(self.values.size * GRID <= BATCH)

    @cached_property
    def _shrunk(self) -> dict[float, FloatArray]:
        return {}

    def shrunk(self, gammas: Sequence[float]) -> dict[float, FloatArray]:
        """What fits leave of the part that they reach, (n, (1 + k) K), at many ridges: U is read once."""
        known = self._shrunk if self.remembered else {}
        missing = [gamma for gamma in gammas if gamma not in known]
        if missing:
            keep = 1.0 / (1.0 + self.design.eigenvalues[:, None] / np.array(missing))
            each = (keep[:, :, None] * self.coordinates[:, None]).reshape(len(keep), -1)
            found = (self.design.left @ each).reshape(len(self.outside), len(missing), -1)
            if self.design.origin is not None:
                w, levels = self._levels(np.array(missing))
                found += w[:, :, None] * levels
            known.update((gamma, found[:, i]) for i, gamma in enumerate(missing))
        return known

    @cached_property
    def _freedoms(self) -> dict[float, FloatArray]:
        return {}

    def freedoms(self, gammas: Sequence[float]) -> FloatArray:
        """1 - H_ii at many ridges, (n, g): one product of matrices for those that are not remembered."""
        known, design = self._freedoms, self.design
        missing = [gamma for gamma in gammas if gamma not in known]
        if missing:
            keep = 1.0 / (1.0 + design.eigenvalues[:, None] / np.array(missing))
            outer = [design.basis.outer_keep(gamma) for gamma in missing]
            found = np.outer(design.basis.outside_diagonal, outer) + design.left_squared @ keep
            if design.origin is not None:
                found += self._levels(np.array(missing))[0] ** 2
            known.update(zip(missing, found.T.copy(), strict=True))
        return np.array([known[gamma] for gamma in gammas]).T

    def grams(self, gammas: FloatArray) -> FloatArray:
        """`CorrectionFit.gram` at many ridges, (g, 1 + k, 1 + k)."""
        tiny = gammas < TINY * self.design.largest
        result = np.empty((len(gammas), *[self.values.shape[1]] * 2))
        for columns, rows in ((self, ~tiny), (self._within, tiny)):
            if rows.any():
                result[rows] = columns._grams(gammas[rows])
        return result

    def _grams(self, gammas: FloatArray) -> FloatArray:
        outer = np.array([self.design.basis.outer_keep(gamma) for gamma in gammas.tolist()])
        keep = 1.0 / (1.0 + self.design.eigenvalues / gammas[:, None])
        grams = np.tensordot(keep, self._products, 1) + outer[:, None, None] * self._outer_products
        if self.design.origin is not None:
            levels = self._levels(gammas)[1].reshape(len(gammas), *self.values.shape[1:])
            grams += np.einsum("gak,gbk->gab", levels, levels)
        return np.asarray(grams)

    @cached_property
    def _within(self) -> Columns:
        """For ridges that leave less of the scores of a source than rounding does."""
        return replace(self, spanned=True)

    def at(self, gamma: float) -> CorrectionFit:
        """The fits at one ridge, positive or ``inf``."""
        if gamma in self._fits:
            return self._fits[gamma]
        tiny = gamma < TINY * self.design.largest
        owner, outer = self._within if tiny else self, self.design.basis.outer_keep(gamma)
        fit = CorrectionFit(owner, float(gamma), outer)
        if self.remembered:
            self._fits[gamma] = fit
        return fit


def centred(columns: FloatArray, root: FloatArray) -> FloatArray:
    """``root`` times columns (n, m) minus their weighted means.

    Constant columns become exactly 0: what rounding leaves of them must not be taken for a signal.
    """
    mean = (root * root) @ columns
    scaled = root[:, None] * (columns - mean)
    spread2 = np.einsum("ij,ij->j", scaled, scaled)
    scaled[:, spread2 <= CONSTANT**2 * (spread2 + mean * mean)] = 0.0
    return np.asarray(scaled)
