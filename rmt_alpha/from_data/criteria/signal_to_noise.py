"""Largest ratio of mean to standard deviation of the leave-one-out scores."""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.ridge_path import RidgeFit
from rmt_alpha.from_data.score_moments import ScoreMoments


class LooSnr(Criterion):
    """Largest mean over standard deviation of label times score, which a Gaussian score turns into accuracy.

    With more than two classes, the score of the true class minus the mean of the others takes its place.
    """

    name = "loo_snr"

    def best(self, fit: RidgeFit) -> Array:
        """H^-1 a for mean a.z and variance z.H z."""
        return fit.leave_one_out.moments.best_direction()

    def score(self, fit: RidgeFit, point: Array) -> float:
        """The ratio."""
        return float(fit.leave_one_out.moments.margin(point))

    def replicates(self, fit: RidgeFit) -> Array:
        """Moments without the line of one sample; the other lines are kept as they are."""
        return ScoreMoments(*moments_without(fit)).best_direction()


def moments_without(fit: RidgeFit) -> tuple[Array, Array]:
    """Mean (n, 1 + k) and covariance (n, 1 + k, 1 + k) of the contrasts without one sample each."""
    contrasts, design = fit.leave_one_out.contrasts, fit.path.design
    each = np.einsum("ia,ib->iab", contrasts, contrasts)
    left = design.total - 1.0
    means = (design.counts @ contrasts - contrasts) / left
    grams = (np.tensordot(design.counts, each, 1) - each) / left - np.einsum("ia,ib->iab", means, means)
    return np.asarray(means), np.asarray(grams)
