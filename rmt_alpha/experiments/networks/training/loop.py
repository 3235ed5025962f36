"""One training run: the same loop, the same order of the data and the same rules for every method.

AdamW without weight decay; the learning rate rises over the first steps and falls linearly to 0; gradients
are clipped to norm 1.  The checkpoint with the highest accuracy on the validation rows is kept (ties: the
lower validation loss), and only that one is tested, once, on the development rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks.splits import RowSplit
from rmt_alpha.experiments.networks.training.encoder import store_frozen_in_bf16
from rmt_alpha.experiments.networks.training.evaluation import Score, evaluate
from rmt_alpha.experiments.networks.training.methods import Method
from rmt_alpha.experiments.networks.training.optimizer import AlternatingOptimizer, schedule
from rmt_alpha.experiments.networks.training.tokens import Tokens, training_batches

Say = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run found.

    Attributes
    ----------
    curve : list of (step, Score)
        Validation scores.
    best_step : int
        Step of the checkpoint.
    validation, dev : Score
        Its scores; ``dev`` is None when the run only tunes.
    model : Module
        With the checkpoint's weights.
    trainable : int
        Trained parameters, the head included.
    seconds : float
    """

    curve: list[tuple[int, Score]]
    best_step: int
    validation: Score
    dev: Score | None
    model: nn.Module
    trainable: int
    seconds: float


def train(
    model: nn.Module,
    method: Method,
    tokens: Tokens,
    dev: Tokens | None,
    rows: RowSplit,
    settings: Settings,
    rate: float,
    seed: int,
    *,
    device: torch.device,
    say: Say | None = None,
) -> Outcome:
    """Train, choose the checkpoint, test it.

    Parameters
    ----------
    model : Module
        From `rmt_alpha.experiments.networks.training.encoder.load_model` and the method's ``wrap``.
    tokens : Tokens
        The training file.
    dev : Tokens or None
        Test rows; None does not test.
    rows : RowSplit
        Which rows of ``tokens`` train, serve alpha, and validate.
    rate : float
        Learning rate.
    seed : int
        Of the order of the data.
    say : callable, optional
        Called with the step and the number of steps.

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
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
