r"""The variance over draws of the slope in alpha of a functional: fits to one sample at two alphas, expanded.

(eq-bars-covariance) is that of two fits to the same data, here at alpha and alpha'.  Its derivative by both,
at alpha = alpha', is the variance of a slope.  There the scores of a sample are one number, and with the
derivative d of a function of the score along its motion r_alpha = u_alpha + T (r - u),

    d^2/(dalpha dalpha') E a b' = E (d a)(d b') + (d^2 q - T Sigma T^T) . E grad a grad b' ,

so that every average is over the scores of one fit.  Below, 0, 1, 2, 3 are the thing itself and its
derivatives by alpha, by the source h, and by both; docs/theory/error_bars.md has the derivation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from rmt_alpha._core.types import Array

STENCIL = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12
"""Of a derivative by differences over five alphas: errors of the fourth power of their distance."""
HERE = 2
"""The one in the middle."""


class Jet(NamedTuple):
    """Something at one alpha, and its derivatives."""

    plain: Array
    by_alpha: Array
    by_source: Array
    by_both: Array

    @classmethod
    def of(cls, values: Sequence[tuple[Array, Array]], unit: float) -> Jet:
        """From itself and its derivative by h at five alphas, ``unit`` apart."""
        plain, by_source = ([value[i] for value in values] for i in range(2))
        return cls(plain[HERE], slope(plain, unit), by_source[HERE], slope(by_source, unit))


@dataclass(frozen=True, eq=False)
class ThroughPrior:
    """What the sources do to the functional, through the prior that they make."""

    gamma: float
    alphas: Array
    """Five, ``unit`` apart."""
    unit: float
    resolvents: Sequence[tuple[Array, Array]]
    """Q and its derivative by h at each."""
    weights: Sequence[tuple[Array, Array]]

    @property
    def reach(self) -> list[tuple[Array, Array]]:
        """gamma alpha Q and its derivative by h."""
        sizes = self.gamma * self.alphas
        return [(size * q, size * moved) for size, (q, moved) in zip(sizes, self.resolvents, strict=True)]

    @property
    def bent(self) -> Array:
        """The part of dF/dh, of gradient -gamma dw/dh by the prior, that is quadratic in a source."""
        sizes = (self.gamma * self.alphas) ** 2
        return -slope(
            [size * moved for size, (_, moved) in zip(sizes, self.resolvents, strict=True)], self.unit
        )

    @property
    def linear(self) -> Array:
        """The part that is linear in a source."""
        sizes = self.gamma * self.alphas
        return -slope([size * moved for size, (_, moved) in zip(sizes, self.weights, strict=True)], self.unit)

    def best_alpha(self, variance: float, steep: Sequence[float]) -> float:
        """The variance of the best alpha, from that of the slope of a draw and the average slopes."""
        curvature = float(slope(steep, self.unit))
        return variance / curvature**2 if curvature else np.inf


class Shared(Protocol):
    """What the samples share through the weights, for one fit with derivative i and another with j."""

    def product(self, i: int, j: int) -> Array:
        """A, shape (G, d, d)."""

    def coupled(self, i: int, j: int, force: Array) -> Array:
        """V s, shape (G, d, d)."""


class SampleMoments(NamedTuple):
    """Averages over the scores of a sample, by covariance: (G, d, d).

    f is its force, Theta = -grad f, c and D are the derivatives by h of its force and of its envelope, at
    scores that move by r_h = u_h + T (r - u).
    """

    covariance: Array
    """Sigma."""
    turn: Array
    """T of alpha."""
    turn_source: Array
    """T of h."""
    turn_both: Array
    """Its derivative by alpha."""
    force: Array
    """E f f^T."""
    moved: Array
    """E (df/dalpha) f^T."""
    twice: Array
    """E (df/dalpha)(df/dalpha)^T."""
    pull: Array
    """E c f^T."""
    pull_slope: Array
    """Its derivative by alpha, of c and f together."""
    pull_moved: Array
    """E c (df/dalpha)^T."""
    stiffness: Array
    """Y: E Theta_ac Theta_bd from (c, d) to (a, b), shape (G d d, G d d)."""
    gradient: Array
    """E grad D grad D^T."""
    own: float
    """The covariance of dD/dalpha within the cells, and of its averages by random cells."""


def slope(values: Sequence[Array | float], unit: float) -> Array:
    """Derivative by alpha in the middle of five."""
    return np.asarray(np.tensordot(STENCIL / unit, np.array(values), axes=1))


def slope_variance(shared: Shared, of: SampleMoments) -> float:
    """n Var of the derivative by alpha of a functional that is the source h."""
    size, shape = len(of.stiffness), of.force.shape

    def back(matrices: Array) -> Array:
        return np.swapaxes(matrices, -1, -2)

    units = np.eye(size).reshape(size, *shape)
    coupling = np.stack([shared.coupled(0, 0, unit).ravel() for unit in units], axis=1)
    flow = np.eye(size) - coupling @ of.stiffness

    def answered(start: Array) -> Array:
        return np.asarray(np.linalg.solve(flow, start.ravel()).reshape(shape))

    def stiffened(q: Array) -> Array:
        return np.asarray((of.stiffness @ q.ravel()).reshape(shape))

    def v(i: int, j: int, force: Array) -> Array:
        return shared.coupled(i, j, force)

    a, sigma, turn, t, tt = shared.product, of.covariance, of.turn, of.turn_source, of.turn_both
    # q and s, the covariance of scores and the product of forces: by alpha, by alpha', by both.
    s, s1 = of.force, of.moved
    s2, q1 = back(s1), turn @ sigma
    q2, along = back(q1), turn @ sigma @ back(turn)
    start = a(1, 1) + v(1, 1, s) + v(1, 0, s2) + v(0, 1, s1) + v(0, 0, of.twice) - along
    free = answered(start)
    s3, q3 = of.twice + stiffened(free), free + along
    # y: what h does to q at fixed s, beyond what it does to the scores of its own fit.
    y1 = a(3, 0) + v(3, 0, s) + v(2, 0, s1) - tt @ sigma - t @ q1
    y2 = a(2, 1) + v(2, 1, s) + v(2, 0, s2) - t @ q2
    y3 = a(3, 1) + v(3, 1, s) + v(3, 0, s2) + v(2, 1, s1) + v(2, 0, s3) - tt @ q2 - t @ q3
    # p = y + V b: what h does to q; b = x + Y p: what it does to s.
    x, x2 = of.pull, of.pull_moved
    x1 = of.pull_slope - x2
    p1, p2 = answered(y1 + v(0, 0, x1) + v(1, 0, x)), answered(y2 + v(0, 0, x2) + v(0, 1, x))
    b1, b2 = x1 + stiffened(p1), x2 + stiffened(p2)
    # Of the other fit everything is the same, turned.
    own = of.own + np.vdot(free, of.gradient)
    z, z1 = t @ sigma @ back(t), tt @ sigma @ back(t) + t @ q1 @ back(t)
    z3 = tt @ sigma @ back(tt) + tt @ q2 @ back(t) + t @ q1 @ back(tt) + t @ q3 @ back(t)
    own -= sum(np.vdot(*each) for each in ((s3, z), (s1, back(z1)), (s2, z1), (s, z3)))
    direct = ((s3, a(2, 2)), (s1, a(2, 3)), (s2, a(3, 2)), (s, a(3, 3)))
    own += sum(np.vdot(*each) for each in direct)
    own += np.vdot(s3, v(2, 2, s)) + np.vdot(s1, v(2, 3, s)) + np.vdot(s2, v(3, 2, s))
    own += np.vdot(s1, v(2, 2, s2)) + np.vdot(s, v(3, 3, s)) / 2
    other = back(y3) + v(1, 0, back(b1)) + v(0, 1, back(b2)) + v(1, 1, back(x))
    mixed = ((x, other), (x1, back(p1)), (x2, back(p2)), (back(b2), y2), (back(b1), y1), (back(x), y3))
    return float(own + sum(np.vdot(*each) for each in mixed))
