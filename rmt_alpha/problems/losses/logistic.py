"""The logistic loss, log(1 + exp(-z)): cross-entropy for two classes."""

from __future__ import annotations

import numpy as np
from scipy import special

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss, Moments
from rmt_alpha.problems.losses.quadrature import REACH

STEPS = 100
DENSEST, FINEST = 0.5, 0.45
"""Steps of the trapezoidal rule: exp(-2 pi^2 / 0.5^2) and exp(-2 pi^2 / 0.45) are below 1e-19."""
FLAT = 40.0
"""Margins beyond which, on either side, g is 1 or 0 to rounding; kappa more on the side of 1."""
MOST_NODES = 20_000
"""Margins that spread more widely, over a thousand units, are integrated adaptively."""


class Logistic(Loss):
    r"""Logistic loss :math:`\log(1 + e^{-z})`.

    Examples
    --------
    >>> import numpy as np
    >>> Logistic().value(np.array([0.0])).round(4)
    array([0.6931])
    """

    name = "logistic"

    def value(self, z: Array) -> Array:
        """log(1 + exp(-z))."""
        return np.asarray(np.logaddexp(0.0, -z))

    def slope(self, z: Array) -> Array:
        """-1 / (1 + exp(z))."""
        return np.asarray(-special.expit(-z))

    def curvature(self, z: Array) -> Array:
        """exp(z) / (1 + exp(z))^2."""
        return np.asarray(special.expit(z) * special.expit(-z))

    def probability(self, score: Array) -> Array:
        """1 / (1 + exp(-score))."""
        return np.asarray(special.expit(score))

    def moments(self, mean: Array, std: Array, kappa: Array) -> Moments:
        r"""E g, E g^2 and -E g' by the trapezoidal rule, whose error is known and below rounding.

        g is analytic for \|Im z\| < pi, whatever kappa: the branch points of prox, 1 + kappa phi''(u) = 0,
        are u = v + i pi with real v and real phi'(u), so that Im z = Im u = pi.  Steps h in standard
        deviations leave errors of the order exp(-2 pi^2 / (h std)) and, from the density, exp(-2 pi^2 / h^2).
        """
        step = min(DENSEST, FINEST / float(std.max()))
        count = int(REACH / step) + 1
        window = int((2 * FLAT + float(kappa.max())) / FINEST) + 1
        if 2 * window < count and type(self) is Logistic:
            return self._wide_moments(mean, std, kappa, window)
        if count > MOST_NODES or type(self) is not Logistic:  # of a subclass nothing is known
            return super().moments(mean, std, kappa)
        x = step * np.arange(-count, count + 1)
        weights = np.exp(-0.5 * x * x) * (step / np.sqrt(2 * np.pi))
        force, stiffness = self.force(mean[:, None] + std[:, None] * x, kappa[:, None])
        return Moments(force @ weights, (force * force) @ weights, stiffness @ weights)

    def _wide_moments(self, mean: Array, std: Array, kappa: Array, count: int) -> Moments:
        """The same for margins much wider than the part of them where g is neither 1 nor 0.

        g and g^2 less a normal distribution function, whose expectation is one too, vanish on both sides.
        """
        nodes = -FLAT - kappa[:, None] + FINEST * np.arange(count)
        x = (nodes - mean[:, None]) / std[:, None]
        weights = np.exp(-0.5 * x * x) * (FINEST / np.sqrt(2 * np.pi) / std[:, None])
        force, stiffness = self.force(nodes, kappa[:, None])
        centre, width = -0.5 * kappa, 2.0 + 0.05 * kappa
        step = special.ndtr((centre[:, None] - nodes) / width[:, None])
        known = special.ndtr((centre - mean) / np.hypot(width, std))
        pull = known + ((force - step) * weights).sum(axis=1)
        power = known + ((force * force - step) * weights).sum(axis=1)
        return Moments(pull, power, (stiffness * weights).sum(axis=1))

    def force(self, z: Array, kappa: Array) -> tuple[Array, Array]:
        """g(z) = 1 / (1 + exp(u)), u the proximal point, and -g'(z)."""
        if type(self) is not Logistic:
            return super().force(z, kappa)
        force = special.expit(-self.prox(z, kappa))
        bend = force * (1 - force)
        return force, bend / (1 + kappa * bend)

    def prox(self, z: Array, kappa: Array) -> Array:
        """Root of F(u) = u + kappa phi'(u) - z, by Newton's method from a bound.

        phi'(-u) = -1 - phi'(u), so that z and -kappa - z have opposite roots: it is enough to know those with
        u >= 0.  There F is concave, and Newton's iterates from a lower bound approach the root from below,
        without a safeguard.  From 1 / (1 + e^u) >= e^-u / 2, u - z is at least the w with w + log w = x,
        x = log(kappa / 2) - z, and that at least x - log x where x >= 1: a bound within 1 of the root.
        Started elsewhere, at z say, iterates end in cycles of two for large kappa, which pass for convergence
        in an average and falsify a variance by percents.
        """
        z, kappa = np.asarray(z, float), np.asarray(kappa, float)
        flipped = 2 * z < -kappa
        y = np.where(flipped, -kappa - z, z)
        x = np.maximum(np.log(np.maximum(0.5 * kappa, 1e-300)) - y, 1.0)
        u = np.maximum(np.where(x > 1, y + x - np.log(x), y), 0.0)
        for _ in range(STEPS):
            tail = special.expit(-u)
            step = (u - kappa * tail - y) / (1 + kappa * tail * (1 - tail))
            u = u - step
            # Convergence is quadratic: what is left is the square of this.
            if (abs(step) <= 1e-8 * (1 + u)).all():
                return np.asarray(np.where(flipped, -u, u))
        raise ArithmeticError(
            f"the logistic proximal point was not found in {STEPS} steps"
        )  # pragma: no cover
