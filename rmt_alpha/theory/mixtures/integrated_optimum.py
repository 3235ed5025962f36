"""The best direction of z = (1, t) where accuracy is an integral: a rough search, then Newton's method.

A rough accuracy, of few points, is smooth and cheap.  From the best of many directions it is climbed, and the
maximum of the true accuracy is found beside it with the true gradient.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from rmt_alpha._core.types import Array
from rmt_alpha.theory.mixtures.contrasts import Contrasts

FLAT = 1e-15
"""Differences of accuracies, and slopes, that are rounding."""
ROUGH_ANGLES, POINTS = 61, (128, 512, 2048)
"""Directions along one source, and points of each integral, more where accuracy is flat."""
STARTS, ALIKE = 5, 0.97
"""How many directions are climbed from, and the cosine of two that are one."""
SCATTERED, MOST, FEW = 96, 30, 8
"""Directions of several sources that are tried besides; steps of a climb, and of one to a maximum near by."""
FORWARD, CLEAR = 1.5e-8, 0.02
"""Step of first differences of a rough accuracy, and a gain of it that is beyond its error."""
SECOND, NEWTON, NEAREST, SETTLED = 1e-3, 8, 0.3, 1e-11
"""Step of second differences; Newton's steps at most, the longest, and the one that ends them."""


def best_by_integrals(contrasts: Contrasts, scales: Array) -> Array:
    """The maximum of a rough accuracy, then that of the true one beside it."""
    sources = contrasts.sources
    alone, pooled = np.eye(1 + sources)[0], contrasts.pooled_direction() / scales
    angles = np.linspace(-np.pi / 2, np.pi / 2, ROUGH_ANGLES)
    rays = [np.eye(sources)[i] for i in range(sources)]
    starts = [alone, pooled / max(float(np.linalg.norm(pooled)), 1e-300)]
    for ray in rays:
        fan = np.concatenate([np.cos(angles)[:, None], np.sin(angles)[:, None] * ray], axis=1)
        fan[[0, -1], 0] = 0.0
        along = np.pad(contrasts.roughly(fan * scales, POINTS[1]), 1, constant_values=-np.inf)
        starts.extend(fan[(along[1:-1] >= along[:-2]) & (along[1:-1] >= along[2:])])
    if sources > 1:
        scattered = np.random.default_rng(0).normal(size=(SCATTERED, 1 + sources))
        scattered[:, 0] = abs(scattered[:, 0])
        starts.extend(scattered / np.linalg.norm(scattered, axis=1, keepdims=True))
    order = np.argsort(-contrasts.roughly(np.stack(starts) * scales, POINTS[1]))
    kept: list[Array] = []
    for start in (starts[i] for i in order):
        if len(kept) < STARTS and start.any() and all(start @ other < ALIKE for other in kept):
            kept.append(start)

    def values(points: list[Array]) -> Array:
        return np.asarray(contrasts.accuracy(np.stack(points) * scales))

    def best_of(points: list[Array]) -> Array:
        return points[int(np.argmax(values(points)))]

    # The rough accuracy may have maxima of its own, where covariances are nearly singular.
    rough = best_of([_roughly_climbed(contrasts, start, scales, POINTS[0]) for start in kept] + kept)
    best, settled = _refined(contrasts, rough, scales, POINTS[0])
    for points in POINTS[1:]:
        if settled:
            break
        # So flat that the rough accuracy has its maximum elsewhere, or none: by one that is less rough.
        rough = best_of([_roughly_climbed(contrasts, rough, scales, points), rough])
        best, settled = _refined(contrasts, rough, scales, points)
    if not settled:
        best = best_of([best, rough])

    def lead(over: Array) -> float:
        found = values([best, over])
        return float(found[0] - found[1])

    gains = np.asarray(contrasts.roughly(np.stack([best, alone]) * scales, POINTS[0]))
    clear = gains[0] - gains[1] > CLEAR
    return np.asarray((best if clear or lead(alone) > FLAT else alone) * scales)


def _roughly_climbed(contrasts: Contrasts, start: Array, scales: Array, points: int) -> Array:
    """Maximum of the rough accuracy over the half-sphere, from ``start``."""
    keep = np.arange(len(start)) > 0 if start[0] <= 0 else np.ones(len(start), bool)

    count = int(keep.sum())
    if count == 1:
        return start
    steps = np.concatenate([np.zeros((1, count)), FORWARD * np.eye(count)])

    def loss(v: Array) -> tuple[float, Array]:
        """With its gradient, all differences at once."""
        beside = np.stack([on_half_sphere(v + step, keep) for step in steps])
        values = -np.asarray(contrasts.roughly(beside * scales, points))
        return float(values[0]), (values[1:] - values[0]) / FORWARD

    found = optimize.minimize(
        loss,
        start[keep],
        jac=True,
        method="BFGS",
        options={"gtol": 1e-6, "maxiter": MOST if points == POINTS[0] else FEW},
    )
    return on_half_sphere(found.x, keep)


def _refined(contrasts: Contrasts, u: Array, scales: Array, points: int) -> tuple[Array, bool]:
    """Newton's method for the true accuracy, its second derivatives from the rough one, and its success.

    Where it converges with a negative definite matrix for the second derivatives, these are so themselves:
    it is a maximum.
    """
    keep = np.arange(len(u)) > 0 if u[0] <= 0 else np.ones(len(u), bool)
    free = keep & (np.arange(len(u)) != int(np.argmax(abs(u))))
    count = int(free.sum())
    if not count:
        return u, True
    steps = SECOND * np.eye(len(u))[free]

    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    moves = np.einsum("qs,sabi->qabi", corners, np.stack(np.broadcast_arrays(steps[:, None], steps[None])))
    values = np.asarray(contrasts.roughly((u + moves) * scales, points))
    bend = np.tensordot(corners.prod(axis=1), values, axes=1) / (4 * SECOND**2)
    values, vectors = np.linalg.eigh(0.5 * (bend + bend.T))
    if not values.max() < 0:
        return u, False
    at, last = u.copy(), np.inf
    for _ in range(NEWTON):
        slope = (contrasts.gradient(at * scales) * scales)[free]
        move = -vectors @ ((vectors.T @ slope) / values)
        size = float(abs(move).max())
        if not size < min(last, NEAREST):
            break
        at[free] += move
        at[0], last = max(at[0], 0.0), 0.5 * size
        if size < SETTLED:
            return at, True
    return at, False


def on_half_sphere(v: Array, keep: Array) -> Array:
    """The unit vector of v on the coordinates ``keep``."""
    u = np.zeros(len(keep))
    u[keep] = v
    # The other half of the sphere holds the negatives of classifiers, which no alpha gives.
    u[0] = abs(u[0])
    return np.asarray(u / np.linalg.norm(u))
