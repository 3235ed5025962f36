r"""What softmax does to a training sample: the proximal point of its scores, and Gaussian averages of it.

Adding a constant to all K scores changes nothing, so scores are vectors of d = K - 1 coordinates r in an
orthonormal basis E (K, d) of the contrasts, and the loss of the label t is

    l(t, r) = log sum_k exp (E r)_k - (E r)_t.

A sample whose scores would be r without it ends at y = argmin l(t, y) + (y - r)^T V^-1 (y - r) / 2, and pulls
with the force f = V^-1 (y - r) = E^T (t - softmax(E y)), which falls at the rate
Theta = -df/dr = (I + H V)^-1 H,  H = E^T (diag s - s s^T) E.

A matrix 1 a^T + a 1^T may be added to E V E^T, which changes scores by constants: with the best a little but
a diagonal D is left, V = D + R.  With D alone systems are diagonal plus rank one, and the rate is

    Theta_D = diag(tau) - tau tau^T / sum tau,    tau = s / (1 + s D).

So Newton steps take D for V, K operations each, and converge like powers of |R|; Theta - Theta_D is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg

from rmt_alpha._core.exponentials import log_sum_exp
from rmt_alpha._core.types import Array
from rmt_alpha.theory.softmax.nodes import GRIDS, Nodes

CACHED = 1 << 16
"""Entries of the matrices that are worked on at a time."""
STEPS, SHORTCUTS = 300, 60
"""More Newton steps than the farthest start needs, and steps with D for V before those take over."""
NEAR = 0.5
"""Change of a difference of scores up to which a full Newton step is sure to converge quadratically."""
ENOUGH = 1e-5
"""Last change of a difference of scores, in units of the largest: what is left is about its square."""
SINGLE = 1e-3
"""The same in single precision, whose rounding is this squared."""
DESCENT = 0.1
"""Share of the predicted fall that a full step from afar must bring."""
CLOSE = 0.2
"""Factor of convergence of steps with D for V up to which they are taken."""


@dataclass(frozen=True, eq=False)
class ProximalStep:
    """V of the proximal point, in the ways in which it is needed."""

    basis: Array
    """E, shape (K, d)."""
    root: Array
    """L with V = L L^T, shape (d, d)."""
    full: Array
    """E V E^T + 1 a^T + a 1^T, shape (K, K)."""
    diagonal: Array
    """D, shape (K, 1)."""
    rest: float
    """Bound of |Theta R|: the factor by which errors shrink in a step with D for V; inf if D is no metric."""

    @classmethod
    def of(cls, basis: Array, step: Array) -> ProximalStep:
        """Of V, shape (d, d), which is 0 for infinitely many samples."""
        classes = len(basis)
        root = np.linalg.cholesky(step) if step.any() else step
        full = basis @ step @ basis.T
        # a_i + a_j nearest to the entries beside the diagonal.
        sums = full.sum(axis=1) - np.diagonal(full)
        a = (sums - sums.sum() / (2 * classes - 2)) / max(classes - 2, 1) if classes > 2 else sums / 2
        full = full - (a[:, None] + a)
        diagonal = np.diagonal(full).copy()
        left = float(np.linalg.norm(full - np.diag(diagonal), 2))
        # Theta is at most H, 1/2, and at most 1 / D.
        rest = left * min(0.5, 1 / diagonal.min()) if diagonal.min() > 0 else np.inf
        return cls(basis, root, full, diagonal[:, None], 0.0 if not left else rest)


class LeftOutScores(NamedTuple):
    """The contrasts of a class: N(mean, root root^T)."""

    mean: Array
    """Shape (d,)."""
    root: Array
    """Shape (d, d)."""

    def at(self, points: Array) -> Array:
        """Contrasts at standard normal points, (d, N)."""
        return np.asarray(self.mean[:, None] + self.root @ points)


class Forces(NamedTuple):
    """Averages over samples of one class with one label, and the force at every node."""

    pull: Array
    """E f, shape (d,)."""
    power: Array
    """E f f^T, shape (d, d)."""
    stiffness: Array
    """E Theta_D, shape (d, d)."""
    gap: Array
    """E (Theta - Theta_D) where it was asked for, else 0; shape (d, d)."""
    nodes: Array
    """f, shape (K, N): a start for scores nearby."""


def contrast_basis(classes: int) -> Array:
    """Orthonormal columns that sum to zero, shape (K, K - 1) (Helmert's)."""
    return np.asarray(linalg.helmert(classes).T)


def forces(
    step: ProximalStep,
    label: int,
    scores: LeftOutScores,
    rule: Nodes,
    start: Array | None,
    *,
    gap: bool = True,
) -> Forces:
    """Averages over the nodes of a rule; ``start`` is an f (K, N) for scores nearby, if one is known."""
    basis = step.basis
    classes, d = basis.shape
    pull, power, bend = np.zeros(classes), np.zeros((classes, classes)), np.zeros((classes, classes))
    more, count = np.zeros((d, d)), len(rule.weights)
    nodes = np.zeros((classes, count)) if start is None else start
    gap = gap and step.rest > 0
    size = max(CACHED // (d**2 if gap or step.rest > CLOSE else 2 * classes), 64)
    for first in range(0, count, size):
        part = slice(first, first + size)
        weights = rule.weights[part]
        force, chance = proximal_force(step, label, scores.at(rule.points[:, part]), nodes[:, part])
        nodes[:, part] = force
        weighted = force * weights
        pull += weighted.sum(axis=1)
        power += weighted @ force.T
        simple = _simple_stiffness(step, chance, weights)
        bend += simple
        if gap:
            # Single precision where nodes leave errors of 1e-4.
            kind = np.float32 if d > len(GRIDS) else float
            whole = _stiffness(*(x.astype(kind) for x in (basis, chance, step.root, weights)))
            more += whole - basis.T @ simple @ basis
    return Forces(basis.T @ pull, basis.T @ power @ basis, basis.T @ bend @ basis, more, nodes)


def proximal_force(step: ProximalStep, label: int, scores: Array, start: Array) -> tuple[Array, Array]:
    """f = E E^T (t - softmax(E y)) and softmax(E y), (K, N), at the proximal points y of scores (d, N)."""
    basis = step.basis
    if step.rest <= CLOSE:
        found = _by_shortcuts(step, label, basis @ scores, start)
        if found is not None:
            return found
    move = proximal_point(basis, label, scores, step.root, step.root.T @ (basis.T @ start))
    chance = softmax(basis @ (scores + step.root @ move))
    return -_less(chance, label), chance


def _by_shortcuts(step: ProximalStep, label: int, fixed: Array, force: Array) -> tuple[Array, Array] | None:
    """The same by Newton's method with D for V; None if that does not converge.

    Single precision goes most of the way, at a fifth of the cost; double precision takes the last steps.
    """
    near = _newton(step, label, fixed.astype(np.float32), force.astype(np.float32), SINGLE)
    found = None if near is None else _newton(step, label, fixed, near.astype(float), ENOUGH)
    if found is None:
        return None
    chance = softmax(fixed + step.full @ found)
    return -_less(chance, label), chance


def _newton(step: ProximalStep, label: int, fixed: Array, force: Array, enough: float) -> Array | None:
    """The force after steps of Newton's method with D for V, in the precision of the scores (K, N).

    The share of a step from afar is that of `proximal_point`; there is no need to try a full one first.
    """
    kind = force.dtype
    metric, diagonal, rest = step.full.astype(kind), step.diagonal.astype(kind), step.rest
    full, force = fixed + metric @ force, force.copy()
    chance, gap, pliant, tau, change = (np.empty_like(full) for _ in range(5))
    for _ in range(SHORTCUTS):
        _softmax(full, chance)
        np.add(force, chance, out=gap)
        gap[label] -= 1
        np.multiply(chance, diagonal, out=pliant)
        np.add(pliant, 1, out=tau)
        gap /= tau
        np.divide(chance, tau, out=tau)
        pliant *= gap
        gap += np.multiply(tau, pliant.sum(axis=0) / tau.sum(axis=0), out=tau)
        np.matmul(metric, gap, out=change)
        reach = change.max(axis=0) - change.min(axis=0)
        most = float(reach.max())
        if most > NEAR:
            length = np.log1p(np.maximum(reach, NEAR)) / np.maximum(reach, NEAR)
            length[reach <= NEAR] = 1
            gap *= length
            change *= length
        force -= gap
        full -= change
        if not np.isfinite(most):
            return None
        left = np.sqrt(most * max(most, 2 * rest)) / enough
        if left <= 1 or (most <= NEAR and left <= 1 + abs(full).max()):
            return np.asarray(force)
    return None


def _less(chance: Array, label: int) -> Array:
    """softmax - t."""
    found = chance.copy()
    found[label] -= 1.0
    return found


def _simple_stiffness(step: ProximalStep, chance: Array, weights: Array) -> Array:
    """Weighted sum of Theta_D, shape (K, K)."""
    if not step.rest < np.inf:
        return np.zeros((len(chance), len(chance)))
    tau = chance / (1 + chance * step.diagonal)
    return np.asarray(np.diag(tau @ weights) - (tau * (weights / tau.sum(axis=0))) @ tau.T)


def _stiffness(basis: Array, chance: Array, root: Array, weights: Array) -> Array:
    """Weighted sum of Theta = H - H V^(1/2) (I + V^(1/2) H V^(1/2))^-1 V^(1/2) H, the second a square."""
    bend = _curvature(basis, chance)
    factor = _cholesky(_curvature(basis @ root, chance), 1.0)
    half = _forward(factor, np.tensordot(root.T, bend, axes=1)) * np.sqrt(weights)
    flat = half.transpose(1, 0, 2).reshape(len(root), -1)
    return np.asarray(bend @ weights - flat @ flat.T)


def stiffness_at(step: ProximalStep, chance: Array) -> Array:
    """Theta = (I + H V)^-1 H at every column of ``chance``, shape (N, d, d)."""
    bend = np.moveaxis(_curvature(step.basis, chance), 2, 0)
    metric = step.root @ step.root.T
    return np.asarray(np.linalg.solve(np.eye(len(metric)) + bend @ metric, bend))


def softmax(full: Array) -> Array:
    """exp z_k / sum_l exp z_l for scores z (K, N); scipy's takes three times as long."""
    return _softmax(full, np.empty_like(full))


def _softmax(full: Array, out: Array) -> Array:
    """The same, written into ``out``."""
    np.subtract(full, full.max(axis=0), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=0)
    return out


def label_loss(basis: Array, label: int, scores: Array) -> Array:
    """l(t, r) for scores (d, N), shape (N,)."""
    full = basis @ scores
    return np.asarray(log_sum_exp(full, axis=0) - full[label])


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
    return np.asarray(log_sum_exp(full, axis=0) - full[label] + 0.5 * (move * move).sum(axis=0))


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
