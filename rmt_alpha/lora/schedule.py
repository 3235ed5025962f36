"""The steps of adapter and alpha, for any training loop: when alpha moves, and on which rows.

The adapter (A, B and whatever else is trained) takes its steps on training batches.  After every T-th of them
alpha takes one step on a batch of rows that the adapter never trains on.  The k-th of these batches is a
function of the seed and k alone, so a run that is stopped and resumed sees the same ones.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from rmt_alpha._core.types import IntArray
from rmt_alpha.lora.alphas import trainable_alphas


class AlphaSchedule:
    r"""Alternating steps of adapter and alpha, in a loop of your own.

    From construction until `release`, alpha asks for gradients only inside `update_alpha`, so the adapter's
    steps cost what LoRA's cost.

    Parameters
    ----------
    model : torch.nn.Module
        A model with an alpha-LoRA adapter whose alpha is trainable (not wrapped in DistributedDataParallel;
        wrap it afterwards and keep this one for `update_alpha`).
    n_held_out : int
        Number of held-out rows, at least one per process.
    every : int
        T: alpha moves after every T-th step of the adapter.
    batch_size : int
        Held-out rows per alpha step and process; a smaller held-out set is used whole.
    seed : int
        Order of the held-out rows, at least 0.  A number and not a generator, because a resumed run has to
        find the same batches again.
    paper_steps_per_epoch : int or None
        None: alpha moves after steps T, 2T, 3T, ... and runs through the held-out rows in shuffled passes.  A
        number: the reference code's schedule, which counts from 0 anew in every epoch of so many steps (alpha
        moves after the first step of an epoch, the (T+1)-th, ...) and draws each batch afresh.
    rank, world_size : int
        Which process this is, and of how many; each takes its share of the rows, and gradients are averaged.

    Raises
    ------
    ValueError
        No trainable alpha, a merged adapter, no held-out row, or a number below 1.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig, AlphaSchedule, alphas
    >>> _ = torch.manual_seed(0)
    >>> x, y = torch.randn(40, 6), torch.randn(40, 3)
    >>> net = torch.nn.Sequential(torch.nn.Linear(6, 3))
    >>> model = get_peft_model(net, AlphaLoraConfig(r=2, target_modules=["0"]))
    >>> def loss(rows):
    ...     return (model(x[rows]) - y[rows]).square().mean()
    >>> schedule = AlphaSchedule(model, n_held_out=10, every=5, batch_size=8, seed=0)
    >>> optimizer = torch.optim.AdamW(schedule.parameter_groups(lr=1e-2, alpha_lr=5e-2))
    >>> for step in range(1, 21):  # rows 0 to 9 are held out
    ...     loss(range(10, 40)).backward()
    ...     schedule.drop_alpha_gradients()
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    ...     _ = schedule.update_alpha(optimizer, step, loss)
    >>> [
    ...     round(a, 1) for a in alphas(model)["0"].tolist()
    ... ]  # the random source is no help here
    [0.8, 0.8, 0.8]
    """

    def __init__(
        self,
        model: nn.Module,
        n_held_out: int,
        *,
        every: int = 10,
        batch_size: int = 32,
        seed: int = 0,
        paper_steps_per_epoch: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.every = check_count("every", every)
        check_count("batch_size", batch_size)
        check_count("seed", seed, least=0)
        if paper_steps_per_epoch is not None:
            check_count("paper_steps_per_epoch", paper_steps_per_epoch)
        if n_held_out < world_size:
            raise ValueError(
                f"alpha needs at least one held-out row per process, got {n_held_out} rows for {world_size} "
                "process(es)"
            )
        self.model = model
        self.alphas = trainable_alphas(model)
        self.n_held_out = n_held_out
        self.seed = seed
        self.paper_steps_per_epoch = paper_steps_per_epoch
        self.rank, self.world_size = rank, world_size
        self.rows_per_step = min(batch_size, n_held_out // world_size) * world_size
        stop_gradients(self.alphas)

    def __repr__(self) -> str:
        paper = f", paper_steps_per_epoch={self.paper_steps_per_epoch}" if self.paper_steps_per_epoch else ""
        process = f", rank={self.rank}, world_size={self.world_size}" if self.world_size > 1 else ""
        return (
            f"AlphaSchedule({sum(alpha.numel() for alpha in self.alphas)} alphas, every {self.every} steps, "
            f"{self.rows_per_step} of {self.n_held_out} rows, seed={self.seed}{paper}{process})"
        )

    def release(self) -> None:
        """Training is over: alpha is an ordinary trainable parameter again."""
        for alpha in self.alphas:
            alpha.grad = None
            alpha.requires_grad_(True)

    def parameter_groups(
        self, lr: float, alpha_lr: float, weight_decay: float = 0.0, alpha_weight_decay: float = 0.0
    ) -> list[dict[str, Any]]:
        """Groups for one AdamW: what the adapter trains, and alpha with its own rate.

        Decay pulls alpha to 1, not to 0: what is stored is alpha - 1.
        """
        ours = {id(alpha) for alpha in self.alphas}
        others = [p for p in self.model.parameters() if p.requires_grad and id(p) not in ours]
        return [
            {"params": others, "lr": lr, "weight_decay": weight_decay},
            {"params": self.alphas, "lr": alpha_lr, "weight_decay": alpha_weight_decay},
        ]

    def due(self, step: int) -> bool:
        """Whether alpha moves after the adapter's step number ``step``, the first being 1."""
        return self._steps_taken(step) > self._steps_taken(step - 1)

    def rows(self, step: int) -> list[int]:
        """Held-out rows of the alpha step that follows the adapter's step ``step``, this process's share."""
        k = self._steps_taken(step) - 1
        passes, place = (
            (k, 0) if self.paper_steps_per_epoch else divmod(k, self.n_held_out // self.rows_per_step)
        )
        first = place * self.rows_per_step
        batch = _shuffled(self.n_held_out, self.seed, passes)[first : first + self.rows_per_step]
        return [int(row) for row in batch[self.rank :: self.world_size]]

    def drop_alpha_gradients(self) -> None:
        """Forget what an adapter batch says about alpha: call it after each backward, before clipping."""
        stop_gradients(self.alphas)

    def update_alpha(
        self,
        optimizer: torch.optim.Optimizer,
        step: int,
        loss: Callable[[list[int]], torch.Tensor],
        micro_batches: int = 1,
        loss_scale: float = 1.0,
    ) -> float | None:
        """Take alpha's step if one is due; nothing else moves.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            Holds alpha (`parameter_groups`).  Parameters without gradient must be left alone by its ``step``,
            as all of PyTorch's do.
        step : int
            Adapter steps taken so far.
        loss : callable
            Mean loss of the model on the held-out rows with the given numbers.
        micro_batches : int
            The rows are fed in so many portions, to save memory.
        loss_scale : float
            float16 only: the gradients are computed of the loss times this, and divided by it.

        Returns
        -------
        float or None
            The held-out loss before the step, over this process's rows; None where alpha is not due, or where
            scaled gradients overflowed and the step was left out.
        """
        if not self.due(step):
            return None
        rows = self.rows(step)
        total = 0.0
        with self._only_alpha():
            for portion in np.array_split(rows, min(micro_batches, len(rows))):
                part = loss(portion.tolist()) * (len(portion) / len(rows))
                (part * loss_scale).backward()
                total += float(part.detach())
            self._average_over_processes()
            for alpha in self.alphas:
                if alpha.grad is not None:
                    alpha.grad /= loss_scale
            finite = all(a.grad is None or bool(torch.isfinite(a.grad).all()) for a in self.alphas)
            if loss_scale == 1.0 or finite:
                optimizer.step()
        return total if loss_scale == 1.0 or finite else None

    def _steps_taken(self, step: int) -> int:
        if self.paper_steps_per_epoch is None:
            return step // self.every
        epochs, within = divmod(step, self.paper_steps_per_epoch)
        return epochs * -(-self.paper_steps_per_epoch // self.every) + -(-within // self.every)

    @contextlib.contextmanager
    def _only_alpha(self) -> Iterator[None]:
        """Alpha alone asks for gradients; those that the adapter has gathered are out of reach."""
        ours = {id(alpha) for alpha in self.alphas}
        others = [
            p
            for p in self.model.parameters()
            if id(p) not in ours and (p.requires_grad or p.grad is not None)
        ]
        before = [(p.requires_grad, p.grad) for p in others]
        for parameter in others:
            parameter.requires_grad_(False)
            parameter.grad = None
        for alpha in self.alphas:
            alpha.grad = None
            alpha.requires_grad_(True)
        try:
            yield
        finally:
            for parameter, (requires_grad, gradient) in zip(others, before, strict=True):
                parameter.requires_grad_(requires_grad)
                parameter.grad = gradient
            stop_gradients(self.alphas)

    def _average_over_processes(self) -> None:
        if self.world_size == 1:
            return
        for alpha in self.alphas:  # a layer that the loss did not reach here may matter elsewhere
            if alpha.grad is None:
                alpha.grad = torch.zeros_like(alpha)
        gradients = torch.cat([alpha.grad.flatten() for alpha in self.alphas])
        torch.distributed.all_reduce(gradients)
        gradients /= self.world_size
        for alpha, mean in zip(self.alphas, gradients.split([a.numel() for a in self.alphas]), strict=True):
            alpha.grad = mean.view_as(alpha).clone()


def check_count(name: str, value: object, least: int = 1) -> int:
    """``value`` if it is an integer of at least ``least``, else ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


@functools.lru_cache(maxsize=2)  # the pass that goes on, and the one before
def _shuffled(n: int, seed: int, passes: int) -> IntArray:
    return np.random.default_rng([seed, passes]).permutation(n)


def stop_gradients(alphas: list[nn.Parameter]) -> None:
    """No gradient for alpha, neither a present nor a future one."""
    for alpha in alphas:
        alpha.grad = None
        alpha.requires_grad_(False)
