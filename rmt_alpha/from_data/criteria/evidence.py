r"""Empirical Bayes: the evidence that labels and source scores give for alpha and the ridge.

With a Gaussian prior around alpha times the source, the labels are

    y ~ N( b + sum_k alpha_k s_k,  sigma^2 (I + X X^T / (n gamma)) ),

whose inverse covariance is (I - H)/sigma^2, with the flat prior of a free intercept integrated out; the
average of a shrunk correction has the prior variance sigma^2/k0.  Alpha is
generalised least squares, sigma^2 the mean of the residuals, and the evidence follows in closed form.
"""

from __future__ import annotations

import math

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import RidgeCriterion, least_squares
from rmt_alpha.from_data.ridge_path import RidgeFit


class Evidence(RidgeCriterion):
    """Largest marginal likelihood."""

    name = "evidence"

    def best(self, fit: RidgeFit) -> FloatArray:
        """Generalised least squares."""
        return least_squares(fit.gram)

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """Logarithm of the marginal likelihood, sigma^2 at its best value."""
        if point[0] == 0:
            return -np.inf
        mix = np.concatenate([point[:1], -point[1:]])
        return float(log_evidence(fit, np.asarray(mix @ fit.gram @ mix)))

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Exact."""
        return least_squares(fit.grams_without)


def log_evidence(fit: RidgeFit, left: FloatArray) -> FloatArray:
    """Logarithm of the marginal likelihood at one ridge, sigma^2 at its best value.

    ``left`` holds mean squares V^T (I - H) V of the labels minus alpha times the source's scores, any shape.
    """
    design, outputs, pseudo = fit.path.design, fit.path.outputs, fit.path.pseudo
    freedom = design.total - (pseudo == 0)
    # A perfect fit is infinitely likely: as good as it gets.
    sigma2 = np.maximum(design.total * left / (outputs * freedom), float(np.finfo(float).tiny))
    volume = design.volume(fit.gamma)
    volume += math.log1p(design.total / pseudo) if pseudo else 0.0
    return np.asarray(-0.5 * outputs * (freedom * (np.log(2 * math.pi * sigma2) + 1.0) + volume))
