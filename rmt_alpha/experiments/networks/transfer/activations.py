"""What the trained part of a network sees: the output of the frozen part, computed once for every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmt_alpha.experiments.networks.transfer.tasks_pairs import TaskRows

PATCH = 7
"""Side of the patches that images are cut into."""
MAX_TOKENS = 64
BATCH = 64


@dataclass(frozen=True, eq=False)
class Activations:
    """Vectors for every token of every row; it offers what `training.tokens.Tokens` does."""

    tokens: NDArray[np.float16]
    """(all tokens, width), row after row."""
    starts: NDArray[np.int64]
    """Where each row begins, and the end: (rows + 1,)."""
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return np.diff(self.starts)

    def batch(self, rows: NDArray[np.int64], device: str | torch.device = "cpu") -> dict[str, torch.Tensor]:
        """These rows as tensors, padded to the longest of them."""
        lengths = self.lengths[rows]
        hidden = np.zeros((len(rows), int(lengths.max()), self.tokens.shape[1]), dtype=np.float32)
        for i, row in enumerate(rows):
            hidden[i, : lengths[i]] = self.tokens[self.starts[row] : self.starts[row + 1]]
        mask = np.arange(hidden.shape[1]) < lengths[:, None]
        return {
            "hidden": torch.from_numpy(hidden).to(device),
            "mask": torch.from_numpy(mask).to(device),
            "labels": torch.from_numpy(self.labels[rows]).to(device),
        }


def patches(rows: TaskRows) -> Activations:
    """Images (n, 28, 28) as sixteen patches of 7 x 7 gray values.

    Examples
    --------
    >>> one = patches(TaskRows(np.arange(784.0).reshape(1, 28, 28), np.array([1])))
    >>> one.tokens.shape, one.tokens[1, :2].tolist()
    ((16, 49), [7.0, 8.0])
    """
    images = np.asarray(rows.inputs)
    side = images.shape[1] // PATCH
    cut = images.reshape(-1, side, PATCH, side, PATCH).swapaxes(2, 3).reshape(-1, PATCH * PATCH)
    return Activations(cut.astype(np.float16), np.arange(len(images) + 1) * side * side, rows.labels)


def lower_activations(rows: TaskRows, tokenizer: Any, lower: torch.nn.Module) -> Activations:
    """Texts after the embedding and the lower layers of an encoder, in the order given."""
    parts = [list(part) for part in zip(*rows.inputs, strict=True)]
    encoded = tokenizer(*parts, truncation=True, max_length=MAX_TOKENS)
    lengths = np.array([len(ids) for ids in encoded["input_ids"]])
    found: list[NDArray[np.float16]] = [np.empty(0, np.float16)] * len(rows)
    order = np.argsort(lengths, kind="stable")
    for chosen in np.array_split(order, -(-len(order) // BATCH)):
        columns = {name: [encoded[name][i] for i in chosen] for name in encoded}
        batch = tokenizer.pad(columns, return_tensors="pt")
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=lower.dtype == torch.bfloat16):
            hidden = lower(**batch).last_hidden_state.float().numpy()
        for i, row in zip(chosen, hidden, strict=True):
            found[i] = row[: lengths[i]].astype(np.float16)
    return Activations(np.concatenate(found), np.concatenate([[0], np.cumsum(lengths)]), rows.labels)
