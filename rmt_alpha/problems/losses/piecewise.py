"""Losses whose slope is piecewise linear: every expectation in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss, Moments

NARROW = 1.0
"""Pieces shorter than this many standard deviations are integrated: differences would cancel."""
LEGENDRE = np.polynomial.legendre.leggauss(16)
"""Exact to rounding for a cubic times the normal density on a piece as short as that."""


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
        force = np.zeros(z.shape)
        for low, high, _, at, value, rise in self._pieces(kappa):
            force = np.where((z >= low) & (z <= high), -(value + rise * (z - at)), force)
        return np.asarray(z + kappa * force)

    def moments(self, mean: Array, std: Array, kappa: Array) -> Moments:
        """E g, E g^2 and -E g' by the moments of truncated normal distributions."""
        pull, power, stiffness = np.zeros(mean.shape), np.zeros(mean.shape), np.zeros(mean.shape)
        for low, high, width, at, value, rise in self._pieces(kappa):
            a, b = (low - mean) / std, (high - mean) / std
            # The slope of the envelope on this piece is level + tilt x, x the margin in standard deviations.
            level, tilt = value + rise * (mean - at), rise * std
            with np.errstate(invalid="ignore"):
                first, second, mass = _closed(a, b, level, tilt)
                narrow = (width < NARROW * std) & (abs(a) < 40)
                if narrow.any():
                    start = np.where(narrow, a, 0.0), np.where(narrow, width / std, 0.0)
                    exact = _integrated(*start, value, rise * std)
                    first, second, mass = (
                        np.where(narrow, x, y) for x, y in zip(exact, (first, second, mass), strict=True)
                    )
            pull, power, stiffness = pull - first, power + second, stiffness + rise * mass
        return Moments(pull, power, stiffness)

    def training_loss(self, mean: Array, std: Array, kappa: Array) -> Array:
        """E phi(prox(z)), a quadratic polynomial of z on every piece."""
        total = np.zeros(mean.shape)
        for j, (low, high, _, at, slope, rise) in enumerate(self._pieces(kappa)):
            # Beside a corner of the envelope prox moves at this speed, and phi with the slope there.
            speed = 1 - kappa * rise
            away = mean - at
            c0 = self.values[max(j - 1, 0)] + speed * away * (slope + 0.5 * rise * away)
            c1, c2 = speed * std * (slope + rise * away), 0.5 * speed * rise * std**2
            with np.errstate(invalid="ignore"):
                zero, one, two = _truncated((low - mean) / std, (high - mean) / std)
            total = total + c0 * zero + c1 * one + c2 * two
        return np.maximum(total, 0.0) if self.values.min() >= 0 else total

    def test_loss(self, mean: Array, std: Array) -> Array:
        """E phi(z)."""
        return self.training_loss(mean, std, np.zeros(mean.shape))

    def _pieces(self, kappa: Array) -> list[tuple[Any, Any, Any, Array, Array, Array]]:
        """(low, high, width, at, value at it, rise) of every linear piece of the envelope's slope."""
        z = self.margins + np.multiply.outer(kappa, self.slopes)
        s = np.broadcast_to(self.slopes, z.shape)
        before, after = (c / (1 + kappa * c) for c in (self.before, self.after))
        pieces: list[tuple[Any, Any, Any, Array, Array, Array]] = [
            (-np.inf, z[..., 0], np.inf, z[..., 0], s[..., 0], before)
        ]
        for j, (run, rise) in enumerate(zip(np.diff(self.margins), np.diff(self.slopes), strict=True)):
            if run > 0 or rise > 0:
                # Not the difference of two z: it would lose the digits of a small kappa.
                width = run + kappa * rise
                tilt = rise / np.where(width > 0, width, 1.0)  # a jump has no width at kappa = 0
                pieces.append((z[..., j], z[..., j + 1], width, z[..., j], s[..., j], tilt))
        pieces.append((z[..., -1], np.inf, np.inf, z[..., -1], s[..., -1], after))
        return pieces

    def __repr__(self) -> str:
        if type(self) is PiecewiseQuadratic:
            corners = list(zip(self.margins.tolist(), self.slopes.tolist(), strict=True))
            return f"PiecewiseQuadratic({corners}, {self.before}, {self.after}, name={self.name!r})"
        return super().__repr__()


def _density(x: Array) -> tuple[Array, Array]:
    """The normal density at x, and x times it, both 0 at infinity."""
    finite = np.where(np.isfinite(x), x, 0.0)
    density = np.where(np.isfinite(x), np.exp(-0.5 * finite * finite) / np.sqrt(2 * np.pi), 0.0)
    return density, finite * density


def _truncated(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Integrals of 1, x and x^2 over the normal density from a to b."""
    (da, xa), (db, xb) = _density(a), _density(b)
    upper = a > 0
    mass = np.where(upper, special.ndtr(-a) - special.ndtr(-b), special.ndtr(b) - special.ndtr(a))
    return mass, da - db, mass + xa - xb


def _closed(a: Array, b: Array, level: Array, tilt: Array) -> tuple[Array, Array, Array]:
    """Integrals of level + tilt x, its square, and 1 over the normal density from a to b."""
    mass, one, two = _truncated(a, b)
    return level * mass + tilt * one, level**2 * mass + 2 * level * tilt * one + tilt**2 * two, mass


def _integrated(a: Array, width: Array, value: Array, tilt: Array) -> tuple[Array, Array, Array]:
    """The same by quadrature from a to a + width, of a slope that is ``value`` at a and rises by ``tilt``."""
    nodes, weights = LEGENDRE
    half = 0.5 * width[..., None]
    step = half * (1 + nodes)
    x = a[..., None] + step
    density = half * weights * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    slope = value[..., None] + tilt[..., None] * step
    return (slope * density).sum(-1), (slope**2 * density).sum(-1), density.sum(-1)
