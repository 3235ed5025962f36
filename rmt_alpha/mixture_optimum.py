r"""The best alpha on a mixture.

Where both classes have the same margin a.z / sqrt(z H z), with z = (1, t), the best direction is z = H^-1 a: if its
first coordinate is positive then t = z_1/z_0 is the maximum and the squared margin there is a H^-1 a; if not, accuracy
grows for ever along the best combination of the sources alone, G^-1 a_1, with G the block of H that belongs to them.
Otherwise sum_c pi_c Phi(margin_c) is maximised numerically over the half-sphere of directions z with z_0 >= 0, on
which it is smooth, from this and other starting points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from scipy import optimize

from rmt_alpha import _arithmetic as arithmetic
from rmt_alpha.small_linear import solve_positive

if TYPE_CHECKING:
    from rmt_alpha.mixture_curve import MixtureCurve

Array = np.ndarray[Any, Any]

SAME = 1e-12
"""Relative difference below which the margins of two classes count as one."""
@dataclass(frozen=True, eq=False)
class Optimum:
    """The best alpha.

    Attributes
    ----------
    alpha : float, mpf or ndarray of shape (k,)
        Infinite entries: no finite alpha is best.
    value : float or mpf
        Accuracy or risk there; its supremum if alpha is infinite.
    direction : ndarray of shape (k,) or None
        For infinite alpha, the proportions in which its components grow; None for a finite alpha.
    finite : bool
        Whether alpha is finite.
    """

    alpha: Any
    value: Any
    direction: Array | None
    finite: bool


def best_risk(curve: MixtureCurve) -> Optimum:
    """Minimum of the risk, a quadratic function of alpha."""
    rows = np.concatenate([curve.miss[:, None], curve.spread], axis=1)[..., 1:]
    each = np.moveaxis(rows, -1, 0) * arithmetic.square_root(curve.priors)[:, None, None]
    flat = each.reshape(curve.sources, -1)
    t = _solve(flat @ flat.T, -curve.risk_slope)
    alpha = _shaped(curve, t / curve.unit)
    return Optimum(alpha, curve.risk(alpha), None, True)


def best_accuracy(curve: MixtureCurve) -> Optimum:
    """Maximum of the accuracy."""
    z = best_direction(curve) if has_one_margin(curve) else numerical_direction(curve)
    return _optimum(curve, z)


def has_one_margin(curve: MixtureCurve) -> bool:
    """Whether both of two classes have the same margin at every alpha."""
    lines = curve.contrast_lines
    if lines.shape[:2] != (2, 1):
        return False
    rows = curve.contrast_rows[:, :, 0]
    grams = np.swapaxes(rows, -1, -2) @ rows
    width = abs(grams).max(axis=0)
    width = np.diagonal(width)
    tolerance = SAME * arithmetic.square_root(np.multiply.outer(width, width))
    close = np.all(abs(grams[0] - grams[1]) <= tolerance)
    gaps, sizes = abs(lines[0, 0] - lines[1, 0]), abs(lines[:, 0]).max(axis=0)
    return bool(close and np.all(gaps <= SAME * sizes))


def best_direction(curve: MixtureCurve) -> Array:
    """H^-1 a of the pooled score: exact where classes share one margin, a starting point elsewhere."""
    weights = curve.priors if curve.contrast_lines.shape[1] == 1 else curve.priors[:, None]
    a = (weights.reshape(-1, 1, 1) * curve.contrast_lines).mean(axis=1).sum(axis=0)
    rows = curve.contrast_rows * arithmetic.square_root(curve.priors)[:, None, None, None]
    flat = np.moveaxis(rows, -1, 0).reshape(len(a), -1)
    z = _solve(flat @ flat.T, a)
    if z[0] > 0:
        return z
    return np.concatenate([0 * z[:1], _solve(flat[1:] @ flat[1:].T, a[1:])])


def _optimum(curve: MixtureCurve, z: Array) -> Optimum:
    scale = abs(z / _scales(curve))
    if z[0] > 0 and scale[0] > 1e-13 * scale.max():
        t = z[1:] / z[0]
        alpha = curve.ops.ratio(t, curve.strength + 0 * t)
        finite = bool(curve.strength != 0) or not np.any(t)
        direction = None if finite else _unit(t)
        at = z if finite else np.concatenate([z[:1], 0 * t])
        value = _accuracy(curve, at)
        return Optimum(_shaped(curve, alpha), curve._result(np.asarray(value)), direction, finite)
    direction = _unit(z[1:])
    alpha = np.array([np.inf * x if x != 0 else 0.0 for x in direction])
    value = _accuracy(curve, np.concatenate([0 * z[:1], z[1:]]))
    return Optimum(_shaped(curve, alpha), curve._result(np.asarray(value)), direction, False)


def _unit(vector: Array) -> Array:
    values = vector.astype(float)
    return np.asarray(values / np.linalg.norm(values))


def _shaped(curve: MixtureCurve, alpha: Array) -> Any:
    return curve._result(np.asarray(alpha[0] if curve.single else alpha))


def _solve(matrix: Array, right: Array) -> Array:
    """matrix^-1 right; where a source is zero or a combination of others, the solution of least norm."""
    size = np.diagonal(matrix)
    scale = np.where(size > 0, 1 / arithmetic.square_root(np.where(size > 0, size, 1)), 0 * size)
    scaled = matrix * np.multiply.outer(scale, scale)
    if matrix.dtype == object:
        empty = size == 0
        scaled[empty, empty] = mpmath.mpf(1)
        return np.asarray(solve_positive(scaled, (scale * right)[:, None])[:, 0] * scale)
    solution = np.linalg.lstsq(scaled, scale * right, rcond=len(matrix) * np.finfo(float).eps)[0]
    return np.asarray(solution * scale)
