"""Settings of the tests of alpha-LoRA: no network, and warnings of the libraries between us and the model."""

from __future__ import annotations

import os

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Warnings are errors, except these: the libraries give them to each other, or say what PEFT does on its own.
FOREIGN = (
    "ignore:.*is_gradient_checkpointing:FutureWarning",  # PEFT asks transformers by an old name
    "ignore:.*gradient_checkpointing_enable:FutureWarning",
    "ignore:fan_in_fan_out is set to:UserWarning",  # PEFT finds out by itself that GPT-2 stores W transposed
    "ignore:Could not find a config file in:UserWarning",  # a model made from a configuration has no folder
    "ignore:.*pin_memory:UserWarning",
    "ignore:.*torch.jit:DeprecationWarning",  # torch.compile imports what torch itself has deprecated
    "ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning",  # by torch.compile
    "ignore:Already following adapters were merged:UserWarning",
    "ignore:.*rounding errors:UserWarning",  # merging into quantised weights
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "lora" in item.path.parts:
            for pattern in FOREIGN:
                item.add_marker(pytest.mark.filterwarnings(pattern))
