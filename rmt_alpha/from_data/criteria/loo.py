"""Criteria on the leave-one-out scores: squared error, ratio of mean to standard deviation, accuracy."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.alphas import normalised
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import (
    MarginCriterion,
    RidgeCriterion,
    SmoothCriterion,
    accuracy_covariance,
    least_squares,
)
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.ridge_path import RidgeFit
from rmt_alpha.from_data.zero_one import nearest_best, zero_one_path


class LooMse(SmoothCriterion):
    """Least leave-one-out squared error, in alpha and in the ridge."""

    name = "loo_mse"

    def best(self, fit: RidgeFit) -> FloatArray:
        """Least squares on the leave-one-out lines, y_i - A_i against B_i."""
        return least_squares(np.tensordot(fit.leave_one_out.weights, _products(fit), 1))

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """Minus the mean squared error, summed over outputs."""
        return -fit.leave_one_out.squared_error(point)

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Without the line of one sample; the other lines are kept as they are."""
        each, samples = _products(fit), fit.path.design.samples
        return least_squares(samples.without(each))


def _products(fit: RidgeFit) -> FloatArray:
    """Products of leave-one-out residuals of labels and sources, (n, 1 + k, 1 + k)."""
    missed = fit.leave_one_out.missed
    return np.asarray(np.einsum("iak,ibk->iab", missed, missed))


class LooSnr(MarginCriterion):
    """Largest mean over standard deviation of label times score, which a Gaussian score turns into accuracy.

    With more than two classes, the score of the true class minus the mean of the others takes its place.
    """

    name = "loo_snr"

    def moments(self, fit: RidgeFit) -> ScoreMoments:
        """Those of the leave-one-out scores."""
        return fit.leave_one_out.moments

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Moments without the line of one sample; the other lines are kept as they are."""
        return ScoreMoments(*moments_without(fit)).best_direction()


def moments_without(fit: RidgeFit) -> tuple[FloatArray, FloatArray]:
    """Mean (n, 1 + k) and covariance (n, 1 + k, 1 + k) of the contrasts without one sample each."""
    lines, samples = fit.leave_one_out, fit.path.design.samples
    # One decision of each sample, or one for each of its labels, which leave together.
    decisions = lines.contrasts.reshape(len(lines.lines), -1, lines.lines.shape[1])
    contrasts = decisions.mean(axis=1)
    each = np.einsum("ila,ilb->iab", decisions, decisions) / decisions.shape[1]
    means = samples.without(contrasts) / samples.rest[:, None]
    grams = samples.without(each) / samples.rest[:, None, None] - np.einsum("ia,ib->iab", means, means)
    return np.asarray(means), np.asarray(grams)


class LooAccuracy(RidgeCriterion):
    """Largest leave-one-out accuracy.

    The accuracy is constant between breakpoints, so many alphas are best: the one of least squared error is
    taken if it is among them, else the middle of the nearest interval of best ones, or the direction if that
    interval has no end.  With several sources, the line through 0 and that of least squared error is
    searched.
    """

    name = "loo_accuracy"

    def best(self, fit: RidgeFit) -> FloatArray:
        """See the class."""
        along = _along(fit)
        where = nearest_best(zero_one_path(fit.leave_one_out, along), 1.0)
        if np.isinf(where):
            return np.concatenate([[0.0], np.sign(where) * along])
        return np.concatenate([[1.0], where * along])

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """The accuracy."""
        return fit.leave_one_out.accuracy(point)

    def tie(self, fit: RidgeFit, point: FloatArray) -> float:
        """Minus the squared error: between equal accuracies the better regression wins."""
        return -fit.leave_one_out.squared_error(point)

    def covariance(self, fit: RidgeFit, point: FloatArray) -> FloatArray:
        """From the alphas that are not worse by more than one paired standard error."""
        along = _along(fit)
        if point[0] == 0:
            return np.full((along.size,) * 2, np.inf)
        where = float(point[1:] @ along) / float(along @ along)
        return accuracy_covariance(fit.leave_one_out, along, where)


def _along(fit: RidgeFit) -> FloatArray:
    """Direction of the alphas searched: that of least squared error, which is then at 1."""
    along = normalised(LooMse().best(fit))[1:]
    return along if along.any() else np.ones_like(along)
