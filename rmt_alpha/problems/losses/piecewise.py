"""Losses whose slope is piecewise linear: every expectation in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss, Moments

NARROW = 1.0
"""Pieces shorter than this many standard deviations are integrated: differences would cancel."""
LEGENDRE = np.polynomial.legendre.leggauss(16)
"""Exact to rounding for a cubic times the normal density on a piece as short as that."""
ROOT = math.sqrt(2 * math.pi)


class Pieces(NamedTuple):
    """The linear pieces of the slope of an envelope, one for each kappa along the last axis."""

    low: Array
    """Where it begins."""
    high: Array
    """Where it ends."""
    width: Array
    """The difference, without cancellation."""
    at: Array
    """Where it is ``value``."""
    value: Array
    """The slope there."""
    rise: Array
    """How fast it rises."""


class PiecewiseQuadratic(Loss):
    r"""A loss whose slope is the polygon through ``vertices``, continued on both sides.

    The slope of its Moreau envelope is again a polygon, :math:`(u_j, s_j) \mapsto (u_j + \kappa s_j, s_j)`,
    so that expectations over Gaussian margins are those of truncated normal distributions.

    Parameters
    ----------
    vertices : sequence of (float, float)
        Margins u_j and slopes s_j, both non-decreasing.  Two vertices at one margin are a jump of the slope.
    before, after : float
        Curvature, non-negative, before the first and after the last vertex.
    start : float
        Value of the loss at the first vertex.
    name : str
        For messages and legends.

    Examples
    --------
    The hinge loss max(0, 1 - z), and one that is indifferent between 1 and 2:

    >>> import numpy as np
    >>> hinge = PiecewiseQuadratic([(1, -1), (1, 0)], 0, 0, name="hinge")
    >>> hinge.value(np.array([-1.0, 0.0, 3.0]))
    array([2., 1., 0.])
    >>> tube = PiecewiseQuadratic([(1, -1), (1, 0), (2, 0), (2, 1)], 0, 0, name="tube")
    >>> tube.value(np.array([0.0, 1.5, 4.0]))
    array([1., 0., 2.])
    """

    def __init__(
        self,
        vertices: ArrayLike,
        before: float,
        after: float,
        *,
        start: float = 0.0,
        name: str = "piecewise quadratic",
    ) -> None:
        corners = np.array(vertices, dtype=float)
        if corners.ndim != 2 or corners.shape[1] != 2 or not len(corners) or not np.isfinite(corners).all():
            raise ValueError(f"vertices must be finite pairs (margin, slope), got {vertices!r}")
        if (np.diff(corners, axis=0) < 0).any() or not min(before, after) >= 0:
            raise ValueError(
                "a convex loss has a non-decreasing slope: vertices must not decrease in margin or slope, "
                f"before and after must be >= 0, got {vertices!r}, {before!r} and {after!r}"
            )
        self.name, self.before, self.after = name, float(before), float(after)
        self.margins, self.slopes = corners[:, 0], corners[:, 1]
        self.kinks = tuple(float(u) for u in np.unique(self.margins))
        pieces = np.diff(self.margins) * 0.5 * (self.slopes[1:] + self.slopes[:-1])
        self.values = float(start) + np.concatenate([[0.0], np.cumsum(pieces)])

    def value(self, z: Array) -> Array:
        """phi(z)."""
        z = np.asarray(z, float)
        j = np.clip(np.searchsorted(self.margins, z, side="right") - 1, 0, len(self.margins) - 1)
        step = z - self.margins[j]
        return np.asarray(self.values[j] + step * (self.slopes[j] + 0.5 * step * self.curvature(z)))

    def slope(self, z: Array) -> Array:
        """phi'(z), the right-hand one at a jump."""
        z = np.asarray(z, float)
        j = np.clip(np.searchsorted(self.margins, z, side="right") - 1, 0, len(self.margins) - 1)
        # Before the first vertex the step is negative.
        return np.asarray(self.slopes[j] + (z - self.margins[j]) * self.curvature(z))

    def curvature(self, z: Array) -> Array:
        """phi''(z)."""
        width, rise = np.diff(self.margins), np.diff(self.slopes)
        inner = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
        table = np.concatenate([[self.before], inner, [self.after]])
        return np.asarray(table[np.searchsorted(self.margins, np.asarray(z, float), side="right")])

    @property
    def jumps(self) -> list[tuple[float, float, float]]:
        """(slope before, margin, slope after) where the slope jumps."""
        pairs = zip(self.margins, self.slopes, self.margins[1:], self.slopes[1:], strict=False)
        return [(float(s), float(u), float(t)) for u, s, v, t in pairs if u == v and t > s]

    def breaks(self, kappa: Array) -> Array:
        """The corners of g, for each kappa."""
        return np.asarray(self.margins + np.multiply.outer(kappa, self.slopes))

    def prox(self, z: Array, kappa: Array) -> Array:
        """In closed form, piece by piece."""
        z, kappa = np.broadcast_arrays(np.asarray(z, float), np.asarray(kappa, float))
        pieces = self._pieces(kappa)
        force = np.zeros(z.shape)
        for j in range(pieces.at.shape[-1]):
            low, high, at, value, rise = (
                part[..., j] for part in (pieces.low, pieces.high, pieces.at, pieces.value, pieces.rise)
            )
            force = np.where((z >= low) & (z <= high), -(value + rise * (z - at)), force)
        return np.asarray(z + kappa * force)

    def moments(self, mean: Array, std: Array, kappa: Array) -> Moments:
        """E g, E g^2 and -E g' by the moments of truncated normal distributions."""
        pieces, mean, std = self._pieces(kappa), mean[..., None], std[..., None]
        # The slope of the envelope on each piece is level + tilt x, x the margin in standard deviations.
        level, tilt = pieces.value + pieces.rise * (mean - pieces.at), pieces.rise * std
        mass, one, two = _truncated((pieces.low - mean) / std, (pieces.high - mean) / std)
        first = level * mass + tilt * one
        second = level * (level * mass + 2 * tilt * one) + tilt**2 * two
        narrow = pieces.width < NARROW * std
        if narrow.any():
            start = (pieces.low - mean) / std
            narrow &= abs(start) < 40
            each = (start, pieces.width / std, pieces.value, tilt)
            for part, exact in zip(
                (first, second, mass), _integrated(*(x[narrow] for x in each)), strict=True
            ):
                part[narrow] = exact
        return Moments(-first.sum(axis=-1), second.sum(axis=-1), (pieces.rise * mass).sum(axis=-1))

    def training_loss(self, mean: Array, std: Array, kappa: Array) -> Array:
        """E phi(prox(z)), a quadratic polynomial of z on every piece."""
        pieces, mean, std, kappa = self._pieces(kappa), mean[..., None], std[..., None], kappa[..., None]
        # Beside a corner of the envelope prox moves at this speed, and phi with the slope there.
        speed, slope, rise = 1 - kappa * pieces.rise, pieces.value, pieces.rise
        away = mean - pieces.at
        c0 = self.values[self._corner] + speed * away * (slope + 0.5 * rise * away)
        c1, c2 = speed * std * (slope + rise * away), 0.5 * speed * rise * std**2
        zero, one, two = _truncated((pieces.low - mean) / std, (pieces.high - mean) / std)
        total = (c0 * zero + c1 * one + c2 * two).sum(axis=-1)
        return np.asarray(np.maximum(total, 0.0) if self.values.min() >= 0 else total)

    def test_loss(self, mean: Array, std: Array) -> Array:
        """E phi(z)."""
        return self.training_loss(mean, std, np.zeros(mean.shape))

    @property
    def _corner(self) -> Array:
        """The vertex from which each piece is measured: its first, of the outer ones the only one."""
        return np.maximum(np.arange(len(self.margins) + 1) - 1, 0)

    def _pieces(self, kappa: Array) -> Pieces:
        """Every linear piece of the envelope's slope."""
        shape, corner = (*np.shape(kappa), len(self.margins) + 1), self._corner
        step = np.asarray(kappa)[..., None]
        z = self.margins + step * self.slopes
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
        low[..., 1:], high[..., :-1] = z, z
        width, rise = np.full(shape, np.inf), np.empty(shape)
        # Not the difference of two z: it would lose the digits of a small kappa.
        run, jump = np.diff(self.margins), np.diff(self.slopes)
        width[..., 1:-1] = run + step * jump
        # A jump has no width at kappa = 0.
        rise[..., 1:-1] = jump / np.where(width[..., 1:-1] > 0, width[..., 1:-1], 1.0)
        rise[..., 0], rise[..., -1] = (c / (1 + kappa * c) for c in (self.before, self.after))
        return Pieces(low, high, width, z[..., corner], np.broadcast_to(self.slopes[corner], shape), rise)

    def __repr__(self) -> str:
        if type(self) is PiecewiseQuadratic:
            corners = list(zip(self.margins.tolist(), self.slopes.tolist(), strict=True))
            return f"PiecewiseQuadratic({corners}, {self.before}, {self.after}, name={self.name!r})"
        return super().__repr__()


def _truncated(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Integrals of 1, x and x^2 over the normal density from a to b."""
    x = np.stack([a, b])
    finite = np.where(np.isfinite(x), x, 0.0)
    density = np.where(np.isfinite(x), np.exp(-0.5 * finite * finite) / ROOT, 0.0)
    first, second = density, finite * density
    # On the side where the two are small.
    side = np.where(a > 0, -1.0, 1.0)
    below = special.ndtr(side * x)
    mass = side * (below[1] - below[0])
    return mass, first[0] - first[1], mass + second[0] - second[1]


def _integrated(a: Array, width: Array, value: Array, tilt: Array) -> tuple[Array, Array, Array]:
    """The same by quadrature from a to a + width, of a slope that is ``value`` at a and rises by ``tilt``.

    The integrals of the slope, of its square, and of 1.
    """
    nodes, weights = LEGENDRE
    half = 0.5 * width[..., None]
    step = half * (1 + nodes)
    x = a[..., None] + step
    density = half * weights * np.exp(-0.5 * x * x) / ROOT
    slope = value[..., None] + tilt[..., None] * step
    return (slope * density).sum(-1), (slope**2 * density).sum(-1), density.sum(-1)
