"""Optimizers that others make, with alpha in a group of its own.

PEFT's special optimizers sort parameters by name and shape: LoRA-FA takes whatever has "lora" in its name for
half of a pair A, B, and LoRA+ gives vectors the rate of B.  Alpha is neither.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from peft.optimizers.lorafa import LoraFAOptimizer
from torch import nn

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha.lora.alphas import trainable_alphas
from rmt_alpha.lora.row_scale import RowScale

RATE = Range("a finite number of at least 0", 0.0, float("inf"))


def optimizer_with_alpha(
    make: Callable[[], torch.optim.Optimizer],
    model: nn.Module,
    alpha_lr: float = 5e-3,
    alpha_weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """An optimizer of everything but alpha, and alpha as its last group.

    Parameters
    ----------
    make : callable
        Makes an optimizer of ``model``; while it is called, the model shows no alpha.
    model : torch.nn.Module
        A model with a trainable alpha, not merged.
    alpha_lr, alpha_weight_decay : float
        Rate of alpha, and decay towards 1 (what is stored is alpha - 1), finite and at least 0.

    Returns
    -------
    torch.optim.Optimizer
        What ``make`` returned.

    Raises
    ------
    ValueError
        A negative or infinite number, or no trainable alpha.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from peft.optimizers import create_loraplus_optimizer
    >>> from rmt_alpha.lora import AlphaLoraConfig, optimizer_with_alpha
    >>> net = torch.nn.Sequential(torch.nn.Linear(6, 3))
    >>> model = get_peft_model(net, AlphaLoraConfig(target_modules=["0"]))
    >>> def make():
    ...     return create_loraplus_optimizer(
    ...         model, torch.optim.AdamW, lr=1e-4, loraplus_lr_ratio=16
    ...     )
    >>> groups = optimizer_with_alpha(make, model, alpha_lr=5e-3).param_groups
    >>> [
    ...     (group["lr"], [tuple(p.shape) for p in group["params"]])
    ...     for group in groups[-1:]
    ... ]
    [(0.005, [(3,)])]
    """
    alpha_lr, alpha_weight_decay = (
        as_real("alpha_lr", alpha_lr),
        as_real("alpha_weight_decay", alpha_weight_decay),
    )
    check_range("alpha_lr", alpha_lr, RATE)
    check_range("alpha_weight_decay", alpha_weight_decay, RATE)
    alphas = trainable_alphas(model)
    with _hidden_alphas(model):
        optimizer = make()
    group: dict[str, Any] = {"params": alphas, "lr": alpha_lr, "weight_decay": alpha_weight_decay}
    if isinstance(optimizer, LoraFAOptimizer):  # its step reads these; without "lora" in its name, AdamW's
        group |= {
            "names": [f"alpha.{k}" for k in range(len(alphas))],
            "scaling_factors": [None] * len(alphas),
            "betas": (0.9, 0.999),
        }
    optimizer.add_param_group(group)
    return optimizer


@contextlib.contextmanager
def _hidden_alphas(model: nn.Module) -> Iterator[None]:
    scales = [module for module in model.modules() if isinstance(module, RowScale)]
    kept = [scale._parameters.pop("offset") for scale in scales]
    try:
        yield
    finally:
        for scale, offset in zip(scales, kept, strict=True):
            scale._parameters["offset"] = offset


def refuse_pairing() -> None:
    """Make LoRA-FA say at once what its ``step`` would trip over: alpha among the pairs of A and B."""

    def add_param_group(self: torch.optim.Optimizer, param_group: dict[str, Any]) -> None:
        if any(".lora_rescale." in name for name in param_group.get("names", ())):
            raise ValueError(
                "create_lorafa_optimizer takes alpha for half of a pair A, B: call "
                "rmt_alpha.lora.optimizer_with_alpha(lambda: create_lorafa_optimizer(model, ...), model), "
                "which gives alpha a group of its own"
            )
        torch.optim.Optimizer.add_param_group(self, param_group)

    LoraFAOptimizer.add_param_group = add_param_group
