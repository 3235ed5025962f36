"""alpha-LoRA for real networks: a PEFT adapter that rescales the frozen weights, and its training loop.

    W' = diag(alpha) W0 + (s/r) B A

Open `variant` first: what an adapted layer computes.  `row_scale` holds alpha, `layers` and `model` are
those of PEFT with it, `config` has its options; `alphas` reads, sets and counts it;
`optimizers` gives it a group in optimizers of others; `schedule` says when it moves
and on which rows, `held_out` where these come from, and `trainer` puts that into transformers' Trainer.
`weight_change` stands by itself: what fine-tuning has done to a network's weights.

Importing this package makes the adapter known to PEFT (`_peft`), so that checkpoints load by
`PeftModel.from_pretrained` and `AutoPeftModel`.  It needs ``pip install '.[peft]'`` in a clone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmt_alpha.lora._peft import register  # first: says what is missing
from rmt_alpha.lora.alphas import (
    AlphaCount,
    alphas,
    count_parameters,
    freeze_alpha,
    replaced_alpha,
    set_alphas,
)
from rmt_alpha.lora.config import AlphaLoraConfig
from rmt_alpha.lora.model import AlphaLoraModel
from rmt_alpha.lora.optimizers import optimizer_with_alpha, refuse_pairing
from rmt_alpha.lora.schedule import AlphaSchedule
from rmt_alpha.lora.wanted import AlphaAlignment, AlphaWanted, alpha_alignment
from rmt_alpha.lora.weight_change import Alignment, LayerAlignment, alignment

if TYPE_CHECKING:
    from rmt_alpha.lora.trainer import AlphaTrainer

register(AlphaLoraConfig, AlphaLoraModel)
refuse_pairing()

__all__ = [
    "Alignment",
    "AlphaAlignment",
    "AlphaCount",
    "AlphaLoraConfig",
    "AlphaLoraModel",
    "AlphaSchedule",
    "AlphaTrainer",
    "AlphaWanted",
    "LayerAlignment",
    "alignment",
    "alpha_alignment",
    "alphas",
    "count_parameters",
    "freeze_alpha",
    "optimizer_with_alpha",
    "replaced_alpha",
    "set_alphas",
]


def __getattr__(name: str) -> object:
    if name == "AlphaTrainer":  # transformers' Trainer takes seconds to import; an adapter loads without it
        from rmt_alpha.lora.trainer import AlphaTrainer

        return AlphaTrainer
    raise AttributeError(f"module 'rmt_alpha.lora' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
