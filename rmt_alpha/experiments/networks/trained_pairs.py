"""Networks before and after full fine-tuning, to be compared by `rmt_alpha.lora.alignment`.

`glue_pair` fine-tunes a pretrained encoder on a GLUE task, `digits_pair` trains a small convolutional network
on the digits 0 to 4 and fine-tunes it on 5 to 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.digits import load_digits
from rmt_alpha.experiments.networks.loading import load_glue
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks import validation_split
from rmt_alpha.experiments.networks.training.methods import head_modules, load_model, method
from rmt_alpha.experiments.networks.training.tokens import evaluate
from rmt_alpha.experiments.networks.training.trainer import Job, TaskTrainer

RATE = 1.5e-4
"""Learning rate of full fine-tuning on GLUE: the third of the four that the comparison tries."""
LORA_RATE = 3e-3
"""That of LoRA, which the comparison chose on every task."""
EPOCHS, BATCH, DIGITS_RATE = 3, 64, 1e-3


class TrainedPair(NamedTuple):
    """Weights before and after, and the accuracy that the tuned network has on rows it was not trained on."""

    base: dict[str, torch.Tensor]
    tuned: dict[str, torch.Tensor]
    accuracy: float
    loss: Callable[[dict[str, torch.Tensor]], float]
    """The log-loss that it has there with these weights in the place of its own."""


def glue_pair(
    model: str,
    task: str,
    size: int,
    *,
    rate: float | None = None,
    rank: int | None = None,
    seed: int = 1,
    data: FilePath | None = None,
) -> TrainedPair:
    """An encoder fine-tuned on ``size`` rows of a GLUE task, without its head.

    Parameters
    ----------
    model : str
        On the hub, or a folder.
    task : str
        Of GLUE.
    size : int
        Training rows; at most those there are beside the validation rows.
    rate : float, optional
        Learning rate; by default `RATE`, twenty times that for an adapter.
    rank : int, optional
        None trains all weights, a number LoRA of this rank on query and value, merged afterwards.
    seed : int
        Of the rows, their order and the head.
    data : path, optional
        As for `rmt_alpha.experiments.networks.loading.load_glue`.
    """
    name = "full" if rank is None else "lora"
    rate = rate or (RATE if rank is None else LORA_RATE)
    trainer = TaskTrainer(model, load_glue(task, data), Settings(model=model, rank=rank or 8))
    job = Job(task, min(size, trainer.largest), method(name), seed, rate)
    before = load_model(model, len(trainer.data.task.labels), seed, trainer.settings, trainer.device)
    outcome = trainer.run(job, rate, test=False)
    after: Any = outcome.model if rank is None else outcome.model.merge_and_unload()
    head = head_modules(before)
    states = [
        {key: value.clone() for key, value in _without(head, each.state_dict()).items()}
        for each in (before, after)
    ]
    _, validation = validation_split(len(trainer.train), trainer.settings.validation_rows)

    def loss(weights: dict[str, torch.Tensor]) -> float:
        after.load_state_dict(states[1] | weights, strict=False)
        return evaluate(after, trainer.train, validation, trainer.settings, trainer.device).loss

    return TrainedPair(states[0], states[1], outcome.validation.accuracy, loss)


def digits_pair(*, size: int = 500, seed: int = 0, data: FilePath | None = None) -> TrainedPair:
    """A network of two convolutions and two layers: digits 0 to 4, then ``size`` images of 5 to 9.

    Parameters
    ----------
    size : int
        Images to fine-tune on.
    seed : int
        Of weights and order.
    data : path, optional
        See `rmt_alpha.experiments.data.datasets.data_folder`.
    """
    torch.manual_seed(seed)
    images, labels = (torch.from_numpy(each) for each in load_digits(data))
    images = images.float().reshape(-1, 1, 28, 28)
    net = _network()
    low = labels < 5
    _train(net, images[low], labels[low], epochs=EPOCHS)
    base = {name: value.clone() for name, value in net.state_dict().items()}
    images, labels = images[~low], labels[~low] - 5
    _train(net, images[:size], labels[:size], epochs=max(EPOCHS, 10_000 // size))
    tuned = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.no_grad():
        right = (net.eval()(images[size:]).argmax(dim=1) == labels[size:]).double().mean()

    def loss(weights: dict[str, torch.Tensor]) -> float:
        net.load_state_dict(tuned | weights)
        with torch.no_grad():
            return float(nn.functional.cross_entropy(net(images[size:]).double(), labels[size:]))

    return TrainedPair(base, tuned, float(right), loss)


def _network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 128),
        nn.ReLU(),
        nn.Linear(128, 5),
    )


def _train(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, epochs: int) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), lr=DIGITS_RATE, weight_decay=0.0)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[rows]), labels[rows]).backward()
            optimizer.step()


def _without(head: list[str], state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights that were there before: not the head's."""
    kept = [name for name in state if not any(f".{part}." in f".{name}" for part in head)]
    return {name: state[name] for name in kept}
