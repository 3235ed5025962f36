r"""All that vectors of length p contribute, as a few numbers for each vector of stiffnesses.

With theta_g the average stiffness -E g' of the samples that have covariance C_g,

    Q = (sum_g pi_g theta_g C_g + gamma I)^-1,      w = Q (sum_a pi_a eta_a m_a + gamma P),

so that scores, variances and kappa_g = (1/n) tr C_g Q need the products of Q with the class means and the
sources only: O(p) where covariances commute, one Cholesky factorisation where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.mixtures.score_law import Prior, Task
from rmt_alpha.theory.ridge.basis import trace_product
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.spectrum import Spectrum

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

    ``task`` and ``prior``, the sources, are in the basis of ``model``.
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
        return replace(self, prior=self.prior.along(direction))

    def without_sources(self) -> Reduction:
        """The same with sources of no weight."""
        return replace(self, prior=Prior(0 * self.prior.mean, ((),) * self.sources))

    def at(self, theta: Array) -> Reduced:
        """The numbers at stiffnesses theta, shape (..., G); the last few results are kept."""
        if theta.ndim == 1:
            return self._at(theta)
        each = [self._at(row) for row in theta]
        return Reduced(*(np.array(part) for part in zip(*each, strict=True)))

    def _at(self, theta: Array) -> Reduced:
        kept, key = self._kept, theta.tobytes()
        if key not in kept:
            if len(kept) > 8:
                kept.pop(next(iter(kept)))
            kept[key] = self._compute(theta)
        return kept[key]

    def _compute(self, theta: Array) -> Reduced:
        resolvent = self.model.inverse(self.model.priors * theta, self.gamma)
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
