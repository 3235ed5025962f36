r"""`Population`: the few numbers through which theory sees a binary problem, and the law that follows.

The model is x | y ~ N(y mu, C) with eigenvalues of C from `SpectrumEstimate`.  How mu and the sources lie
in the eigenvectors of C enters through one density q over the eigenvalues, shared by all of them:
mu^T f(C) mu = |mu|^2 E_q f, mu^T f(C) w = <mu, w> E_q f, and so on.  The mean of q is w^T C w / |w|^2,
which the scores of the sources tell precisely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.spectrum import SpectrumEstimate

VANISHING = 1e-12
"""Eigenvalues of inner products below this fraction of the largest are rounding."""


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

    def realised(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        r"""Variances (p,), a mean (p,) and sources (k, p) in the eigenbasis that have these numbers.

        Every eigenvalue is there a whole number of times, and so often that mu and the sources have in its
        eigenspace the inner products that the density says, exactly.  What rounding costs is at most one half
        of each sum of a share lambda/(lambda + kappa) over the spectrum, and one for every eigenvalue moved:
        a strong direction that is alone is there twice.  p may grow where it is below the number of vectors.
        """
        spectrum, values = self.spectrum, self.spectrum.values
        size, vectors = np.linalg.eigh(self.products)
        size = np.where(size > VANISHING * max(size[-1], 0.0), size, 0.0)
        used = size > 0
        shape = vectors[:, used] * np.sqrt(size[used])  # (1 + k, r), rows have the inner products
        counts = _whole(spectrum.masses * spectrum.p, max(int(used.sum()), 1))
        rows = np.zeros((len(shape), int(counts.sum())))
        for start, density in zip(np.cumsum(counts) - counts, self.density, strict=True):
            rows[:, start : start + shape.shape[1]] = np.sqrt(density) * shape
        return np.repeat(values, counts), rows[0], rows[1:]

    def moments(self, gamma: float, n: float) -> ScoreMoments:
        """Law of the score of a ridge fit on n samples, as a function of (1, alpha)."""
        return self.law(gamma, n).moments(self.products)


def _whole(sizes: FloatArray, least: int) -> IntArray:
    """Whole numbers near ``sizes``, whose partial sums are rounded; none below ``least``.

    What a number lacks is taken from the nearest that has more, where there is one.
    """
    sums = np.concatenate([[0], np.rint(np.cumsum(sizes))]).astype(np.int64)
    counts: IntArray = sums[1:] - sums[:-1]
    for index in range(len(counts)):
        while counts[index] < least:
            spare = np.flatnonzero(counts > least)
            if spare.size:
                counts[spare[np.argmin(abs(spare - index))]] -= 1
            counts[index] += 1
    return counts
