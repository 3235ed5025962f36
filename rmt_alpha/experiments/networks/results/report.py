"""What a record says: means over the seeds with standard errors, paired tests, the table and the verdicts.

Seeds are pairs: with the same seed, every method has the same training rows, the same order of the data and
the same initial head.  The difference of two methods is tested by a paired t test over the seeds that both
have (`rmt_alpha._core.statistics.paired_difference`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rmt_alpha._core.statistics import PairedDifference, mean_and_error, paired_difference
from rmt_alpha._core.tables import csv_text
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord

REFERENCE = "lora"

TITLES = {
    "head": "head only",
    "lora": "LoRA",
    "lora-fewer-rows": "LoRA, without alpha's rows",
    "alpha-lora": "alpha-LoRA, held-out",
    "alpha-lora-paper": "alpha-LoRA, paper mode",
    "ia3+lora": "IA3+LoRA",
    "ia3": "IA3",
    "dora": "DoRA",
    "full": "full fine-tuning",
    "lora-all": "LoRA, all linear layers",
    "alpha-lora-all": "alpha-LoRA, all linear layers",
}
"""How methods are called in tables, in their order there."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method at one size."""

    settings: str
    task: str
    size: int
    """Training rows."""
    method: str
    rate: float
    """The learning rate that tuning chose."""
    trainable: int
    """Trained parameters, the head included."""
    seeds: tuple[int, ...]
    accuracy: float
    accuracy_se: float
    """Mean over the seeds and its standard error, NaN for a single seed."""
    against: PairedDifference
    """To the reference; without pairs for the reference itself."""


def dev_runs(record: RunRecord) -> dict[tuple[str, str, int, str], dict[int, tuple[RunKey, dict[str, Any]]]]:
    """Runs that were tested with the rate that tuning chose, by (settings, task, size, method) and seed.

    After more tuning another rate may be the best: runs with the old one stay recorded, and do not count.
    """
    found: dict[tuple[str, str, int, str], dict[int, tuple[RunKey, dict[str, Any]]]] = {}
    rates: dict[tuple[str, str, str], float | None] = {}
    for key, run in record.runs.items():
        place = (key.settings, key.task, key.method)
        if place not in rates:
            rates[place] = record.tuned_rate(*place)
        if "dev" in run and rates[place] in (None, key.rate):
            found.setdefault((key.settings, key.task, key.size, key.method), {})[key.seed] = (key, run)
    return found


def summarise(record: RunRecord, reference: str = REFERENCE) -> list[MethodResult]:
    """One result per method, task and size, compared with the reference, in the order of tables."""
    runs = dev_runs(record)
    results = []
    for (settings, task, size, method), by_seed in runs.items():
        opponent = runs.get((settings, task, size, reference), {})
        dev = {seed: run["dev"] for seed, (_, run) in by_seed.items()}
        pairs = sorted(set(dev) & set(opponent)) if method != reference else []
        (key, run), *_ = by_seed.values()
        found = mean_and_error(list(dev.values()))
        against = paired_difference([dev[seed] - opponent[seed][1]["dev"] for seed in pairs])
        what = (settings, task, size, method, key.rate, run["trainable"], tuple(sorted(dev)))
        results.append(MethodResult(*what, *found, against))
    order = list(TITLES)
    return sorted(results, key=lambda one: (one.task, one.size, one.settings, order.index(one.method)))


CONTESTS = (
    ("alpha-lora", "lora"),
    ("alpha-lora-paper", "lora"),
    ("alpha-lora-all", "lora-all"),
    ("alpha-lora", "lora-fewer-rows"),
)
"""Who is compared with whom in words.  The last is alpha's own effect: both adapters see the same rows."""
COLUMNS = (
    "task", "size", "method", "rate", "trainable", "seeds", "accuracy", "accuracy_se",
    "minus_lora", "minus_lora_se", "p", "verdict", "settings",
)  # fmt: skip
"""Columns of the table as CSV; accuracies and differences are fractions."""


def table(results: Iterable[MethodResult]) -> str:
    """A Markdown table, accuracies in percent."""
    lines = [
        "| task | rows | method | rate | seeds | dev accuracy (%) | minus LoRA | p | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        against = one.against
        paired = not math.isnan(against.p)
        cells = [
            one.task,
            str(one.size),
            TITLES[one.method],
            f"{one.rate:g}",
            str(len(one.seeds)),
            percent(one.accuracy, one.accuracy_se),
            percent(against.mean, against.error, sign="+") if paired else "",
            f"{against.p:.2g}" if paired else "",
            against.verdict,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_csv(results: Iterable[MethodResult]) -> str:
    """The table as CSV text."""
    rows = []
    for one in results:
        against = one.against
        numbers = [one.accuracy, one.accuracy_se, against.mean, against.error, against.p]
        shown = ["" if math.isnan(value) else round(value, 5) for value in numbers]
        own = [one.task, one.size, one.method, one.rate, one.trainable, " ".join(map(str, one.seeds))]
        rows.append([*own, *shown, against.verdict, one.settings])
    return csv_text(COLUMNS, rows)


def percent(value: float, error: float, sign: str = "") -> str:
    """``value ± error`` in percent, both given as fractions; an error of NaN is left out.

    Examples
    --------
    >>> percent(0.81234, 0.0049), percent(0.01, float("nan"), sign="+")
    ('81.2 ± 0.5', '+1.0')
    """
    shown = f"{100 * value:{sign}.1f}"
    return shown if math.isnan(error) else f"{shown} ± {100 * error:.1f}"


def report(record: RunRecord) -> str:
    """The table, what the tests say about alpha-LoRA, and what was run."""
    results = summarise(record)
    if not results:
        return f"no tested run in {record.path.name} yet"
    tasks = [
        f"{task}: {values['train']} training rows, {values['dev']} dev rows, of which the largest class has "
        f"{100 * values['majority']:.1f} %; {values['origin']}"
        for task, values in sorted(record.tasks.items())
        if any(one.task == task for one in results)
    ]
    used = {one.settings for one in results}
    settings = [
        f"settings {name}: {describe(record.settings[name])}" for name in sorted(used & set(record.settings))
    ]
    return "\n".join([table(results), "", *verdicts(record), "", *tasks, *settings])


def verdicts(record: RunRecord) -> list[str]:
    """Where alpha-LoRA wins, ties and loses: one line per variant and opponent (`CONTESTS`)."""
    lines = []
    for method, reference in CONTESTS:
        parts = [
            f"{one.against.verdict} on {one.task} {one.size} "
            f"({percent(one.against.mean, one.against.error, '+')}, p = {one.against.p:.2g}, "
            f"{one.against.pairs} seeds)"
            for one in summarise(record, reference)
            if one.method == method and one.against.verdict
        ]
        if parts:
            lines.append(f"{TITLES[method]} against {TITLES[reference]}: {'; '.join(parts)}")
    return lines


def describe(settings: dict[str, Any]) -> str:
    """Settings as one line.

    Examples
    --------
    >>> describe({"model": "m", "steps": "240", "tuning_sizes": [400, 1600]})
    'model m, steps 240, tuning_sizes 400 1600'
    """
    return ", ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in settings.items()
    )
