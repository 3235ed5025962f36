"""Linear algebra of a few rows and columns, for floats and mpmath numbers alike."""

from __future__ import annotations

import mpmath
import numpy as np

from rmt_alpha._core.arithmetic import square_root
from rmt_alpha._core.types import Array


def dominant_solve(coupling: Array, row_sums: Array, right: Array) -> Array:
    """Solve N x = right for N with off-diagonal entries -coupling <= 0 and given row sums > 0.

    Elimination in terms of the row sums (Grassmann, Taksar and Heyman 1985; Alfa, Xue and Ye 2002) never
    subtracts: for ``right`` >= 0 every entry of the solution is right to a few ulps, however close N is to
    singular. ``right`` has shape (G,) or (G, m); the diagonal of ``coupling`` is ignored.
    """
    coupling, rows, x = coupling.copy(), row_sums.copy(), np.array(right)
    pivots = rows.copy()
    size = len(rows)
    for k in range(size - 1, -1, -1):
        pivots[k] = rows[k] + coupling[k, :k].sum()
        factors = coupling[:k, k] / pivots[k]
        coupling[:k, :k] += np.multiply.outer(factors, coupling[k, :k])
        rows[:k] += factors * rows[k]
        x[:k] += np.multiply.outer(factors, x[k])
    for k in range(size):
        x[k] = (x[k] + coupling[k, :k] @ x[:k]) / pivots[k]
    return x


def solve_positive(matrix: Array, right: Array) -> Array:
    """Solve matrix @ x = right for a positive definite matrix; ``right`` has shape (m, columns)."""
    if matrix.dtype != object:
        return np.asarray(np.linalg.solve(matrix, right))
    inverse = mpmath.matrix(matrix.tolist()) ** -1
    return np.array(inverse.tolist(), dtype=object).reshape(matrix.shape) @ right


def square_root_rows(gram: Array) -> Array:
    """F of shape (m, m) with F^T F = gram, for a positive semi-definite matrix.

    Cholesky with pivots chosen relative to the original diagonal, so that the scale of each coordinate, which
    for a source is arbitrary, plays no role; directions that rounding alone has left are dropped.
    """
    exact = gram.dtype == object
    epsilon = mpmath.mp.eps if exact else float(np.finfo(float).eps)
    size = len(gram)
    rest, rows = gram.copy(), 0 * gram
    scale = np.diagonal(gram).copy()
    for step in range(size):
        diagonal = np.diagonal(rest)
        relative = np.where(scale > 0, diagonal / np.where(scale > 0, scale, scale + 1), -1)
        j = int(np.argmax(relative))
        if relative[j] <= size * epsilon:
            break
        root = mpmath.sqrt(rest[j, j]) if exact else np.sqrt(rest[j, j])
        rows[step] = rest[j] / root
        rest = rest - np.multiply.outer(rows[step], rows[step])
        rest[j, :] = rest[:, j] = 0 * rest[j, j]
    return rows


def solve_squares(rows: Array, right: Array) -> Array:
    """Solve (rows^T rows) x = right; of several solutions, the one of least norm in the scale of the columns.

    A zero column, a source that is zero, gets x = 0 there.
    """
    size = (rows * rows).sum(axis=0)
    present = size > 0
    scale = np.where(present, 1 / square_root(np.where(present, size, 1 + 0 * size)), 0 * size)
    scaled = rows * scale
    if rows.dtype == object:
        gram = scaled.T @ scaled
        gram[~present, ~present] = mpmath.mpf(1)
        return np.asarray(solve_positive(gram, (scale * right)[:, None])[:, 0] * scale)
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    keep = values > max(rows.shape) * np.finfo(float).eps * values.max(initial=0.0)
    weights = np.where(keep, 1 / np.where(keep, values, 1.0) ** 2, 0.0)
    return np.asarray(vectors.T @ (weights * (vectors @ (scale * right))) * scale)
