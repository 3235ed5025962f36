"""The curve of a `FineTuning` problem: from its fields to the law of the scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import check_dps
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import as_loss
from rmt_alpha.theory.convex.curve import LossCurve
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.mixtures.curve import MixtureCurve
from rmt_alpha.theory.mixtures.priors import joint_prior, make_task
from rmt_alpha.theory.mixtures.score_law import Prior, Task, score_law
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge


def fine_tuning_curve(problem: FineTuning, dps: int | None) -> MixtureCurve | LossCurve:
    """See `FineTuning.curve`."""
    dps = check_dps(dps)
    if dps is None:
        return _curve(problem, problem.ridge)
    if not problem.squared:
        raise ValueError(f"dps needs loss='squared', got loss={problem.loss!r}: use dps=None")
    if problem.outputs > 1:
        raise ValueError(
            "dps needs one output (labels -1 and +1): the accuracy of more is integrated in float64"
        )
    with arithmetic.working_precision(dps):
        n, gamma = arithmetic.to_mpf(problem.n), arithmetic.to_mpf(problem.gamma)
        return _mixture_curve(problem, fit_ridge(problem.target.model.exact(), n, gamma), dps)


def fine_tuning_path(problem: FineTuning, gamma: Iterable[float]) -> Iterator[MixtureCurve | LossCurve]:
    """See `FineTuning.path`."""
    previous = None
    for value in gamma:
        one = replace(problem, gamma=value)
        previous = fit_ridge(problem.target.model, one.n, one.gamma, previous)
        yield _curve(one, previous)


def _curve(problem: FineTuning, ridge: MixtureRidge) -> MixtureCurve | LossCurve:
    return _mixture_curve(problem, ridge, None) if problem.squared else _loss_curve(problem, ridge)


def _task(problem: FineTuning, dps: int | None) -> tuple[Task, Prior]:
    task = make_task(problem.target, problem.outputs, problem.label_noise, dps)
    return task, joint_prior(problem.sources, task.basis, dps)


def _mixture_curve(problem: FineTuning, ridge: MixtureRidge, dps: int | None) -> MixtureCurve:
    task, prior = _task(problem, dps)
    law = score_law(task, ridge, prior, problem.intercept)
    return MixtureCurve(
        kappa=0 * law.kappa_max if _forgets_source(problem) else law.kappa_max,
        center=law.center,
        miss=law.miss,
        score_rows=law.spread[task.group],
        risk_slope=law.risk_slope,
        priors=task.priors,
        single=problem.components is None,
        dps=dps,
        ridge=ridge,
    )


def _loss_curve(problem: FineTuning, ridge: MixtureRidge) -> LossCurve:
    if not problem.target.model.moments[0].max() > 0:
        raise ValueError(
            f"loss={problem.loss!r} needs features that vary within the classes, got covariances that are 0"
        )
    task, prior = _task(problem, None)
    reduction = Reduction(problem.target.model, task, prior, problem.n, problem.gamma)
    squared = _mixture_curve(problem, ridge, None)
    return LossCurve(
        reduction, as_loss(problem.loss), problem.label_noise, problem.intercept, squared.single, squared
    )


def _forgets_source(problem: FineTuning) -> bool:
    """Whether the limit gamma -> 0 is least squares, which knows nothing of the source."""
    target = problem.target
    return problem.gamma == 0 and target.model.rank == target.p and problem.n > target.p
