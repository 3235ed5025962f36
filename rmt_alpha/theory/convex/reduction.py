r"""All that vectors of length p contribute, as a few numbers for each vector of stiffnesses.

With theta_g the average stiffness -E g' of the samples that have covariance C_g,

    Q = (sum_g pi_g theta_g C_g + gamma I)^-1,      w = Q (sum_a pi_a eta_a m_a + gamma P),

so that scores, variances and kappa_g = (1/n) tr C_g Q need the products of Q with the class means and the
sources only: O(p) where covariances commute, one Cholesky factorisation where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack

from rmt_alpha.theory.mixtures.score_law import Prior, Task
from rmt_alpha.theory.ridge.basis import Operator, trace_product
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.spectrum import Spectrum

Array = np.ndarray[Any, Any]


HIDDEN = 1e-14
"""Relative to gamma over the average variance."""


class Reduced(NamedTuple):
    """The numbers that a problem comes down to; K classes, G covariances, k sources."""

    kappa: Array
    """(1/n) tr C_g Q, shape (G,)."""
    echo: Array
    """(1/n) tr C_g Q C_h Q, shape (G, G)."""
    gram: Array
    """m_a Q m_b, shape (K, K)."""
    reach: Array
    """gamma m_a Q w~_s, shape (K, k)."""
    forms: Array
    """v C_g v for the rows v = Q m_a and gamma Q w~_s, shape (G, K + k, K + k)."""
    noise: Array
    """gamma^2 tr Q C_g Q (covariance of w~_s), shape (G, k)."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """A fine-tuning problem with everything but its stiffnesses fixed.

    Parameters
    ----------
    model : Spectrum or DenseCovariances
        The covariances.
    task : Task
        Means and priors, in the basis of ``model``.
    prior : Prior
        The sources, in the same basis.
    n, gamma : float
        Number of samples, ridge > 0.
    """

    model: Spectrum | DenseCovariances
    task: Task
    prior: Prior
    n: float
    gamma: float

    @cached_property
    def rows(self) -> Array:
        """Class means and sources, shape (K + k, p)."""
        return np.concatenate([self.task.means, self.prior.mean[:, 0]])

    @cached_property
    def least_theta(self) -> float:
        """A stiffness that the ridge hides: what is added to all of them, so that they have logarithms."""
        return HIDDEN * self.gamma * self.model.p / max(float(self.model.moments[0].max()), 1e-300)

    @cached_property
    def _kept(self) -> dict[bytes, Reduced]:
        return {}

    @property
    def sources(self) -> int:
        """Number of sources, k."""
        return len(self.prior.mean)

    def along(self, direction: Array) -> Reduction:
        """The same with one source, the sum of ``direction`` times the sources."""
        mean = np.tensordot(direction, self.prior.mean, axes=1)[None]
        noise = tuple(
            (operator, scale * weight**2)
            for weight, pairs in zip(direction, self.prior.noise, strict=True)
            for operator, scale in pairs
        )
        return replace(self, prior=Prior(mean, (noise,)))

    def at(self, theta: Array) -> Reduced:
        """The numbers at stiffnesses theta, shape (G,); the last few results are kept."""
        kept = self._kept
        key = np.asarray(theta, float).tobytes()
        if key not in kept:
            if len(kept) > 8:
                kept.pop(next(iter(kept)))
            kept[key] = self._compute(theta)
        return kept[key]

    def _compute(self, theta: Array) -> Reduced:
        model = self.model
        resolvent: DiagonalInverse | DenseInverse
        if isinstance(model, Spectrum):
            resolvent = DiagonalInverse(model, model.priors * theta, self.gamma)
        else:
            resolvent = DenseInverse(model, model.priors * theta, self.gamma)
        classes, groups = len(self.task.means), len(theta)
        damped = resolvent.apply(self.rows)
        damped[classes:] *= self.gamma
        products = self.task.means @ damped.T
        traces, echo = resolvent.traces()
        noise = np.zeros((groups, self.sources))
        if any(self.prior.noise):
            sandwiches = [resolvent.sandwich(g) for g in range(groups)]
            for s, pairs in enumerate(self.prior.noise):
                for operator, scale in pairs:
                    noise[:, s] += [float(trace_product(x, operator) * scale[0, 0]) for x in sandwiches]
        return Reduced(
            traces / self.n,
            echo / self.n,
            products[:, :classes],
            products[:, classes:],
            np.stack([resolvent.form(damped, g) for g in range(groups)]),
            self.gamma**2 * noise,
        )


class DiagonalInverse:
    """Q of covariances that commute."""

    def __init__(self, spectrum: Spectrum, weights: Array, gamma: float) -> None:
        self.spectrum = spectrum
        self.entries = 1 / (weights @ spectrum.values + gamma)

    def apply(self, rows: Array) -> Array:
        """Q times each row."""
        return np.asarray(rows * self.entries)

    def form(self, rows: Array, group: int) -> Array:
        """rows C_g rows^T."""
        return np.asarray((rows * self.spectrum.values[group]) @ rows.T)

    def traces(self) -> tuple[Array, Array]:
        """(tr C_g Q, tr C_g Q C_h Q)."""
        seen = self.spectrum.values * self.entries
        return seen.sum(axis=1) * self.spectrum.multiplicity, (seen @ seen.T) * self.spectrum.multiplicity

    def sandwich(self, group: int) -> Operator:
        """Q C_g Q."""
        entries = self.entries * self.spectrum.values[group] * self.entries
        return Operator(self.spectrum.basis, np.broadcast_to(entries, (self.spectrum.p,)))


class DenseInverse:
    """Q of covariances that do not commute."""

    def __init__(self, model: DenseCovariances, weights: Array, gamma: float) -> None:
        self.model, self.gamma = model, gamma
        total = np.tensordot(weights, model.matrices, axes=1)
        total.flat[:: len(total) + 1] += gamma
        factor, failure = lapack.dpotrf(total.T, lower=0, clean=0, overwrite_a=1)
        if failure:
            raise np.linalg.LinAlgError(
                "the covariances are too ill-conditioned for a Cholesky factorisation at this ridge: "
                "choose a larger gamma"
            )
        inverse, _ = lapack.dpotri(factor, lower=0, overwrite_c=1)
        upper = np.triu(inverse)
        self.inverse = upper + np.triu(upper, 1).T

    @cached_property
    def products(self) -> list[Array]:
        """C_g Q for every g."""
        return [c @ self.inverse for c in self.model.matrices]

    def apply(self, rows: Array) -> Array:
        """Q times each row."""
        rank = self.model.rank
        return np.concatenate([rows[:, :rank] @ self.inverse, rows[:, rank:] / self.gamma], axis=1)

    def form(self, rows: Array, group: int) -> Array:
        """rows C_g rows^T."""
        inside = rows[:, : self.model.rank]
        return np.asarray(inside @ self.model.matrices[group] @ inside.T)

    def traces(self) -> tuple[Array, Array]:
        """(tr C_g Q, tr C_g Q C_h Q)."""
        first = np.array([np.trace(b) for b in self.products])
        return first, np.array([[np.sum(b * c.T) for c in self.products] for b in self.products])

    def sandwich(self, group: int) -> Operator:
        """Q C_g Q."""
        rank, p = self.model.rank, self.model.p
        entries = np.zeros((p, p))
        entries[:rank, :rank] = self.inverse @ self.products[group]
        return Operator(self.model.basis, entries)
