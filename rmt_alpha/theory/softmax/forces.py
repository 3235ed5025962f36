r"""What softmax does to a training sample: the proximal point of its scores, and Gaussian averages of it.

Adding a constant to all K scores changes nothing, so scores are vectors of d = K - 1 coordinates r in an
orthonormal basis E (K, d) of the contrasts, and the loss of the label t is

    l(t, r) = log sum_k exp (E r)_k - (E r)_t.

A sample whose scores would be r without it ends at y = argmin l(t, y) + (y - r)^T V^-1 (y - r) / 2, and pulls
with the force f = V^-1 (y - r) = E^T (t - softmax(E y)), which falls at the rate
Theta = -df/dr = (I + H V)^-1 H,  H = E^T (diag s - s s^T) E.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import Array

CACHED = 1 << 16
"""Entries of the matrices that are worked on at a time."""
STEPS = 300
"""More Newton steps than the farthest start needs."""
NEAR = 0.5
"""Change of a difference of scores up to which a full Newton step is sure to converge quadratically."""
ENOUGH = 1e-5
"""Last change of a difference of scores: what is left is about its square."""
DESCENT = 0.1
"""Share of the predicted fall that a full step from afar must bring."""


class Forces(NamedTuple):
    """Averages over samples of one class with one label, and the force at every node."""

    pull: Array
    """E f, shape (d,)."""
    power: Array
    """E f f^T, shape (d, d)."""
    stiffness: Array
    """E Theta, shape (d, d)."""
    nodes: Array
    """f, shape (d, N): a start for scores nearby."""


def contrast_basis(classes: int) -> Array:
    """Orthonormal columns that sum to zero, shape (K, K - 1) (Helmert's)."""
    return np.asarray(linalg.helmert(classes).T)


def forces(basis: Array, label: int, scores: Array, root: Array, weights: Array, start: Array) -> Forces:
    """Averages with ``weights`` (N,) over ``scores`` (d, N), V = root root^T; ``start`` is an f (d, N)."""
    d = len(root)
    pull, power, bend, nodes = np.zeros(d), np.zeros((d, d)), np.zeros((d, d)), np.empty_like(start)
    size = max(CACHED // d**2, 64)
    for first in range(0, len(weights), size):
        part = slice(first, first + size)
        move = proximal_point(basis, label, scores[:, part], root, root.T @ start[:, part])
        chance = softmax(basis @ (scores[:, part] + root @ move))
        force = nodes[:, part] = basis[label][:, None] - basis.T @ chance
        weighted = force * weights[part]
        pull += weighted.sum(axis=1)
        power += weighted @ force.T
        bend += _stiffness(basis, chance, root, weights[part])
    return Forces(pull, power, bend, nodes)


def _stiffness(basis: Array, chance: Array, root: Array, weights: Array) -> Array:
    """Weighted sum of Theta = H - H V^(1/2) (I + V^(1/2) H V^(1/2))^-1 V^(1/2) H, the second a square."""
    bend = _curvature(basis, chance)
    factor = _cholesky(_curvature(basis @ root, chance), 1.0)
    half = _forward(factor, np.tensordot(root.T, bend, axes=1)) * np.sqrt(weights)
    flat = half.transpose(1, 0, 2).reshape(len(root), -1)
    return np.asarray(bend @ weights - flat @ flat.T)


def softmax(full: Array) -> Array:
    """exp z_k / sum_l exp z_l for scores z (K, N); scipy's takes three times as long."""
    powers = np.exp(full - full.max(axis=0))
    return np.asarray(powers / powers.sum(axis=0))


def log_sum_exp(full: Array) -> Array:
    """log sum_k exp z_k for scores z (K, N), shape (N,)."""
    largest = full.max(axis=0)
    return np.asarray(largest + np.log(np.exp(full - largest).sum(axis=0)))


def label_loss(basis: Array, label: int, scores: Array) -> Array:
    """l(t, r) for scores (d, N), shape (N,)."""
    full = basis @ scores
    return np.asarray(log_sum_exp(full) - full[label])


def proximal_point(basis: Array, label: int, scores: Array, root: Array, start: Array) -> Array:
    """u of y = r + root u: the minimum of l(t, r + root u) + |u|^2 / 2, shape (d, N).

    Newton's method.  The third derivative of log-sum-exp in a direction is at most the range b of the
    scores' change times the second, so that a share log(1 + b) / b of the step always descends (Bach 2010),
    and a full one does near the minimum; from afar it is tried first.
    """
    directions = basis @ root
    target = directions[label][:, None]
    fixed, move = basis @ scores, start
    for _ in range(STEPS):
        full = fixed + directions @ move
        chance = softmax(full)
        gradient = move + directions.T @ chance - target
        factor = _cholesky(_curvature(directions, chance), 1.0)
        step = -_backward(factor, _forward(factor, gradient))
        change = directions @ step
        reach = np.ptp(change, axis=0)
        length = np.ones(len(reach))
        if (far := reach > NEAR).any():
            with np.errstate(over="ignore"):
                fall = _objective(full[:, far] + change[:, far], move[:, far] + step[:, far], label)
                fall -= _objective(full[:, far], move[:, far], label)
            slope = (gradient[:, far] * step[:, far]).sum(axis=0)
            length[far] = np.where(fall <= DESCENT * slope, 1.0, np.log1p(reach[far]) / reach[far])
        move = move + length * step
        if reach.max() <= ENOUGH * (1 + abs(full).max()):
            return np.asarray(move)
    raise ArithmeticError(f"the proximal point of softmax was not found in {STEPS} steps")  # pragma: no cover


def _objective(full: Array, move: Array, label: int) -> Array:
    return np.asarray(log_sum_exp(full) - full[label] + 0.5 * (move * move).sum(axis=0))


def _curvature(directions: Array, chance: Array) -> Array:
    """A^T (diag s - s s^T) A for A (K, d) and every s, the columns of ``chance`` (K, N); shape (d, d, N)."""
    classes, d = directions.shape
    squares = (directions[:, :, None] * directions[:, None, :]).reshape(classes, d * d)
    average = directions.T @ chance
    found = (squares.T @ chance).reshape(d, d, -1)
    for i in range(d):
        found[i] -= average[i] * average
    return np.asarray(found)


# --- small systems, one for each node: shapes (d, d, N), so that every operation runs along the nodes -------


def _cholesky(matrices: Array, ridge: float) -> Array:
    """Lower triangular factors of ridge I + matrices, shape (d, d, N), which they overwrite."""
    factor, d = matrices, len(matrices)
    factor[np.arange(d), np.arange(d)] += ridge
    for j in range(d):
        np.sqrt(factor[j, j], out=factor[j, j])
        factor[j + 1 :, j] /= factor[j, j]
        for i in range(j + 1, d):
            factor[i, j + 1 : i + 1] -= factor[i, j] * factor[j + 1 : i + 1, j]
    return factor


def _forward(factor: Array, right: Array) -> Array:
    """L^-1 right, for right (d, N) or (d, m, N)."""
    found, d = right.copy(), len(right)
    for i in range(d):
        for j in range(i):
            found[i] -= factor[i, j] * found[j]
        found[i] /= factor[i, i]
    return found


def _backward(factor: Array, right: Array) -> Array:
    """L^-T right, for right (d, N)."""
    found = right.copy()
    for i in reversed(range(len(right))):
        found[i] /= factor[i, i]
        found[:i] -= factor[i, :i] * found[i]
    return found
