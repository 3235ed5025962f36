r"""`Others`: what all other samples predict for each, in standard units that are theirs, too.

Standard deviations that are held know the sample that is left out.  A word of two texts owes them half of
its variance: without one of them its weight, which is penalised by the variance, would be twice as large,
and it is that text which is scored.  So one fit after another,

.. math:: \min_d \frac1n \sum_{a \ne i} \bigl(r_a - \bar r - (x_a - m)^\top d\bigr)^2
    + \gamma \sum_j v_j d_j^2 ,

has the means m and the variances v of all samples but i.  No formula leads from one to the next, as all
penalties change; but the decisions are few that need it: the weights of rules, and what is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg, sparse
from scipy.linalg import lapack

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.rows import CONSTANT, EPS
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.decomposition.sparse_rows import canonical, filled

LIMIT = 4e9
"""Operations, about half a second, up to which every sample has a fit of its own: of 170 samples with 400
features, or 500 with 64.  Of more samples each matters less for the deviations."""
TINY = 1e-8
"""Ridge in units of the sum of the eigenvalues, below which the inverse of rounding would be seen."""


@dataclass(frozen=True, eq=False)
class Others(Value):
    """One small system of equations for each sample."""

    level: FloatArray
    """Means of the columns over the others, or 0 if nothing is centred; (n, m)."""
    products: FloatArray
    """Of the others' rows, or of their features if these are fewer; (n, q, q)."""
    query: FloatArray
    """The sample that is left out, (n, q)."""
    target: FloatArray
    """The others' columns, (n, q, m)."""

    @cached_property
    def _known(self) -> dict[float, FloatArray]:
        return {}

    @classmethod
    def of(cls, samples: Samples, values: FloatArray, *, centred: bool) -> Others | None:
        """Of columns (n, m); None where that is too much work."""
        n, m = values.shape
        used = np.flatnonzero(samples.varies)
        q = min(n, len(used))
        if float(n) * n * len(used) * (2 * q + 30) > LIMIT:  # 30: centring and scaling
            return None
        features = samples.features[:, used]
        features = filled(canonical(features)) if sparse.issparse(features) else features
        level, products = np.zeros((n, m)), np.empty((n, q, q))
        query, target = np.empty((n, q)), np.empty((n, q, m))
        for i in range(n):
            mass = samples.mass.copy()
            mass[i] -= samples.removed[i]
            weights, root = mass / mass.sum(), np.sqrt(mass / samples.total)[:, None]
            mean = weights @ features
            rows = features - mean
            variance = weights @ np.square(rows)
            varies = variance > CONSTANT**2 * (variance + mean**2)
            if not centred:
                rows = features.copy()
            rows *= np.divide(1.0, np.sqrt(variance), out=np.zeros(len(mean)), where=varies)
            own, rows = rows[i].copy(), root * rows
            if centred:
                level[i] = weights @ values
            columns = root * (values - level[i])
            dual = q < len(used)
            products[i] = rows @ rows.T if dual else rows.T @ rows
            query[i] = rows @ own if dual else own
            target[i] = columns if dual else rows.T @ columns
        return cls(level, products, query, target)

    def predicted(self, gamma: float) -> FloatArray:
        """Of each sample's columns at a ridge, (n, m): with a free intercept, or with none."""
        if gamma not in self._known:
            solved = [_solved(*system, gamma) for system in zip(self.products, self.query, strict=True)]
            self._known[gamma] = self.level + np.einsum("iq,iqm->im", np.array(solved), self.target)
        return self._known[gamma]


def _solved(products: FloatArray, query: FloatArray, gamma: float) -> FloatArray:
    """(products + gamma)^-1 query, (q,); a ridge that hardly shows leaves out what is rounding."""
    if not len(query):
        return query
    if gamma < TINY * products.trace():
        values, vectors = linalg.eigh(products, check_finite=False)
        known = values > len(values) * EPS * values[-1]
        vectors = vectors[:, known]
        return np.asarray(vectors @ ((query @ vectors) / (values[known] + gamma)))
    system = products.copy()
    system.flat[:: len(query) + 1] += gamma
    return np.asarray(lapack.dposv(system, query)[1])
