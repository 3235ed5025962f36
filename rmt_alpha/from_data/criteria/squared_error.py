"""Least leave-one-out squared error."""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.criteria.least_squares import least_squares
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.ridge_path import RidgeFit


class LooMse(Criterion):
    """Least leave-one-out squared error, in alpha and in the ridge."""

    name = "loo_mse"
    for_regression = True

    def best(self, fit: RidgeFit) -> Array:
        """Least squares on the leave-one-out lines, y_i - A_i against B_i."""
        return least_squares(np.tensordot(fit.leave_one_out.weights, _products(fit), 1))

    def score(self, fit: RidgeFit, point: Array) -> float:
        """Minus the mean squared error, summed over outputs."""
        return -fit.leave_one_out.squared_error(point)

    def replicates(self, fit: RidgeFit) -> Array:
        """Without the line of one sample; the other lines are kept as they are."""
        each = _products(fit)
        return least_squares(np.tensordot(fit.path.design.counts, each, 1) - each)


def _products(fit: RidgeFit) -> Array:
    """Products of leave-one-out residuals of labels and sources, (n, 1 + k, 1 + k)."""
    lines = fit.leave_one_out.lines.copy()
    lines[:, 0] = fit.leave_one_out.labels - lines[:, 0]
    return np.asarray(np.einsum("iak,ibk->iab", lines, lines))
