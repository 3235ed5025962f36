r"""Covariances that commute: eigenvalues in one common basis are all that enters.

With kappa_g the effective ridge of the g-th distinct covariance and pi_g the share of its samples,

    R = (sum_g pi_g C_g / kappa_g + I)^-1

is diagonal, and an evaluation of the fixed-point map T_g = (1/n) tr C_g R costs O(G^2 p).  Scalar, diagonal
and shared covariances, and multiples of one matrix, are all of this kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha._core.types import Array
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.fixed_point import Tangent


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of G commuting covariances."""

    basis: Basis
    """Where they are diagonal."""
    values: Array
    """Eigenvalues, shape (G, p); (G, 1) for multiples of the identity."""
    priors: Array
    """Share of the samples that have each covariance, shape (G,)."""
    p: int
    """Dimension."""

    @property
    def multiplicity(self) -> int:
        """How many coordinates each entry of ``values`` stands for."""
        return self.p // int(self.values.shape[1])

    @cached_property
    def rank(self) -> int:
        """Rank of the pooled covariance."""
        return int(np.count_nonzero(self.values.max(axis=0))) * self.multiplicity

    def exact(self) -> Spectrum:
        """The same spectrum in mpmath numbers."""
        if self.basis.vectors is not None:
            raise ValueError(
                "dps needs scalar or diagonal covariances: an eigendecomposition has the precision of "
                "float64; pass eigenvalues as a diagonal covariance, means and weights in that basis"
            )
        return Spectrum(self.basis, MP_ARRAY.number(self.values), exact_shares(self.priors), self.p)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """(tr C_g, tr C_g C_h)."""
        return self._sum(self.values), (self.values @ self.values.T) * self.multiplicity

    def resolvent(self, kappa: Array, n: Any) -> DiagonalResolvent:
        """R at the given effective ridges, for n samples."""
        return DiagonalResolvent(self, kappa, n)

    def inverse(self, weights: Array, ridge: Any) -> DiagonalInverse:
        """(sum_g weight_g C_g + ridge I)^-1."""
        return DiagonalInverse(self, weights, ridge)

    def _sum(self, entries: Array) -> Any:
        return entries.sum(axis=-1) * self.multiplicity


def exact_shares(priors: Array) -> Array:
    """Probabilities as mpmath numbers that sum to 1 beyond the precision of the floats they come from."""
    exact = MP_ARRAY.number(priors)
    return np.asarray(exact / exact.sum())


def exact_deficit(kappa: Array, value: Array, priors: Array, n: Any, rank: int, trace: Any) -> Array:
    """kappa - T, with one combination of its entries taken from traces instead of from the difference.

    sum_g pi_g (kappa_g - T_g) / kappa_g = 1 - tr(I - R)/n = (n - rank)/n + (1/n) ``trace``, the trace of R
    on the range of the covariances: positive terms if n >= rank.  Near n = rank and for a small ridge kappa
    - T loses all its digits in this one direction, in which the fixed-point equation is nearly singular,
    and in no other.
    """
    deficit = kappa - value
    if not abs(n - rank) + trace < n:
        return deficit  # the difference is the more precise
    exact = (n - rank) / n + trace / n
    return np.asarray(deficit + kappa * (exact - (priors / kappa) @ deficit))


class DiagonalInverse:
    """Q = (sum_g weight_g C_g + ridge I)^-1 of commuting covariances: diagonal, with entries ``damping``.

    Of several weights at once, (m, 1, G), all results have a leading axis.
    """

    def __init__(self, spectrum: Spectrum, weights: Array, ridge: Any) -> None:
        self.spectrum = spectrum
        self.load = weights @ spectrum.values
        self.damping = 1 / (self.load + ridge)

    @cached_property
    def seen(self) -> Array:
        """C_g Q."""
        return np.asarray(self.spectrum.values * self.damping)

    def traces(self) -> tuple[Array, Array]:
        """(tr C_g Q, tr C_g Q C_h Q)."""
        return self.spectrum._sum(self.seen), (
            self.seen @ np.swapaxes(self.seen, -1, -2)
        ) * self.spectrum.multiplicity

    def apply(self, rows: Array) -> Array:
        """Q times each row."""
        return np.asarray(rows * self.damping)

    def form(self, rows: Array, group: int) -> Array:
        """rows C_g rows^T."""
        return np.asarray((rows * self.spectrum.values[group]) @ np.swapaxes(rows, -1, -2))

    def sandwich(self, group: int) -> Operator:
        """Q C_g Q."""
        entries = self.damping * self.spectrum.values[group] * self.damping
        return Operator(self.spectrum.basis, np.broadcast_to(entries, (self.spectrum.p,)))


class DiagonalResolvent(DiagonalInverse):
    """R = (sum_g pi_g C_g / kappa_g + I)^-1 as kappa_max Q."""

    def __init__(self, spectrum: Spectrum, kappa: Array, n: Any) -> None:
        self.priors, self.kappa, self.n, self.kappa_max = spectrum.priors, kappa, n, np.max(kappa)
        super().__init__(spectrum, self.priors * (self.kappa_max / kappa), self.kappa_max)

    def tangent(self) -> Tangent:
        """The fixed-point map T_g = (1/n) tr C_g R and its derivative."""
        spectrum, kappa, n, k = self.spectrum, self.kappa, self.n, self.kappa_max
        total, pairs = self.traces()
        squares = (self.seen @ np.broadcast_to(self.damping, self.seen.shape[1:])) * spectrum.multiplicity
        value = k * total / n
        # A covariance that is zero has T = 0, whatever kappa: no share, all slack.
        safe = np.where(total > 0, total, total + 1)
        share = pairs * (self.priors * k / kappa) / safe[:, None]
        slack = np.where(total > 0, k * squares / safe, 1 - 0 * total)
        in_range = np.where(self.load > 0, self.damping, 0 * self.damping)
        trace = k * spectrum._sum(in_range)
        deficit = exact_deficit(kappa, value, self.priors, n, spectrum.rank, trace)
        return Tangent(value, share, slack, deficit)
