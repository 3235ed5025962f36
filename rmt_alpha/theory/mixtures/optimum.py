r"""The best direction of z = (1, t) on a mixture, and the t of least risk.

Where both classes have one margin a.z / |F z| the best direction is z = (F^T F)^-1 a.  If its first
coordinate is positive then t = z_1 / z_0 is the maximum.  If not, accuracy grows for ever along the best
combination of the sources alone, the solution of the same equation without the first coordinate.  Where
margins differ the maximum is searched (`rmt_alpha.theory.mixtures.search`).
"""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.small_linear import solve_squares
from rmt_alpha.theory.isotropic import geometry
from rmt_alpha.theory.mixtures import search
from rmt_alpha.theory.mixtures.contrasts import Contrasts

Array = np.ndarray[Any, Any]

PARALLEL = 512
"""Roundings by which a row may deviate from the mean and still count as proportional to it."""


def best_direction(contrasts: Contrasts) -> Array:
    """The direction of highest accuracy, with z_0 >= 0."""
    if not contrasts.one_margin:
        return search.best_direction(contrasts)
    if contrasts.sources > 1:
        return contrasts.pooled_direction()
    z = _best_of_one(contrasts.lines[0, 0], contrasts.rows[0, :, 0])
    return z if z[0] > 0 else contrasts.pooled_direction()


def is_finite(contrasts: Contrasts, z: Array) -> bool:
    """Whether the best direction belongs to a finite alpha, beyond rounding."""
    size = abs(z / contrasts.scales)
    return bool(z[0] > 0 and size[0] > search.FAR * size.max())


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
