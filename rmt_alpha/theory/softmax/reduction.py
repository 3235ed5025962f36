r"""All that vectors of length p contribute, in O(p) for each map: a small matrix for every coordinate.

In the basis in which the covariances are diagonal, with entries C_gj, and for the stiffness Theta_g of the
samples of each covariance (summed over its classes with their fractions),

    G_j = (gamma I + sum_g Theta_g C_gj)^-1,    W_j = G_j (sum_a pi_a m_aj eta_a + gamma P_j),
    V_g = (1/n) sum_j C_gj G_j.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.mixtures.score_law import Prior
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class ContrastReduction:
    """A problem with everything but its forces fixed; K classes, d = K - 1 contrasts, k sources, gamma > 0.

    Where all covariances are multiples of the identity, one entry j stands for all p coordinates.
    """

    model: Spectrum
    means: Array
    """Class means in the basis of ``model``, shape (K, p)."""
    prior: Prior
    """Sources in this basis, their K outputs as d contrasts: mean (k, d, p)."""
    priors: Array
    """Class fractions, shape (K,)."""
    group: Array
    """Which covariance each class has, shape (K,)."""
    n: float
    gamma: float

    def resolvent(self, stiffness: Array) -> Resolvent:
        """G at stiffnesses of shape (G, d, d), each already weighted by the fractions of its classes."""
        total = np.tensordot(self.model.values.T, stiffness, axes=1)
        total[:, np.arange(self.contrasts), np.arange(self.contrasts)] += self.gamma
        return Resolvent(self, np.linalg.inv(total))

    def along(self, direction: Array) -> ContrastReduction:
        """The same with one source, the sum of ``direction`` times the sources."""
        return replace(self, prior=self.prior.along(direction))

    @property
    def contrasts(self) -> int:
        """d."""
        return len(self.means) - 1

    @property
    def sources(self) -> int:
        """k."""
        return len(self.prior.mean)

    @cached_property
    def products(self) -> Array:
        """m_aj m_bj, shape (K K, J); summed over the coordinates that one entry j stands for."""
        pairs = self.means[:, None] * self.means[None]
        return self._entries(pairs).reshape(len(self.means) ** 2, -1)

    @cached_property
    def loads(self) -> Array:
        """m_aj P_sj, shape (K, k, d, J)."""
        return self._entries(self.means[:, None, None] * self.prior.mean)

    @cached_property
    def source_noise(self) -> Array:
        """Covariance of the contrasts of every source at each coordinate, shape (k, J, d, d)."""
        d, width = self.contrasts, self.model.values.shape[1]
        found = np.zeros((self.sources, width, d, d))
        for s, pairs in enumerate(self.prior.noise):
            for operator, scale in pairs:
                found[s] += self._entries(diagonal(operator, self.model.basis))[:, None, None] * scale
        return found / self.model.multiplicity

    def _entries(self, values: Array) -> Array:
        """Of values (..., p), those of each entry j: their sums where one entry stands for all."""
        return values if self.model.multiplicity == 1 else values.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Resolvent:
    """G_j for every entry j, and the sums that it is needed for."""

    reduction: ContrastReduction
    inverse: Array
    """Shape (J, d, d)."""

    @cached_property
    def step(self) -> Array:
        """V_g, shape (G, d, d)."""
        return self._sum(self.inverse) / self.reduction.n

    def gram(self) -> Array:
        """sum_j m_aj G_j m_bj, shape (K, K, d, d)."""
        classes, d = len(self.reduction.means), self.reduction.contrasts
        found = self.reduction.products @ self.inverse.reshape(-1, d * d)
        return np.asarray(found.reshape(classes, classes, d, d))

    def reach(self, alpha: Array) -> Array:
        """gamma sum_j m_aj G_j P_j for P = sum_s alpha_s w~_s, shape (K, d)."""
        loads = np.tensordot(alpha, self.reduction.loads, axes=(0, 1))
        return np.asarray(self.reduction.gamma * np.tensordot(loads, self.inverse, axes=([2, 1], [0, 1])))

    def weights(self, force: Array, alpha: Array) -> Array:
        """E W for forces eta_a (K, d), shape (d, p)."""
        reduction = self.reduction
        pull = (reduction.priors[:, None] * force).T @ reduction.means
        pull = pull + reduction.gamma * np.tensordot(alpha, reduction.prior.mean, axes=1)
        if len(self.inverse) == 1:
            return np.asarray(self.inverse[0] @ pull)
        return np.asarray(np.einsum("jde,ej->dj", self.inverse, pull))

    def sandwich(self, power: Array) -> Array:
        """G_j (sum_h C_hj Omega_h) G_j for weighted Omega (G, d, d), shape (J, d, d)."""
        middle = np.tensordot(self.reduction.model.values.T, power, axes=1)
        return np.asarray(self.inverse @ middle @ self.inverse)

    def covariance(self, weights: Array, power: Array, alpha: Array) -> Array:
        """Sigma_g of the scores, shape (G, d, d): of average weights, training noise, source noise."""
        reduction, model = self.reduction, self.reduction.model
        direct = (weights * np.broadcast_to(model.values, (len(model.values), model.p))[:, None]) @ weights.T
        kicks = self.sandwich(power) / reduction.n
        if any(reduction.prior.noise):
            noise = np.tensordot(alpha**2, reduction.source_noise, axes=1)
            kicks = kicks + reduction.gamma**2 * (self.inverse @ noise @ self.inverse)
        return np.asarray(direct + self._sum(kicks))

    def _sum(self, entries: Array) -> Array:
        """sum_j C_gj A_j."""
        model = self.reduction.model
        return np.asarray(model.multiplicity * np.tensordot(model.values, entries, axes=1))


def diagonal(operator: Operator, basis: Basis) -> Array:
    """Diagonal entries of an operator in a basis, shape (p,)."""
    if operator.basis is basis and operator.entries.ndim == 1:
        return operator.entries
    if operator.entries.ndim == 1:
        return np.asarray(basis.squared_overlaps(operator.basis) @ operator.entries)
    matrix, vectors = operator.in_standard_basis(), basis.vectors
    return np.asarray(np.diagonal(matrix) if vectors is None else ((matrix @ vectors) * vectors).sum(axis=0))
