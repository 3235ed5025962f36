r"""The law of the score of a ridge classifier trained on a mixture, with any prior vectors.

The classifier minimises (1/n) sum_i |t_i - w x_i - b|^2 + gamma |w - sum_s alpha_s w~_s|^2.  Write k for
the largest effective ridge, t_s = k alpha_s, x_a = kappa_a / k, and R = k Q with Q = (sum_b pi_b C_b / x_b
+ k I)^-1.  In the limit of large p and n (docs/theory/mixtures.md)

    w = Q (sum_a (pi_a / x_a) r_a m_a + sum_s t_s w~_s),     r_a = E[t | a] - w m_a - b,
    Cov[score | c] = sum_b [(I - V D)^-1]_cb ( w C_b w^T + sum_a (V D)_ba (r_a r_a^T + Cov[t | a]) ).

Everything is affine in z = (1, t_1, ..., t_k), and every variance a sum of squares of such affine
functions: they are computed here once, after which no vector of length p is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.small_linear import solve_positive, square_root_rows
from rmt_alpha._core.types import Array
from rmt_alpha.problems.labels import Labels
from rmt_alpha.theory.ridge.basis import Basis, Operator, trace_product
from rmt_alpha.theory.ridge.mixture import MixtureRidge

SEPARABLE, SEPARABLE_EXACT = 1e14, 1e22
"""Squared distance of class means, relative to the noise, beyond which float64 has no digits left, and which
in higher precision only the ridgeless limit reaches."""


class Prior(NamedTuple):
    """Source weights as a target sees them: ``k`` random vectors with q outputs each."""

    mean: Array
    """Expected weights in the basis of the target, shape (k, q, p)."""
    noise: tuple[tuple[tuple[Operator, Array], ...], ...]
    """For each source, pairs (A, S): the covariance of outputs i, j is the sum of S_ij A."""

    def along(self, direction: Array) -> Prior:
        """One source, the sum of ``direction`` times the sources."""
        noise = tuple(
            (operator, scale * weight**2)
            for weight, pairs in zip(direction, self.noise, strict=True)
            for operator, scale in pairs
        )
        return Prior(np.tensordot(direction, self.mean, axes=1)[None], (noise,))


class Task(NamedTuple):
    """The classes that are to be told apart, in the basis of their covariances."""

    means: Array
    """(K, p)."""
    priors: Array
    """(K,)."""
    group: Array
    """(K,), which covariance each class has."""
    labels: Labels
    basis: Basis


@dataclass(frozen=True, eq=False)
class ScoreLaw:
    """Scores of K classes with q outputs, as functions of z = (1, t), t = kappa_max * alpha."""

    kappa_max: Any
    """Factor from alpha to t."""
    center: Array
    """E[score | class] = center @ z, intercept included, shape (K, q, 1 + k)."""
    miss: Array
    """Clean target minus that, without cancellation, shape (K, q, 1 + k)."""
    residual: Array
    """E[training target] minus that, shape (K, q, 1 + k)."""
    spread: Array
    """Cov[score | class of group g] = sum over j of (spread_j z)(spread_j z)^T, shape (G, J, q, 1 + k)."""
    risk_slope: Array
    """Half the derivative of the risk in t at 0, shape (k,)."""
    weights: Array
    """Expected weights at t = 0, in the basis of the task, shape (q, p)."""
    task: Task


def score_law(task: Task, ridge: MixtureRidge, prior: Prior | None, intercept: bool) -> ScoreLaw:
    """The law of the score after training with these effective ridges."""
    classes, outputs = task.labels.mean.shape
    pull = task.priors / ridge.relative[task.group]
    means, targets, offset = task.means, task.labels.mean, 0 * task.labels.mean[0]
    if intercept:
        # sum_a pull_a r_a = 0 says that b centres scores on targets, both averaged with these weights.
        offset = pull @ targets / pull.sum()
        means, targets = means - pull @ means / pull.sum(), targets - offset
    sources = 0 if prior is None else len(prior.mean)
    rows = np.empty((0, means.shape[1])) if prior is None else prior.mean.reshape(-1, means.shape[1])
    damped, damped_rows = ridge.resolvent.apply(means), ridge.resolvent.apply(rows)
    gram = means @ damped.T
    # Scores of the sources alone, (K, q, k); zero coordinates stand for the constant part.
    reach = np.moveaxis((means @ damped_rows.T).reshape(classes, sources, outputs), 1, 2)
    lines = np.concatenate([targets[:, :, None], -reach], axis=2)
    root = arithmetic.square_root(pull)[:, None]
    system = np.eye(classes, dtype=int) + root * gram * root.T
    apart = np.max(np.diagonal(system))
    if not apart <= (SEPARABLE if system.dtype != object else SEPARABLE_EXACT):
        raise ValueError(
            f"the class means are {float(arithmetic.square_root(apart)):.3g} times as far apart as the noise "
            "that covariances and gamma leave: they are separated exactly; choose gamma > 0 if it is 0, "
            "else a larger one, or smaller means"
        )
    residual = solve_positive(system, root * lines.reshape(classes, -1)) / root
    # Forward from the residuals: targets - residual would lose the digits of a small score.
    force = pull[:, None] * residual
    center = (gram @ force).reshape(lines.shape)
    center[:, :, 1:] = center[:, :, 1:] + reach
    center[:, :, 0] = center[:, :, 0] + offset
    weights = (force.T @ damped).reshape(outputs, 1 + sources, means.shape[1])
    weights[:, 1:] += np.moveaxis(damped_rows.reshape(sources, outputs, means.shape[1]), 0, 1)
    residual = residual.reshape(lines.shape)
    miss = residual.copy()
    miss[:, :, 0] = miss[:, :, 0] + (task.labels.clean - task.labels.mean)
    spread = _spread(task, ridge, prior, residual, weights)
    slope = _risk_slope(task, ridge, residual, miss, spread, weights)
    return ScoreLaw(ridge.kappa_max, center, miss, residual, spread, slope, weights[:, 0], task)


def _spread(task: Task, ridge: MixtureRidge, prior: Prior | None, residual: Array, weights: Array) -> Array:
    """Rows whose squares add up to the covariance of the scores in each group."""
    outputs, width = residual.shape[1:]
    groups = range(len(ridge.kappa))
    inflation = ridge.inflation
    echo = (inflation @ ridge.noise)[:, task.group] * task.priors  # how residuals of class a reach group g
    flat = weights.reshape(outputs * width, -1)
    direct = [square_root_rows(ridge.resolvent.form(flat, h)).reshape(-1, outputs, width) for h in groups]
    source_noise = _source_noise(ridge, prior, outputs)
    spreads = []
    for g in groups:
        rows = [arithmetic.square_root(inflation[g, h]) * direct[h] for h in groups]
        rows.append(arithmetic.square_root(echo[g])[:, None, None] * residual)
        rows.append(_constant_rows(np.tensordot(echo[g], task.labels.covariance, axes=1), 0, width))
        for s, added in enumerate(source_noise):
            rows.append(_constant_rows(np.tensordot(inflation[g], added, axes=1), 1 + s, width))
        spreads.append(np.concatenate(rows))
    return _compressed(np.stack(spreads))


def _constant_rows(covariance: Array, coordinate: int, width: int) -> Array:
    root = square_root_rows(covariance)
    rows = np.zeros((*root.shape, width), dtype=int) + 0 * root[:, :, None]
    rows[:, :, coordinate] = root
    return np.asarray(rows)


def _source_noise(ridge: MixtureRidge, prior: Prior | None, outputs: int) -> list[Array]:
    """For each source, what its randomness adds to w C_h w^T for every group h, per t^2; shape (G, q, q)."""
    groups = len(ridge.kappa)
    empty = np.zeros((groups, outputs, outputs), dtype=int) + 0 * ridge.kappa[:, None, None]
    noises = () if prior is None else prior.noise
    sandwiches = [ridge.resolvent.sandwich(h) for h in range(groups)] if any(noises) else []
    return [
        np.stack([sum(trace_product(sandwich, a) * s for a, s in pairs) for sandwich in sandwiches])
        if pairs
        else empty
        for pairs in noises
    ]


def _compressed(spread: Array) -> Array:
    """Fewer rows with the same sum of squares, (G, J, q, 1 + k)."""
    groups, rows, outputs, width = spread.shape
    if outputs == 1:
        # These rows are few, and mixing them would cost digits: some are parallel to the mean (`optimum`).
        return spread[:, np.any(spread != 0, axis=(0, 2, 3))]
    if rows <= outputs * width:
        return spread
    flat = spread.reshape(groups, rows, -1)
    triangles: Array = np.linalg.qr(flat, mode="r")  # type: ignore[assignment]
    return triangles.reshape(groups, -1, outputs, width)


def _risk_slope(
    task: Task, ridge: MixtureRidge, residual: Array, miss: Array, spread: Array, weights: Array
) -> Array:
    """Half the derivative of the risk in t at t = 0."""
    each = task.priors[:, None]
    if len(ridge.kappa) > 1:
        bias = (each * (miss[:, :, :1] * miss[:, :, 1:]).sum(axis=1)).sum(axis=0)
        variance = (spread[:, :, :, :1] * spread[:, :, :, 1:]).sum(axis=(1, 2))[task.group]
        return np.asarray(bias + (each * variance).sum(axis=0))
    # With one covariance the noise-free training equation is that of the population with ridge kappa, so that
    # w C w^T + sum pi |r|^2 has the derivative -2 kappa w0 . dw/dt at 0: no difference of nearly equal terms.
    wrong = (task.labels.clean - task.labels.mean)[:, :, None]
    overlap = (weights[:, :1] * weights[:, 1:]).sum(axis=(0, 2))
    mislabelled = (each * (wrong * residual[:, :, 1:]).sum(axis=1)).sum(axis=0)
    return np.asarray(mislabelled - ridge.kappa_max * ridge.inflation[0, 0] * overlap)
