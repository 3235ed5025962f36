r"""Search for the alpha of highest accuracy where no formula knows it.

The accuracy sum_c pi_c Phi(margin_c) depends on the direction of z = (1, t) only.  It is smooth on the
half-sphere of directions with z_0 >= 0, whose boundary is infinite alpha.  One source leaves half a circle,
which is scanned before the best point is refined; several are climbed from the best direction of the pooled
score, from no source, from the best point of each source alone and from infinity.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from scipy import optimize

from rmt_alpha._core import arithmetic

if TYPE_CHECKING:
    from rmt_alpha.theory.mixtures.curve import MixtureCurve

Array = np.ndarray[Any, Any]

FLAT = 1e-15
"""Differences of accuracies, and slopes, that are rounding."""
FAR = 1e-13
"""Share of z_0 in the direction below which alpha counts as infinite."""
NEAR = 1e-4
"""How far a maximum in high precision may be from the one in float64, which is good to half its digits."""
ANGLES = {True: 721, False: 46}
"""Directions tried for one source before the best is refined: many where accuracy has a closed form."""


def best_direction(curve: MixtureCurve) -> Array:
    """Maximiser of the accuracy over directions z."""
    if curve.dps is not None:
        return _polished(curve, best_direction(in_floats(curve)))
    scales = natural_scales(curve)
    if curve.sources == 1:
        return _best_angle(curve, scales)
    from rmt_alpha.theory.mixtures.optimum import pooled_direction

    pooled = pooled_direction(curve)
    starts = [pooled, np.eye(len(scales))[0], np.concatenate([[0.0], pooled[1:]])]
    for unit in np.eye(curve.sources):
        z = best_direction(curve.along(unit))
        starts.append(np.concatenate([z[:1], z[1] * unit]))
    ends = [_climb(curve, start / scales, scales) for start in starts]
    return max(ends, key=lambda z: float(accuracy_at(curve, z)))


def accuracy_at(curve: MixtureCurve, z: Array) -> Any:
    """Accuracy in directions z, shape (..., 1 + k)."""
    return curve._class_accuracy(z)[0] @ curve.priors


def natural_scales(curve: MixtureCurve) -> Array:
    """Units of the coordinates of z: those in which each alone has a score of variance 1."""
    size = arithmetic.square_root((curve.contrast_rows**2).sum(axis=(0, 1, 2)))
    return np.where(size > 0, 1 / np.where(size > 0, size, 1), 1 + 0 * size)


def gradient(curve: MixtureCurve, z: Array) -> Array:
    """Gradient in z of sum_c pi_c Phi(margin_c)."""
    lines, rows = curve.contrast_lines[:, 0], curve.contrast_rows[:, :, 0]
    parts = rows @ z
    sigma = arithmetic.square_root((parts * parts).sum(axis=1))
    margin = lines @ z / sigma
    pull = np.einsum("cj,cjz->cz", parts, rows)
    slopes = lines / sigma[:, None] - (margin / (sigma * sigma))[:, None] * pull
    density = curve.ops.exp(-margin * margin / 2) / arithmetic.square_root(2 * curve.ops.pi)
    return np.asarray((curve.priors * density) @ slopes)


def in_floats(curve: MixtureCurve) -> MixtureCurve:
    """The same curve in float64."""
    return replace(
        curve,
        strength=float(curve.strength),
        unit=float(curve.unit),
        center=curve.center.astype(float),
        miss=curve.miss.astype(float),
        spread=curve.spread.astype(float),
        risk_slope=curve.risk_slope.astype(float),
        priors=curve.priors.astype(float),
        dps=None,
    )


def _best_angle(curve: MixtureCurve, scales: Array) -> Array:
    def direction(angle: Any) -> Array:
        return np.stack([np.cos(angle) * scales[0], np.sin(angle) * scales[1]], axis=-1)

    def slope(angle: float) -> float:
        turn = np.array([-np.sin(angle), np.cos(angle)]) * scales
        return float(gradient(curve, direction(angle)) @ turn)

    exact = curve.contrast_lines.shape[1] == 1
    angles = np.linspace(-np.pi / 2, np.pi / 2, ANGLES[exact])
    points = direction(angles)
    points[[0, -1], 0] = 0.0
    values = accuracy_at(curve, points)
    best = int(np.argmax(values))
    low, high = angles[max(best - 1, 0)], angles[min(best + 1, len(angles) - 1)]
    rise = values[best] - accuracy_at(curve, direction(0.0))
    if rise <= FLAT and (not exact or abs(slope(0.0)) <= FLAT):
        return direction(0.0)  # nothing beats alpha = 0, as for a source without influence
    if exact and slope(low) > 0 > slope(high):
        return direction(optimize.brentq(slope, low, high, xtol=1e-15, rtol=1e-15))
    if best in (0, len(angles) - 1):
        return np.asarray(points[best])
    found = optimize.minimize_scalar(
        lambda x: -accuracy_at(curve, direction(x)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return direction(found.x if -found.fun >= values[best] else angles[best])


def _climb(curve: MixtureCurve, start: Array, scales: Array) -> Array:
    """Local maximum over the half-sphere in scaled coordinates u, reached from ``start``; z = u scales."""
    exact = curve.contrast_lines.shape[1] == 1
    boundary = start[0] <= 0
    keep = np.arange(len(start)) > 0 if boundary else np.ones(len(start), bool)

    def point(v: Array) -> Array:
        u = np.zeros(len(scales))
        u[keep] = v
        # The other half of the sphere holds the negatives of classifiers, which no alpha gives.
        u[0] = abs(u[0])
        return u * scales / np.linalg.norm(u)

    def loss(v: Array) -> float:
        return -float(accuracy_at(curve, point(v)))

    def slope(v: Array) -> Array:
        full = -gradient(curve, point(v)) * scales / np.linalg.norm(v)
        full[0] *= -1 if v[0] < 0 and not boundary else 1
        return np.asarray(full[keep])

    v = start[keep] / max(float(np.linalg.norm(start[keep])), 1e-300)
    found = optimize.minimize(loss, v, jac=slope if exact else None, method="BFGS", options={"gtol": 1e-13})
    v = found.x if found.fun <= loss(v) else v
    v = v / np.linalg.norm(v)
    if exact:
        # A maximum is flat: BFGS stops at half the digits.  Newton's method on the gradient, in the chart
        # where the largest coordinate is fixed, finds the others.
        free = np.arange(len(v)) != int(np.argmax(abs(v)))

        def chart(x: Array) -> Array:
            w = v.copy()
            w[free] = x
            return w

        polished = optimize.root(lambda x: slope(chart(x))[free], v[free], tol=1e-14)
        if loss(chart(polished.x)) <= loss(v) + FLAT:
            v = chart(polished.x)
    return point(v)


def _polished(curve: MixtureCurve, z: Array) -> Array:
    """A maximum known in float64, to the precision of the curve."""
    if z[0] <= FAR * abs(z / natural_scales(in_floats(curve))).max():
        raise ValueError("alpha* is infinite, and its direction is known in float64 only: use dps=None")
    start = [mpmath.mpf(float(x)) for x in z[1:] / z[0]]

    def equations(*t: Any) -> list[Any]:
        return list(gradient(curve, np.array([mpmath.mpf(1), *t], dtype=object))[1:])

    root = mpmath.findroot(
        equations, start, tol=mpmath.mp.eps ** mpmath.mpf("1.5"), maxsteps=60, verify=False
    )
    values = list(root) if isinstance(root, mpmath.matrix) else [root]
    if max(abs(x - s) / (abs(s) + 1) for x, s in zip(values, start, strict=True)) > NEAR:
        raise ArithmeticError(
            f"the maximum near alpha * strength = {z[1:] / z[0]} could not be refined; use dps=None"
        )
    return np.array([mpmath.mpf(1), *values], dtype=object)
