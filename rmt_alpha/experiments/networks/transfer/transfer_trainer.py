"""`TransferTrainer`: one source, one target, and any method on rows of it."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.estimators.functions import estimate_problem
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.tasks import split
from rmt_alpha.experiments.networks.training.tokens import Score
from rmt_alpha.experiments.networks.training.trainer import Job, Outcome, Say, TaskTrainer, train
from rmt_alpha.experiments.networks.transfer.adapters import TransferMethod, scaled_head, start_head
from rmt_alpha.experiments.networks.transfer.head_only import head_run
from rmt_alpha.experiments.networks.transfer.source import Source
from rmt_alpha.experiments.networks.transfer.tasks_pairs import TUNED_ON, Pair
from rmt_alpha.experiments.networks.transfer.top_network import features_of
from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate


class TransferTrainer(TaskTrainer):
    """The pool and the test rows of a target as the source network sees them, to train on.

    Parameters
    ----------
    pair : Pair
        Source and target.
    source : Source
        The trained source of this pair.
    settings : Settings
        What all runs share.
    data : path, optional
        Data folder.
    """

    def __init__(self, pair: Pair, source: Source, settings: Settings, data: FilePath | None = None) -> None:
        self.pair, self.source, self.settings = pair, source, settings
        self.device = torch.device("cpu")
        pool, test = pair.rows(data)
        self.train = self._pool = source.encode(pool)
        self.dev = self._test = source.encode(test)

    @property
    def task(self) -> str:
        """Name of the pair."""
        return self.pair.name

    @property
    def tuned_on(self) -> str:  # type: ignore[override]
        """The pair that chooses the rates of all with the same source."""
        first = TUNED_ON[self.pair.source]
        return "" if first == self.task else first

    @property
    def validation_rows(self) -> int:
        """TaskRows that choose learning rates: a fifth of a small pool."""
        return min(self.settings.validation_rows, len(self.train) // 5)

    @property
    def largest(self) -> int:
        """Training rows that are left beside them."""
        return len(self.train) - self.validation_rows

    def facts(self) -> dict[str, Any]:
        """Numbers of rows, and what is known of the source."""
        weights, _ = self.source.log_odds
        return {
            "train": len(self.train),
            "dev": len(self.dev),
            "relation": self.pair.relation,
            "tuned_by": "loss",  # of few validation rows, single ones decide by accuracy
            "source": self.pair.source,
            "source_sha256": self.source.sha256,
            "source_accuracy": round(self.source.accuracy, 5),
            "width": len(weights),
        }

    @cached_property
    def features(self) -> tuple[FloatArray, FloatArray]:
        """The source network's features of pool and test rows."""
        return features_of(self.source.network, self._pool), features_of(self.source.network, self._test)

    @cached_property
    def theory(self) -> ProblemEstimate:
        """The target as the theory sees it, estimated on the pool."""
        weights, intercept = self.source.ridge
        return estimate_problem(self.features[0], self.train.labels, weights, intercept_source=intercept)

    def beforehand(self) -> dict[str, float]:
        """What the pool says before anything is trained.

        The cosine of the source's weights and the difference of the class means, and the factor that fits the
        source's log-odds.
        """
        cosine = self.theory.alignment
        weights, _ = self.source.log_odds
        scaled, _ = scaled_head(self.source.log_odds, self.features[0], self.train.labels)
        fitted = float(scaled @ weights / (weights @ weights))
        return {
            "cosine": round(cosine.value, 5),
            "cosine_stderr": round(cosine.stderr, 5),
            "fitted_alpha": round(fitted, 5),
        }

    def run(self, job: Job, rate: float, *, test: bool, say: Say | None = None) -> Outcome:
        """Fine-tune the source network by one method."""
        settings, method = self.settings, job.method
        holdout = settings.alpha_holdout if method.holdout else 0.0
        rows = split(len(self.train), self.validation_rows, job.size, job.seed, holdout)
        network = copy.deepcopy(self.source.network)
        torch.manual_seed(job.seed)
        if isinstance(method, TransferMethod):
            start_head(
                network, method.head, self.features[0][rows.train], self.train.labels[rows.train], job.seed
            )
        torch.manual_seed(job.seed)
        model = method.wrap(network, settings, ["head"])
        dev = self.dev if test else None
        return train(
            model, method, self.train, dev, rows, settings, rate, job.seed, device=self.device, say=say
        )

    def run_head(self, name: str, size: int, seed: int) -> tuple[Score, dict[str, Any]]:
        """Fit and test one of the methods on frozen features."""
        chosen = split(len(self.train), self.validation_rows, size, seed).train
        pool, test = self.features
        return head_run(
            name, self.source, (pool[chosen], self.train.labels[chosen]), (test, self.dev.labels), self.theory
        )

    def base(self) -> dict[str, np.ndarray]:
        """Weights of the source network."""
        return {name: value.numpy() for name, value in self.source.network.state_dict().items()}
