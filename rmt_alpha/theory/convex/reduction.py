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
KEPT, BLOCK = 200, 16_000
"""Results that are kept, and entries of arrays that fit into a cache."""


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
        """The numbers at stiffnesses theta, shape (G,) or (m, G); the last few results are kept."""
        kept, keys = self._kept, [row.tobytes() for row in np.atleast_2d(theta)]
        if len(kept) > KEPT:
            kept.clear()
        # Of many states few differ in theta.
        place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        new = [key for key in place if key not in kept]
        if new:
            kept.update(zip(new, self._computed(np.array([np.frombuffer(key) for key in new])), strict=True))
        each = [kept[key] for key in place]
        if len(keys) == 1:
            return each[0] if theta.ndim == 1 else Reduced(*(part[None] for part in each[0]))
        index = [place[key] for key in keys]
        return Reduced(*(np.array(part)[index] for part in zip(*each, strict=True)))

    def _computed(self, theta: Array) -> list[Reduced]:
        if len(theta) == 1 or not isinstance(self.model, Spectrum) or any(self.prior.noise):
            return [self._compute(row) for row in theta]
        size = max(BLOCK // self.rows.size, 1)
        blocks = [self._compute(theta[i : i + size, None]) for i in range(0, len(theta), size)]
        return [Reduced(*each) for block in blocks for each in zip(*block, strict=True)]

    def _compute(self, theta: Array) -> Reduced:
        """At one theta, (G,), or of commuting covariances at several, (m, 1, G)."""
        resolvent = self.model.inverse(self.model.priors * theta, self.gamma)
        classes, groups = len(self.task.means), theta.shape[-1]
        damped = resolvent.apply(self.rows)
        damped[..., classes:, :] *= self.gamma
        products = self.task.means @ np.swapaxes(damped, -1, -2)
        traces, echo = resolvent.traces()
        noise = np.zeros((*traces.shape, self.sources))
        if any(self.prior.noise):
            sandwiches = [resolvent.sandwich(g) for g in range(groups)]
            for s, pairs in enumerate(self.prior.noise):
                for operator, scale in pairs:
                    noise[:, s] += [float(trace_product(x, operator) * scale[0, 0]) for x in sandwiches]
        return Reduced(
            traces / self.n,
            echo / self.n,
            products[..., :classes],
            products[..., classes:],
            np.stack([resolvent.form(damped, g) for g in range(groups)], axis=-3),
            self.gamma**2 * noise,
        )
