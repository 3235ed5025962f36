r"""A first idea of the fixed-point map of large covariances, from its action on a few random vectors.

With the Cholesky factor L L^T = sum_g weight_g C_g + kappa_max I in single precision and m orthonormal
vectors z, the images x_g = L^-1 C_g L^-T z and x_0 = kappa_max L^-1 L^-T z add up to z with these weights.
So the averages of z.x_g, x_g.x_h and x_g.x_0, which estimate tr C_g Q, tr C_g Q C_h Q and kappa_max
tr C_g Q^2 for Q = (L L^T)^-1, are consistent with one another exactly, and wrong by a percent or so.  This
costs a quarter of an evaluation that multiplies matrices, and a step from afar is not worth more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.linalg import blas, lapack

from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.fixed_point import Tangent

Array = np.ndarray[Any, Any]

PROBES = 32
"""Random vectors; the relative error of a trace is about sqrt(2 / (32 p))."""
WORTHWHILE = 512
"""Dimension below which products of matrices are as cheap."""


def probed_tangent(model: DenseCovariances, kappa: Array, n: Any) -> Tangent | None:
    """An estimate of T and its derivative at ``kappa``; None if the problem is small or ill-conditioned."""
    if model.rank < WORTHWHILE:
        return None
    single = model.in_single_precision
    kappa_max = float(np.max(kappa))
    weights = model.priors * (kappa_max / kappa)
    total = np.tensordot(weights.astype(np.float32), single.matrices, axes=1)
    total.flat[:: model.rank + 1] += kappa_max
    factor, failure = lapack.spotrf(total.T, lower=1, clean=0, overwrite_a=1)
    if failure:
        return None
    half = blas.strsm(1.0, factor, probes(model.rank), lower=1, trans_a=1)
    # Rows of the transposed arrays are contiguous, for the products as well as for the solver.
    moved = np.stack([half.T @ c for c in single.matrices] + [kappa_max * half.T])
    images = blas.strsm(1.0, factor, moved.reshape(-1, model.rank).T, lower=1, overwrite_b=1).T
    images = images.reshape(len(weights) + 1, -1)
    inner = np.asarray(images[:-1] @ images.T, dtype=float)
    shares = np.maximum(inner * np.append(weights, 1.0), 0.0)
    sums = shares.sum(axis=1)
    if not (np.all(np.isfinite(sums)) and np.all(sums > 0) and np.all(shares[:, -1] > 0)):
        return None
    value = kappa_max * sums * model.rank / (PROBES * n)
    return Tangent(value, shares[:, :-1] / sums[:, None], shares[:, -1] / sums, kappa - value)


@lru_cache(maxsize=2)
def probes(size: int) -> Array:
    """The same orthonormal vectors every time: answers do not depend on chance."""
    gaussian = np.random.default_rng(0).standard_normal((size, PROBES))
    return np.asfortranarray(np.linalg.qr(gaussian)[0], dtype=np.float32)
