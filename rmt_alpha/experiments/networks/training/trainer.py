"""One training run: the same loop, the same order of the data and the same rules for every method.

AdamW without weight decay; the learning rate rises over the first steps and falls linearly to 0; gradients
are clipped to norm 1.  The checkpoint with the highest accuracy on the validation rows is kept (ties: the
lower validation loss), and only that one is tested, once, on the development rows.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from rmt_alpha.experiments.networks.loading import GlueData
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks import RowSplit, split, validation_split
from rmt_alpha.experiments.networks.training.methods import (
    Method,
    head_modules,
    load_model,
    store_frozen_in_bf16,
)
from rmt_alpha.experiments.networks.training.optimizer import AlternatingOptimizer, schedule
from rmt_alpha.experiments.networks.training.tokens import (
    Score,
    TokenRows,
    evaluate,
    tokenise,
    training_batches,
)

Say = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run found."""

    curve: list[tuple[int, Score]]
    """Validation scores."""
    best_step: int
    """Step of the checkpoint."""
    validation: Score
    dev: Score | None
    """Its scores; ``dev`` is None when the run only tunes."""
    model: nn.Module
    """With the checkpoint's weights."""
    trainable: int
    """Trained parameters, the head included."""
    seconds: float


def train(
    model: nn.Module,
    method: Method,
    tokens: TokenRows,
    dev: TokenRows | None,
    rows: RowSplit,
    settings: Settings,
    rate: float,
    seed: int,
    *,
    device: torch.device,
    say: Say | None = None,
) -> Outcome:
    """Train on some rows of the training file, choose the checkpoint, and test it unless ``dev`` is None.

    ``seed`` orders the data, and ``say`` is called with the step and the number of steps.  FloatingPointError
    if the loss is no longer finite.
    """
    start = time.perf_counter()
    torch.manual_seed(seed)
    size = len(rows.train) + len(rows.alpha)
    steps = settings.steps_for(size)
    if settings.precision == "bf16":
        store_frozen_in_bf16(model)
    optimizer = AlternatingOptimizer(model, method, tokens, rows, settings, rate, seed, device)
    batches = training_batches(tokens, rows.train, settings.batch_size, seed)
    checkpoints = {round(steps * (k + 1) / settings.evaluations) for k in range(settings.evaluations)}
    curve: list[tuple[int, Score]] = []
    best: tuple[float, float] | None = None
    kept: list[torch.Tensor] = []
    best_step = 0

    for step in range(steps):
        model.train()
        optimizer.set_rates(schedule(step, steps, settings.warmup))
        optimizer.step(tokens.batch(next(batches), device))
        optimizer.alpha_step(step + 1)
        if step + 1 in checkpoints:
            score = evaluate(model, tokens, rows.validation, settings, device)
            curve.append((step + 1, score))
            if best is None or (score.accuracy, -score.loss) > best:
                best, best_step = (score.accuracy, -score.loss), step + 1
                kept = [p.detach().clone() for p in optimizer.parameters]
        if say is not None:
            say(step + 1, steps)
    with torch.no_grad():
        for parameter, value in zip(optimizer.parameters, kept, strict=True):
            parameter.copy_(value)
    optimizer.release()
    tested = None if dev is None else evaluate(model, dev, np.arange(len(dev)), settings, device)
    return Outcome(
        curve,
        best_step,
        dict(curve)[best_step],
        tested,
        model,
        sum(p.numel() for p in optimizer.parameters),
        time.perf_counter() - start,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """One training run to do; ``rate`` None: the one that tuning chose."""

    task: str
    size: int
    method: Method
    seed: int
    rate: float | None
    tuned_on: str = ""
    """The task whose tuning runs choose the rate; empty: this one."""

    @property
    def tunes(self) -> bool:
        """Whether this run only tunes."""
        return self.rate is not None


class TaskTrainer:
    """The tokenizer of a model on the hub or in a folder, and the tokenised rows of a task, to train on.

    ``device`` None is a GPU if there is one.
    """

    tuned_on = ""
    """The task whose tuning runs choose the rates; empty: this one."""

    def __init__(self, model: str, data: GlueData, settings: Settings, device: str | None = None) -> None:
        from transformers import AutoTokenizer

        self.model, self.data, self.settings = model, data, settings
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        tokenizer = AutoTokenizer.from_pretrained(model)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.train: TokenRows = tokenise(data.train, tokenizer, settings.max_length)
        self.dev: TokenRows = tokenise(data.dev, tokenizer, settings.max_length)

    @property
    def task(self) -> str:
        """What the rows are called in the record."""
        return self.data.task.name

    @property
    def largest(self) -> int:
        """Training rows that are left beside the validation rows."""
        return len(validation_split(len(self.train), self.settings.validation_rows)[0])

    def with_settings(self, settings: Settings) -> TaskTrainer:
        """The same rows and model under other settings; tokens are shared, so keep ``max_length``."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def facts(self) -> dict[str, Any]:
        """Numbers of rows, the share of the largest class among the test rows, and where they are from."""
        majority = float(np.bincount(self.dev.labels).max() / len(self.dev))
        return {
            "train": len(self.train),
            "dev": len(self.dev),
            "majority": round(majority, 5),
            "origin": self.data.origin,
        }

    def run(self, job: Job, rate: float, *, test: bool, say: Say | None = None) -> Outcome:
        """Train one model from scratch."""
        settings = self.settings
        holdout = settings.alpha_holdout if job.method.holdout else 0.0
        rows = split(len(self.train), settings.validation_rows, job.size, job.seed, holdout)
        model = load_model(self.model, len(self.data.task.labels), job.seed, settings, self.device)
        model = job.method.wrap(model, settings, head_modules(model)).to(self.device)
        dev = self.dev if test else None
        return train(
            model, job.method, self.train, dev, rows, settings, rate, job.seed, device=self.device, say=say
        )
