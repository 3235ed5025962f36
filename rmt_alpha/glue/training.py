"""One training run: the same loop, the same order of the data and the same rules for every method.

AdamW without weight decay; the learning rate rises over the first steps and falls linearly to 0; gradients
are clipped to norm 1.  The checkpoint with the highest accuracy on the validation rows is kept (ties: the
lower validation loss), and only that one is tested, once, on the development rows.

alpha-LoRA takes one step on alpha alone after every T steps on the adapter (`rmt_alpha.lora.AlphaSchedule`),
its learning rate following the same schedule.  Its batches come from rows that the adapter does not see, or,
in paper mode, from all training rows, after the first step of every epoch and every T steps from there.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rmt_alpha.glue.methods import Method
from rmt_alpha.glue.settings import Settings
from rmt_alpha.glue.splits import Split
from rmt_alpha.glue.tokens import Tokens, evaluation_batches, training_batches

_EVALUATION_BATCH = 64
_CLIP = 1.0

Say = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy and mean loss on some rows; ``f1`` of class 1 where there are two classes."""

    accuracy: float
    loss: float
    f1: float | None


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


class Diverged(RuntimeError):
    """The loss is no longer finite; the run is recorded as failed."""


def load_model(model: str, n_labels: int, seed: int, settings: Settings, device: torch.device) -> nn.Module:
    """The pretrained encoder with a new head, drawn by ``seed``: the same head for every method.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder; a folder is read without a network.
    n_labels : int
    seed : int
    settings : Settings
    device : torch.device

    Returns
    -------
    Module

    Examples
    --------
    >>> load_model("my/encoder", 2, 1, settings, torch.device("cpu"))  # doctest: +SKIP
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification
    from transformers.utils import logging

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(model, num_labels=n_labels)
    for name in (
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "attn_pdrop",
        "resid_pdrop",
        "embd_pdrop",
    ):
        if hasattr(config, name):
            setattr(config, name, settings.dropout)
    # On CPUs the backward pass of PyTorch's fused attention is the slowest part of a training step: short
    # rows train twice as fast without it (MiniLM-L6, 16 rows of 50 tokens).
    attention = {"attn_implementation": "eager"} if device.type == "cpu" else {}
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the head is new is no news
    logging.disable_progress_bar()
    try:
        made: Any = AutoModelForSequenceClassification.from_pretrained(
            model, config=config, dtype=torch.float32, **attention
        )
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
    if made.config.pad_token_id is None:
        made.config.pad_token_id = made.config.eos_token_id or 0
    return made.to(device)


def store_frozen_in_bf16(model: nn.Module) -> None:
    """Frozen linear layers, norms and embeddings in bfloat16.

    Autocast would round the linear layers to it in every forward pass; with the others, what passes between
    the layers is stored in bfloat16 too, and a training step takes a fifth less time.

    Parameters
    ----------
    model : Module

    Examples
    --------
    >>> layer = nn.Linear(2, 2).requires_grad_(False)
    >>> store_frozen_in_bf16(layer)
    >>> layer.weight.dtype
    torch.bfloat16
    """
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.LayerNorm, nn.Embedding)):
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(torch.bfloat16)


def train(
    model: nn.Module,
    method: Method,
    tokens: Tokens,
    dev: Tokens | None,
    rows: Split,
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
        From `load_model` and the method's ``wrap``.
    method : Method
    tokens : Tokens
        The training file.
    dev : Tokens or None
        Test rows; None does not test.
    rows : Split
        Which rows of ``tokens`` train, serve alpha, and validate.
    settings : Settings
    rate : float
        Learning rate.
    seed : int
        Of the order of the data.
    device : torch.device
    say : callable, optional
        Called with the step and the number of steps.

    Returns
    -------
    Outcome

    Raises
    ------
    Diverged
        If the loss is no longer finite.

    Examples
    --------
    >>> train(
    ...     model, method("lora"), tokens, dev, rows, settings, 1e-3, 1, device=cpu
    ... )  # doctest: +SKIP
    """
    start = time.perf_counter()
    torch.manual_seed(seed)
    size = len(rows.train) + len(rows.alpha)
    steps = settings.steps_for(size)
    if settings.precision == "bf16":
        store_frozen_in_bf16(model)
    players = _Players(model, method, tokens, rows, settings, rate, seed, device)
    batches = training_batches(tokens, rows.train, settings.batch_size, seed)
    checkpoints = {round(steps * (k + 1) / settings.evaluations) for k in range(settings.evaluations)}
    curve: list[tuple[int, Score]] = []
    best: tuple[float, float] | None = None
    kept: list[torch.Tensor] = []
    best_step = 0

    for step in range(steps):
        model.train()
        players.set_rates(schedule(step, steps, settings.warmup))
        players.step(tokens.batch(next(batches), device))
        players.alpha_step(step + 1)
        if step + 1 in checkpoints:
            score = evaluate(model, tokens, rows.validation, settings, device)
            curve.append((step + 1, score))
            if best is None or (score.accuracy, -score.loss) > best:
                best, best_step = (score.accuracy, -score.loss), step + 1
                kept = [p.detach().clone() for p in players.parameters]
        if say is not None:
            say(step + 1, steps)
    with torch.no_grad():
        for parameter, value in zip(players.parameters, kept, strict=True):
            parameter.copy_(value)
    players.release()
    tested = None if dev is None else evaluate(model, dev, np.arange(len(dev)), settings, device)
    return Outcome(
        curve,
        best_step,
        dict(curve)[best_step],
        tested,
        model,
        sum(p.numel() for p in players.parameters),
        time.perf_counter() - start,
    )


