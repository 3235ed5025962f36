r"""`Population`: the few numbers through which theory sees a binary problem, and the law that follows.

The model is x | y ~ N(y mu, C) with eigenvalues of C from `SpectrumEstimate`.  How mu and the sources lie
in the eigenvectors of C enters through one density q over the eigenvalues, shared by all of them:
mu^T f(C) mu = |mu|^2 E_q f, mu^T f(C) w = <mu, w> E_q f, and so on.  The mean of q is w^T C w / |w|^2,
which the scores of the sources tell precisely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.spectrum import SpectrumEstimate


@dataclass(frozen=True)
class RidgeLaw:
    r"""What the spectrum alone says about a ridge fit."""

    kappa: float
    """Effective ridge."""
    used: float
    r""":math:`d = \tfrac1n \mathrm{tr}\, C^2 (C + \kappa)^{-2}`."""
    inverse: float
    """Mean of 1/(lambda + kappa) over the density q."""
    energy: float
    """Mean of lambda/(lambda + kappa)^2; at an infinite ridge the two are 0 and the mean of lambda, the score
    being alpha times that of the source."""

    def moments(self, products: FloatArray) -> ScoreMoments:
        r"""Law of the score for these inner products of mu and the sources, (..., 1 + k, 1 + k).

        .. math:: w = (C + \kappa)^{-1} \Big((1 - m)\, \mu + \kappa \sum_k \alpha_k w_k\Big), \quad
            m = \mu^\top w, \quad \sigma^2 = \frac{w^\top C w + d\, (1 - m)^2}{1 - d}
        """
        onto = np.broadcast_to(np.eye(products.shape[-1]), products.shape).copy()
        if np.isinf(self.kappa):
            onto[..., 0, 0] = 0.0
            line = np.einsum("...ab,...b->...a", onto, products[..., 0])
            return ScoreMoments(line, self.energy * onto @ products @ onto)
        onto *= self.kappa
        gain = self.inverse * products[..., 0]
        reach = 1.0 + gain[..., :1]
        miss = -self.kappa * gain / reach  # 1 - m, over (1, alpha)
        miss[..., 0] = 1.0 / reach[..., 0]
        onto[..., 0, :] = miss
        line = -miss
        line[..., 0] = gain[..., 0] / reach[..., 0]
        inside = self.energy * np.swapaxes(onto, -1, -2) @ products @ onto
        noise = self.used * miss[..., :, None] * miss[..., None, :]
        return ScoreMoments(line, (inside + noise) / (1.0 - self.used))


@dataclass(frozen=True, eq=False)
class Population:
    """Geometry of a binary problem."""

    spectrum: SpectrumEstimate
    """Eigenvalues of C."""
    density: FloatArray
    """q at the eigenvalues of the spectrum; shape (m,)."""
    products: FloatArray
    """Inner products of mu and the sources; positive semi-definite; shape (1 + k, 1 + k)."""

    def law(self, gamma: float, n: float) -> RidgeLaw:
        """What the spectrum alone says about a ridge fit on n samples."""
        values = self.spectrum.values
        if np.isinf(gamma):
            return RidgeLaw(np.inf, 0.0, 0.0, float(self.density @ values))
        kappa = float(self.spectrum.kappa(np.array(gamma), n))
        share = values / (values + kappa)
        return RidgeLaw(
            kappa,
            self.spectrum.p / n * float(self.spectrum.masses @ share**2),
            float(self.density @ (1 / (values + kappa))),
            float(self.density @ (share / (values + kappa))),
        )

    def moments(self, gamma: float, n: float) -> ScoreMoments:
        """Law of the score of a ridge fit on n samples, as a function of (1, alpha)."""
        return self.law(gamma, n).moments(self.products)
