r"""Empirical Bayes: the evidence that labels and source scores give for alpha and the ridge.

With a Gaussian prior around alpha times the source, the labels are

    y ~ N( b + sum_k alpha_k s_k,  sigma^2 (I + X X^T / (n gamma)) ),

whose inverse covariance is (I - H)/sigma^2, with the flat prior of the intercept integrated out.  Alpha is
generalised least squares, sigma^2 the mean of the residuals, and the evidence follows in closed form.
"""

from __future__ import annotations

import math

import numpy as np

from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.criteria.least_squares import least_squares
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.ridge_path import RidgeFit


class Evidence(Criterion):
    """Largest marginal likelihood."""

    name = "evidence"
    for_regression = True

    def best(self, fit: RidgeFit) -> Array:
        """Generalised least squares."""
        return least_squares(fit.gram)

    def score(self, fit: RidgeFit, point: Array) -> float:
        """Logarithm of the marginal likelihood, sigma^2 at its best value."""
        if point[0] == 0:
            return -np.inf
        design, outputs = fit.path.design, fit.path.outputs
        mix = np.concatenate([point[:1], -point[1:]])
        freedom = design.total - design.fit_intercept
        sigma2 = design.total * float(mix @ fit.gram @ mix) / (outputs * freedom)
        sigma2 = max(
            sigma2, float(np.finfo(float).tiny)
        )  # a perfect fit is infinitely likely: as good as it gets
        volume = float(np.log1p(design.eigenvalues / fit.gamma).sum())
        return -0.5 * outputs * (freedom * (math.log(2 * math.pi * sigma2) + 1.0) + volume)

    def replicates(self, fit: RidgeFit) -> Array:
        """Exact: without a sample, I - H loses r r^T / r_i, with r its column for that sample."""
        missed = fit.residuals / np.sqrt(fit.path.design.total * fit.left_out_freedom)[:, None, None]
        return least_squares(fit.gram - np.einsum("iak,ibk->iab", missed, missed))
