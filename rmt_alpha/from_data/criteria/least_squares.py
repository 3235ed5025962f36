"""Least squares for alpha, one small system or many."""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.design import Array


def least_squares(gram: Array) -> Array:
    """(1, alpha) that minimises (1, -alpha) gram (1, -alpha)^T; (..., 1 + k) for (..., 1 + k, 1 + k)."""
    alpha = solve_scaled(gram[..., 1:, 1:], gram[..., 1:, 0])
    return np.concatenate([np.ones((*alpha.shape[:-1], 1)), alpha], axis=-1)


def solve_scaled(squares: Array, products: Array) -> Array:
    """The solution (..., k) of squares alpha = products, for positive semidefinite squares (..., k, k).

    Sources that are parallel share what they have in common (least norm in the scale of their scores), and
    silent ones get 0.
    """
    scale = np.sqrt(np.maximum(np.einsum("...aa->...a", squares), 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    unit = squares / (scale[..., :, None] * scale[..., None, :])
    inverse = np.linalg.pinv(unit, rcond=1e-12, hermitian=True)
    return np.asarray(np.einsum("...ab,...b->...a", inverse, products / scale) / scale)
