"""`ScoreMoments`: mean and variance of label times score as functions of any number of alphas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rmt_alpha.from_data.design import Array


@dataclass(frozen=True, eq=False)
class ScoreMoments:
    r"""Moments of a score that is affine in alpha.

    .. math:: \text{mean} = a^\top z, \quad \text{variance} = z^\top H z, \qquad z = (1, \alpha)

    Many of them at once have leading axes.

    Attributes
    ----------
    line : ndarray of shape (..., 1 + k)
        a.
    gram : ndarray of shape (..., 1 + k, 1 + k)
        H.
    """

    line: Array
    gram: Array

    def margin(self, z: Array) -> Array:
        """Mean over standard deviation along z of shape (..., 1 + k)."""
        mean = z @ self.line
        variance = np.einsum("...a,ab,...b->...", z, self.gram, z)
        spread = np.sqrt(np.maximum(variance, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(mean == 0, 0.0, mean / spread))

    def accuracy(self, z: Array) -> Array:
        """Gaussian accuracy Phi(mean / std)."""
        return np.asarray(ndtr(self.margin(z)))

    def best_direction(self) -> Array:
        r"""The z of largest margin, :math:`H^{-1} a`; z_0 <= 0 says that no finite alpha has it."""
        scale = np.sqrt(np.maximum(np.einsum("...aa->...a", self.gram), 0.0))
        scale = np.where(scale > 0, scale, 1.0)
        unit = self.gram / (scale[..., :, None] * scale[..., None, :])
        inverse = np.linalg.pinv(unit, rcond=1e-12, hermitian=True)
        return np.asarray(np.einsum("...ab,...b->...a", inverse, self.line / scale) / scale)
