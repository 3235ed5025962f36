"""What a record says: the table of `networks.paired` as text and CSV, and the verdicts in words."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any

from rmt_alpha.experiments.networks.results.paired import TITLES, Row, summarise
from rmt_alpha.experiments.networks.results.runs import Record

CONTESTS = (("alpha-lora", "lora"), ("alpha-lora-paper", "lora"), ("alpha-lora", "lora-fewer-rows"))
"""Who is compared with whom in words.  The last is alpha's own effect: both adapters see the same rows."""


def table(rows: Iterable[Row]) -> str:
    """A Markdown table, accuracies in percent.

    Parameters
    ----------
    rows : iterable of Row

    Returns
    -------
    str

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
    for row in rows:
        paired = not math.isnan(row.p)
        cells = [
            row.task,
            str(row.size),
            TITLES[row.method],
            f"{row.rate:g}",
            str(len(row.seeds)),
            percent(row.accuracy, row.accuracy_se),
            percent(row.difference, row.difference_se, sign="+") if paired else "",
            f"{row.p:.2g}" if paired else "",
            row.verdict,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


COLUMNS = (
    "task", "size", "method", "rate", "trainable", "seeds", "accuracy", "accuracy_se",
    "minus_lora", "minus_lora_se", "p", "verdict", "settings",
)  # fmt: skip
"""Columns of the table as CSV; accuracies and differences are fractions."""


def as_csv(rows: Iterable[Row]) -> str:
    r"""The table as CSV text.

    Parameters
    ----------
    rows : iterable of Row

    Returns
    -------
    str

    Examples
    --------
    >>> as_csv([])
    'task,size,method,rate,trainable,seeds,accuracy,accuracy_se,minus_lora,minus_lora_se,p,verdict,settings\n'
    """
    cells = []
    for row in rows:
        numbers = [row.accuracy, row.accuracy_se, row.difference, row.difference_se, row.p]
        shown = ["" if math.isnan(value) else round(value, 5) for value in numbers]
        own = [row.task, row.size, row.method, row.rate, row.trainable, " ".join(map(str, row.seeds))]
        cells.append([*own, *shown, row.verdict, row.settings])
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *cells])
    return stream.getvalue()


def percent(value: float, error: float, sign: str = "") -> str:
    """``value ± error`` in percent.

    Parameters
    ----------
    value, error : float
        As fractions; an error of NaN is left out.
    sign : str
        "+" shows the sign of positive values too.

    Returns
    -------
    str

    Examples
    --------
    >>> percent(0.81234, 0.0049)
    '81.2 ± 0.5'
    """
    shown = f"{100 * value:{sign}.1f}"
    return shown if math.isnan(error) else f"{shown} ± {100 * error:.1f}"


def report(record: Record) -> str:
    """The table, what the tests say about alpha-LoRA, and what was run.

    Parameters
    ----------
    record : Record

    Returns
    -------
    str

    Examples
    --------
    >>> report(Record("no_such_file.jsonl"))
    'no tested run in no_such_file.jsonl yet'
    """
    rows = summarise(record)
    if not rows:
        return f"no tested run in {record.path.name} yet"
    tasks = [
        f"{task}: {values['train']} training rows, {values['dev']} dev rows, of which the largest class has "
        f"{100 * values['majority']:.1f} %; {values['origin']}"
        for task, values in sorted(record.tasks.items())
        if any(row.task == task for row in rows)
    ]
    used = {row.settings for row in rows}
    settings = [
        f"settings {name}: {describe(record.settings[name])}" for name in sorted(used & set(record.settings))
    ]
    return "\n".join([table(rows), "", *verdicts(record), "", *tasks, *settings])


def verdicts(record: Record) -> list[str]:
    """Where alpha-LoRA wins, ties and loses: one line per variant and opponent (`CONTESTS`).

    Parameters
    ----------
    record : Record

    Returns
    -------
    list of str

    Examples
    --------
    >>> verdicts(Record("no_such_file.jsonl"))
    []
    """
    lines = []
    for method, reference in CONTESTS:
        rows = [row for row in summarise(record, reference) if row.method == method and row.verdict]
        if rows:
            parts = [
                f"{row.verdict} on {row.task} {row.size} ({percent(row.difference, row.difference_se, '+')}, "
                f"p = {row.p:.2g}, {row.pairs} seeds)"
                for row in rows
            ]
            lines.append(f"{TITLES[method]} against {TITLES[reference]}: {'; '.join(parts)}")
    return lines


def describe(settings: dict[str, Any]) -> str:
    """Settings as one line.

    Parameters
    ----------
    settings : dict

    Returns
    -------
    str

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
