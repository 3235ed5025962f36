"""What a record of task transfers holds, as four small tables that can be written, read and reported on."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.tables import csv_text
from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.errors import RecordError
from rmt_alpha.experiments.networks.results.report import dev_runs
from rmt_alpha.experiments.networks.results.runs import RunRecord

FILES = ("pairs", "runs", "theory", "alignment")
"""Each is PREFIX_NAME.csv."""
PER_MILLE = 1000


@dataclass(frozen=True, eq=False)
class TestedRun:
    """One run: accuracy and log-loss on each of ten parts of the test rows, and what it has chosen."""

    pair: str
    size: int
    method: str
    rate: float
    seed: int
    accuracy: FloatArray
    loss: FloatArray
    rank: int = 8
    """Of what is adapted."""
    head_alpha: float | None = None
    """The alpha of a head-only method, chosen or given."""
    theory: float | None = None
    """The accuracy that the theory predicts for this alpha and the ridge of the run."""


@dataclass(frozen=True, eq=False)
class TransferResults:
    """All tested runs, facts about the pairs, the theory's curves, and what full fine-tuning did.

    Of a record that holds runs of several sources or settings of a pair, those with the most runs count, and
    those that differ from them in the rank alone.
    """

    pairs: dict[str, dict[str, Any]]
    runs: list[TestedRun]
    theory: list[dict[str, Any]] = field(default_factory=list)
    alignment: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, record: RunRecord) -> TransferResults:
        """What a record holds; RecordError if there is no transfer in it."""
        pairs = {name: facts for name, facts in record.tasks.items() if "relation" in facts}
        if not pairs:
            raise RecordError(f"{record.path}: no run of networks transfer is recorded here")
        settings: dict[str, dict[str, int]] = {}
        found = dev_runs(record)
        for (used, task, *_), by_seed in found.items():
            counts = settings.setdefault(task, {})
            counts[used] = counts.get(used, 0) + len(by_seed)
        main = {task: max(counts, key=lambda used: counts[used]) for task, counts in settings.items()}

        def same_but_rank(task: str, used: str) -> bool:
            one, other = (record.settings[name] | {"rank": 0} for name in (used, main[task]))
            return one == other

        runs = [
            TestedRun(
                key.task, key.size, key.method, key.rate, key.seed,
                np.array(run["dev_folds"][0]).round(3), np.array(run["dev_folds"][1]).round(3),
                record.settings[used]["rank"], run.get("head_alpha"), run.get("theory"),
            )
            for (used, task, *_), by_seed in found.items()
            if task in pairs and same_but_rank(task, used)
            for key, run in by_seed.values()
            if "dev_folds" in run
        ]  # fmt: skip
        kept = [entry for entry in record.extras if main.get(entry.get("task", "")) == entry.get("settings")]
        theory = [
            {"pair": e["task"]} | {name: e[name] for name in THEORY[1:]}
            for e in kept
            if e["kind"] == "theory"
        ]
        aligned = [
            {"pair": e["task"], "size": e["size"]} | {name: row[name] for name in ALIGNMENT[2:]}
            for e in kept
            if e["kind"] == "alignment"
            for row in e["layers"]
        ]
        known = {entry["task"]: entry for entry in kept if entry["kind"] == "beforehand"}
        facts = {
            name: {key: (facts | known.get(name, {})).get(key) for key in PAIRS[1:]}
            for name, facts in pairs.items()
            if name in main  # of others there is tuning alone
        }
        return cls(facts, sorted(runs, key=_place), theory, aligned)

    @property
    def ranks(self) -> dict[int, int]:
        """How many runs there are of each rank, the most frequent rank first."""
        counts = Counter(run.rank for run in self.runs)
        return dict(counts.most_common())

    def of_rank(self, rank: int) -> TransferResults:
        """The runs of one rank."""
        return replace(self, runs=[run for run in self.runs if run.rank == rank])

    @classmethod
    def read(cls, prefix: FilePath) -> TransferResults:
        """The tables that `write` wrote."""
        tables = {name: _table(Path(f"{prefix}_{name}.csv")) for name in FILES}
        runs = [
            TestedRun(
                row["pair"], int(row["size"]), row["method"], float(row["rate"]), int(row["seed"]),
                _parts(row["accuracy"]), _parts(row["loss"]), int(row["rank"]),
                float(row["head_alpha"]) if row["head_alpha"] else None,
                float(row["theory"]) if row["theory"] else None,
            )
            for row in tables["runs"]
        ]  # fmt: skip
        pairs = {row["pair"]: _numbers(row, PAIRS[1:]) for row in tables["pairs"]}
        theory = [{"pair": row["pair"]} | _numbers(row, THEORY[1:]) for row in tables["theory"]]
        names = ALIGNMENT[1:]
        aligned = [{"pair": row["pair"]} | _numbers(row, names) for row in tables["alignment"]]
        return cls(pairs, runs, theory, aligned)

    def write(self, prefix: FilePath) -> list[Path]:
        """Write the tables, PREFIX_pairs.csv and so on; accuracies and losses in thousandths."""
        tables: dict[str, tuple[tuple[str, ...], Iterable[list[Any]]]] = {
            "pairs": (PAIRS, ([name, *facts.values()] for name, facts in self.pairs.items())),
            "runs": (RUNS, map(_line, self.runs)),
            "theory": (THEORY, ([row[name] for name in THEORY] for row in self.theory)),
            "alignment": (ALIGNMENT, ([row[name] for name in ALIGNMENT] for row in self.alignment)),
        }
        made = []
        for name, (header, rows) in tables.items():
            path = Path(f"{prefix}_{name}.csv")
            path.write_text(csv_text(header, rows), encoding="utf-8")
            made.append(path)
        return made


PAIRS = (
    "pair", "relation", "source", "source_sha256", "source_accuracy", "train", "dev", "width", "cosine",
    "cosine_stderr", "fitted_alpha",
)  # fmt: skip
RUNS = ("pair", "size", "method", "rate", "seed", "rank", "accuracy", "loss", "head_alpha", "theory")
THEORY = ("pair", "size", "alpha 0", "alpha 1", "alpha*", "best alpha", "stderr")
ALIGNMENT = (
    "pair", "size", "layer", "rows", "columns", "beta", "beta_stderr", "row_scatter", "row_noise", "change",
    "rescaled", "rescaled_rows", "spikes", "held", "gain",
)  # fmt: skip
"""Columns."""


def _place(run: TestedRun) -> tuple[Any, ...]:
    return run.pair, run.size, run.method, run.rank, run.seed


def _line(run: TestedRun) -> list[Any]:
    parts = [" ".join(f"{round(PER_MILLE * x)}" for x in values) for values in (run.accuracy, run.loss)]
    alpha = None if run.head_alpha is None else f"{run.head_alpha:.4g}"
    theory = None if run.theory is None else f"{run.theory:.4f}"
    return [run.pair, run.size, run.method, f"{run.rate:g}", run.seed, run.rank, *parts, alpha, theory]


def _parts(text: str) -> FloatArray:
    return np.array(text.split(), dtype=np.float64) / PER_MILLE


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _numbers(row: dict[str, str], names: Iterable[str]) -> dict[str, Any]:
    """Entries as numbers where they are some."""
    found: dict[str, Any] = {}
    for name in names:
        text = row[name]
        try:
            found[name] = int(text) if text.isdigit() else float(text)
        except ValueError:
            found[name] = text
    return found
