"""The methods that are compared: each turns a pretrained classifier into one with few trainable parameters.

Every method trains the classification head, which is new: all that lies outside the encoder, and the
encoder's pooler if it has one.  The frozen encoder is the same for all; where PEFT has default target modules
for an architecture, they are used (for BERT: query and value for LoRA and its relatives).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from rmt_alpha._core.checks import check_choice
from rmt_alpha.experiments.networks.settings import Settings

_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "attn_pdrop", "resid_pdrop", "embd_pdrop")
"""What the configurations of different architectures call the dropout."""

Wrap = Callable[[nn.Module, Settings, list[str]], nn.Module]


@dataclass(frozen=True, slots=True)
class Method:
    """One method."""

    name: str
    """What users type."""
    wrap: Wrap
    """``wrap(model, settings, head)`` returns the model to train; ``head`` names the modules of the head."""
    rates: tuple[float, ...]
    """Learning rates that are tried: the same number for every method."""
    alpha: str | None = None
    """How alpha is trained, if there is one: on rows of its own, or as the reference implementation does."""
    holdout: bool = False
    """Whether the adapter goes without alpha's rows.  A method without alpha that does is the control of
    alpha-LoRA: what the missing rows do by themselves."""
    alpha_every: int | None = None
    """T, if it is not that of the settings."""


def head_modules(model: Any) -> list[str]:
    """Names of the modules that make up the head of a sequence classifier: pooler and classifier for BERT."""
    encoder = getattr(model, model.base_model_prefix)
    pooler = ["pooler"] if getattr(encoder, "pooler", None) is not None else []
    outside = [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]
    return pooler + outside


def _peft(config: Any, model: nn.Module) -> nn.Module:
    from peft import get_peft_model

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")  # PEFT asks by an old name
        wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def _lora(model: nn.Module, settings: Settings, head: list[str], **options: Any) -> nn.Module:
    from peft import LoraConfig

    return _peft(LoraConfig(**_low_rank(settings), modules_to_save=head, **options), model)


def _alpha_lora(model: nn.Module, settings: Settings, head: list[str], **options: Any) -> nn.Module:
    from rmt_alpha.lora import AlphaLoraConfig

    return _peft(AlphaLoraConfig(**_low_rank(settings), modules_to_save=head, **options), model)


def _everywhere(wrap: Callable[..., nn.Module]) -> Wrap:
    """On every linear layer of the encoder; PEFT would count BERT's pooler, of the head, among them."""

    def wrapped(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
        but = rf"(.*\.)?({'|'.join(head)})(\..*)?"
        return wrap(model, settings, head, target_modules="all-linear", exclude_modules=but)

    return wrapped


def _low_rank(settings: Settings) -> dict[str, Any]:
    return {"r": settings.rank, "lora_alpha": settings.rank, "task_type": "SEQ_CLS"}


def _ia3(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    from peft import IA3Config

    return _peft(IA3Config(task_type="SEQ_CLS", modules_to_save=head), model)


def _ia3_lora(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    """IA3 around LoRA: where both apply, l * ((W0 + B A) x)."""
    from peft import IA3Config, LoraConfig, inject_adapter_in_model

    both = inject_adapter_in_model(LoraConfig(**_low_rank(settings)), model)
    with warnings.catch_warnings():
        # Two adapters are the point.
        warnings.filterwarnings("ignore", message="Already found a `peft_config`")
        both = inject_adapter_in_model(IA3Config(task_type="SEQ_CLS"), both)
    for name, parameter in both.named_parameters():  # the second injection froze the first, and both the head
        inside = any(f".{part}." in f".{name}" for part in head)
        parameter.requires_grad_(inside or "lora_" in name or "ia3_" in name)
    return both


def _full(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    return model


def _head(model: nn.Module, settings: Settings, head: list[str]) -> nn.Module:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(f".{part}." in f".{name}" for part in head))
    return model


_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
METHODS = {
    method.name: method
    for method in (
        Method("head", _head, _RATES),
        Method("lora", _lora, _RATES),
        Method("lora-fewer-rows", _lora, _RATES, holdout=True),
        Method("alpha-lora", _alpha_lora, _RATES, alpha="held-out", holdout=True),
        Method("alpha-lora-paper", partial(_alpha_lora, scale_bias=True), _RATES, alpha="paper"),
        Method("lora-all", _everywhere(_lora), _RATES),
        Method("alpha-lora-all", _everywhere(_alpha_lora), _RATES, alpha="held-out", holdout=True),
        Method("ia3+lora", _ia3_lora, _RATES),
        # IA3's vectors are few and start from 1: they want, and stand, larger steps.
        Method("ia3", _ia3, (1e-3, 3e-3, 1e-2, 3e-2)),
        Method("dora", partial(_lora, use_dora=True), _RATES),
        Method("full", _full, (2e-5, 5e-5, 1.5e-4, 5e-4)),
    )
}
"""The methods by name."""

METHOD_NAMES = tuple(METHODS)


def method(name: str) -> Method:
    """The method called ``name``; ValueError names the others if there is none.

    Examples
    --------
    >>> method("lora").rates
    (0.0003, 0.001, 0.003, 0.01)
    """
    return METHODS[check_choice("method", name, METHOD_NAMES)]


def load_model(model: str, n_labels: int, seed: int, settings: Settings, device: torch.device) -> nn.Module:
    """The pretrained encoder with a new head, drawn by ``seed``: the same head for every method.

    ``model`` is its name on the hub, or a folder, which is read without a network.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification
    from transformers.utils import logging

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(model, num_labels=n_labels)
    for name in _DROPOUTS:
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
