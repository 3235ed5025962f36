"""The curve of a `FineTuning` problem: from its fields to the law of the scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha._core.checks import check_dps
from rmt_alpha._core.types import Array, FloatArray
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.labels import label_law
from rmt_alpha.problems.losses import as_loss
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, LossSource, RidgeSource, Source
from rmt_alpha.theory.convex.curve import LossCurve
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.convex.weights import weight_law as loss_weights
from rmt_alpha.theory.error_bars.convex_loss import LossSpread
from rmt_alpha.theory.error_bars.mixture import MixtureSpread, mixture_spread
from rmt_alpha.theory.error_bars.softmax_fit import SoftmaxFit
from rmt_alpha.theory.error_bars.softmax_spread import SoftmaxSpread, SoftmaxStage
from rmt_alpha.theory.error_bars.stages import ConvexStage, RidgeStage, SourceStage
from rmt_alpha.theory.mixtures.curve import MixtureCurve
from rmt_alpha.theory.mixtures.ridgeless import ridgeless_curve
from rmt_alpha.theory.mixtures.score_law import Prior, ScoreLaw, Task, score_law
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum, exact_shares
from rmt_alpha.theory.softmax import reduction as softmax
from rmt_alpha.theory.softmax.curve import SoftmaxCurve, equations_at
from rmt_alpha.theory.softmax.forces import contrast_basis
from rmt_alpha.theory.softmax.weights import weight_law as softmax_weights

AnyCurve: TypeAlias = MixtureCurve | LossCurve | SoftmaxCurve


def fine_tuning_curve(problem: FineTuning, dps: int | None) -> AnyCurve:
    """See `FineTuning.curve`."""
    dps = check_dps(dps)
    if dps is None:
        return _curve(problem, problem.ridge if problem.squared or problem.gamma > 0 else None)
    if not problem.squared:
        raise ValueError(f"dps needs loss='squared', got loss={problem.loss!r}: use dps=None")
    if problem.outputs > 1:
        raise ValueError(
            "dps needs one output (labels -1 and +1): the accuracy of more is integrated in float64"
        )
    with arithmetic.working_precision(dps):
        n, gamma = arithmetic.to_mpf(problem.n), arithmetic.to_mpf(problem.gamma)
        return _mixture_curve(problem, fit_ridge(problem.target.model.exact(), n, gamma), dps)


def fine_tuning_path(problem: FineTuning, gammas: Iterable[float]) -> Iterator[AnyCurve]:
    """See `FineTuning.path`."""
    return curves_of(replace(problem, gamma=gamma) for gamma in gammas)


def curves_of(problems: Iterable[FineTuning]) -> Iterator[AnyCurve]:
    """The curves of problems with one target, each fixed point from the one before."""
    previous = None
    for one in problems:
        if not one.squared and one.gamma == 0:
            yield ridgeless_curve(one)
            continue
        previous = fit_ridge(one.target.model, one.n, one.gamma, previous)
        yield _curve(one, previous)


UNTRAINED = 1e16
"""Ridge, in units of the traces and squared means of the target, that leaves nothing to be trained."""


def source_accuracy(problem: FineTuning) -> float | FloatArray:
    """See `FineTuning.source_accuracy`.

    At alpha -> infinity the weights are kappa (sum_b pi_b C_b / x_b + kappa I)^-1 w~, which is w~ for a ridge
    to which every covariance is rounding.
    """
    target = problem.target
    size = float(target.model.moments[0].max() + (target.means * target.means).sum(axis=1).max()) or 1.0
    clean = 0 * problem.label_noise
    plain = replace(problem, n=1.0, gamma=UNTRAINED * size, intercept=False, label_noise=clean)
    curve = replace(plain, loss="squared").curve()
    if problem.components is None:
        return float(curve.accuracy(np.inf))
    alone = (curve.along(row) for row in np.eye(problem.components))
    return np.array([one.accuracy(np.inf) for one in alone])


def _curve(problem: FineTuning, ridge: MixtureRidge | None) -> AnyCurve:
    if ridge is None:
        return ridgeless_curve(problem)
    return _mixture_curve(problem, ridge, None) if problem.squared else _loss_curve(problem, ridge)


def _task(problem: FineTuning, dps: int | None) -> tuple[Task, Prior]:
    task = make_task(problem.target, problem.outputs, problem.label_noise, dps)
    return task, joint_prior(problem.sources, task.basis, dps)


def _mixture_curve(problem: FineTuning, ridge: MixtureRidge, dps: int | None) -> MixtureCurve:
    task, prior = _task(problem, dps)
    law = score_law(task, ridge, prior, problem.intercept)
    kappa = 0 * law.kappa_max if _forgets_source(problem) else law.kappa_max
    # Error bars are asked for rarely: their ingredients are computed then.
    spread = partial(_mixture_spread, problem, task, prior, ridge, law, kappa) if dps is None else None
    return MixtureCurve(
        kappa=kappa,
        center=law.center,
        miss=law.miss,
        score_rows=law.spread[task.group],
        risk_slope=law.risk_slope,
        priors=task.priors,
        single=problem.components is None,
        dps=dps,
        ridge=ridge,
        fluctuations=spread,
        unknown_bars=_unknown_bars(problem),
    )


def _loss_curve(problem: FineTuning, ridge: MixtureRidge) -> LossCurve | SoftmaxCurve:
    if not problem.target.model.moments[0].max() > 0:
        raise ValueError(
            f"loss={problem.loss!r} needs features that vary within the classes, got covariances that are 0"
        )
    task, prior = _task(problem, None)
    if problem.outputs > 1:
        return _softmax_curve(problem, task, prior)
    reduction = Reduction(problem.target.model, task, prior, problem.n, problem.gamma)
    squared = _mixture_curve(problem, ridge, None)
    spread = partial(_loss_spread, reduction, problem)
    return LossCurve(
        reduction,
        as_loss(problem.loss),
        problem.label_noise,
        problem.intercept,
        squared.single,
        squared,
        spread,
        _unknown_bars(problem),
    )


def _softmax_curve(problem: FineTuning, task: Task, prior: Prior) -> SoftmaxCurve:
    model = problem.target.model
    if not isinstance(model, Spectrum):
        raise ValueError(
            "softmax (the logistic loss with one output per class) needs covariances that are diagonal in "
            "one basis: scalars, diagonals, or multiples of one matrix; got different matrices. Rotate the "
            "problem, take their average, or use loss='squared'"
        )
    basis = contrast_basis(problem.target.classes)
    noise = tuple(
        tuple((operator, basis.T @ scale @ basis) for operator, scale in pairs) for pairs in prior.noise
    )
    sources = Prior(np.swapaxes(basis, 0, 1) @ prior.mean, noise)
    reduction = softmax.ContrastReduction(
        model, task.means, sources, task.priors, task.group, problem.n, problem.gamma
    )
    chances = task.labels.mean  # of one-hot labels
    spread = partial(_softmax_spread, reduction, problem)
    return SoftmaxCurve(
        reduction,
        chances,
        problem.intercept,
        problem.components is None,
        spread,
        _unknown_bars(problem),
    )


def _mixture_spread(
    problem: FineTuning, task: Task, prior: Prior, ridge: MixtureRidge, law: ScoreLaw, kappa: float
) -> MixtureSpread:
    target = RidgeStage(problem.target.model, task, ridge, law.residual, prior, problem.intercept)
    return mixture_spread(target, _source_stages(problem.sources), law, kappa)


def _loss_spread(reduction: Reduction, problem: FineTuning) -> LossSpread:
    return LossSpread(reduction, _source_stages(problem.sources), np.eye(reduction.sources))


def _softmax_spread(reduction: softmax.ContrastReduction, problem: FineTuning) -> SoftmaxSpread:
    stages = tuple(
        stage if isinstance(stage, SoftmaxStage) else None for stage in _source_stages(problem.sources)
    )
    return SoftmaxSpread(reduction, stages, np.eye(reduction.sources))


def _source_stages(sources: tuple[Source, ...]) -> tuple[SourceStage | None, ...]:
    """The training of each source, None for each vector of known weights."""
    found: list[SourceStage | None] = []
    for source in sources:
        if isinstance(source, RidgeSource):
            law = source.law
            found.append(
                RidgeStage(source.mixture.model, law.task, source.ridge, law.residual, None, source.intercept)
            )
        elif isinstance(source, LossSource) and isinstance(source.law, LossCurve):
            curve, nothing = source.law, np.zeros(1)
            found.append(ConvexStage(curve.equations(nothing), curve.solution(0.0).state))
        elif isinstance(source, LossSource) and isinstance(source.law, SoftmaxCurve):
            state = source.law.solution(0.0).state
            found.append(SoftmaxStage(SoftmaxFit(equations_at(source.law, state), state)))
        else:
            found += [None] * (source.count or 1)
    return tuple(found)


def _unknown_bars(problem: FineTuning) -> str:
    """Reason and remedy where the training of a source has no theory here; empty where all have."""
    softmax_target = problem.outputs > 1 and not problem.squared
    for source in problem.sources:
        if isinstance(source, FixedSource) or source.n == math.inf:
            continue
        trained = isinstance(source, LossSource) and source.outputs > 1
        if softmax_target and not trained:
            return (
                "how random a source trained with ridge is has no formula under softmax: use a LossSource, "
                "or simulate(alpha) of the problem, which draws the source too"
            )
        one = source.mixture.model.basis is problem.target.model.basis
        if trained and not (one and isinstance(problem.target.model, Spectrum)):
            return (
                "how random a source trained with softmax is has a formula where the covariances of source "
                "and target are diagonals: rotate the problem, or simulate(alpha), which draws the source too"
            )
    return ""


def _forgets_source(problem: FineTuning) -> bool:
    """Whether the limit gamma -> 0 is least squares, which knows nothing of the source."""
    target = problem.target
    return problem.gamma == 0 and target.model.rank == target.p and problem.n > target.p


# --- tasks and sources, as the law of the scores needs them -------------------------------------------------


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
    if isinstance(source, LossSource):
        return _loss_source_prior(source, basis, dps)
    if dps is None:
        n, ridge, law = source.n, source.ridge, source.law
    else:
        n, gamma = arithmetic.to_mpf(source.n), arithmetic.to_mpf(source.gamma)
        ridge = fit_ridge(source.mixture.model.exact(), n, gamma)
        law = source_law(source, ridge, dps)
    return _seen_from(basis, law.task.basis, law.weights, _weight_noise(n, ridge, law))


def _seen_from(basis: Basis, own: Basis, weights: Array, noise: tuple[tuple[Operator, Array], ...]) -> Prior:
    """One trained source, its expected weights (q, p) in a basis of its own."""
    if own is not basis:
        weights = basis.coordinates(own.vectors_from(weights))
    return Prior(weights[None], (noise,))


def _loss_source_prior(source: LossSource, basis: Basis, dps: int | None) -> Prior:
    if dps is not None:
        raise ValueError("dps needs sources with closed forms: a FixedSource or RidgeSource")
    curve = source.law
    weights, noise = softmax_weights(curve) if isinstance(curve, SoftmaxCurve) else loss_weights(curve)
    return _seen_from(basis, source.mixture.model.basis, weights, noise)


def source_curve(source: LossSource) -> LossCurve | SoftmaxCurve:
    """The curve of the source fit: its alpha multiplies a source of zeros."""
    shape = (source.p,) if source.outputs == 1 else (source.outputs, source.p)
    problem = FineTuning(
        source.mixture,
        FixedSource(np.zeros(shape), outputs=source.outputs),
        source.n,
        source.gamma,
        intercept=source.intercept,
        label_noise=source.label_noise,
        loss=source.loss,
    )
    return _loss_curve(problem, problem.ridge)


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
