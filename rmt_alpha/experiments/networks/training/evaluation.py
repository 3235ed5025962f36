"""Accuracy and loss of a model on some rows, in the arithmetic of the settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.training.tokens import Tokens, evaluation_batches

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy and mean loss on some rows; ``f1`` of class 1 where there are two classes."""

    accuracy: float
    loss: float
    f1: float | None


@contextlib.contextmanager
def autocast(settings: Settings, device: torch.device) -> Iterator[None]:
    """The arithmetic of the settings."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings.precision == "bf16"):
        yield


def evaluate(
    model: nn.Module, tokens: Tokens, rows: NDArray[np.int64], settings: Settings, device: torch.device
) -> Score:
    """Accuracy and loss on these rows."""
    model.eval()
    loss, guesses, truths = 0.0, [], []
    for chosen in evaluation_batches(tokens, rows, _BATCH):
        batch = tokens.batch(chosen, device)
        labels = batch.pop("labels")
        with torch.no_grad(), autocast(settings, device):
            logits = model(**batch).logits
        logits = logits.float()
        loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
        guesses.append(logits.argmax(-1).cpu().numpy())
        truths.append(labels.cpu().numpy())
    guess, truth = np.concatenate(guesses), np.concatenate(truths)
    f1 = None
    if logits.shape[-1] == 2:
        hits, wrong = int(np.sum(guess & truth)), int(np.sum(guess != truth))
        f1 = 2 * hits / (2 * hits + wrong) if hits else 0.0
    return Score(float(np.mean(guess == truth)), loss / len(rows), f1)
