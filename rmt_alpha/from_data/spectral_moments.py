r"""Moments of the covariance spectrum from few samples: products of distinct samples only.

With independent rows z_i of covariance C, products g_ij = z_i . z_j of distinct rows give unbiased
estimates whatever the law of the rows: E g_ij^2 = tr C^2 and E g_ij g_jk g_ki = tr C^3.  Deviations from a
mean are not independent; a reflection that takes the mean to one coordinate, which is dropped, leaves rows
that are uncorrelated, and independent if Gaussian.
"""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.geometry import Geometry


def spectral_moments(geometry: Geometry) -> tuple[Array, Array]:
    """(1/p) tr C^k for k = 1, 2, 3, and jackknife standard errors; infinite where there are too few rows."""
    rows = np.concatenate(
        [_contrasts(geometry.deviations[geometry.groups == group]) for group in np.unique(geometry.groups)]
    )
    n, p = rows.shape
    gram = rows @ rows.T
    own = gram.diagonal().copy()
    np.fill_diagonal(gram, 0.0)
    squares = np.square(gram).sum(axis=1)
    cubes = np.einsum("ij,ij->i", gram @ gram, gram)
    # U-statistics of order k, and what leaving out row i makes of them: (k row_i of n sums, (n)_k tuples).
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


def _contrasts(deviations: Array) -> Array:
    """n - 1 uncorrelated rows from n deviations from their mean."""
    n = len(deviations)
    mirror = np.full(n, 1 / np.sqrt(n))
    mirror[0] += 1.0
    mirror /= np.linalg.norm(mirror)
    return np.asarray((deviations - 2 * mirror[:, None] * (mirror @ deviations))[1:])
