"""From the covariance of overlaps to standard deviations of accuracy, risk and alpha*: the delta method.

Overlaps are the mean scores of the classes and the covariances of the scores, which are affine and quadratic
in alpha for the squared loss: their covariance at a few alphas gives it at all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.pairs import Overlaps
from rmt_alpha.theory.mixtures.orthant import orthant_probability


class ScoresAt(NamedTuple):
    """Score moments of K classes, q outputs, G covariances; of complex numbers for exact derivatives."""

    mean: Array
    """(K, q)."""
    covariance: Array
    """(G, q, q)."""
    priors: Array
    group: Array
    """(K,) each."""
    lift: float = 0.0
    """Densities are given times exp(lift), so that those where accuracy is nearly 1 do not underflow."""

    @property
    def labels(self) -> Array:
        """-1 and +1, or the unit vectors, (K, q)."""
        classes, outputs = self.mean.shape
        return np.array([[-1.0], [1.0]]) if outputs == 1 else np.eye(classes)


def least_power(at: ScoresAt) -> float:
    """Half the least squared margin of a class against another: the `lift` of gradients of the accuracy."""
    powers = []
    for c in range(len(at.mean)):
        signs, covariance = against_others(at, c), at.covariance[at.group[c]]
        variance = np.einsum("ij,jk,ik->i", signs, covariance, signs)
        powers.append((signs @ at.mean[c])[variance > 0] ** 2 / (2 * variance[variance > 0]))
    found = np.concatenate(powers)
    return float(found.min()) if found.size else 0.0


def score_overlaps(means: Array, groups: int, outputs: int) -> Overlaps:
    """The mean scores, (K, q) of them, and the covariances of the scores, the pairs i <= j of each group."""
    classes, p = means.shape
    rows, columns = np.triu_indices(outputs)
    first, second = classes * outputs, groups * len(rows)
    unit = np.eye(outputs)
    linear = np.zeros((first + second, outputs, p))
    linear[:first] = (means[:, None, None] * unit[:, :, None]).reshape(first, outputs, p)
    offset = np.concatenate([np.tile(unit, (classes, 1)), np.zeros((second, outputs))])
    operator = np.concatenate([np.zeros((first, groups)), np.repeat(np.eye(groups), len(rows), axis=0)])
    pattern = unit[rows][:, :, None] * unit[columns][:, None, :]
    pattern = pattern + np.swapaxes(pattern, -1, -2)
    return Overlaps(
        linear,
        offset,
        operator,
        np.concatenate([np.zeros((first, outputs, outputs)), np.tile(pattern, (groups, 1, 1))]),
    )


def gradients(quantity: str, at: ScoresAt) -> Array:
    """Derivatives of a quantity by the overlaps, as in `score_overlaps`; (K, F) for those by class."""
    by_mean, by_covariance = gradient_tables(quantity, at)
    rows, columns = np.triu_indices(at.mean.shape[1])
    both = by_covariance + np.swapaxes(by_covariance, -1, -2)
    pairs = both[..., rows, columns] * np.where(rows == columns, 0.5, 1.0)
    lead = by_mean.shape[:-2]
    return np.concatenate([by_mean.reshape(*lead, -1), pairs.reshape(*lead, -1)], axis=-1)


def gradient_tables(quantity: str, at: ScoresAt) -> tuple[Array, Array]:
    """The same by means, (..., K, q), and by covariances, (..., G, q, q), all of whose entries are free."""
    return {
        "mean": _of_mean,
        "variance": _of_variance,
        "risk": _of_risk,
        "class_accuracy": _of_class_accuracy,
        "accuracy": _of_accuracy,
    }[quantity](at)


def _of_mean(at: ScoresAt) -> tuple[Array, Array]:
    return at.priors[:, None] * at.labels + 0 * at.mean, 0 * at.covariance


def _of_variance(at: ScoresAt) -> tuple[Array, Array]:
    signed = at.labels * at.mean
    between = signed - at.priors @ signed
    return 2 * at.priors[:, None] * at.labels * between, _shares(at)


def _of_risk(at: ScoresAt) -> tuple[Array, Array]:
    return 2 * at.priors[:, None] * (at.mean - at.labels), _shares(at)


def _shares(at: ScoresAt) -> Array:
    shares = np.bincount(at.group, at.priors, len(at.covariance))
    return np.asarray(shares[:, None, None] * np.eye(at.mean.shape[1]) + 0 * at.covariance)


def _of_accuracy(at: ScoresAt) -> tuple[Array, Array]:
    by_mean, by_covariance = _of_class_accuracy(at)
    return np.tensordot(at.priors, by_mean, axes=1), np.tensordot(at.priors, by_covariance, axes=1)


def _of_class_accuracy(at: ScoresAt) -> tuple[Array, Array]:
    classes, outputs = at.mean.shape
    by_mean = np.zeros((classes, classes, outputs), dtype=at.mean.dtype)
    by_covariance = np.zeros((classes, *at.covariance.shape), dtype=at.mean.dtype)
    for c in range(classes):
        signs = against_others(at, c)
        covariance = at.covariance[at.group[c]]
        first, second = orthant_gradients(signs @ at.mean[c], signs @ covariance @ signs.T, at.lift)
        by_mean[c, c] = first @ signs
        by_covariance[c, at.group[c]] = signs.T @ second @ signs
    return by_mean, by_covariance


def against_others(at: ScoresAt, c: int) -> Array:
    """Combinations of the scores that are positive where class c is right."""
    classes, outputs = at.mean.shape
    found: Array = np.eye(classes)[c] - np.delete(np.eye(classes), c, axis=0)
    return at.labels[c][None] if outputs == 1 else found


def orthant_gradients(mean: Array, covariance: Array, lift: float = 0.0) -> tuple[Array, Array]:
    """Derivatives of P(x > 0), x ~ N(mean, covariance), by mean (d,) and covariance (d, d).

    By Plackett's identity the latter are half of the second derivatives by the mean, and these are densities
    at 0 of one or two coordinates times orthant probabilities of the others, all times
    exp(``lift``).  0 where nothing varies.
    """
    d, variance = len(mean), np.diagonal(covariance)
    if not (variance.real > 0).all():
        return 0 * mean, 0 * covariance
    pairs = [(i, j) for i in range(d) for j in range(i)]
    first = _at_zero(mean, covariance, [(i,) for i in range(d)], lift)
    second = np.zeros((d, d), dtype=first.dtype)
    for (i, j), value in zip(pairs, _at_zero(mean, covariance, pairs, lift), strict=True):
        second[i, j] = second[j, i] = value
    # E (x_i - mean_i) delta(x_i) = sum_j C_ij (derivative by x_j): Stein's identity.
    np.fill_diagonal(second, -(mean * first + (covariance * second).sum(axis=1)) / variance)
    return first, second / 2


def _at_zero(mean: Array, covariance: Array, cases: Sequence[tuple[int, ...]], lift: float) -> Array:
    """Density at 0 of some coordinates, times the probability that then all others are positive."""
    densities, means, covariances = [], [], []
    for case in cases:
        held, free = list(case), [i for i in range(len(mean)) if i not in case]
        block, across = covariance[np.ix_(held, held)], covariance[np.ix_(free, held)]
        determinant = np.linalg.det(block)
        if (
            not determinant.real > 0
        ):  # two coordinates that are one: not both are 0 at once, but for their sign
            densities.append(0.0)
            block = np.eye(len(held))
        else:
            density = np.exp(lift - mean[held] @ np.linalg.solve(block, mean[held]) / 2)
            densities.append(density / np.sqrt((2 * np.pi) ** len(held) * determinant))
        means.append(mean[free] - across @ np.linalg.solve(block, mean[held]))
        covariances.append(covariance[np.ix_(free, free)] - across @ np.linalg.solve(block, across.T))
    if not cases or not means[0].size:
        return np.array(densities)
    return np.array(densities) * orthant_probability(np.array(means), np.array(covariances))[0]
