r"""Means, overlaps and within-class covariance of a binary problem, estimated from its samples.

mu is half the difference of the class means.  Its estimate is too long: with class means of n_c samples,
E |mu_hat|^2 = |mu|^2 + (1/4) sum_c tr C / n_c.  The excess is estimated without bias and subtracted, which
gives a U-statistic: the product of every sample with every other one, and none with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray, IntArray, Real
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.from_data.plug_in.spectrum import SpectrumEstimate

NOISE_LEVEL = 1e-10
"""Eigenvalues below this fraction of the largest are rounding."""


@dataclass(frozen=True, eq=False)
class SampleGeometry(Value):
    """Estimates of the geometry of one binary problem."""

    mean: FloatArray
    """Estimate of mu; shape (p,)."""
    norm2: float
    """Unbiased estimate of its squared length; may be negative."""
    sources: FloatArray
    """The sources; shape (k, p)."""
    overlaps: FloatArray
    """<w_k, mu>; shape (k,)."""
    covariances: FloatArray
    """Within-class covariance of the sources' scores, w_j^T C w_k; shape (k, k)."""
    deviations: FloatArray
    """Label times (sample minus class mean). Shape (n, p)."""
    counts: FloatArray
    """How many samples each row stands for; shape (n,)."""
    groups: IntArray
    """Number of the group whose mean a row deviates from: its class, or 0 for all; shape (n,)."""
    sizes: FloatArray
    """How many samples are in that group; shape (n,)."""
    share: float
    """The mean moves by share/size when a deviation moves by 1: 1/2 for two class means, 1 for one."""
    freedom: float
    """Degrees of freedom of the pooled covariance."""

    @classmethod
    def from_samples(
        cls,
        features: FloatArray,
        labels: FloatArray,
        sources: FloatArray,
        counts: FloatArray,
        *,
        centred: bool,
    ) -> SampleGeometry:
        """From features (n, p), labels -1 and +1 of shape (n,), sources (k, p) and counts (n,).

        ``centred`` says that the classes lie at -mu and +mu around 0; else around any point.
        """
        signs = np.where(labels > 0, 1.0, -1.0)
        folded = signs[:, None] * features
        groups = np.zeros(len(signs), dtype=int) if centred else (signs > 0).astype(int)
        number = 1 if centred else 2
        sizes, share = np.empty(len(signs)), 1.0 / number
        mean, deviations = np.zeros(features.shape[1]), np.empty_like(folded)
        for group in (groups == g for g in range(number)):
            size = float(counts[group].sum())
            if size <= 1:
                raise ValueError(
                    "the distance of the class means needs at least 2 samples of each class, got a class "
                    f"with {size:g}"
                )
            middle = counts[group] @ folded[group] / size
            mean += share * middle
            deviations[group] = folded[group] - middle
            sizes[group] = size
        freedom = float(counts.sum()) - number
        scores = np.sqrt(counts)[:, None] * (deviations @ sources.T)
        squares = counts * np.square(deviations).sum(axis=1)
        return cls(
            mean=mean,
            norm2=float(mean @ mean - share**2 * (squares / (sizes * (sizes - 1))).sum()),
            sources=sources,
            overlaps=sources @ mean,
            covariances=scores.T @ scores / freedom,
            deviations=deviations,
            counts=counts,
            groups=groups,
            sizes=sizes,
            share=share,
            freedom=freedom,
        )

    @property
    def mean_noise(self) -> float:
        """The estimate of mu has covariance ``mean_noise`` times C."""
        return float(self.share**2 * (self.counts / self.sizes**2).sum())

    @property
    def mean_energy(self) -> float:
        """mu_hat^T C mu_hat, with the pooled covariance for C."""
        return float(self.counts @ np.square(self.deviations @ self.mean) / self.freedom)

    def eigenvalues(self) -> FloatArray:
        """Positive eigenvalues of the pooled covariance, ascending."""
        scaled = np.sqrt(self.counts / self.freedom)[:, None] * self.deviations
        small = scaled @ scaled.T if len(scaled) <= scaled.shape[1] else scaled.T @ scaled
        values = linalg.eigvalsh(small)
        return np.asarray(values[values > NOISE_LEVEL * max(values[-1], 0.0)])

    def population(self) -> Population:
        """The model with these numbers; |mu|^2 is raised to what the overlaps require, if it is below."""
        spectrum = SpectrumEstimate.from_sample(self.eigenvalues(), self.freedom, self.mean.size)
        length = float(np.square(self.sources).sum())
        if length > 0:
            density = spectrum.tilted(float(np.trace(self.covariances)) / length)
        else:
            density = spectrum.masses
        return Population(spectrum, density, self._products(self.norm2, self.overlaps))

    def products_without(self) -> FloatArray:
        """Inner products of mu and the sources, estimated without one sample each; (n, 1 + k, 1 + k)."""
        left, share = self.sizes - 1.0, self.share
        moved = share * (self.deviations @ self.sources.T) / left[:, None]
        length = np.square(self.deviations).sum(axis=1)
        squares = self.counts * length
        # Sum of squares around the mean of each row's group.
        total = np.bincount(self.groups, weights=squares)[self.groups]
        bias = share**2 * (squares / (self.sizes * left)).sum()
        fewer = (total - length * self.sizes / left) / (left * np.maximum(left - 1.0, 1.0))
        bias = bias - share**2 * total / (self.sizes * left) + share**2 * fewer
        mean2 = self.mean @ self.mean - 2 * share * (self.deviations @ self.mean) / left
        mean2 = mean2 + share**2 * length / left**2
        return self._products(mean2 - bias, self.overlaps - moved)

    def _products(self, norm2: Real, overlaps: FloatArray) -> FloatArray:
        """For norm2 of shape (...) and overlaps (..., k)."""
        among = self.sources @ self.sources.T
        inverse = np.linalg.pinv(among, rcond=1e-12, hermitian=True)
        least = np.einsum("...a,ab,...b->...", overlaps, inverse, overlaps)
        products = np.empty((*np.shape(norm2), *(1 + np.array(among.shape))))
        products[..., 0, 0] = np.maximum(np.maximum(norm2, least), 0.0)
        products[..., 1:, 1:] = among
        products[..., 0, 1:] = products[..., 1:, 0] = overlaps
        return products


