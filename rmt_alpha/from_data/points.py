"""Alphas as points z = (1, alpha), and as directions (0, d) where accuracy is best at infinity."""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.design import Array


def as_point(alpha: Array) -> Array:
    """(1, alpha), or (0, signs of the infinite entries) if any entry is infinite."""
    alpha = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    infinite = np.isinf(alpha)
    if infinite.any():
        return np.concatenate([[0.0], np.where(infinite, np.sign(alpha), 0.0)])
    return np.concatenate([[1.0], alpha])


def as_alpha(point: Array) -> Array:
    """The alpha of a point; for a direction (0, d), infinities with the signs of d."""
    if point[0] > 0:
        return np.asarray(point[1:] / point[0])
    return np.asarray(np.where(point[1:] == 0, 0.0, np.copysign(np.inf, point[1:])))


def normalised(point: Array) -> Array:
    """(1, alpha) if the first coordinate is positive, else a direction (0, d) of length 1."""
    size = np.abs(point[1:]).max(initial=0.0)
    # Where alpha would overflow, the direction says the same.
    if point[0] > size * 1e-150:
        return np.asarray(point / point[0])
    if size == 0:
        return np.concatenate([[1.0], np.zeros(point.size - 1)])
    direction = point[1:] / size
    return np.concatenate([[0.0], direction / np.linalg.norm(direction)])
