r"""Means, overlaps and spectrum of a binary problem, estimated from its samples.

The mean is half the difference of the class means; the part of its squared length that is noise is subtracted
(a U-statistic, unbiased for any covariance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.population import Population
from rmt_alpha.from_data.spectrum import SpectrumEstimate


@dataclass(frozen=True, eq=False)
class Geometry:
    """Estimates of the geometry of one binary problem.

    Attributes
    ----------
    mean : ndarray of shape (p,)
        Estimated mu.
    norm2 : float
        Unbiased estimate of its squared length; may be negative.
    overlaps : ndarray of shape (k,)
        <w_k, mu>.
    products : ndarray of shape (k, k)
        <w_j, w_k>, exact.
    covariances : ndarray of shape (k, k)
        Within-class covariance of the sources' scores, w_j^T C w_k.
    noise : float
        Variance of mu along a unit vector of unit variance: mu_hat ~ N(mu, noise C).
    energy : float
        mu_hat^T C mu_hat, from the pooled covariance.
    eigenvalues : ndarray
        Of the pooled within-class covariance, positive ones.
    freedom : float
        Its degrees of freedom.
    residuals : ndarray of shape (n, p)
        Samples minus their class means (times the label without intercept), times the root of their counts.
    """

    mean: Array
    norm2: float
    overlaps: Array
    products: Array
    covariances: Array
    noise: float
    energy: float
    eigenvalues: Array
    freedom: float
    residuals: Array

    @classmethod
    def from_samples(
        cls, features: Array, labels: Array, sources: Array, counts: Array, *, centred: bool
    ) -> Geometry:
        """From features (n, p), labels -1 and +1 of shape (n,), sources (k, p) and counts (n,).

        ``centred`` says that the classes lie at -mu and +mu around 0; else around any point.
        """
        signs = np.where(labels > 0, 1.0, -1.0)
        total = float(counts.sum())
        if centred:
            mean = (counts * signs) @ features / total
            inside = signs[:, None] * features - mean
            freedom, noise = total - 1.0, 1.0 / total
            bias = counts @ np.square(inside).sum(axis=1) / (total * (total - 1.0))
        else:
            groups = [signs > 0, signs < 0]
            sizes = [float(counts[group].sum()) for group in groups]
            if min(sizes) <= 1:
                raise ValueError(
                    "theory needs at least 2 samples of each class to tell their means from noise, got "
                    f"{sizes[1]:g} and {sizes[0]:g}"
                )
            means = [
                counts[group] @ features[group] / size for group, size in zip(groups, sizes, strict=True)
            ]
            mean = (means[0] - means[1]) / 2
            inside = features - np.where(signs[:, None] > 0, means[0], means[1])
            freedom, noise = total - 2.0, sum(1.0 / size for size in sizes) / 4
            squares = counts * np.square(inside).sum(axis=1)
            bias = sum(
                squares[group].sum() / (size * (size - 1)) for group, size in zip(groups, sizes, strict=True)
            )
            bias = float(bias) / 4
        inside = np.sqrt(counts)[:, None] * inside
        scores = inside @ sources.T
        small = inside @ inside.T if len(inside) <= inside.shape[1] else inside.T @ inside
        eigenvalues = linalg.eigvalsh(small / freedom)
        eigenvalues = eigenvalues[eigenvalues > 1e-10 * eigenvalues.max(initial=0.0)]
        return cls(
            mean=mean,
            norm2=float(mean @ mean - bias),
            overlaps=sources @ mean,
            products=sources @ sources.T,
            covariances=scores.T @ scores / freedom,
            noise=noise,
            energy=float(np.square(inside @ mean).sum() / freedom),
            eigenvalues=eigenvalues,
            freedom=freedom,
            residuals=inside,
        )

    def population(self) -> Population:
        """The model with these numbers; |mu|^2 is raised to what the overlaps require, if it is below."""
        spectrum = SpectrumEstimate.from_sample(self.eigenvalues, self.freedom, self.mean.size)
        length = float(np.trace(self.products))
        if length > 0:
            density = spectrum.tilted(float(np.trace(self.covariances)) / length)
            inverse = np.linalg.pinv(self.products, rcond=1e-12, hermitian=True)
            least = float(self.overlaps @ inverse @ self.overlaps)
        else:
            density, least = spectrum.masses, 0.0
        norm2 = max(self.norm2, least, 0.0)
        size = 1 + self.overlaps.size
        products = np.empty((size, size))
        products[0, 0], products[1:, 1:] = norm2, self.products
        products[0, 1:] = products[1:, 0] = self.overlaps
        return Population(spectrum, density, products)
