"""The logistic loss, log(1 + exp(-z)): cross-entropy for two classes."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import special

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss, Moments
from rmt_alpha.problems.losses.quadrature import REACH

STEPS = 6
"""Newton's steps from the bound to the root: five leave at most 4e-13, wherever it is; each squares it."""
DENSEST, FINEST = 0.5, 0.45
"""Steps of the trapezoidal rule: exp(-2 pi^2 / 0.5^2) and exp(-2 pi^2 / 0.45) are below 1e-19."""
FLAT = 40.0
"""Margins beyond which, on either side, g is 1 or 0 to rounding; kappa more on the side of 1."""
LEAST_STEPS, LEVEL, MOST_STEPS = 35, 0.5, 40_000
"""Steps at least, how many powers of 2 more make the next level, and the most.

Margins that spread more widely, over a thousand units, are integrated adaptively."""
BLOCK = 4_000
"""Nodes that are looked at together, in arrays that fit into a cache."""


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
        if type(self) is not Logistic:  # of a subclass nothing is known
            return super().moments(mean, std, kappa)
        whole, window = 2 * REACH * np.maximum(1 / DENSEST, std / FINEST), (2 * FLAT + kappa) / FINEST
        wide = 4 * window < whole
        # As many steps for all entries of the last axis, and a few numbers of them: one call for each.
        most = np.where(wide, 0.0, whole).max(axis=-1, keepdims=True)
        size = np.where(wide, window.max(axis=-1, keepdims=True), most)
        level = np.ceil(np.log2(size / LEAST_STEPS) / LEVEL)
        level[~wide & (size > MOST_STEPS)] = np.inf
        found = np.empty((3, *mean.shape))
        for each, one in set(zip(level.flat, wide.ravel().tolist(), strict=True)):
            at = (level == each) & (wide == one)
            found[:, at] = self._of_level(each, one, mean[at], std[at], kappa[at])
        return Moments(*found)

    def _of_level(self, level: float, wide: bool, mean: Array, std: Array, kappa: Array) -> Array:
        if level == np.inf:
            return np.stack(super().moments(mean, std, kappa))
        steps = math.ceil(LEAST_STEPS * 2 ** (LEVEL * level))
        count, sums = max(BLOCK // steps, 1), self._wide_moments if wide else self._moments
        rows = [slice(i, i + count) for i in range(0, len(mean), count)]
        found = [sums(mean[r, None], std[r, None], kappa[r, None], steps) for r in rows]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def _moments(self, mean: Array, std: Array, kappa: Array, steps: int) -> Array:
        x, weights = _nodes(steps)
        force, stiffness = self.force(mean + std * x, kappa)
        return _sums(weights, force, force * force, stiffness)

    def _wide_moments(self, mean: Array, std: Array, kappa: Array, steps: int) -> Array:
        """The same for margins much wider than the part of them where g is neither 1 nor 0.

        g and g^2 less a normal distribution function, whose expectation is one too, vanish on both sides.
        """
        z = FINEST * np.arange(steps + 1) - FLAT - kappa
        x = (z - mean) / std
        weights = np.exp(-0.5 * x * x) * (FINEST / np.sqrt(2 * np.pi) / std)
        force, stiffness = self.force(z, kappa)
        centre, width = -0.5 * kappa, 2.0 + 0.05 * kappa
        step = special.ndtr((centre - z) / width)
        known = special.ndtr((centre - mean) / np.hypot(width, std))[:, 0]
        pull, power, bend = _sums(weights, force - step, force * force - step, stiffness)
        return np.stack([known + pull, known + power, bend])

    def force(self, z: Array, kappa: Array) -> tuple[Array, Array]:
        """g(z) = 1 / (1 + exp(u)), u the proximal point, and -g'(z)."""
        if type(self) is not Logistic:
            return super().force(z, kappa)
        force = 1 / (1 + np.exp(np.minimum(self.prox(z, kappa), 700.0)))  # faster than `special.expit`
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
            # F / F' with phi' = -e / (1 + e), e = exp(-u).
            e = np.exp(-u)
            pull, whole = kappa * e, 1 + e
            u = u - ((u - y) * whole - pull) * whole / (whole * whole + pull)
        return np.asarray(np.where(flipped, -u, u))


@lru_cache
def _nodes(steps: int) -> tuple[Array, Array]:
    x = np.linspace(-REACH, REACH, steps + 1)
    return x, np.exp(-0.5 * x * x) * ((x[1] - x[0]) / np.sqrt(2 * np.pi))


def _sums(weights: Array, *values: Array) -> Array:
    """Weighted sums of each row, none of which depends on the other rows."""
    return np.stack([np.einsum("...j,...j->...", each, weights) for each in values])
