r"""Covariances that do not commute: a factorisation for every evaluation of the fixed-point map.

One evaluation of T_g = (1/n) tr C_g R, R = (sum_g pi_g C_g / kappa_g + I)^-1, takes a Cholesky factorisation,
an inverse from it and G - 1 matrix products: tr C_g R C_h R and tr C_g R^2 are then sums over entries.  Where
that would cost digits, square roots of the covariances are factorised instead (`graded`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import lapack

from rmt_alpha._core.types import Array
from rmt_alpha.theory.ridge.basis import STANDARD, Basis, Operator
from rmt_alpha.theory.ridge.fixed_point import Tangent
from rmt_alpha.theory.ridge.graded import GradedResolvent
from rmt_alpha.theory.ridge.spectrum import exact_deficit

CONDITION = {"d": 1e5, "f": 1e3}
"""Largest condition number, estimated by diagonals, at which a Cholesky factorisation is trusted.

In double precision the traces are then right to about 1e5 roundings, 2e-11, below the tolerance of the fixed
point, and in single precision to 1e-4."""
REMAINDER = 1e-3
"""Share of a sum from which a term may be had by subtracting the others: that costs three digits at most."""


@dataclass(frozen=True, eq=False)
class DenseCovariances:
    """G covariance matrices on the range of their sum."""

    basis: Basis
    """The standard basis, or one whose first ``rank`` vectors span the range of the pooled covariance."""
    matrices: Array
    """The covariances in it, shape (G, rank, rank)."""
    priors: Array
    """Share of the samples that have each covariance, shape (G,)."""
    p: int
    """Dimension; the remaining p - rank coordinates have no variance at all."""

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

    def inverse(self, weights: Array, ridge: float) -> DenseInverse:
        """(sum_g weight_g C_g + ridge I)^-1."""
        return DenseInverse(self, weights, ridge)

    def resolvent(self, kappa: Array, n: Any, coarse: bool = False) -> DenseResolvent | GradedResolvent:
        """R at the given effective ridges, for n samples; ``coarse``: derivatives in single precision."""
        return self.quick_resolvent(kappa, n, coarse) or GradedResolvent(
            self.basis, self.roots, self.priors, self.p, kappa, n
        )

    def quick_resolvent(self, kappa: Array, n: Any, coarse: bool = False) -> DenseResolvent | None:
        """The same by a Cholesky factorisation, None if that is not accurate."""
        found = DenseResolvent(self, kappa, n, coarse)
        return found if found.reliable(self.matrices.dtype.char) else None


class DenseInverse:
    """Q = (sum_g weight_g C_g + ridge I)^-1 by a Cholesky factorisation."""

    def __init__(self, model: DenseCovariances, weights: Array, ridge: float) -> None:
        self.model, self.weights, self.ridge = model, weights, ridge

    @cached_property
    def inverse(self) -> Array:
        """Q, on the range of the covariances."""
        matrices = self.model.matrices
        total = np.tensordot(self.weights.astype(matrices.dtype), matrices, axes=1)
        total.flat[:: total.shape[0] + 1] += self.ridge
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
    def seen(self) -> list[Array]:
        """C_g Q for every g."""
        return [c @ self.inverse for c in self.model.matrices]

    def traces(self) -> tuple[Array, Array]:
        """(tr C_g Q, tr C_g Q C_h Q)."""
        first = np.array([np.trace(b) for b in self.seen])
        return first, np.array([[np.sum(b * c.T) for c in self.seen] for b in self.seen])

    def apply(self, rows: Array) -> Array:
        """Q times each row."""
        rank = self.model.rank
        inside = rows[..., :rank] @ self.inverse
        if rank == self.model.p:
            return np.asarray(inside)
        return np.concatenate([inside, rows[..., rank:] / self.ridge], axis=-1)

    def form(self, rows: Array, group: int) -> Array:
        """rows C_g rows^T."""
        inside = rows[..., : self.model.rank]
        return np.asarray(inside @ self.model.matrices[group] @ inside.T)

    def sandwich(self, group: int) -> Operator:
        """Q C_g Q."""
        rank, p = self.model.rank, self.model.p
        entries = np.zeros((p, p))
        entries[:rank, :rank] = self._between(group)
        return Operator(self.model.basis, entries)

    def _between(self, group: int) -> Array:
        return self.inverse @ self.seen[group]


class DenseResolvent(DenseInverse):
    """R = (sum_g pi_g C_g / kappa_g + I)^-1 as kappa_max Q."""

    def __init__(self, model: DenseCovariances, kappa: Array, n: Any, coarse: bool = False) -> None:
        self.priors, self.kappa, self.n, self.coarse = model.priors, kappa, n, coarse
        self.kappa_max = float(np.max(kappa))
        super().__init__(model, self.priors * (self.kappa_max / kappa), self.kappa_max)

    @cached_property
    def condition(self) -> float:
        """An estimate from below of the condition number of ``inverse``; infinite if that does not exist."""
        if not np.max(self.weights) < 1 / np.finfo(float).eps:
            return np.inf
        try:
            inverse = float(np.max(np.diagonal(self.inverse)))
        except np.linalg.LinAlgError:
            return np.inf
        diagonals = np.diagonal(self.model.matrices, axis1=1, axis2=2)
        estimate = inverse * float(np.max(self.weights @ diagonals) + self.kappa_max)
        return estimate if estimate > 0 else np.inf

    def reliable(self, precision: str) -> bool:
        """Whether products in this precision, "d" or "f", are accurate enough."""
        return self.condition < CONDITION[precision]

    @cached_property
    def _traces(self) -> Array:
        """tr C_g inverse."""
        return np.array([np.vdot(c, self.inverse) for c in self.model.matrices], float)

    @cached_property
    def _largest(self) -> int | None:
        """A covariance that is a large part of a sum: its product with ``inverse`` need not be computed."""
        shares = self.weights * self._traces
        largest = int(np.argmax(shares))
        return largest if len(shares) > 1 and shares[largest] >= REMAINDER * self.model.rank else None

    @cached_property
    def _products(self) -> dict[int, Array]:
        """inverse @ C_g for every g but the largest, in single precision if ``coarse``."""
        model, inverse = self.model, self.inverse
        if self.coarse and self.reliable("f"):
            model, inverse = model.in_single_precision, inverse.astype(np.float32)
        return {g: inverse @ c for g, c in enumerate(model.matrices) if g != self._largest}

    def _product(self, group: int) -> Array:
        if group not in self._products:
            self._products[group] = self.inverse @ self.model.matrices[group]
        return self._products[group]

    def _between(self, group: int) -> Array:
        return self._product(group) @ self.inverse

    def _pairs(self) -> tuple[Array, Array]:
        """tr C_g Q C_h Q and tr C_g Q^2 for Q = ``inverse``.

        sum_g weight_g Q C_g + kappa_max Q = I, multiplied by Q or C_g Q, gives the traces of one group
        from those of the others.
        """
        weights, traces, inverse = self.weights, self._traces, self.inverse
        groups, last = len(weights), self._largest
        pairs, squares = np.zeros((groups, groups)), np.zeros(groups)
        if last is not None:
            others = [g for g in range(groups) if g != last]
            norms = float(np.trace(inverse)), self.kappa_max * float(np.vdot(inverse, inverse))
            squares[others] = [np.vdot(self._products[g], inverse) for g in others]
            squares[last] = (norms[0] - norms[1] - weights @ squares) / weights[last]
            if squares[last] * weights[last] < REMAINDER * norms[0]:
                squares[last] = np.vdot(self._product(last), inverse)
        else:
            squares[:] = [np.vdot(self._products[g], inverse) for g in range(groups)]
        known = sorted(self._products)
        for i, g in enumerate(known):
            for h in known[i:]:
                pairs[g, h] = pairs[h, g] = np.einsum("ij,ji->", self._products[g], self._products[h])
        if last is not None and last not in known:
            rest = traces - pairs @ weights - self.kappa_max * squares
            pairs[last, others] = pairs[others, last] = rest[others] / weights[last]
            rest = traces[last] - pairs[last] @ weights - self.kappa_max * squares[last]
            pairs[last, last] = rest / weights[last]
        return np.maximum(pairs, 0.0), np.maximum(squares, 0.0)  # less than nothing is rounding

    def tangent(self) -> Tangent:
        """The fixed-point map T_g = (1/n) tr C_g R and its derivative."""
        kappa, n, k = self.kappa, self.n, self.kappa_max
        total = self._traces
        pairs, squares = self._pairs()
        value = k * total / n
        safe = np.where(total > 0, total, 1.0)
        share = pairs * self.weights / safe[:, None]
        slack = np.where(total > 0, k * squares / safe, 1.0)
        # They sum to 1, but in single precision only nearly, and the solver relies on it.
        whole = share.sum(axis=1) + slack
        trace = k * float(np.trace(self.inverse))
        deficit = exact_deficit(kappa, value, self.priors, n, self.model.rank, trace)
        return Tangent(value, share / whole[:, None], slack / whole, deficit)


def _mirrored(lower: Array, block: int = 64) -> Array:
    """The symmetric matrix with this lower triangle, made in place, block by block for the cache."""
    for i in range(0, len(lower), block):
        j = i + block
        lower[i:j, j:] = lower[j:, i:j].T
        corner = np.tril(lower[i:j, i:j])
        lower[i:j, i:j] = corner + np.tril(corner, -1).T
    return lower
