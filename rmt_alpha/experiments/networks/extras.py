"""What is recorded beside the comparison: accuracy against training step, and against a changed alpha."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from rmt_alpha.experiments.networks.experiment import Announce, chosen_rate
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.networks.training.methods import method
from rmt_alpha.experiments.networks.training.tokens import evaluate
from rmt_alpha.experiments.networks.training.trainer import Job, TaskTrainer

EVALUATIONS = 20
SCALES = (-1.0, -0.5, 0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
SHIFTS = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
MAPPED = "alpha-lora"


def accuracy_curves(
    trainer: TaskTrainer,
    record: RunRecord,
    size: int,
    methods: Sequence[str],
    seeds: Sequence[int],
    *,
    announce: Announce = lambda _: None,
) -> list[dict[str, Any]]:
    """Record the validation accuracy of every method and seed at 20 evenly spaced steps.

    The runs differ in nothing from those of the comparison but the number of evaluations, on the validation
    rows; the development rows are not needed.  Returns the entries, with ``points``, a list of (step,
    accuracy).  RecordError if a learning rate has not been tuned on this task yet.
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


def alpha_map(
    trainer: TaskTrainer,
    record: RunRecord,
    size: int,
    seed: int,
    *,
    announce: Announce = lambda _: None,
) -> dict[str, Any]:
    """Train one model with alpha-LoRA; record its accuracy on the dev rows with every alpha a * alpha + b.

    (a, b) = (1, 0) is the model as trained, (0, 1) puts alpha = 1 everywhere and keeps the update that was
    trained beside the learned alpha, (0, 0) removes the frozen weights of the adapted layers.  Returns the
    entry: ``scales`` (a), ``shifts`` (b), and ``accuracy`` with one row per shift.  RecordError if the
    learning rate has not been tuned on this task yet.
    """
    from rmt_alpha.lora import replaced_alpha

    settings, task = trainer.settings, trainer.data.task.name
    same = {"settings": settings.id, "task": task, "size": size, "seed": seed}
    if (found := record.find("map", same)) is not None:
        announce(f"the map of {task} {size} seed {seed} is recorded already")
        return found
    job = Job(task, size, method(MAPPED), seed, None)
    rate = chosen_rate(record, settings.id, job)
    announce(f"{task} {size}: training {MAPPED}, then {len(SCALES) * len(SHIFTS)} tests of it")
    model = trainer.run(job, rate, test=False).model
    rows = np.arange(len(trainer.dev))
    accuracy: list[list[float]] = [[] for _ in SHIFTS]
    for (i, shift), scale in itertools.product(enumerate(SHIFTS), SCALES):
        with replaced_alpha(model, scale, shift):
            score = evaluate(model, trainer.dev, rows, settings, trainer.device)
        accuracy[i].append(round(score.accuracy, 5))
    values = {"rate": rate, "scales": list(SCALES), "shifts": list(SHIFTS), "accuracy": accuracy}
    announce(f"{task} {size}: as trained {accuracy[SHIFTS.index(0.0)][SCALES.index(1.0)]:.4f}")
    return record.add("map", same, values)
