r"""The best alpha on a mixture.

Where both classes have one margin a.z / |F z|, with z = (1, t), the best direction is z = (F^T F)^-1 a.  If
its first coordinate is positive then t = z_1 / z_0 is the maximum.  If not, accuracy grows for ever along
the best combination of the sources alone, the solution of the same equation without the first coordinate.
Where margins differ the maximum is searched (`rmt_alpha.theory.mixtures.search`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.small_linear import solve_squares
from rmt_alpha.theory.isotropic import geometry
from rmt_alpha.theory.mixtures import search

if TYPE_CHECKING:
    from rmt_alpha.theory.mixtures.curve import MixtureCurve

Array = np.ndarray[Any, Any]

SAME = 1e-12
"""Relative difference below which the margins of two classes count as one."""

PARALLEL = 512
"""Roundings by which a row may deviate from the mean and still count as proportional to it."""


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
    t = solve_squares(each.reshape(curve.sources, -1).T, -curve.risk_slope)
    alpha = _shaped(curve, t / curve.unit)
    return Optimum(alpha, curve.risk(alpha), None, True)


def best_accuracy(curve: MixtureCurve) -> Optimum:
    """Maximum of the accuracy."""
    if not has_one_margin(curve):
        return _optimum(curve, search.best_direction(curve))
    if curve.sources > 1:
        return _optimum(curve, pooled_direction(curve))
    line, rows = curve.contrast_lines[0, 0], curve.contrast_rows[0, :, 0]
    z = _best_of_one(line, rows)
    return _optimum(curve, z if z[0] > 0 else pooled_direction(curve))


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


def has_one_margin(curve: MixtureCurve) -> bool:
    """Whether both of two classes have the same margin at every alpha."""
    lines = curve.contrast_lines
    if lines.shape[:2] != (2, 1):
        return False
    rows = curve.contrast_rows[:, :, 0]
    grams = np.swapaxes(rows, -1, -2) @ rows
    width = np.diagonal(abs(grams).max(axis=0))
    tolerance = SAME * arithmetic.square_root(np.multiply.outer(width, width))
    close = np.all(abs(grams[0] - grams[1]) <= tolerance)
    gaps, sizes = abs(lines[0, 0] - lines[1, 0]), abs(lines[:, 0]).max(axis=0)
    return bool(close and np.all(gaps <= SAME * sizes))


def pooled_direction(curve: MixtureCurve) -> Array:
    """H^-1 a of the pooled score: exact where classes share one margin, a starting point elsewhere."""
    a = curve.priors @ curve.contrast_lines.mean(axis=1)
    rows = curve.contrast_rows * arithmetic.square_root(curve.priors)[:, None, None, None]
    flat = rows.reshape(-1, len(a))
    z = solve_squares(flat, a)
    return z if z[0] > 0 else np.concatenate([0 * z[:1], solve_squares(flat[:, 1:], a[1:])])


def _optimum(curve: MixtureCurve, z: Array) -> Optimum:
    size = abs(z / search.natural_scales(curve))
    if z[0] > 0 and size[0] > search.FAR * size.max():
        t = z[1:] / z[0]
        alpha = curve.ops.ratio(t, curve.strength + 0 * t)
        # Without ridge the source may have lost its influence: the limit of alpha* is infinite, accuracy
        # constant.
        finite = bool(curve.strength != 0) or not np.any(t)
        direction, at = (None, z) if finite else (_unit(t), np.concatenate([z[:1], 0 * t]))
    else:
        finite, direction = False, _unit(z[1:])
        alpha = np.array([np.inf * x if x != 0 else 0.0 for x in direction])
        at = np.concatenate([0 * z[:1], z[1:]])
    value = curve._result(np.asarray(search.accuracy_at(curve, at)))
    return Optimum(_shaped(curve, alpha), value, direction, finite)


def _unit(vector: Array) -> Array:
    values = vector.astype(float)
    return np.asarray(values / np.linalg.norm(values))


def _shaped(curve: MixtureCurve, alpha: Array) -> Any:
    return curve._result(np.asarray(alpha[0] if curve.single else alpha))
