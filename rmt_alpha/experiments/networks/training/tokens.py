"""Rows as token numbers, in batches of similar length, and the accuracy and loss of a model on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks import Rows

_POOL = 8
"""Batches that are sorted by length together: enough to save most of the padding, and random all the same."""


class TokenRows(Protocol):
    """What rows must offer to be trained on and tested on: `Tokens`, or what stands for them."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class numbers."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""

    def __len__(self) -> int: ...

    def batch(self, rows: NDArray[np.int64], device: str | torch.device = "cpu") -> dict[str, torch.Tensor]:
        """These rows as tensors."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokenised rows."""

    columns: dict[str, list[list[int]]]
    """``input_ids``, ``attention_mask`` and, for some models, ``token_type_ids``."""
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    padding: dict[str, int]
    """What pads each column."""

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: NDArray[np.int64], device: str | torch.device = "cpu") -> dict[str, torch.Tensor]:
        """These rows as tensors, padded to the longest of them."""
        width = int(self.lengths[rows].max())
        made: dict[str, torch.Tensor] = {}
        for name, column in self.columns.items():
            array = np.full((len(rows), width), self.padding[name], dtype=np.int64)
            for i, row in enumerate(rows):
                array[i, : self.lengths[row]] = column[row]
            made[name] = torch.from_numpy(array).to(device)
        made["labels"] = torch.from_numpy(self.labels[rows]).to(device)
        return made


def tokenise(rows: Rows, tokenizer: Any, max_length: int) -> Tokens:
    """Tokenise, cutting to ``max_length``."""
    parts = [list(part) for part in zip(*rows.texts, strict=True)]
    encoded = tokenizer(*parts, truncation=True, max_length=max_length)
    columns = {name: encoded[name] for name in tokenizer.model_input_names if name in encoded}
    padding = {"input_ids": tokenizer.pad_token_id or 0, "attention_mask": 0}
    padding["token_type_ids"] = getattr(tokenizer, "pad_token_type_id", 0)
    lengths = np.array([len(ids) for ids in columns["input_ids"]], dtype=np.int64)
    return Tokens(columns, np.array(rows.labels, dtype=np.int64), lengths, padding)


def training_batches(
    tokens: TokenRows, rows: NDArray[np.int64], batch_size: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Endless batches; every epoch is a fresh random order, a function of the seed.

    Rows are shuffled, cut into pools of eight batches, sorted by length inside a pool, and the batches are
    shuffled again.  The last batch of an epoch may be smaller.
    """
    if len(rows) == 0:
        raise ValueError("rows must not be empty: there is nothing to draw batches from")
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, 2, epoch])
        order = rows[rng.permutation(len(rows))]
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), _POOL * batch_size):
            pool = order[start : start + _POOL * batch_size]
            pool = pool[np.argsort(tokens.lengths[pool], kind="stable")]
            batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        for i in rng.permutation(len(batches)):
            yield batches[i]
        epoch += 1


_BATCH = 64


def evaluation_batches(
    tokens: TokenRows, rows: NDArray[np.int64], batch_size: int
) -> Iterator[NDArray[np.int64]]:
    """All rows once, in order of length."""
    order = rows[np.argsort(tokens.lengths[rows], kind="stable")]
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


FOLDS = 10
"""Parts that the rows of a test are divided into, every tenth row in one."""


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy and mean loss on some rows; ``f1`` of class 1 where there are two classes."""

    accuracy: float
    loss: float
    f1: float | None
    folds: tuple[tuple[float, float], ...] = ()
    """Accuracy and loss on each of ten parts of the rows, for errors that know of the rows; none of fewer."""

    @classmethod
    def of(cls, right: NDArray[np.bool_], loss: NDArray[np.float64], f1: float | None = None) -> Score:
        """From what every row says."""
        parts = [(right[k::FOLDS], loss[k::FOLDS]) for k in range(FOLDS)] if len(right) >= FOLDS else []
        folds = tuple((float(np.mean(one)), float(np.mean(two))) for one, two in parts)
        return cls(float(np.mean(right)), float(np.mean(loss)), f1, folds)


def autocast(settings: Settings, device: torch.device) -> torch.autocast:
    """The arithmetic of the settings."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings.precision == "bf16")


def evaluate(
    model: nn.Module, tokens: TokenRows, rows: NDArray[np.int64], settings: Settings, device: torch.device
) -> Score:
    """Accuracy and loss on these rows."""
    model.eval()
    place = {int(row): i for i, row in enumerate(rows)}
    guess, truth = np.empty((2, len(rows)), dtype=np.int64)
    loss = np.empty(len(rows))
    for chosen in evaluation_batches(tokens, rows, _BATCH):
        batch = tokens.batch(chosen, device)
        labels = batch.pop("labels")
        with torch.no_grad(), autocast(settings, device):
            logits = model(**batch).logits
        logits = logits.float()
        at = [place[int(row)] for row in chosen]
        loss[at] = nn.functional.cross_entropy(logits, labels, reduction="none").double().cpu().numpy()
        guess[at], truth[at] = logits.argmax(-1).cpu().numpy(), labels.cpu().numpy()
    f1 = None
    if logits.shape[-1] == 2:
        hits, wrong = int(np.sum(guess & truth)), int(np.sum(guess != truth))
        f1 = 2 * hits / (2 * hits + wrong) if hits else 0.0
    return Score.of(guess == truth, loss, f1)