def schedule(step: int, steps: int, warmup: float) -> float:
    """Factor of the learning rates at this step, the first being 0: rises to 1, then falls linearly to 0.

    Parameters
    ----------
    step, steps : int
    warmup : float
        Share of the steps in which it rises.

    Returns
    -------
    float

    Examples
    --------
    >>> [schedule(step, 5, 0.2) for step in range(5)]
    [1.0, 1.0, 0.75, 0.5, 0.25]
    """
    warm = math.ceil(warmup * steps)
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)


class _Players:
    """The adapter, and alpha if there is one, each moving on batches of its own."""

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        tokens: Tokens,
        rows: Split,
        settings: Settings,
        rate: float,
        seed: int,
        device: torch.device,
    ) -> None:
        self.model, self.settings, self.device, self.tokens = model, settings, device, tokens
        self.rates = [rate]
        self.adapter = [p for p in model.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": self.adapter, "weight_decay": 0.0}]
        self.held = rows.train if method.alpha == "paper" else rows.alpha
        self.alpha: Any = None
        if method.alpha:
            from rmt_alpha.lora import AlphaSchedule

            self.alpha = AlphaSchedule(
                model,
                len(self.held),
                every=settings.alpha_every,
                batch_size=settings.batch_size,
                seed=seed,
                paper_steps_per_epoch=-(-len(rows.train) // settings.batch_size)
                if method.alpha == "paper"
                else None,
            )
            self.rates.append(settings.alpha_ratio * rate)
            groups = self.alpha.parameter_groups(*self.rates)
            self.adapter = groups[0]["params"]
        self.parameters = [p for group in groups for p in group["params"]]
        self.optimizer = torch.optim.AdamW(groups)

    def set_rates(self, factor: float) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def step(self, batch: dict[str, torch.Tensor]) -> None:
        """One step of the adapter."""
        self._loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(self.adapter, _CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def alpha_step(self, taken: int) -> None:
        """One step of alpha, if it is due after this many steps of the adapter."""
        if self.alpha is not None:
            self.alpha.update_alpha(
                self.optimizer, taken, lambda chosen: self._loss(self._held_batch(chosen))
            )

    def release(self) -> None:
        """Leave the model's parameters as they were found."""
        if self.alpha is not None:
            self.alpha.release()

    def _held_batch(self, chosen: list[int]) -> dict[str, torch.Tensor]:
        return self.tokens.batch(self.held[chosen], self.device)

    def _loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with autocast(self.settings, self.device):
            loss: torch.Tensor = self.model(**batch).loss
        if not torch.isfinite(loss):
            raise Diverged(
                f"the training loss became {loss.item()}; a lower learning rate would keep it finite"
            )
        return loss


@contextlib.contextmanager
def autocast(settings: Settings, device: torch.device) -> Iterator[None]:
    """The arithmetic of the settings."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings.precision == "bf16"):
        yield


def evaluate(
    model: nn.Module, tokens: Tokens, rows: NDArray[np.int64], settings: Settings, device: torch.device
) -> Score:
    """Accuracy and loss on these rows.

    Parameters
    ----------
    model : Module
    tokens : Tokens
    rows : ndarray of int
    settings : Settings
    device : torch.device

    Returns
    -------
    Score

    Examples
    --------
    >>> evaluate(
    ...     model, dev, np.arange(len(dev)), settings, cpu
    ... ).accuracy  # doctest: +SKIP
    """
    model.eval()
    loss, guesses, truths = 0.0, [], []
    for chosen in evaluation_batches(tokens, rows, _EVALUATION_BATCH):
        batch = tokens.batch(chosen, device)
        labels = batch.pop("labels")
        with torch.no_grad(), autocast(settings, device):
            logits = model(**batch).logits
        logits = logits.float()
        loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
        guesses.append(logits.argmax(-1).cpu().numpy())
        truths.append(labels.cpu().numpy())
    guess, truth = np.concatenate(guesses), np.concatenate(truths)
    f1 = None
    if logits.shape[-1] == 2:
        hits, wrong = int(np.sum(guess & truth)), int(np.sum(guess != truth))
        f1 = 2 * hits / (2 * hits + wrong) if hits else 0.0
    return Score(float(np.mean(guess == truth)), loss / len(rows), f1)
