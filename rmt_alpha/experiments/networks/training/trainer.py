"""A model's tokenizer and the rows of a task, ready to train one model after another on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks.loading import GlueData
from rmt_alpha.experiments.networks.tasks.splits import split, validation_split
from rmt_alpha.experiments.networks.training.encoder import load_model
from rmt_alpha.experiments.networks.training.loop import Outcome, train
from rmt_alpha.experiments.networks.training.methods import Method, head_modules
from rmt_alpha.experiments.networks.training.tokens import Tokens, tokenise


@dataclass(frozen=True, slots=True)
class Job:
    """One training run to do; ``rate`` None: the one that tuning chose."""

    task: str
    size: int
    method: Method
    seed: int
    rate: float | None

    @property
    def tunes(self) -> bool:
        """Whether this run only tunes."""
        return self.rate is not None


class TaskTrainer:
    """A model's tokenizer and the tokenised rows of a task, ready to train on.

    Parameters
    ----------
    model : str
        Name on the hub, or a folder.
    device : str or None
        None: a GPU if there is one.
    """

    def __init__(self, model: str, data: GlueData, settings: Settings, device: str | None = None) -> None:
        from transformers import AutoTokenizer

        self.model, self.data, self.settings = model, data, settings
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        tokenizer = AutoTokenizer.from_pretrained(model)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.train: Tokens = tokenise(data.train, tokenizer, settings.max_length)
        self.dev: Tokens = tokenise(data.dev, tokenizer, settings.max_length)

    @property
    def largest(self) -> int:
        """Training rows that are left beside the validation rows."""
        return len(validation_split(len(self.train), self.settings.validation_rows)[0])

    def with_settings(self, settings: Settings) -> TaskTrainer:
        """The same rows and model under other settings; tokens are shared, so keep ``max_length``."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def facts(self) -> dict[str, Any]:
        """Numbers of rows, the share of the largest class among the test rows, and where they are from."""
        majority = float(np.bincount(self.dev.labels).max() / len(self.dev))
        return {
            "train": len(self.train),
            "dev": len(self.dev),
            "majority": round(majority, 5),
            "origin": self.data.origin,
        }

    def run(
        self,
        job: Job,
        rate: float,
        *,
        test: bool,
        say: Callable[[int, int], None] | None = None,
    ) -> Outcome:
        """Train one model from scratch."""
        settings = self.settings
        holdout = settings.alpha_holdout if job.method.holdout else 0.0
        rows = split(len(self.train), settings.validation_rows, job.size, job.seed, holdout)
        model = load_model(self.model, len(self.data.task.labels), job.seed, settings, self.device)
        model = job.method.wrap(model, settings, head_modules(model)).to(self.device)
        dev = self.dev if test else None
        return train(
            model, job.method, self.train, dev, rows, settings, rate, job.seed, device=self.device, say=say
        )
