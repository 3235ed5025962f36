r"""The singular values in the bulk, and what keeping the largest of them does to the risk.

On the bulk mu = x + i y is complex, and Im z(mu) = 0 says

    d tr T^2 / ((x - d T)^2 + y^2) = 1:

for every x one root y^2, monotone in y^2.  So x parametrises the bulk, x = middle + half cos(phi).  Number of
singular values and change of the risk have as densities -1/pi times the imaginary parts of

    d/mu + sum_i (dD_i/dz)/D_i      and      d tr T'/(mu - d T) - sum_i D_i'/D_i,

D_i = 1 - theta_i^2 (1/p) tr q/(mu - d T), the primes being rates along `risk_direction` at fixed z.  These
are the derivatives of log det(z - M M^T): its first part is the noise, of order d, and D_i what a spike,
seen or not, leaves in the bulk, of order 1.  With both, the sum over all ranks is that of the full
correction, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from rmt_alpha._core.types import Array, FloatArray, IntArray
from rmt_alpha.theory.low_rank.model import Model
from rmt_alpha.theory.low_rank.outliers import edge, increasing_root, location

FEWEST, MOST = 64, 1024
"""Angles: powers of two."""
DECAY = 20.0
"""Cosine series end where their terms have fallen by this many powers of e."""
ENTRIES = 1 << 21
"""Alphas x angles x nodes that are held at a time."""


@dataclass(frozen=True)
class Bulk:
    """Densities at the angles (j + 1/2) pi/angles, per unit of phi, shape (alphas, angles)."""

    location: FloatArray
    """z, from the upper edge down."""
    stretch: FloatArray
    """-dz/dphi."""
    count: FloatArray
    gain: FloatArray
    """Change of the risk by keeping what lies there."""

    def kept(self, counts: FloatArray) -> FloatArray:
        """Change of the risk by keeping the largest ones; ``counts`` of shape (alphas, ranks)."""
        count, gain = (_series(each) for each in (self.count, self.gain))
        grid, waves = _waves(self.count.shape[1])
        reached = np.maximum.accumulate(count[:, :1] * grid + _over(count) @ waves, axis=1)
        angle = np.stack([np.interp(wanted, row, grid) for wanted, row in zip(counts, reached, strict=True)])
        for _ in range(2):  # from interpolation to rounding, where the density is not tiny
            density = _sum(count, np.cos, angle)
            step = np.divide(
                counts - _integral(count, angle), density, out=np.zeros_like(angle), where=density > 1e-6
            )
            angle = np.clip(angle + np.clip(step, -grid[1], grid[1]), 0, np.pi)
        return _integral(gain, angle)


def kept_in_the_bulk(model: Model, top: FloatArray, counts: FloatArray) -> FloatArray:
    """`Bulk.kept`; ``top`` is the upper edge.  Alphas by the number of angles that they need, in pieces."""
    bottom = edge(model, -1)
    angles = _angles(model, top, bottom)
    found = np.empty_like(counts)
    for number in np.unique(angles):
        (rows,) = np.nonzero(angles == number)
        size = max(1, ENTRIES // (int(number) * len(model.weights)))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            piece = model if len(part) == len(top) else model.take(part)
            found[part] = bulk(piece, top[part], bottom[part], int(number)).kept(counts[part])
    return found


def _angles(model: Model, top: FloatArray, bottom: FloatArray) -> IntArray:
    """How many angles resolve the poles nearest to the bulk: 1/mu, and 1/D of a spike near the edge."""
    half = (top - bottom) / 2
    radius = np.arccosh(1 + abs(bottom) / half)
    if model.spikes.size:
        inverse = 1 / (top[:, None] - model.d * model.T)
        mass = model.p * model.weights * model.T**2
        third, fourth = ((mass * inverse**k).sum(axis=1) for k in (3, 4))
        rise = np.sqrt(half * third / fourth)  # dy/dphi at the upper edge
        strength = model.spikes**2
        at_top = 1 - strength * (inverse @ (model.weights * model.q))[:, None]
        pull = strength * (inverse**2 @ (model.weights * model.q))[:, None]
        radius = np.minimum(radius, (abs(at_top) / (pull * rise[:, None])).min(axis=1))
    wanted = np.clip(DECAY / np.maximum(radius, DECAY / MOST), FEWEST, MOST)
    return np.asarray(2 ** np.ceil(np.log2(wanted)), np.int64)


def bulk(model: Model, top: FloatArray, bottom: FloatArray, angles: int) -> Bulk:
    """The bulk between its edges ``bottom`` and ``top``."""
    half = ((top - bottom) / 2)[:, None]
    angle = (np.arange(angles) + 0.5) * np.pi / angles
    mu = _on_the_bulk(model, bottom[:, None] + half * (1 + np.cos(angle)))
    inverse = 1 / (mu[..., None] - (model.d * model.T)[:, None])
    squared = inverse * inverse
    along = model.risk_direction()
    trace = model.p * model.weights

    def total(power: Array, values: FloatArray) -> Array:
        # sum over nodes; values of shape (alphas, nodes) or (nodes,)
        if values.ndim == 1:
            return np.asarray(power @ values)
        return np.asarray((power @ values[..., None])[..., 0])

    slope = 1 - total(squared, model.d * trace * model.T**2)
    mu_rate = -(mu**2) * total(squared, trace * along.T) / slope  # at fixed z
    count, gain = model.d / mu, model.d * total(inverse, trace * along.T)
    if model.spikes.size:
        strength = (model.spikes**2)[:, None, None]
        mass = model.weights * model.q
        pull = total(squared, mass)
        D = 1 - strength * total(inverse, mass)
        fall = total(inverse, model.weights * along.q) + total(squared, mass * model.d * along.T)
        count = count + (strength * pull / slope / D).sum(axis=0)
        gain = gain + (strength * (fall - mu_rate * pull) / D).sum(axis=0)
    stretch = half * np.sin(angle) / (1 / slope).real
    return Bulk(
        location(model, mu).real, stretch, -count.imag / np.pi * stretch, -gain.imag / np.pi * stretch
    )


def _on_the_bulk(model: Model, x: FloatArray) -> Array:
    """mu = x + i y; y^2 by Newton's steps for 1/f - 1, which is concave, from Jensen's lower bound."""
    mass = model.d * model.p * model.weights * model.T**2
    distance = (x[..., None] - (model.d * model.T)[:, None]) ** 2
    total = mass.sum(axis=1)[:, None]
    mean = (distance @ mass[..., None])[..., 0] / total

    def newton(square: FloatArray) -> FloatArray:
        inverse = 1 / (distance + square[..., None])
        f = (inverse @ mass[..., None])[..., 0]
        return np.asarray((f * f - f) / ((inverse * inverse) @ mass[..., None])[..., 0])

    square = increasing_root(np.maximum(total - mean, 0.0), newton, total + 0 * x)
    return np.asarray(x + 1j * np.sqrt(square))


def _series(density: FloatArray) -> FloatArray:
    """Coefficients of its cosine series, shape (alphas, angles)."""
    series = np.asarray(fft.dct(density, axis=1)) / density.shape[1]
    series[:, 0] /= 2
    return series


def _sum(series: FloatArray, function: np.ufunc, angle: FloatArray) -> FloatArray:
    waves = function(angle[..., None] * np.arange(series.shape[1]))
    return np.asarray((waves @ series[..., None])[..., 0])


def _over(series: FloatArray) -> FloatArray:
    """Coefficients of the sines in its integral."""
    order = np.arange(series.shape[1])
    return np.divide(series, order, out=np.zeros_like(series), where=order > 0)


def _integral(series: FloatArray, angle: FloatArray) -> FloatArray:
    """From 0 to ``angle``, shape (alphas, ranks)."""
    return np.asarray(series[:, :1] * angle + _sum(_over(series), np.sin, angle))


@lru_cache
def _waves(angles: int) -> tuple[FloatArray, FloatArray]:
    grid = np.linspace(0, np.pi, 4 * angles + 1)
    return grid, np.sin(np.arange(angles)[:, None] * grid)
