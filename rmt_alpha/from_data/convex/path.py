"""`ConvexPath`: fine-tuning by a convex loss for any ridge and alpha, from one decomposition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.from_data.convex import classwise
from rmt_alpha.from_data.convex.curvature import Curvature, MeanCurvature
from rmt_alpha.from_data.convex.exact import ExactCurvature
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.convex.newton import LARGE, Minimum, minimise
from rmt_alpha.from_data.convex.solution import ConvexSolution
from rmt_alpha.from_data.convex.trainable import Trainable
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.leave_one_out import LeaveOneOut

FIRM = 1e8
"""Penalty of an average correction that is to be 0: it is, but for this part of a unit of log-odds."""
ROUGH = 1e-4
"""Excess of the sum of log-losses that does not matter where ridges are compared."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where the fit at another ridge starts."""

    coefficients: FloatArray
    """Of the last fit, (d, m)."""
    gamma: float
    """Its ridge."""
    bend: float
    """The mean curvature of its loss."""

    @classmethod
    def after(cls, minimum: Minimum, loss: LabelLoss, trainable: Trainable) -> Start:
        """From a fit at a finite ridge."""
        z = minimum.outputs
        bend = float(np.trace(loss.mean_hessian(z, trainable.weights))) / max(z.shape[1], 1)
        return cls(minimum.coefficients, trainable.gamma, bend)

    def moved(self, trainable: Trainable) -> FloatArray:
        """The coefficients at another ridge, where each has shrunk as it would under squared loss."""
        r, result = len(trainable.eigenvalues), np.zeros((trainable.size, self.coefficients.shape[1]))
        bent = self.bend * trainable.eigenvalues
        shrunk = (bent + self.gamma) / (bent + trainable.gamma)
        result[:r] = self.coefficients[:r] * shrunk[:, None]
        if trainable.pull is not None:
            result[-1] = self.coefficients[-1]
        return result


class ConvexPath:
    r"""Fits of one problem.

    .. math:: \frac1n \sum_i \ell(y_i, w^\top x_i + b)
        + \frac\gamma2 \Big\lVert w - \sum_k \alpha_k \tilde w_k \Big\rVert^2

    is minimised in the coordinates of a `Design`: what is trained lies in the span of the (centred) samples.
    The scores of the sources have shape (k, n, K); ``rounding`` is what of them may be rounding.
    """

    def __init__(
        self, design: Design, rule: Rule, loss: LabelLoss, scores: FloatArray, rounding: Real = 0.0
    ) -> None:
        self.design, self.pseudo, self.loss = design, rule.pseudo, loss
        self.weights = design.root**2
        self.share = design.samples.removed / design.total
        outputs = loss.inner(scores)
        # Their means are the intercept's business.
        means = np.einsum("i,kim->km", self.weights, outputs)
        self.means = means if self.pseudo == 0 else np.zeros_like(means)
        self.scores = outputs - self.means[:, None, :]
        # A source that says nothing about these samples must be silent, or alpha would amplify rounding.
        noise = np.broadcast_to(rounding, scores.shape).max(axis=2, initial=0.0)
        silent = (abs(self.scores).max(axis=2, initial=0.0) <= noise).all(axis=1)
        self.scores[silent] = 0.0
        self.unseen = scores - loss.outer(outputs)  # what the loss does not depend on, and no fit changes
        self.used = design.singular > 0
        self.start: Start | None = None  # the last fit
        self.alpha = np.zeros(len(scores))  # where a search for alpha starts
        self.least = math.inf  # of the criterion, at any ridge so far
        self._kept: ConvexFit | None = None

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return len(self.scores)

    @property
    def outputs(self) -> int:
        """Number of outputs of the loss, m."""
        return int(self.scores.shape[2])

    @cached_property
    def features(self) -> FloatArray:
        """Centred samples in the coordinates of the right singular vectors, (n, r)."""
        design = self.design
        return np.asarray(design.left[:, self.used] * design.singular[self.used] / design.root[:, None])

    @cached_property
    def spread(self) -> FloatArray:
        """Mean products of the outputs of the sources, (k, k), averaged over the outputs."""
        products = np.einsum("i,jim,kim->jk", self.weights, self.scores, self.scores)
        return np.asarray(products / self.outputs)

    def at(self, gamma: float, *, exact: bool = True) -> ConvexFit:
        """The fits at one ridge, positive or ``inf``; those that are not exact are for comparison only."""
        if exact and self._kept is not None and self._kept.gamma == gamma:
            return self._kept
        return ConvexFit(self, float(gamma), exact)

    def keep(self, fit: ConvexFit | None) -> None:
        """Remember the fits at one ridge."""
        self._kept = fit

    @cached_property
    def squares(self) -> FloatArray:
        """Squares of the features, (n, r)."""
        return np.square(self.features)

    @cached_property
    def single(self) -> NDArray[np.float32]:
        """Features over the roots of the eigenvalues, in single precision, (n, r)."""
        return (self.design.left[:, self.used] / self.design.root[:, None]).astype(np.float32)

    def trainable(self, gamma: float) -> Trainable:
        """What is trained at one ridge: nothing but the average at ``inf``."""
        pull = self.pseudo if self.pseudo is None else min(self.pseudo / self.design.total, FIRM)
        features, squares, eigenvalues = self.features, self.squares, self.design.eigenvalues[self.used]
        single = self.single
        if math.isinf(gamma):
            features, squares, eigenvalues = features[:, :0], squares[:, :0], eigenvalues[:0]
            single = single[:, :0]
        return Trainable(features, squares, single, eigenvalues, self.weights, gamma, pull)


