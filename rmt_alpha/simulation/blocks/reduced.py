"""Ridge fits on the reduced data X V of a Krylov space: a few hundred samples instead of any number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.simulation.blocks.coordinates import Coordinates, longer
from rmt_alpha.simulation.blocks.orbit import Orbit
from rmt_alpha.simulation.mixtures.fit import ridge

FIRST_STEPS = 12
LEAST_ERROR = 1e-7
"""Differences below it that no longer fall are rounding."""


@dataclass(frozen=True, eq=False)
class FitTask:
    """One ridge fit on X = mean V^T + sqrt(S) Z, V a few orthonormal right vectors."""

    space: Coordinates
    variance: FloatArray
    """S by block."""
    mean: FloatArray
    """(D, r)."""
    targets: FloatArray
    """Their components along V, shape (r, q); the others are 0."""
    truth: FloatArray
    """To the targets X^T truth is added; (D, q) or (D, 0)."""
    prior: FloatArray
    """(D, m)."""
    n: int
    freedom: int
    """Dimensions of samples, less those of V and of a mean that is taken out."""
    gamma: float


class Fit(NamedTuple):
    """Weights of the reduced fit."""

    member: IntArray
    """Blocks of the coordinates, (D',)."""
    weights: FloatArray
    """(D', q + m): without prior, and what each prior adds."""
    error: float
    """Change of the weights by the last sixth of the steps, relative; 0 if nothing is cut."""
    length: int
    """Right vectors."""


def train(task: FitTask, truncate: float | None, rng: np.random.Generator) -> Fit:
    """The fit, on a space just large enough.

    The error falls geometrically, so that the change by the last steps exceeds what is left by far.
    """
    starts = np.hstack([task.mean, task.truth, task.prior])
    orbit = Orbit(task.space, task.variance, starts, task.mean.shape[1], task.freedom, rng)
    steps, before, error = FIRST_STEPS, None, np.inf
    orbit.grow(steps)
    while True:
        weights = _solve(task, orbit)
        length = orbit.z.shape[1]
        if orbit.complete:
            return Fit(orbit.member, weights, 0.0, length)
        if truncate is not None and before is not None:
            last, error = error, _change(before, weights, task)
            if error <= truncate or LEAST_ERROR > error > last / 2:
                return Fit(orbit.member, weights, error, length)
        before, more = weights, -(-steps // 5)
        orbit.grow(more)
        steps += more


def _solve(task: FitTask, orbit: Orbit) -> FloatArray:
    """Weights (D', q + m) of ridge regression on the samples X V, or on what of them the rows Q see.

    Of the p and of the n side the smaller one is regular even without a ridge.
    """
    begin, right = task.mean.shape
    size, count = orbit.z.shape
    root = np.sqrt(task.variance)[orbit.member]
    x = root[:, None] * orbit.z
    x[:begin, :right] += task.mean
    targets = np.zeros((count, task.targets.shape[1]))
    targets[:right] = task.targets
    if task.truth.shape[1]:
        targets += x[:begin].T @ task.truth
    prior = longer(task.prior, size)
    if not count:
        return np.hstack([np.zeros((size, targets.shape[1])), prior])
    basis = None
    if task.space.sizes[task.variance > 0].sum() <= task.freedom + right:
        seen = root > 0
        rows = np.divide(orbit.q, root[:, None], out=np.zeros_like(orbit.q), where=seen[:, None])
        basis = np.linalg.qr(np.hstack([rows, np.eye(size)[:, ~seen]]))[0]
        x, prior = basis.T @ x, basis.T @ prior
    scale = np.sqrt(count / task.n)
    fit = ridge(scale * x, scale * targets, task.gamma, prior, intercept=False)
    weights = np.hstack([fit.base, fit.slopes])
    return weights if basis is None else np.asarray(basis @ weights)


def _change(before: FloatArray, weights: FloatArray, task: FitTask) -> float:
    moved = weights.copy()
    moved[: len(before)] -= before
    size = np.linalg.norm(weights, axis=0)
    size[weights.shape[1] - task.prior.shape[1] :] += np.linalg.norm(task.prior, axis=0)
    return float((np.linalg.norm(moved, axis=0)[size > 0] / size[size > 0]).max(initial=0.0))
