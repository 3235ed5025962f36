r"""Covariances that do not commute: a Cholesky factorisation for every evaluation.

One evaluation of T_g = (1/n) tr C_g R, R = (sum_g pi_g C_g / kappa_g + I)^-1, takes a factorisation, an
inverse from it and G - 1 matrix products: tr C_g R C_h R and tr C_g R^2 are then sums over entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import lapack

from rmt_alpha.fixed_point import Tangent
from rmt_alpha.mixtures.basis import STANDARD, Basis, Operator
from rmt_alpha.mixtures.spectrum import exact_deficit

Array = np.ndarray[Any, Any]

SPREAD = 1e12
"""Largest ratio of effective ridges at which the sum of covariances is still meaningful in float64."""
DOMINANT = 0.1
"""Share of tr(I - R) above which a product may be had by subtraction from I without loss of digits."""


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
        pooled = np.tensordot(priors, matrices, axes=1)
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

    def resolvent(self, kappa: Array, n: Any, coarse: bool = False) -> DenseResolvent:
        """R at the given effective ridges, for n samples; ``coarse``: derivatives in single precision."""
        return DenseResolvent(self, kappa, n, coarse)


class DenseResolvent:
    """R = (sum_g pi_g C_g / kappa_g + I)^-1 as strength * ``inverse``, and the products inverse C_g."""

    def __init__(self, model: DenseCovariances, kappa: Array, n: Any, coarse: bool = False) -> None:
        self.model, self.priors, self.kappa, self.n, self.coarse = model, model.priors, kappa, n, coarse
        self.strength = float(np.max(kappa))
        self.weights = self.priors * (self.strength / kappa)
        if np.max(kappa) > SPREAD * np.min(kappa):
            raise ValueError(
                f"the effective ridges {kappa} of the classes differ too much for float64; gamma = 0 with a "
                "class covariance of lower rank than the class has samples does this: choose gamma > 0"
            )

    @cached_property
    def inverse(self) -> Array:
        """(sum_g (pi_g strength / kappa_g) C_g + strength I)^-1."""
        matrices = self.model.matrices
        total = np.tensordot(self.weights.astype(matrices.dtype), matrices, axes=1)
        total.flat[:: total.shape[0] + 1] += self.strength
        factorise, invert = lapack.get_lapack_funcs(("potrf", "potri"), (total,))
        # The transpose of a symmetric C-ordered array is the same matrix in Fortran order: no copy.
        factor, failure = factorise(total.T, lower=0, clean=0, overwrite_a=1)
        if failure:
            raise np.linalg.LinAlgError(
                "the covariances are too ill-conditioned for a Cholesky factorisation at this ridge: "
                "choose a larger gamma"
            )
        upper, _ = invert(factor, lower=0, overwrite_c=1)
        return _mirrored(upper.T)

    @cached_property
    def _traces(self) -> Array:
        """tr C_g inverse."""
        return np.array([np.vdot(c, self.inverse) for c in self.model.matrices], float)

    @cached_property
    def products(self) -> list[Array]:
        """inverse @ C_g for every g, in single precision if ``coarse``."""
        model, inverse = self.model, self.inverse
        if self.coarse:
            model, inverse = model.in_single_precision, inverse.astype(np.float32)
        shares = self.weights * self._traces
        largest = int(np.argmax(shares))
        if len(shares) == 1 or shares[largest] < DOMINANT * model.rank:
            return [inverse @ c for c in model.matrices]
        products = [inverse if g == largest else inverse @ c for g, c in enumerate(model.matrices)]
        # sum_g weight_g inverse C_g + strength inverse = I saves one product.
        scale = self.weights[largest]
        rest = inverse * inverse.dtype.type(-self.strength / scale)
        for g, product in enumerate(products):
            if g != largest:
                rest -= product * product.dtype.type(self.weights[g] / scale)
        rest.flat[:: len(rest) + 1] += 1 / scale
        products[largest] = rest
        return products

    def tangent(self) -> Tangent:
        """The fixed-point map T_g = (1/n) tr C_g R and its derivative."""
        kappa, n, k = self.kappa, self.n, self.strength
        products, total = self.products, self._traces
        inverse = self.inverse.astype(products[0].dtype, copy=False)
        squares = np.array([np.vdot(b, inverse) for b in products], float)
        pairs = np.empty((len(products),) * 2)
        for g, left in enumerate(products):
            for h in range(g, len(products)):
                pairs[g, h] = pairs[h, g] = np.einsum("ij,ji->", left, products[h])
        value = k * total / n
        safe = np.where(total > 0, total, 1.0)
        share = pairs * self.weights / safe[:, None]
        slack = np.where(total > 0, k * squares / safe, 1.0)
        trace = k * float(np.trace(self.inverse))
        deficit = exact_deficit(kappa, value, self.priors, n, self.model.rank, trace)
        return Tangent(value, share, slack, deficit)

    def apply(self, rows: Array) -> Array:
        """R / strength times each row."""
        rank = self.model.rank
        inside = rows[..., :rank] @ self.inverse
        if rank == self.model.p:
            return np.asarray(inside)
        return np.concatenate([inside, rows[..., rank:] / self.strength], axis=-1)

    def form(self, rows: Array, group: int) -> Array:
        """rows C_g rows^T."""
        inside = rows[..., : self.model.rank]
        return np.asarray(inside @ self.model.matrices[group] @ inside.T)

    def sandwich(self, group: int) -> Operator:
        """R C_g R / strength^2."""
        rank, p = self.model.rank, self.model.p
        entries = np.zeros((p, p))
        entries[:rank, :rank] = self.products[group] @ self.inverse
        return Operator(self.model.basis, entries)


def _mirrored(lower: Array, block: int = 64) -> Array:
    """The symmetric matrix with this lower triangle, made in place, block by block for the cache."""
    for i in range(0, len(lower), block):
        j = i + block
        lower[i:j, j:] = lower[j:, i:j].T
        corner = np.tril(lower[i:j, i:j])
        lower[i:j, i:j] = corner + np.tril(corner, -1).T
    return lower
