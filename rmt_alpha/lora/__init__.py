"""alpha-LoRA for real networks: a PEFT adapter that rescales the frozen weights, and its training loop.

W' = diag(alpha) W0 + (s/r) B A.  Importing this room makes the adapter known to PEFT, so that checkpoints
load by `PeftModel.from_pretrained` and `AutoPeftModel`.  It needs ``pip install 'rmt-alpha[peft]'``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmt_alpha.lora._peft import register  # first: says what is missing
from rmt_alpha.lora.alphas import AlphaCount, alphas, count_parameters, replaced_alpha
from rmt_alpha.lora.config import AlphaLoraConfig
from rmt_alpha.lora.model import AlphaLoraModel
from rmt_alpha.lora.schedule import AlphaSchedule

if TYPE_CHECKING:
    from rmt_alpha.lora.trainer import AlphaTrainer

register(AlphaLoraConfig, AlphaLoraModel)

__all__ = [
    "AlphaCount",
    "AlphaLoraConfig",
    "AlphaLoraModel",
    "AlphaSchedule",
    "AlphaTrainer",
    "alphas",
    "count_parameters",
    "replaced_alpha",
]


def __getattr__(name: str) -> Any:
    if (
        name == "AlphaTrainer"
    ):  # transformers' Trainer takes seconds to import; loading an adapter needs none of it
        from rmt_alpha.lora.trainer import AlphaTrainer

        return AlphaTrainer
    raise AttributeError(f"module 'rmt_alpha.lora' has no attribute {name!r}")
