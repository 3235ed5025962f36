"""The optimizer of a run: steps on the adapter, and on alpha with batches of its own.

alpha-LoRA takes one step on alpha alone after every T steps on the adapter (`rmt_alpha.lora.AlphaSchedule`),
its learning rate following the same schedule.  Its batches come from rows that the adapter does not see, or,
in paper mode, from all training rows, after the first step of every epoch and every T steps from there.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks import RowSplit
from rmt_alpha.experiments.networks.training.methods import Method
from rmt_alpha.experiments.networks.training.tokens import TokenRows, autocast

_CLIP = 1.0


def schedule(step: int, steps: int, warmup: float) -> float:
    """Factor of the learning rates at this step, the first being 0: rises to 1, then falls linearly to 0.

    ``warmup`` is the share of the steps in which it rises.

    Examples
    --------
    >>> [schedule(step, 5, 0.2) for step in range(5)]
    [1.0, 1.0, 0.75, 0.5, 0.25]
    """
    warm = math.ceil(warmup * steps)
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)


class AlternatingOptimizer:
    """Moves the adapter and, if there is one, alpha, each on batches of its own.

    Steps raise FloatingPointError if the loss is no longer finite.
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        tokens: TokenRows,
        rows: RowSplit,
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

            size = settings.batch_size
            epoch = -(-len(rows.train) // size) if method.alpha == "paper" else None
            every = method.alpha_every or settings.alpha_every
            self.alpha = AlphaSchedule(
                model, len(self.held), every=every, batch_size=size, seed=seed, paper_steps_per_epoch=epoch
            )
            self.rates.append(settings.alpha_ratio * rate)
            groups = self.alpha.parameter_groups(*self.rates)
            self.adapter = groups[0]["params"]
        self.parameters = [p for group in groups for p in group["params"]]
        self.optimizer = torch.optim.AdamW(groups)

    def set_rates(self, factor: float) -> None:
        """Every learning rate times this factor (`schedule`)."""
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
            self.alpha.update_alpha(self.optimizer, taken, self._held_loss)

    def release(self) -> None:
        """Leave the model's parameters as they were found."""
        if self.alpha is not None:
            self.alpha.release()

    def _held_loss(self, chosen: list[int]) -> torch.Tensor:
        return self._loss(self.tokens.batch(self.held[chosen], self.device))

    def _loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with autocast(self.settings, self.device):
            loss: torch.Tensor = self.model(**batch).loss
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the training loss became {loss.item()}; a lower learning rate would keep it finite"
            )
        return loss
