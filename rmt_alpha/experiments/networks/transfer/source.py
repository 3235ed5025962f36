"""A network trained on a source task: made once, kept beside the record, and known by its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rmt_alpha._core.types import FilePath, FloatArray, IntArray
from rmt_alpha.errors import DatasetCorrupted
from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.training.tokens import evaluate, training_batches
from rmt_alpha.experiments.networks.transfer.activations import Activations, lower_activations, patches
from rmt_alpha.experiments.networks.transfer.tasks_pairs import SOURCES, SourceTask, TaskRows, balanced
from rmt_alpha.experiments.networks.transfer.top_network import (
    TopNetwork,
    divided_encoder,
    features_of,
    log_odds_head,
    vision_network,
)

SEED = 0
EPOCHS = {"text": 3, "image": 20}
RATES = {"text": 1e-4, "image": 1e-3}
BATCH = 32
HELD_OUT = 0.1
"""Share of the source's rows that say how good it is."""


@dataclass(frozen=True, eq=False)
class Source:
    """A trained source network, and its head as two kinds of classifier."""

    task: SourceTask
    network: TopNetwork
    encode: Callable[[TaskRows], Activations]
    """What the network sees of a row."""
    sha256: str
    accuracy: float
    """On source rows it was not trained on."""
    ridge: tuple[FloatArray, float]
    """Weights and intercept of a ridge classifier on the source's features, labels -1 and +1: the source of
    the theory."""
    log_odds: tuple[FloatArray, float]
    """The trained head: the same classifier in other units."""


def load_source(
    name: str,
    folder: FilePath,
    *,
    model: FilePath | None = None,
    data: FilePath | None = None,
    settings: Settings,
    announce: Callable[[str], None] = lambda _: None,
) -> Source:
    """The source network of this name, from the folder, or trained and put there.

    Parameters
    ----------
    name : str
        One of `tasks_pairs.SOURCES`.
    folder : path
        Where networks are kept, as NAME.safetensors with NAME.sha256 beside it.
    model : path, optional
        Folder of the pretrained encoder, for text.
    data : path, optional
        See `rmt_alpha.experiments.data.datasets.data_folder`.
    settings : Settings
        Whose precision counts.
    announce : callable
        Called with a line when a network is trained.

    Raises
    ------
    DatasetCorrupted
        If the file is not the one that its checksum was written for.
    """
    from safetensors.torch import load_file, save_file

    task = SOURCES[name]
    network, encode = _untrained(task, model, settings)
    rows = encode(balanced(task.load(data)))
    held = round(HELD_OUT * len(rows))
    path = Path(folder) / f"{name}.safetensors"
    note = path.with_suffix(".sha256")
    if not path.exists():
        _train(network, rows, np.arange(held, len(rows)), task.kind, settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
        note.write_text(_digest(path) + "\n", encoding="utf-8")
        announce(f"trained the source {name} on {len(rows) - held} rows: {path}")
    digest = _digest(path)
    if not note.exists() or note.read_text(encoding="utf-8").strip() != digest:
        raise DatasetCorrupted(
            f"{path} has SHA-256 {digest}, which is not what {note.name} says: remove both to train it again"
        )
    network.load_state_dict(load_file(path))
    score = evaluate(network, rows, np.arange(held), settings, torch.device("cpu"))
    trained = np.arange(held, len(rows))
    head = AlphaRidgeClassifierCV(alpha=0.0, fit_intercept=True, units="raw")
    head.fit(features_of(network, rows, trained), rows.labels[trained])
    ridge = head.coef_[0], float(head.intercept_[0])
    return Source(task, network, encode, digest, score.accuracy, ridge, log_odds_head(network))


def _untrained(
    task: SourceTask, model: FilePath | None, settings: Settings
) -> tuple[TopNetwork, Callable[[TaskRows], Activations]]:
    if task.kind == "image":
        return vision_network(SEED), patches
    if model is None:
        raise ValueError(f"the source {task.name} needs a pretrained encoder: name its folder with --model")
    tokenizer, lower, top = divided_encoder(model, SEED, settings.precision == "bf16")
    return top, lambda rows: lower_activations(rows, tokenizer, lower)


def _train(network: TopNetwork, rows: Activations, chosen: IntArray, kind: str, settings: Settings) -> None:
    """All weights, AdamW without decay, the rate falling linearly."""
    torch.manual_seed(SEED)
    steps = EPOCHS[kind] * -(-len(chosen) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATES[kind], weight_decay=0.0)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    batches = training_batches(rows, chosen, BATCH, SEED)
    network.train()
    for _ in range(steps):
        batch = rows.batch(next(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            loss = network(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        falling.step()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
