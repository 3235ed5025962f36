"""Tiny, randomly initialised transformers for the tests of alpha-LoRA, and the judge that merges by hand.

Nothing here uses the package: the judge computes diag(alpha) W0 + (s/r) B A from the tensors alone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaForSequenceClassification,
)

WIDE = 0.3  # standard deviation of the initial weights: large enough for every layer to matter in the output
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


@dataclass(frozen=True)
class Kind:
    """An architecture, and what an adapter of it needs to be told."""

    name: str
    model: type[nn.Module]
    config: Any
    targets: tuple[str, ...]
    task: str
    transposed: bool = False

    def build(self, seed: int = 0, dtype: torch.dtype = torch.float32) -> nn.Module:
        torch.manual_seed(seed)
        model = self.model(copy.deepcopy(self.config)).to(dtype).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):  # zero at the start, where a wrong bias would not show
                    parameter.normal_()
        return model


ENCODER = {
    "vocab_size": 40, "max_position_embeddings": 32, "initializer_range": WIDE, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0, **SHAPE,
}  # fmt: skip
KINDS = [
    Kind("bert", BertForSequenceClassification, BertConfig(**ENCODER), ("query", "dense"), "SEQ_CLS"),
    Kind(
        "roberta",
        RobertaForSequenceClassification,
        RobertaConfig(**ENCODER),
        ("query", "value"),
        "SEQ_CLS",
    ),
    Kind(
        "gpt2",
        GPT2LMHeadModel,
        GPT2Config(
            n_embd=16, n_layer=2, n_head=2, vocab_size=40, n_positions=32, initializer_range=WIDE,
            bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        ),
        ("c_attn", "c_fc"),
        "CAUSAL_LM",
        transposed=True,
    ),
    Kind(
        "llama",
        LlamaForCausalLM,
        LlamaConfig(vocab_size=40, num_key_value_heads=1, initializer_range=WIDE, **SHAPE),
        ("q_proj", "v_proj", "down_proj"),
        "CAUSAL_LM",
    ),
]  # fmt: skip
ROBERTA = KINDS[1]


def tokens(rows: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.randint(3, 40, (rows, 6), generator=torch.Generator().manual_seed(seed))


def output(model: nn.Module, ids: torch.Tensor | None = None) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens() if ids is None else ids).logits


def randomise(model: nn.Module, seed: int = 2, adapter: str = "default") -> None:
    """Random A, B and alpha, as after training: alpha between about 0 and 2, one of them exactly 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name and f".{adapter}." in name:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(parameter + (0.5 if "rescale" in name else 0.2) * noise)
                if "rescale" in name:
                    parameter[0] = -1.0  # alpha = 0: nothing of the source is left in this row


def merged_by_hand(
    kind: Kind, base: nn.Module, model: nn.Module, adapters: list[dict[str, Any]]
) -> nn.Module:
    """A copy of ``base`` whose weights are those of the adapters, applied one after the other, in float64.

    ``adapters``: name, scale (s/r) and whether the bias is rescaled.
    """
    by_name = {name.removeprefix("base_model.model."): value for name, value in model.state_dict().items()}
    result = copy.deepcopy(base).double()
    modules = dict(result.named_modules())
    for adapter in adapters:
        mark = f".lora_rescale.{adapter['name']}.offset"
        for key in [key for key in by_name if key.endswith(mark)]:
            layer = key.removesuffix(mark)
            alpha = 1.0 + by_name[key]
            alpha = alpha.double()
            a = by_name[f"{layer}.lora_A.{adapter['name']}.weight"].double()
            b = by_name[f"{layer}.lora_B.{adapter['name']}.weight"].double()
            update = adapter["scale"] * (b @ a)
            module = modules[layer]
            with torch.no_grad():
                weight = module.weight.T if kind.transposed else module.weight
                new = torch.diag(alpha.expand(len(weight))) @ weight + update
                module.weight.copy_(new.T if kind.transposed else new)
                if adapter["scale_bias"] and module.bias is not None:
                    module.bias.mul_(alpha)
    return result
