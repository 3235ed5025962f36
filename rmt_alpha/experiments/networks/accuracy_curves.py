"""Accuracy against training step: the comparison's runs again, looked at more often.

The runs of the comparison are evaluated a few times each; these differ in nothing but the number of
evaluations, on the validation rows.  The development rows are not needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from rmt_alpha.experiments.networks.experiment import chosen_rate
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.networks.training.methods import method
from rmt_alpha.experiments.networks.training.trainer import Job, TaskTrainer

EVALUATIONS = 20


def accuracy_curves(
    trainer: TaskTrainer,
    record: RunRecord,
    size: int,
    methods: Sequence[str],
    seeds: Sequence[int],
    *,
    announce: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """RunRecord the validation accuracy of every method and seed at 20 evenly spaced steps.

    Parameters
    ----------
    record : RunRecord
        Must hold the tuning runs of the methods on this task.
    size : int
        Training rows.
    announce : callable
        Called with lines for the reader.

    Returns
    -------
    list of dict
        The recorded entries, with ``points``, a list of (step, accuracy).

    Raises
    ------
    RecordError
        If a learning rate has not been tuned yet.
    """
    settings, task = trainer.settings, trainer.data.task.name
    often = dataclasses.replace(settings, evaluations=min(EVALUATIONS, settings.steps_for(size)))
    watched = trainer.with_settings(often)
    entries = []
    for seed in seeds:
        for name in methods:
            same = {"settings": settings.id, "task": task, "size": size, "method": name, "seed": seed}
            entry = record.find("curve", same)
            if entry is None:
                job = Job(task, size, method(name), seed, None)
                rate = chosen_rate(record, settings.id, job)
                outcome = watched.run(job, rate, test=False)
                points = [[step, round(score.accuracy, 4)] for step, score in outcome.curve]
                entry = record.add("curve", same, {"rate": rate, "points": points})
                announce(f"{task} {size} {name} seed {seed}: {len(points)} points, last {points[-1][1]:.4f}")
            entries.append(entry)
    return entries
