"""The comparison: tune the learning rate of every method on validation rows, then run every seed with it.

Tuning: each method tries four learning rates with seed 0 at the tuning sizes (400 and 1600 rows), and keeps
the one with the highest mean validation accuracy (ties: the lower mean validation loss).  One rate per method
and task serves all sizes.  The development rows are never looked at while tuning.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from torch import nn

from rmt_alpha.errors import RecordError
from rmt_alpha.experiments.networks.results.runs import TUNING_SEED, RunKey, RunRecord
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.training.methods import Method, method
from rmt_alpha.experiments.networks.training.tokens import Score
from rmt_alpha.experiments.networks.training.trainer import Job, Outcome, TaskTrainer

Announce = Callable[[str], None]
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Which quantiles of the alphas of a module go into the record."""


def plan(
    task: str,
    sizes: Sequence[int],
    methods: Sequence[str],
    seeds: Sequence[int],
    tuning_sizes: Sequence[int],
    find: Callable[[str], Method] = method,
    tuned_on: str = "",
) -> list[Job]:
    """The runs, in order: tuning first, then by size, seed and method.

    ``find`` knows the methods by name; with ``tuned_on``, another task has chosen their rates.

    Examples
    --------
    >>> jobs = plan("rte", [100], ["lora"], [1, 2], [400, 1600])
    >>> [(job.size, job.seed, job.rate) for job in jobs][-3:]
    [(1600, 0, 0.01), (100, 1, None), (100, 2, None)]
    """
    chosen = [find(name) for name in dict.fromkeys(methods)]
    jobs = [
        Job(task, size, one, TUNING_SEED, rate)
        for size, one in itertools.product(dict.fromkeys(() if tuned_on else tuning_sizes), chosen)
        for rate in one.rates
    ]
    tested = itertools.product(dict.fromkeys(sizes), dict.fromkeys(seeds), chosen)
    return jobs + [Job(task, size, one, seed, None, tuned_on) for size, seed, one in tested]


def chosen_rate(record: RunRecord, settings: str, job: Job) -> float:
    """The learning rate that `RunRecord.tuned_rate` chooses for this task and method.

    RecordError if the tuning runs, under the settings of this id, are not in the record.
    """
    rate = record.tuned_rate(settings, job.tuned_on or job.task, job.method.name)
    if rate is None:
        raise RecordError(
            f"{record.path}: no learning rate of {job.method.name} on {job.tuned_on or job.task} has been "
            "tried yet; run the comparison first"
        )
    return rate


