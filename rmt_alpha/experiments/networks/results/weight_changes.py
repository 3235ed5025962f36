"""What fine-tuning wants of a network's weights, by task, method and learning rate: a table that resumes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.tables import csv_text
from rmt_alpha._core.types import FilePath

RATES = (1.5e-4, 1.5e-3, 5e-4, 5e-5)
"""Of full fine-tuning, the usual one first: three that the comparison tries, and one that is too high."""
RANKS = (128, 8)
"""Of LoRA."""
KINDS = ("matrices", "embeddings", "norms", "biases")
"""What the weights of a network are grouped into."""
ROUNDING = 1e-9
NUMBERS = 8
"""Significant digits in the file: beta is near 1."""


class Tuning(NamedTuple):
    """One pair of networks: the task, and how the second was made of the first."""

    task: str
    method: str
    rate: float

    def __str__(self) -> str:
        return f"{self.task}, {self.method}, rate {self.rate:g}"


def cells(tasks: Sequence[str]) -> Iterator[Tuning]:
    """The cells of the table, the most telling first: the digits, then all tasks in one way after another."""
    from rmt_alpha.experiments.networks.trained_pairs import DIGITS_RATE, LORA_RATE

    if "digits" in tasks:
        yield Tuning("digits", "full", DIGITS_RATE)
    usual, *other = RATES
    ways = [("full", usual), *((f"lora {rank}", LORA_RATE) for rank in RANKS), *(("full", r) for r in other)]
    for method, rate in ways:
        yield from (Tuning(task, method, rate) for task in tasks if task != "digits")


def measure(cell: Tuning, model: str, size: int, seed: int, data: FilePath | None) -> list[dict[str, Any]]:
    """Train one pair and compare: one dictionary for each matrix and vector.

    ``worth`` is what the rescaling of all weights of its kind is worth together: by how much the log-loss
    would rise if each were divided by its beta.
    """
    from rmt_alpha.experiments.networks.trained_pairs import digits_pair, glue_pair
    from rmt_alpha.lora import alignment

    if cell.task == "digits":
        pair = digits_pair(seed=seed, data=data)
    else:
        rank = int(cell.method.split()[1]) if cell.method != "full" else None
        pair = glue_pair(model, cell.task, size, rate=cell.rate, rank=rank, seed=seed, data=data)
    rows = alignment(pair.base, pair.tuned, vectors=True).rows()
    kinds = [kind_of(row["layer"], row["rows"]) for row in rows]
    about = {"task": cell.task, "method": cell.method, "rate": cell.rate, "seed": seed}
    as_it_is = pair.loss({})
    worth = {}
    for kind in set(kinds):
        mine = [row for row, other in zip(rows, kinds, strict=True) if other == kind]
        undone = {row["layer"]: pair.tuned[row["layer"]] / row["beta"] for row in mine}
        worth[kind] = pair.loss(undone) - as_it_is
    return [
        {**about, "accuracy": pair.accuracy, "kind": kind, "worth": worth[kind], **row}
        for kind, row in zip(kinds, rows, strict=True)
    ]


def kind_of(name: str, rows: int) -> str:
    """One of `KINDS`, by a parameter's name and number of rows.

    Examples
    --------
    >>> kind_of("bert.encoder.layer.0.output.LayerNorm.weight", 1)
    'norms'
    """
    if rows > 1:
        return "embeddings" if "embed" in name.lower() else "matrices"
    return "norms" if name.endswith("weight") else "biases"


def survey(
    path: Path,
    model: str,
    tasks: Sequence[str],
    *,
    size: int = 1600,
    seed: int = 1,
    data: FilePath | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> list[dict[str, str]]:
    """Measure what the file lacks, a cell at a time, each written when it is done; its rows, all of them."""
    rows = read(path)
    done = {(row["task"], row["method"], float(row["rate"]), int(row["seed"])) for row in rows}
    for cell in cells(tasks):
        if (*cell, seed) in done:
            continue
        measured = measure(cell, model, size, seed, data)
        lines = csv_text(list(measured[0]), [list(row.values()) for row in measured], NUMBERS)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(lines if stream.tell() == 0 else lines.split("\n", 1)[1])
        announce(f"{cell}: accuracy {measured[0]['accuracy']:.3f}")
    return read(path)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of the file, none if there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def summary(rows: Sequence[dict[str, str]]) -> str:
    """A Markdown table: one line for each cell and kind of weights, the extremes over its weights."""
    heads = (
        "task | method | rate | accuracy | weights | change, % | beta - 1 | z beyond 2, %; largest | "
        "rows over noise | rescaled, % | by rows, % | by columns, % | gain at rank 8, % | worth, 1e-3"
    )
    lines = [f"| {heads} |", "| " + " | ".join(["---"] * len(heads.split("|"))) + " |"]
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("task", "method", "rate", "accuracy", "kind"))
        groups.setdefault(key, []).append(row)
    for (task, method, rate, accuracy, kind), group in groups.items():
        values = {
            name: np.array([float(row[name]) for row in group])
            for name in group[0]
            if _is_number(group, name)
        }
        away = values["beta"] - 1
        z = np.abs(away) / np.maximum(values["beta_stderr"], 1e-300)
        rows_over = values["row_scatter"] / np.maximum(values["row_noise"], 1e-300)
        matrix = kind in ("matrices", "embeddings")
        cell = [
            *(task, method, f"{float(rate):g}", f"{100 * float(accuracy):.1f}", f"{len(group)} {kind}"),
            _span(100 * values["change"], ".2g"),
            _span(away, ".1e"),
            f"{100 * np.mean(z > 2):.0f}; {z.max():.1f}",
            _span(rows_over, ".1f") if matrix else "",
            _percent(values["rescaled"]),
            *(_percent(values[name]) if matrix else "" for name in ("rescaled_rows", "rescaled_columns")),
            _percent(values["gain"]) if matrix else "",
            f"{1000 * float(group[0]['worth']):+.2g}" if group[0]["worth"] else "",
        ]
        lines.append("| " + " | ".join(cell) + " |")
    return "\n".join(lines)


def _is_number(rows: Sequence[dict[str, str]], name: str) -> bool:
    try:
        float(rows[0][name])
    except ValueError:
        return False
    return True


def _percent(values: Any) -> str:
    """The largest share, in percent; what is left of a difference by rounding is 0."""
    largest = float(values.max())
    return f"{100 * largest:.2g}" if largest > ROUNDING else "0"


def _span(values: Any, form: str) -> str:
    low, high = (format(float(v), form) for v in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
