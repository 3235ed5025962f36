"""The pretrained encoder with a new classification head, and how its frozen layers are stored."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rmt_alpha.experiments.networks.settings import Settings


def load_model(model: str, n_labels: int, seed: int, settings: Settings, device: torch.device) -> nn.Module:
    """The pretrained encoder with a new head, drawn by ``seed``: the same head for every method.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder; a folder is read without a network.
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