class ConvexFit:
    """Fits at one ridge per sample; ``inf`` trains nothing but the intercept."""

    def __init__(self, path: ConvexPath, gamma: float, exact: bool = True) -> None:
        self.path, self.gamma, self.exact = path, gamma, exact
        self.trainable = path.trainable(gamma)
        self._last: ConvexSolution | None = None
        self.precision: float | None = None
        """Gain at which a search for alpha ends; None: that of the criterion."""
        self._start: FloatArray | None = None

    @property
    def costly(self) -> bool:
        """Whether there are too many coefficients to factorise their Hessian."""
        return self.trainable.size * self.path.outputs > LARGE

    def solve(self, alpha: FloatArray) -> ConvexSolution:
        """The fit at one alpha, (k,).

        Newton's method starts from the last fit, moved along its tangent; where it ends does not
        depend on it.
        """
        path, last, trainable = self.path, self._last, self.trainable
        exact = self.exact and not self.costly
        if last is not None and np.array_equal(last.alpha, alpha):
            return last
        if last is not None:
            start = last.minimum.coefficients + np.tensordot(alpha - last.alpha, last.trends, 1)
        else:
            start = np.zeros((trainable.size, path.outputs))
            if path.start is not None:
                start = path.start.moved(trainable)
        offset = np.tensordot(alpha, path.scores, 1)
        precision = 0.0 if self.exact else ROUGH / path.design.total
        known = None if last is None or not self.exact else last.curvature
        minimum = minimise(trainable, path.loss, offset, start, precision, known)
        kind: type[Curvature] = ExactCurvature if exact else MeanCurvature
        if self.exact and not exact and classwise.fits(trainable, path.loss):
            kind = classwise.ClasswiseCurvature
        curvature = kind(trainable, path.loss, minimum.outputs)
        if math.isfinite(self.gamma):
            path.start = Start.after(minimum, path.loss, trainable)
        self._last = ConvexSolution(minimum, trainable, curvature, path.share, path.loss, alpha, path.scores)
        return self._last

    def correction(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) and intercept (K,) that are trained on top of the source at the point (1, alpha)."""
        path, design = self.path, self.path.design
        found = self.solve(point[1:]).minimum.coefficients
        used = len(self.trainable.eigenvalues)
        inside = found[:used] / design.singular[:used, None]
        weights, intercept = design.trained(design.left[:, :used] @ path.loss.outer(inside))
        if len(found) > used:
            intercept = intercept + path.loss.outer(found[-1] - point[1:] @ path.means)
        return weights, np.asarray(intercept)

    def left_out(self, point: FloatArray) -> FloatArray:
        """Score of each sample by the fit without it, (n, K)."""
        seen = self.path.loss.outer(self.solve(point[1:]).left_out)
        return np.asarray(seen + np.tensordot(point[1:], self.path.unseen, 1))

    def leave_one_out(self, alpha: FloatArray) -> LeaveOneOut:
        """The leave-one-out scores as lines in alpha that touch the true curves at this one."""
        loss, solution = self.path.loss, self.solve(alpha)
        slopes = np.moveaxis(loss.outer(solution.left_out_tangents), 0, 1)
        base = loss.outer(solution.left_out)[:, None] - np.einsum("k,ikm->im", alpha, slopes)[:, None]
        return LeaveOneOut(np.concatenate([base, slopes], axis=1), loss.labels, self.path.design.samples.mass)
