"""Tasks and sources as `score_law` needs them, from the fields of a problem."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha.problems.labels import label_law
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource, Source
from rmt_alpha.theory.mixtures.score_law import Prior, ScoreLaw, Task, score_law
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge
from rmt_alpha.theory.ridge.spectrum import exact_shares

Array = np.ndarray[Any, Any]


def make_task(mixture: GaussianMixture, outputs: int, noise: Array, dps: int | None) -> Task:
    """The classes in the basis of their covariances, in floats or mpmath numbers."""
    means, priors = mixture.mean_coordinates, mixture.priors
    if dps is not None:
        means, priors, noise = MP_ARRAY.number(means), exact_shares(priors), MP_ARRAY.number(noise)
    labels = label_law(mixture.classes, outputs, noise)
    return Task(means, priors, mixture.group, labels, mixture.model.basis)


def joint_prior(sources: tuple[Source, ...], basis: Basis, dps: int | None) -> Prior:
    """All sources as the target sees them, one after the other."""
    priors = [source_prior(source, basis, dps) for source in sources]
    rows = np.concatenate([prior.mean for prior in priors])
    return Prior(rows, tuple(pairs for prior in priors for pairs in prior.noise))


def source_prior(source: Source, basis: Basis, dps: int | None) -> Prior:
    """One source as the target sees it: its expected weights in the target's basis, and their covariance."""
    if isinstance(source, FixedSource):
        weights = source.weights
        weights = basis.kept_coordinates(weights) if dps is None else MP_ARRAY.number(weights)
        rows = weights.reshape(-1, source.outputs, source.p)
        return Prior(rows, ((),) * len(rows))
    if dps is None:
        n, ridge, law = source.n, source.ridge, source.law
    else:
        n, gamma = arithmetic.to_mpf(source.n), arithmetic.to_mpf(source.gamma)
        ridge = fit_ridge(source.mixture.model.exact(), n, gamma)
        law = source_law(source, ridge, dps)
    weights, own = law.weights, law.task.basis
    if own is not basis:
        weights = basis.coordinates(own.vectors_from(weights))
    return Prior(weights[None], (_weight_noise(n, ridge, law),))


def source_law(source: RidgeSource, ridge: MixtureRidge, dps: int | None) -> ScoreLaw:
    """The law of the scores of a source classifier on its own task."""
    task = make_task(source.mixture, source.outputs, source.label_noise, dps)
    return score_law(task, ridge, None, source.intercept)


def _weight_noise(n: Any, ridge: MixtureRidge, law: ScoreLaw) -> tuple[tuple[Operator, Array], ...]:
    r"""Covariance of ridge-trained weights, (1/n) sum_a pi_a E[e e^T | a] Q C_a Q / x_a^2.

    e is the residual of a fresh training sample: mean ``residual``, label noise and the variance of the
    score.
    """
    if n == math.inf:
        return ()
    task, pairs = law.task, []
    residual, spread = law.residual[:, :, 0], law.spread[:, :, :, 0]
    squares = residual[:, :, None] * residual[:, None, :] + task.labels.covariance
    for g, x in enumerate(ridge.relative):
        members = task.group == g
        scores = task.priors[members].sum() * (spread[g].T @ spread[g])
        covariance = scores + np.tensordot(task.priors[members], squares[members], axes=1)
        pairs.append((ridge.resolvent.sandwich(g), covariance / (x * x * n)))
    return tuple(pairs)
