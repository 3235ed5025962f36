r"""Empirical Bayes: the evidence that labels and source scores give for alpha and the ridge.

With a Gaussian prior around alpha times the source, the labels are

    y ~ N( b + sum_k alpha_k s_k,  sigma^2 (I + X X^T / (n gamma)) ),

whose inverse covariance is (I - H)/sigma^2, with the flat prior of a free intercept integrated out; the
average of a shrunk correction has the prior variance sigma^2/k0.  Alpha is
generalised least squares, sigma^2 the mean of the residuals, and the evidence follows in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import Choice, SmoothCriterion, index_of_best, least_squares
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath


class Evidence(SmoothCriterion):
    """Largest marginal likelihood."""

    name = "evidence"

    def best(self, fit: RidgeFit) -> FloatArray:
        """Generalised least squares."""
        return least_squares(fit.gram)

    def noise(self, path: RidgePath) -> float:
        """The sum of squares of one sample more, which is all noise; 0: there is none."""
        return 0.0

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """Logarithm of the marginal likelihood, sigma^2 at its best value."""
        if point[0] == 0:
            return -np.inf
        mix = np.concatenate([point[:1], -point[1:]])
        volume = fit.path.volumes(np.array([fit.gamma]))
        return float(log_evidence(fit.path, volume, mix @ fit.gram @ mix, self.noise(fit.path))[0])

    def decide(
        self, path: RidgePath, gammas: Sequence[float], point: FloatArray | None = None
    ) -> tuple[list[Choice], int]:
        """The choice at every ridge, and the best of them, all ridges at once."""
        ridges = np.asarray(gammas, dtype=np.float64)
        grams = path.grams(ridges)
        points = least_squares(grams) if point is None else np.broadcast_to(point, grams.shape[:2])
        mix = np.concatenate([points[:, :1], -points[:, 1:]], axis=1)
        left = np.einsum("ga,gab,gb->g", mix, grams, mix)
        scores = log_evidence(path, path.volumes(ridges), left, self.noise(path))
        scores = np.where(points[:, 0] == 0, -np.inf, scores)
        choices = [Choice(*one) for one in zip(gammas, points, scores.tolist(), strict=True)]
        return choices, index_of_best(choices)

    def replicates(self, fit: RidgeFit) -> FloatArray:
        """Exact."""
        return least_squares(fit.grams_without)


def log_evidence(path: RidgePath, volume: FloatArray, left: FloatArray, noise: float = 0.0) -> FloatArray:
    """Logarithm of the marginal likelihood, sigma^2 at its best value.

    ``left`` holds mean squares V^T (I - H) V of the labels minus alpha times the source's scores, any shape
    that goes with that of the volumes; ``noise`` is the sum of squares of one sample more, if there is one.
    """
    total, outputs = path.design.total, path.dimensions
    freedom = total - (path.pseudo == 0) + (noise > 0)
    # A perfect fit is infinitely likely: as good as it gets.
    sigma2 = np.maximum((total * left + noise) / (outputs * freedom), float(np.finfo(float).tiny))
    return np.asarray(-0.5 * outputs * (freedom * (np.log(2 * math.pi * sigma2) + 1.0) + volume))


def source_noise(path: RidgePath) -> float:
    """Mean square that the best alpha times the source and a level leave of the labels, summed over outputs.

    It is what the prior of sigma^2 says of a regression: one sample's worth that nothing more is explained.
    """
    mass, values = path.design.samples.mass, path.columns.values
    centred = values - np.tensordot(mass / mass.sum(), values, axes=1)
    gram = np.einsum("i,iak,ibk->ab", mass / mass.sum(), centred, centred)
    mix = least_squares(gram)
    mix[1:] *= -1.0
    return float(max(mix @ gram @ mix, 0.0))
