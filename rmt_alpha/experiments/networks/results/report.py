"""What a record says: the table of `paired` as text and CSV, and the verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rmt_alpha._core.tables import csv_text
from rmt_alpha.experiments.networks.results.paired import TITLES, MethodResult, summarise
from rmt_alpha.experiments.networks.results.runs import RunRecord

CONTESTS = (("alpha-lora", "lora"), ("alpha-lora-paper", "lora"), ("alpha-lora", "lora-fewer-rows"))
"""Who is compared with whom in words.  The last is alpha's own effect: both adapters see the same rows."""
COLUMNS = (
    "task", "size", "method", "rate", "trainable", "seeds", "accuracy", "accuracy_se",
    "minus_lora", "minus_lora_se", "p", "verdict", "settings",
)  # fmt: skip
"""Columns of the table as CSV; accuracies and differences are fractions."""


def table(results: Iterable[MethodResult]) -> str:
    """A Markdown table, accuracies in percent.

    Examples
    --------
    >>> print(table([]))
    | task | rows | method | rate | seeds | dev accuracy (%) | minus LoRA | p | |
    |---|---|---|---|---|---|---|---|---|
    """
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
    r"""The table as CSV text.

    Examples
    --------
    >>> as_csv([])
    'task,size,method,rate,trainable,seeds,accuracy,accuracy_se,minus_lora,minus_lora_se,p,verdict,settings\n'
    """
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
    """The table, what the tests say about alpha-LoRA, and what was run.

    Examples
    --------
    >>> report(RunRecord("no_such_file.sqlite"))
    'no tested run in no_such_file.sqlite yet'
    """
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
    parts = []
    for name, value in settings.items():
        shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        parts.append(f"{name} {shown}")
    return ", ".join(parts)
