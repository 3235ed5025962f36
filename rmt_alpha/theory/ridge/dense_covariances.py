"""Covariances that do not commute: a factorisation for every evaluation of the fixed-point map.

A Cholesky factorisation (`dense_resolvent`); where that would cost digits, square roots of the covariances
are factorised instead (`graded_resolvent`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import lapack

from rmt_alpha.theory.ridge.basis import STANDARD, Basis
from rmt_alpha.theory.ridge.dense import DenseResolvent
from rmt_alpha.theory.ridge.graded import GradedResolvent

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class DenseCovariances:
    """G covariance matrices on the range of their sum.

    Parameters
    ----------
    basis : Basis
        The standard basis, or one whose first ``rank`` vectors span the range of the pooled covariance.
    matrices : ndarray of shape (G, rank, rank)
        The covariances in it.
    priors : ndarray of shape (G,)
        Share of the samples that have each covariance.
    p : int
        Dimension; the remaining p - rank coordinates have no variance at all.
    """

    basis: Basis
    matrices: Array
    priors: Array
    p: int

    @cached_property
    def rank(self) -> int:
        """Rank of the pooled covariance."""
        return int(self.matrices.shape[-1])

    @classmethod
    def from_matrices(cls, matrices: Array, priors: Array) -> DenseCovariances:
        """Split off directions in which no class varies, where a tiny ridge would amplify rounding errors."""
        p = matrices.shape[-1]
        # Each in its own unit: a class may vary a million times less than another and still vary.
        traces = np.trace(matrices, axis1=1, axis2=2)
        pooled = np.tensordot(1 / np.where(traces > 0, traces, 1.0), matrices, axes=1)
        factor, failure = lapack.dpotrf(pooled.T, lower=1)
        pivots = np.diagonal(factor) ** 2
        threshold = 8 * p * np.finfo(float).eps
        if not failure and pivots.min() > 1e3 * threshold * pivots.max():
            return cls(STANDARD, matrices, priors, p)
        values, vectors = np.linalg.eigh(pooled)
        keep = values > threshold * values[-1]
        order = np.argsort(~keep, kind="stable")
        basis = Basis(vectors[:, order])
        inside = vectors[:, keep]
        return cls(basis, np.stack([inside.T @ matrix @ inside for matrix in matrices]), priors, p)

    def exact(self) -> DenseCovariances:
        """Refused: matrices are factorised in float64."""
        raise ValueError("dps needs scalar or diagonal covariances, got matrices that do not commute")

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """(tr C_g, tr C_g C_h)."""
        flat = self.matrices.reshape(len(self.matrices), -1)
        return np.trace(self.matrices, axis1=1, axis2=2), flat @ flat.T

    @cached_property
    def in_single_precision(self) -> DenseCovariances:
        """The same matrices in float32."""
        return DenseCovariances(self.basis, self.matrices.astype(np.float32), self.priors, self.p)

    @cached_property
    def roots(self) -> list[Array]:
        """F_g of shape (r_g, rank) with F_g^T F_g = C_g, r_g the rank of C_g."""
        found = []
        for matrix in self.matrices:
            values, vectors = np.linalg.eigh(matrix)
            keep = values > len(values) * np.finfo(float).eps * values[-1]  # the rest is rounding
            found.append(np.sqrt(values[keep])[:, None] * vectors[:, keep].T)
        return found

    def resolvent(self, kappa: Array, n: Any, coarse: bool = False) -> DenseResolvent | GradedResolvent:
        """R at the given effective ridges, for n samples; ``coarse``: derivatives in single precision."""
        return self.quick_resolvent(kappa, n, coarse) or GradedResolvent(
            self.basis, self.roots, self.priors, self.p, kappa, n
        )

    def quick_resolvent(self, kappa: Array, n: Any, coarse: bool = False) -> DenseResolvent | None:
        """The same by a Cholesky factorisation, None if that is not accurate."""
        found = DenseResolvent(self, kappa, n, coarse)
        return found if found.reliable(self.matrices.dtype.char) else None