def spectral_moments(geometry: SampleGeometry) -> tuple[FloatArray, FloatArray]:
    """(1/p) tr C^k for k = 1, 2, 3, and jackknife standard errors; infinite where there are too few rows."""
    rows = np.concatenate(
        [_contrasts(geometry.deviations[geometry.groups == group]) for group in np.unique(geometry.groups)]
    )
    n = len(rows)
    own = np.square(rows).sum(axis=1)
    squares, cubes = _cycles(rows, own)
    # U-statistics of order k, and what leaving out row i makes of them: (k row_i of n sums, (n)_k tuples).
    p = rows.shape[1]
    values, errors = np.full(3, np.nan), np.full(3, np.inf)
    for order, row in enumerate((own, squares, cubes), 1):
        tuples = float(np.prod(np.arange(n, n - order, -1)))
        if tuples <= 0:
            values[order - 1] = 0.0
            continue
        values[order - 1] = row.sum() / tuples / p
        fewer = float(np.prod(np.arange(n - 1, n - 1 - order, -1)))
        if fewer > 0:
            without = (row.sum() - order * row) / fewer / p
            errors[order - 1] = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    return values, errors


def _cycles(rows: FloatArray, own: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sums over j != i of G_ij^2, and over distinct j, k of G_ij G_jk G_ki; G holds the products of rows.

    ``own`` is the diagonal of G.  O(n p min(n, p)): with fewer columns than rows G is never formed, and what
    tuples with equal members add is subtracted.
    """
    n, p = rows.shape
    if n <= p:
        gram = rows @ rows.T
        np.fill_diagonal(gram, 0.0)
        return np.square(gram).sum(axis=1), np.einsum("ij,ij->i", gram @ gram, gram)
    inner = rows.T @ rows
    second = rows @ inner
    whole = np.einsum("ij,ij->i", second, rows)  # (G^2)_ii
    twice = np.einsum("ij,ij->i", rows @ (rows.T @ (own[:, None] * rows)), rows)  # sum over j of G_ij^2 G_jj
    third = np.square(second).sum(axis=1)  # (G^3)_ii
    return whole - own**2, third - 2 * own * whole - twice + 2 * own**3


def _contrasts(deviations: FloatArray) -> FloatArray:
    """n - 1 uncorrelated rows from n deviations from their mean."""
    n = len(deviations)
    mirror = np.full(n, 1 / np.sqrt(n))
    mirror[0] += 1.0
    mirror /= np.linalg.norm(mirror)
    return np.asarray((deviations - 2 * mirror[:, None] * (mirror @ deviations))[1:])
