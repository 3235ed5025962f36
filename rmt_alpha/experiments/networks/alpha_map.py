"""What the learned alpha is worth in a trained model: its accuracy when every alpha becomes a * alpha + b.

(a, b) = (1, 0) is the model as trained, (0, 1) puts alpha = 1 everywhere and keeps the update that was
trained beside the learned alpha, (0, 0) removes the frozen weights of the adapted layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from rmt_alpha.experiments.networks.experiment import chosen_rate
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.networks.training.evaluation import evaluate
from rmt_alpha.experiments.networks.training.methods import method
from rmt_alpha.experiments.networks.training.trainer import Job, TaskTrainer

SCALES = (-1.0, -0.5, 0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
SHIFTS = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
METHOD = "alpha-lora"


def alpha_map(
    trainer: TaskTrainer,
    record: RunRecord,
    size: int,
    seed: int,
    *,
    announce: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Train one model with alpha-LoRA and record its accuracy on the dev rows over a grid of (a, b).

    Parameters
    ----------
    record : RunRecord
        Must hold the tuning runs of alpha-LoRA on this task.
    size : int
        Training rows.
    announce : callable
        Called with lines for the reader.

    Returns
    -------
    dict
        The recorded entry: ``scales`` (a), ``shifts`` (b), and ``accuracy`` with one row per shift.

    Raises
    ------
    RecordError
        If the learning rate has not been tuned yet.
    """
    from rmt_alpha.lora import replaced_alpha

    settings, task = trainer.settings, trainer.data.task.name
    same = {"settings": settings.id, "task": task, "size": size, "seed": seed}
    if (found := record.find("map", same)) is not None:
        announce(f"the map of {task} {size} seed {seed} is recorded already")
        return found
    job = Job(task, size, method(METHOD), seed, None)
    rate = chosen_rate(record, settings.id, job)
    announce(f"{task} {size}: training {METHOD}, then {len(SCALES) * len(SHIFTS)} tests of it")
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
