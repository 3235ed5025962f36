"""Largest ratio of mean to standard deviation of the leave-one-out scores."""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.design import EPS, Array
from rmt_alpha.from_data.ridge_path import RidgeFit


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
        contrasts, design = fit.leave_one_out.contrasts, fit.path.design
        each = np.einsum("ia,ib->iab", contrasts, contrasts)
        left = design.total - 1.0
        means = (design.counts @ contrasts - contrasts) / left
        grams = (np.tensordot(design.counts, each, 1) - each) / left - np.einsum("ia,ib->iab", means, means)
        # Sources without scores leave a singular matrix; a ridge of rounding size gives them 0.
        ridge = EPS * np.trace(fit.leave_one_out.moments.gram) * np.eye(means.shape[1])
        return np.asarray(np.linalg.solve(grams + ridge, means[..., None])[..., 0])
