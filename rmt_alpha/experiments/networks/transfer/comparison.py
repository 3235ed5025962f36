"""All runs of the comparison that the record lacks: seeds outermost, so that every part of it is balanced."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.networks.experiment import Announce, chosen_rate, run_experiment, tested
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord
from rmt_alpha.experiments.networks.settings import Settings
from rmt_alpha.experiments.networks.training.trainer import Job
from rmt_alpha.experiments.networks.transfer.adapters import adapter
from rmt_alpha.experiments.networks.transfer.head_only import HEADS, theory_at
from rmt_alpha.experiments.networks.transfer.source import load_source
from rmt_alpha.experiments.networks.transfer.tasks_pairs import TUNED_ON, Pair, pair_of
from rmt_alpha.experiments.networks.transfer.transfer_trainer import TransferTrainer

VALIDATION = 200
"""Most rows of a pool that choose learning rates."""
STEPS = {"text": "40:30,100:40,400:60,120", "image": "40:30,100:50,400:80,160"}
TUNING = (100,)
ALIGNED = 8
"""Rank at which the alignment is recorded."""


def settings_for(pair: Pair, model: FilePath | None, source: str, **changes: Any) -> Settings:
    """What all runs of a pair share; ``source`` is the checksum of its network."""
    name = "vision transformer" if pair.kind == "image" else Path(str(model)).resolve().parts[-2:]
    shown = name if isinstance(name, str) else "/".join(name) + ", last two layers"
    base = Settings(
        model=shown,
        steps=STEPS[pair.kind],
        max_length=64,
        validation_rows=VALIDATION,
        evaluations=1,
        tuning_sizes=TUNING,
        precision="bf16" if pair.kind == "text" else "fp32",
        data=f"{pair.source} {source[:16]}",
    )
    return dataclasses.replace(base, **changes)


class TransferComparison:
    """Sources and targets, loaded when first asked for."""

    def __init__(
        self,
        record: RunRecord,
        folder: FilePath,
        *,
        model: FilePath | None = None,
        data: FilePath | None = None,
        announce: Announce = lambda _: None,
        progress: Callable[[str, int, int], None] | None = None,
        **changes: Any,
    ) -> None:
        self.record, self.folder, self.model, self.data = record, folder, model, data
        self.announce, self.progress, self.changes = announce, progress, changes
        self._sources: dict[str, Any] = {}
        self._trainers: dict[str, TransferTrainer] = {}

    def trainer(self, name: str) -> TransferTrainer:
        """The trainer of a pair."""
        if name not in self._trainers:
            pair = pair_of(name)
            if pair.source not in self._sources:
                first = settings_for(pair, self.model, "", **self.changes)
                self._sources[pair.source] = load_source(
                    pair.source, self.folder, model=self.model, data=self.data, settings=first,
                    announce=self.announce,
                )  # fmt: skip
            source = self._sources[pair.source]
            settings = settings_for(pair, self.model, source.sha256, **self.changes)
            self._trainers[name] = TransferTrainer(pair, source, settings, self.data)
        return self._trainers[name]

    def run(
        self, pairs: Sequence[str], sizes: Sequence[int], methods: Sequence[str], seeds: Iterable[int]
    ) -> None:
        """Every run that the record lacks; sizes above what a target has are left out."""
        heads = [name for name in methods if name in HEADS]
        adapters = [name for name in methods if name not in HEADS]
        for name in dict.fromkeys(TUNED_ON[pair_of(name).source] for name in pairs) if adapters else ():
            self._train(name, [], adapters, [])  # the tuning alone
        for seed in seeds:
            for name in pairs:
                trainer = self.trainer(name)
                fit = [size for size in sizes if size <= trainer.largest]
                if heads:
                    self._run_heads(trainer, fit, heads, seed)
                if adapters:
                    self._train(name, fit, adapters, [seed])

    def _train(self, name: str, sizes: Sequence[int], methods: Sequence[str], seeds: Sequence[int]) -> None:
        run_experiment(
            self.trainer(name), self.record, sizes, methods, seeds, find=adapter, announce=self.announce,
            progress=self.progress,
        )  # fmt: skip

    def _run_heads(
        self, trainer: TransferTrainer, sizes: Sequence[int], heads: Sequence[str], seed: int
    ) -> None:
        record, settings = self.record, trainer.settings
        record.add_settings(settings)
        record.add_task(trainer.task, trainer.facts())
        known = {"settings": settings.id, "task": trainer.task}
        if record.find("beforehand", known) is None:
            record.add("beforehand", known, trainer.beforehand())
        for size in sizes:
            same = {"settings": settings.id, "task": trainer.task, "size": size}
            if record.find("theory", same) is None:
                record.add("theory", same, theory_at(trainer.theory, size))
            for head in heads:
                key = RunKey(settings.id, trainer.task, size, head, 0.0, seed)
                if key in record.runs:
                    continue
                score, chosen = trainer.run_head(head, size, seed)
                record.add_run(key, {"trainable": 0, **tested(score), **chosen})

    def align(self, pairs: Sequence[str], size: int, seed: int = 1) -> None:
        """Record what full fine-tuning does to the source network's weights, matrix by matrix."""
        from rmt_alpha.lora import alignment

        for name in pairs:
            trainer = self.trainer(name)
            few = min(size, trainer.largest)
            same = {"settings": trainer.settings.id, "task": name, "size": few, "seed": seed}
            if self.record.find("alignment", same) is not None:
                continue
            job = Job(name, few, adapter("full"), seed, None, trainer.tuned_on)
            outcome = trainer.run(job, chosen_rate(self.record, trainer.settings.id, job), test=True)
            found = alignment(trainer.source.network, outcome.model)
            rows = [
                {key: round(value, 8) if isinstance(value, float) else value for key, value in row.items()}
                for row in found.rows(ALIGNED)
            ]
            assert outcome.dev is not None  # it was tested
            self.record.add("alignment", same, {"layers": rows, "dev": round(outcome.dev.accuracy, 5)})
            self.announce(f"{name}: alignment of {len(rows)} matrices")
