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
from rmt_alpha.theory.low_rank.outliers import edge, increasing_root, location, moved

FEWEST, MOST = 64, 512
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
    width: FloatArray
    """Of the peaks that are too narrow for the angles, below 0 for a seen spike, shape (alphas, spikes)."""
    edge_gain: FloatArray
    """Change of the risk by keeping what lies at the upper edge, shape (alphas,)."""

    def kept(self, counts: FloatArray) -> FloatArray:
        """Change of the risk by keeping the largest ones; ``counts`` of shape (alphas, ranks)."""
        count, gain = (_series(each) for each in (self.count, self.gain))
        grid, waves = _waves(self.count.shape[1])
        reached = count[:, :1] * grid + _over(count) @ waves + self._peaks(grid[None])
        reached = np.maximum.accumulate(reached, axis=1)
        angle = np.stack([np.interp(wanted, row, grid) for wanted, row in zip(counts, reached, strict=True)])
        for _ in range(2):  # from interpolation to rounding, where the density is not tiny
            density = _sum(count, np.cos, angle)
            excess = counts - _integral(count, angle) - self._peaks(angle)
            step = np.divide(excess, density, out=np.zeros_like(angle), where=density > 1e-6)
            angle = np.clip(angle + np.clip(step, -grid[1], grid[1]), 0, np.pi)
        found = _integral(gain, angle) + self.edge_gain[:, None] * self._peaks(angle)
        return np.where(counts > 0, found, 0.0)

    def _peaks(self, angle: FloatArray) -> FloatArray:
        """Count in the narrow peaks from 0 to ``angle``, 1/2 or -1/2 each."""
        width, angle = self.width[:, None], angle[..., None]
        over = np.tan(np.minimum(angle, np.pi - 1e-9) / 2) / np.tanh(np.maximum(abs(width), 1e-12) / 2)
        return np.asarray((np.sign(width) * np.arctan(over)).sum(axis=-1) / np.pi)


def kept_in_the_bulk(model: Model, top: FloatArray, counts: FloatArray) -> FloatArray:
    """`Bulk.kept`; ``top`` is the upper edge.  Alphas by the number of angles that they need, in pieces."""
    bottom = edge(model, -1)
    peaks = _peak_widths(model, top, bottom)
    angles = _angles(top, bottom, peaks)
    found = np.empty_like(counts)
    for number in np.unique(angles):
        (rows,) = np.nonzero(angles == number)
        size = max(1, ENTRIES // (int(number) * len(model.weights)))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            piece = model if len(part) == len(top) else model.take(part)
            found[part] = bulk(piece, top[part], bottom[part], int(number), peaks[part]).kept(counts[part])
    return found


def _angles(top: FloatArray, bottom: FloatArray, peaks: FloatArray) -> IntArray:
    """How many angles resolve the poles nearest to the bulk: 1/mu, and 1/D of spikes near the edge."""
    radius = np.arccosh(1 + 2 * abs(bottom) / (top - bottom))
    near = np.where(abs(peaks) > DECAY / MOST, abs(peaks), np.inf)
    radius = np.minimum(radius, near.min(axis=1, initial=np.inf))
    wanted = np.clip(DECAY / np.maximum(radius, DECAY / MOST), FEWEST, MOST)
    return np.asarray(2 ** np.ceil(np.log2(wanted)), np.int64)


def _peak_widths(model: Model, top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Near the upper edge D = D_0 - i c phi: a peak of this width, D_0/c, shape (alphas, spikes).

    It is what the spike takes from the bulk, -1/2 of a singular value once it is seen, or is about to give.
    """
    inverse = 1 / (top[:, None] - model.d * model.T)
    mass, shape = model.weights * model.q, model.weights * model.T**2
    third, fourth = ((shape * inverse**k).sum(axis=1) for k in (3, 4))
    rise = np.sqrt((top - bottom) / 2 * third / fourth)  # dy/dphi
    strength = model.spikes**2
    pull = (inverse**2 @ mass)[:, None] * strength
    return np.asarray((1 - strength * (inverse @ mass)[:, None]) / (pull * rise[:, None]))


def bulk(
    model: Model, top: FloatArray, bottom: FloatArray, angles: int, peaks: FloatArray | None = None
) -> Bulk:
    """The bulk between its edges ``bottom`` and ``top``; without ``peaks`` all of it on the angles."""
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
    count, gain = (-each.imag / np.pi * stretch for each in (count, gain))
    edge_gain = moved(model, top, along)
    narrow = np.zeros((len(top), 0))
    if peaks is not None and peaks.size:
        narrow = np.where(abs(peaks) > DECAY / MOST, 0.0, peaks)
        width = narrow[..., None]
        inside = np.sinh(width) / (2 * np.pi * (np.cosh(width) - np.cos(angle)))
        count = count - inside.sum(axis=1)
        gain = gain - edge_gain[:, None] * inside.sum(axis=1)
    return Bulk(location(model, mu).real, stretch, count, gain, narrow, edge_gain)


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
    series: FloatArray = fft.dct(density, axis=1) / density.shape[1]
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
