"""The part of a network that is trained: its last layers, a mean over the tokens, and a head of two outputs.

For text, the last layers of a pretrained encoder on the activations of those below (`activations`).  For
images, a small vision transformer as a whole.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from rmt_alpha._core.types import FilePath, FloatArray, IntArray
from rmt_alpha.experiments.networks.training.tokens import evaluation_batches
from rmt_alpha.experiments.networks.transfer.activations import PATCH, Activations

TRAINED_LAYERS = 2
WIDTH, HEADS, INNER = 48, 4, 96
"""Of the vision transformer."""
BATCH = 64


class Scored(NamedTuple):
    """What the training loop asks of a model's output."""

    loss: torch.Tensor | None
    logits: torch.Tensor


class TopNetwork(nn.Module):  # type: ignore[misc] # PyTorch is not there when types are checked
    """Layers of an encoder and a head: hidden states in, two logits out.

    Parameters
    ----------
    layers : iterable of torch.nn.Module
        Called as those of BERT, with hidden states and an additive mask.
    width : int
        Of the hidden states.
    patch : int or None
        Entries of a token before a linear embedding, with positions, in front of the layers; None: there is
        no embedding.
    """

    def __init__(self, layers: Iterable[nn.Module], width: int, patch: int | None = None) -> None:
        super().__init__()
        self.embed = None if patch is None else nn.Linear(patch, width)
        self.position = None if patch is None else nn.Parameter(0.02 * torch.randn(16, width))
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(width, 2)

    def features(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean over the tokens after the last layer, (rows, width), float32."""
        if self.embed is not None:
            hidden = self.embed(hidden) + self.position
        # What passes between the layers is of the type that frozen norms are stored in (bfloat16, or not).
        hidden = hidden.to(next(m.weight.dtype for m in self.layers.modules() if isinstance(m, nn.LayerNorm)))
        away = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)[:, None, None, :]
        for layer in self.layers:
            found = layer(hidden, attention_mask=away.to(hidden))
            hidden = found[0] if isinstance(found, tuple) else found
        kept = mask[..., None]
        return (hidden.float() * kept).sum(1) / kept.sum(1)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor | None = None) -> Scored:
        """Logits, and the cross-entropy if there are labels."""
        features = self.features(hidden, mask)
        with torch.autocast(features.device.type, enabled=False):
            logits = self.head(features)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return Scored(loss, logits)


def features_of(network: TopNetwork, rows: Activations, chosen: IntArray | None = None) -> FloatArray:
    """Features of these rows, float64, in their order."""
    every = np.arange(len(rows)) if chosen is None else chosen
    found = np.empty((len(every), network.head.in_features))
    place = {int(row): i for i, row in enumerate(every)}
    network.eval()
    for batch in evaluation_batches(rows, every, BATCH):
        inputs = rows.batch(batch)
        with torch.no_grad():
            made = network.features(inputs["hidden"], inputs["mask"])
        found[[place[int(row)] for row in batch]] = made.double().numpy()
    return found


def log_odds_head(network: TopNetwork) -> tuple[FloatArray, float]:
    """Weights and intercept of the log-odds of class 1, which is what two logits say."""
    weight, bias = (p.detach().double().numpy() for p in (network.head.weight, network.head.bias))
    return weight[1] - weight[0], float(bias[1] - bias[0])


def set_head(network: TopNetwork, weights: FloatArray, intercept: float) -> None:
    """Give the head these log-odds."""
    with torch.no_grad():
        for row, sign in ((0, -0.5), (1, 0.5)):
            network.head.weight[row] = torch.as_tensor(sign * weights)
            network.head.bias[row] = sign * intercept


def vision_network(seed: int) -> TopNetwork:
    """A vision transformer of two layers with random weights, 42 thousand parameters."""
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertLayer

    torch.manual_seed(seed)
    config = BertConfig(
        hidden_size=WIDTH,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        num_hidden_layers=TRAINED_LAYERS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    return TopNetwork((BertLayer(config) for _ in range(TRAINED_LAYERS)), WIDTH, PATCH * PATCH)


def divided_encoder(folder: FilePath, seed: int, bf16: bool) -> tuple[Any, nn.Module, TopNetwork]:
    """Tokenizer, frozen lower part, and the last layers of a pretrained encoder with a new head.

    ValueError if the encoder is not built as BERT and its relatives are.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    torch.manual_seed(seed)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the pooler is not used is no news
    try:
        encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    finally:
        logging.set_verbosity(verbosity)
    stack = getattr(getattr(encoder, "encoder", None), "layer", None)
    if stack is None or len(stack) <= TRAINED_LAYERS:
        raise ValueError(
            f"{folder} must hold an encoder with a list encoder.layer of more than {TRAINED_LAYERS} layers, "
            f"as BERT has, got {type(encoder).__name__}"
        )
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    top = TopNetwork(copy.deepcopy(list(stack[-TRAINED_LAYERS:])), encoder.config.hidden_size)
    encoder.encoder.layer = stack[:-TRAINED_LAYERS]
    lower = encoder.eval().requires_grad_(False)
    return AutoTokenizer.from_pretrained(folder), lower.bfloat16() if bf16 else lower, top