def run_experiment(
    trainer: TaskTrainer,
    record: RunRecord,
    sizes: Sequence[int],
    methods: Sequence[str],
    seeds: Sequence[int],
    *,
    find: Callable[[str], Method] = method,
    announce: Announce = lambda _: None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[RunKey]:
    """Do every run that the record lacks, record each at once, and return the keys of all tested runs.

    ``find`` knows the methods by name.  ``announce`` is called with lines for the reader: the number of runs,
    each result with the time left; ``progress`` with a title, the step and the number of steps.

    Raises
    ------
    ValueError
        If a size is below 2 or above what the training file has, or a seed below 1: 0 is that of the tuning
        runs.
    """
    _check(sizes, seeds, trainer.largest)
    settings, task = trainer.settings, trainer.task
    record.add_settings(settings, {name: version(name) for name in ("torch", "transformers", "peft")})
    record.add_task(task, trainer.facts())
    tuning = [min(size, trainer.largest) for size in settings.tuning_sizes]
    jobs = plan(task, sizes, methods, seeds, tuning, find, trainer.tuned_on)
    todo = [job for job in jobs if not _is_done(record, settings.id, job)]
    announce(f"{task}: {len(jobs)} runs, {len(jobs) - len(todo)} of them recorded already")
    clock = _Clock(todo, settings)
    keys = []
    for job in jobs:
        if job in todo:
            record.reload()  # another process may have done it meanwhile
        if job in todo and not _is_done(record, settings.id, job):
            key, run = _do(trainer, record, job, progress)
            announce(f"{_line(key, run)}, {clock.after(job)}")
        if not job.tunes:
            keys.append(_key(record, settings.id, job))
    return keys


def _check(sizes: Iterable[int], seeds: Iterable[int], largest: int) -> None:
    for size in sizes:
        if not 2 <= size <= largest:
            raise ValueError(
                f"size must be between 2 and {largest} (training rows less validation), got {size}"
            )
    for seed in seeds:
        if seed < 1:
            raise ValueError(f"seeds must be at least 1 (0 is the seed of the tuning runs), got {seed}")


def _key(record: RunRecord, settings: str, job: Job) -> RunKey:
    rate = chosen_rate(record, settings, job) if job.rate is None else job.rate
    return RunKey(settings, job.task, job.size, job.method.name, rate, job.seed)


def _is_done(record: RunRecord, settings: str, job: Job) -> bool:
    rate = record.tuned_rate(settings, job.tuned_on or job.task, job.method.name)
    tuned = job.tunes or rate is not None
    return tuned and _key(record, settings, job) in record.runs


def _do(
    trainer: TaskTrainer, record: RunRecord, job: Job, progress: Callable[[str, int, int], None] | None
) -> tuple[RunKey, dict[str, Any]]:
    key = _key(record, trainer.settings.id, job)
    title = f"{job.task} {job.size} {job.method.name} {key.rate:g} seed {job.seed}"
    say = None if progress is None else (lambda step, steps: progress(title, step, steps))
    values: dict[str, Any] = {"tuning": True} if job.tunes else {}
    try:
        outcome = trainer.run(job, key.rate, test=not job.tunes, say=say)
    except FloatingPointError as error:
        if not job.tunes:
            raise
        values |= {"validation": 0.0, "validation_loss": 1e9, "failed": str(error)}
    else:
        values |= _values(outcome, job)
    record.add_run(key, values)
    return key, values


def _values(outcome: Outcome, job: Job) -> dict[str, Any]:
    values: dict[str, Any] = {
        "validation": round(outcome.validation.accuracy, 5),
        "validation_loss": round(outcome.validation.loss, 5),
        "best_step": outcome.best_step,
        "trainable": outcome.trainable,
        "seconds": round(outcome.seconds, 1),
    }
    if outcome.dev is not None:
        values |= tested(outcome.dev)
        if outcome.dev.f1 is not None:
            values["dev_f1"] = round(outcome.dev.f1, 5)
        values["curve"] = [[step, round(score.accuracy, 4)] for step, score in outcome.curve]
        if job.method.alpha:
            values["alpha"] = alpha_quantiles(outcome.model)
    return values


def tested(score: Score) -> dict[str, Any]:
    """What is recorded of a test: accuracy and log-loss, of all rows and of ten parts of them."""
    values: dict[str, Any] = {"dev": round(score.accuracy, 5), "dev_loss": round(score.loss, 5)}
    if score.folds:
        values["dev_folds"] = [[round(x, 5) for x in part] for part in zip(*score.folds, strict=True)]
    return values


def alpha_quantiles(model: nn.Module) -> dict[str, list[float]]:
    """Quantiles (`QUANTILES`) of the learned alphas of every module of a model with an alpha-LoRA adapter."""
    from rmt_alpha.lora import alphas

    return {
        name: [round(float(q), 4) for q in np.quantile(values.double().cpu().numpy(), QUANTILES)]
        for name, values in alphas(model).items()
    }


def _line(key: RunKey, run: dict[str, Any]) -> str:
    tested = f", dev {run['dev']:.4f}" if "dev" in run else ""
    what = f"{key.task} {key.size} {key.method} rate {key.rate:g} seed {key.seed}"
    return f"{what}: validation {run['validation']:.4f}{tested}"


class _Clock:
    """Time left, from the steps that are left and the time that steps took so far."""

    def __init__(self, jobs: Iterable[Job], settings: Settings) -> None:
        self._settings = settings
        self._left = float(sum(self._cost(job) for job in jobs))
        self._done = 0.0
        self._start = time.monotonic()

    def _cost(self, job: Job) -> int:
        return self._settings.steps_for(job.size)

    def after(self, job: Job) -> str:
        self._done += self._cost(job)
        self._left -= self._cost(job)
        seconds = (time.monotonic() - self._start) / self._done * self._left
        return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"
