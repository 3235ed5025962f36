r"""The best direction of z = (1, t) on a mixture, and the t of least risk.

Where both classes have one margin a.z / |F z| the best direction is z = (F^T F)^-1 a.  If its first
coordinate is positive then t = z_1 / z_0 is the maximum.  If not, accuracy grows for ever along the best
combination of the sources alone, the solution of the same equation without the first coordinate.

Where margins differ the maximum is searched.  The accuracy sum_c pi_c Phi(margin_c) is smooth on the
half-sphere of directions with z_0 >= 0, whose boundary is infinite alpha.  One source leaves half a circle,
which is scanned before the best point is refined; several are climbed from the best direction of the pooled
score, from no source, from the best point of each source alone and from infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from scipy import optimize

from rmt_alpha._core import arithmetic
from rmt_alpha._core.small_linear import solve_squares
from rmt_alpha._core.types import Array
from rmt_alpha.theory.isotropic import geometry
from rmt_alpha.theory.mixtures.contrasts import Contrasts
from rmt_alpha.theory.mixtures.integrated_optimum import FLAT, best_by_integrals, on_half_sphere
from rmt_alpha.theory.searches import SATURATED

PARALLEL = 512
"""Roundings by which a row may deviate from the mean and still count as proportional to it."""
TIE, MANY = 2e-15, 5
"""Differences of accuracies that rounding may hide, and angles within it of the best that are suspicious."""
FAR = 1e-13
"""Share of z_0 in the direction below which alpha counts as infinite."""
NEAR = 1e-4
"""How far a maximum in high precision may be from the one in float64, which is good to half its digits."""
ANGLES = 721
"""Directions tried for one source before the best is refined."""


def best_direction(contrasts: Contrasts) -> Array:
    """The direction of highest accuracy, with z_0 >= 0."""
    if not contrasts.one_margin:
        return searched_direction(contrasts)
    if contrasts.sources > 1:
        return contrasts.pooled_direction()
    z = _best_of_one(contrasts.lines[0, 0], contrasts.rows[0, :, 0])
    return z if z[0] > 0 else contrasts.pooled_direction()


def is_finite(contrasts: Contrasts, z: Array) -> bool:
    """Whether the best direction belongs to a finite alpha, beyond rounding."""
    size = abs(z / contrasts.scales)
    return bool(z[0] > 0 and size[0] > FAR * size.max())


def least_risk(miss: Array, rows: Array, priors: Array, slope: Array) -> Array:
    """The t of least risk, a quadratic function whose half derivative at 0 is ``slope``; shape (k,)."""
    squares = np.concatenate([miss[:, None], rows], axis=1)[..., 1:]
    each = np.moveaxis(squares, -1, 0) * arithmetic.square_root(priors)[:, None, None]
    return np.asarray(solve_squares(each.reshape(len(slope), -1).T, -slope))


def _best_of_one(line: Array, rows: Array) -> Array:
    """The same maximum as H^-1 a for one source, with fewer roundings.

    Deviations that are proportional to the mean do not matter; if all others are small, what rounding leaves
    of them would.
    """
    epsilon = mpmath.mp.eps if rows.dtype == object else float(np.finfo(float).eps)
    parts = np.stack([rows[:, 0] * line[1], -rows[:, 1] * line[0]])
    across = abs(parts.sum(axis=0)) > PARALLEL * epsilon * abs(parts).sum(axis=0)
    pairs = tuple((row[0], row[1]) for row in rows[across])
    return np.array(
        geometry.best_direction((line[0], line[1]), pairs) if pairs else (1 + 0 * line[0], 0 * line[0])
    )


# --- the search, where no formula knows the maximum ---------------------------------------------------------


def searched_direction(contrasts: Contrasts) -> Array:
    """Maximiser of the accuracy over directions z."""
    if contrasts.dps is not None:
        return _polished(contrasts, searched_direction(contrasts.in_floats()))
    scales = contrasts.scales
    if not contrasts.exact:
        return best_by_integrals(contrasts, scales)
    if contrasts.sources == 1:
        return _best_angle(contrasts, scales)
    pooled, alone = contrasts.pooled_direction(), np.eye(len(scales))[0]
    starts = [pooled, alone, np.concatenate([[0.0], pooled[1:]])]
    for source, unit in enumerate(np.eye(contrasts.sources)):
        z = searched_direction(contrasts.of_source(source))
        starts.append(np.concatenate([z[:1], z[1] * unit]))
    best, highest = _best_end(contrasts.accuracy, contrasts.gradient, starts, scales)
    if highest > SATURATED:
        best, _ = _best_end(contrasts.margin, contrasts.margin_gradient, starts, scales)
    return best


def _best_end(
    value: Callable[[Array], Any], gradient: Callable[[Array], Array], starts: list[Array], scales: Array
) -> tuple[Array, float]:
    """The highest of the maxima climbed from the starts, the second of which has no source, and its value."""
    ends = [_climb(value, gradient, start / scales, scales) for start in starts if np.any(start)]
    best, alone = max(ends, key=lambda z: float(value(z))), starts[1]
    highest = float(value(best))
    if highest - float(value(alone)) > FLAT * max(1.0, abs(highest)):
        return best, highest
    flat = np.max(abs(gradient(alone) * scales)) <= FLAT * scales[0]
    return (alone if flat else best), highest  # nothing beats alpha = 0


def _best_angle(contrasts: Contrasts, scales: Array) -> Array:
    def direction(angle: Any) -> Array:
        return np.stack([np.cos(angle) * scales[0], np.sin(angle) * scales[1]], axis=-1)

    def slope(angle: float) -> float:
        turn = np.array([-np.sin(angle), np.cos(angle)]) * scales
        return float(contrasts.scaled_gradient(direction(angle)) @ turn)

    angles = np.linspace(-np.pi / 2, np.pi / 2, ANGLES)
    points = direction(angles)
    points[[0, -1], 0] = 0.0
    values = contrasts.accuracy(points)
    if np.count_nonzero(values >= values.max() - TIE) > MANY:
        return _settled(contrasts, direction, slope, angles)
    best = int(np.argmax(values))
    low, high = angles[max(best - 1, 0)], angles[min(best + 1, len(angles) - 1)]
    rise = values[best] - contrasts.accuracy(direction(0.0))
    if rise <= FLAT and abs(slope(0.0)) <= FLAT:
        return direction(0.0)  # nothing beats alpha = 0, as for a source without influence
    if slope(low) > 0 > slope(high):
        return direction(optimize.brentq(slope, low, high, xtol=1e-15, rtol=1e-15))
    if best in (0, len(angles) - 1):
        return np.asarray(points[best])
    found = optimize.minimize_scalar(
        lambda x: -contrasts.accuracy(direction(x)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return direction(found.x if -found.fun >= values[best] else angles[best])


def _settled(
    contrasts: Contrasts, direction: Callable[[Any], Array], slope: Callable[[float], float], angles: Array
) -> Array:
    """The maximum where rounding hides which it is: of all zeros of the slope, in higher precision.

    An angle of no advantage over alpha = 0 is none.
    """
    slopes = np.array([slope(angle) for angle in angles])
    tops = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
    found = [optimize.brentq(slope, angles[i], angles[i + 1], xtol=1e-15, rtol=1e-15) for i in tops]
    candidates = [direction(angle) for angle in (0.0, *found)]
    for end in (direction(angles[0]), direction(angles[-1])):
        end[0] = 0.0
        candidates.append(end)
    values = [contrasts.lead(z, candidates[0]) for z in candidates]
    return candidates[int(np.argmax(values))]


def _climb(
    value: Callable[[Array], Any], gradient: Callable[[Array], Array], start: Array, scales: Array
) -> Array:
    """Local maximum over the half-sphere in scaled coordinates u, reached from ``start``; z = u scales."""
    boundary = start[0] <= 0
    keep = np.arange(len(start)) > 0 if boundary else np.ones(len(start), bool)

    def point(v: Array) -> Array:
        return on_half_sphere(v, keep) * scales

    def loss(v: Array) -> float:
        return -float(value(point(v)))

    def slope(v: Array) -> Array:
        full = -gradient(point(v)) * scales / np.linalg.norm(v)
        full[0] *= -1 if v[0] < 0 and not boundary else 1
        return np.asarray(full[keep])

    v = start[keep] / max(float(np.linalg.norm(start[keep])), 1e-300)
    found = optimize.minimize(loss, v, jac=slope, method="BFGS", options={"gtol": 1e-13})
    v = found.x if found.fun <= loss(v) else v
    v = v / np.linalg.norm(v)
    # A maximum is flat: BFGS stops at half the digits.  Newton's method on the gradient, in the chart where
    # the largest coordinate is fixed, finds the others.
    free = np.arange(len(v)) != int(np.argmax(abs(v)))

    def chart(x: Array) -> Array:
        w = v.copy()
        w[free] = x
        return w

    polished = optimize.root(lambda x: slope(chart(x))[free], v[free], tol=1e-14)
    if loss(chart(polished.x)) <= loss(v) + FLAT * max(1.0, abs(loss(v))):
        v = chart(polished.x)
    return point(v)


def _polished(contrasts: Contrasts, z: Array) -> Array:
    """A maximum known in float64, to the precision of the contrasts."""
    if z[0] <= FAR * abs(z / contrasts.in_floats().scales).max():
        raise ValueError("alpha* is infinite, and its direction is known in float64 only: use dps=None")
    start = [mpmath.mpf(float(x)) for x in z[1:] / z[0]]

    def equations(*t: Any) -> list[Any]:
        return list(contrasts.gradient(np.array([mpmath.mpf(1), *t], dtype=object))[1:])

    root = mpmath.findroot(
        equations, start, tol=mpmath.mp.eps ** mpmath.mpf("1.5"), maxsteps=60, verify=False
    )
    values = list(root) if isinstance(root, mpmath.matrix) else [root]
    if max(abs(x - s) / (abs(s) + 1) for x, s in zip(values, start, strict=True)) > NEAR:
        raise ArithmeticError(
            f"the maximum near alpha * kappa_max = {z[1:] / z[0]} could not be refined; use dps=None"
        )
    return np.array([mpmath.mpf(1), *values], dtype=object)
