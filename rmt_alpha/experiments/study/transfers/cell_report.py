"""Files from the scores of the transfer study: tables, a picture and bars."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from rmt_alpha._core.tables import csv_text
from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.study.summary import Bar, Table
from rmt_alpha.experiments.study.transfers.families import KINDS, find_family
from rmt_alpha.experiments.study.transfers.ours import DEFAULT, FIXED
from rmt_alpha.experiments.study.transfers.verdicts import Cell, Scores, average
from rmt_alpha.plotting import style

BETTER = "better"
"""The better baseline of a cell, in tables of methods."""
BEST = "best"
"""The method of a cell with the highest score, in hindsight, in tables of methods."""
SHOWN = 6.0
"""Points at which the colours end."""


def report(scores: Scores, out: Path, name: str = "transfers") -> tuple[list[Path], list[Bar]]:
    """Write ``NAME_cells.csv`` and the other `tables`, ``NAME_bars.txt`` and ``NAME.png``.

    ValueError if there is no cell with the default and a baseline.
    """
    if not scores.cells():
        raise ValueError("the record has no cell with the default and a baseline; let the study run on")
    files = []
    found = tables(scores)
    for stem, (header, rows) in found.items():
        files.append(out / f"{name}_{stem}.csv")
        files[-1].write_text(csv_text(header, rows), encoding="utf-8")
    files.append(out / f"{name}.png")
    draw(found["cells"]).savefig(files[-1], dpi=150)
    bars = scores.bars()
    files.append(out / f"{name}_bars.txt")
    files[-1].write_text("".join(f"{bar}\n" for bar in bars), encoding="utf-8")
    return files, bars


def tables(scores: Scores) -> dict[str, Table]:
    """``cells``: every cell, won or lost; ``methods``: its mean scores; the others: means over families."""
    return {
        "cells": _cells(scores),
        "methods": _methods(scores),
        "summary": _summary(scores),
        "overview": _overview(scores),
    }


def verdict(mean: float, error: float) -> str:
    """Win or loss beyond two standard errors, else a tie."""
    if not np.isfinite(error) or abs(mean) <= 2 * error:
        return "tie"
    return "win" if mean > 0 else "loss"


def _cells(scores: Scores) -> Table:
    header = [
        "family",
        "kind",
        "n",
        "draws",
        DEFAULT,
        "better",
        "better_score",
        "gain",
        "gain_error",
        "verdict",
    ]
    for name in FIXED:
        header += [f"minus_{name}", f"{name}_error"]
    rows: list[list[Any]] = []
    for cell in scores.cells():
        gain = scores.gain(cell)
        numbers = [scores.of(cell, gain.better).mean(), gain.mean, gain.error]
        row = [cell[0], find_family(cell[0]).kind, cell[1], len(scores.of(cell, DEFAULT))]
        row += [_two(scores.of(cell, DEFAULT).mean()), gain.better, *map(_two, numbers)]
        row.append("below" if gain.fails else verdict(gain.mean, gain.error))
        for name in FIXED:
            row += map(_two, scores.difference(cell, DEFAULT, name))
        rows.append(row)
    return header, rows


def _methods(scores: Scores) -> Table:
    names = scores.methods()
    rows = [
        [
            *cell,
            *(_two(scores.of(cell, name).mean()) if name in scores.values[cell] else "" for name in names),
        ]
        for cell in scores.cells()
    ]
    return ["family", "n", *names], rows


def _method(scores: Scores, cell: Cell, name: str) -> str:
    """Which method it is in a cell: that of this name, or the better baseline, or the best."""
    if name == BETTER:
        return scores.gain(cell).better
    return scores.best(cell) if name == BEST else name


def _against(scores: Scores, cells: list[Cell], name: str) -> list[tuple[float, float]]:
    """The default minus a method in each cell."""
    return [scores.difference(cell, DEFAULT, _method(scores, cell, name)) for cell in cells]


def _having(scores: Scores, cells: list[Cell], name: str) -> list[Cell]:
    return [cell for cell in cells if name in (BETTER, BEST) or name in scores.values[cell]]


def _summary(scores: Scores) -> Table:
    header = [
        "kind",
        "n",
        "method",
        "score",
        "default_minus_method",
        "standard_error",
        "wins",
        "losses",
        "cells",
    ]
    rows: list[list[Any]] = []
    for kind in KINDS:
        cells = scores.cells(kind)
        for n in (*sorted({n for _, n in cells}), "all"):
            for name in (BETTER, BEST, *scores.methods()):
                there = _having(scores, [cell for cell in cells if n in ("all", cell[1])], name)
                if not there:
                    continue
                shown = [scores.of(cell, _method(scores, cell, name)).mean() for cell in there]
                mean, pairs = float(np.mean(shown)), _against(scores, there, name)
                ahead, found = average(pairs), [verdict(*pair) for pair in pairs]
                counts = found.count("win"), found.count("loss"), len(there)
                rows.append([kind, n, name, *map(_two, (mean, *ahead)), *counts])
    return header, rows


def _overview(scores: Scores) -> Table:
    """For people: the default minus every method, and in how many cells it wins and loses."""
    kinds = [kind for kind in KINDS if scores.cells(kind)]
    rows: list[list[Any]] = []
    texts = {BETTER: "the better of source and target alone", BEST: "the best of all, by the test rows"}
    texts |= {name: name.replace("_", " ") for name in scores.methods() if name != DEFAULT}
    for name, text in texts.items():
        row: list[Any] = [text]
        for kind in kinds:
            there = _having(scores, scores.cells(kind), name)
            if not there:
                row.append("")
                continue
            pairs = _against(scores, there, name)
            (mean, error), found = average(pairs), [verdict(*pair) for pair in pairs]
            plus = f" ± {error:.2f}" if np.isfinite(error) else ""
            row.append(f"{mean:+.2f}{plus} ({found.count('win')} : {found.count('loss')} of {len(there)})")
        rows.append(row)
    return ["default minus", *kinds], rows


def _two(value: float) -> str:
    """Two decimals; empty if there is no value."""
    text = f"{value:.2f}"
    return "" if text == "nan" else text.replace("-0.00", "0.00")


def read_cells(file: FilePath) -> Table:
    """The table that `report` wrote as ``NAME_cells.csv``."""
    with Path(file).open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    return header, rows


@style.styled
def draw(cells: Table) -> Figure:
    """Gain over the better of source and target alone: families down, n across, a number in every cell."""
    header, rows = cells
    records = [dict(zip(header, map(str, row), strict=True)) for row in rows]
    sizes = sorted({int(record["n"]) for record in records})
    names = list(dict.fromkeys(record["family"] for record in records))
    kinds = {record["family"]: record["kind"] for record in records}
    values = np.full((len(names), len(sizes)), np.nan)
    colors = LinearSegmentedColormap.from_list("gain", [style.VERMILLION, "#FFFFFF", style.BLUE])
    figure = Figure(figsize=(7.6, 1.8 + 0.27 * len(names)), layout="constrained")
    axes = figure.subplots()
    for record in records:
        row, column = names.index(record["family"]), sizes.index(int(record["n"]))
        gain = values[row, column] = float(record["gain"])
        axes.text(
            column, row, f"{gain:+.1f}" + (" ▼" if record["verdict"] == "below" else ""),
            ha="center", va="center", fontsize=8,
            color="#FFFFFF" if abs(gain) > 0.75 * SHOWN else style.BLACK,
            fontweight="normal" if record["verdict"] == "tie" else "bold",
        )  # fmt: skip
    image = axes.imshow(values, cmap=colors, vmin=-SHOWN, vmax=SHOWN, aspect="auto")
    axes.set_xticks(range(len(sizes)), [str(n) for n in sizes])
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)
    for row in range(1, len(names)):
        if kinds[names[row]] != kinds[names[row - 1]]:
            axes.axhline(row - 0.5, color=style.BLACK, linewidth=1.2)
    axes.set(xlabel="target samples n")
    figure.suptitle(
        "Default minus the better of the source as it is and the target alone\n"
        f"points of accuracy, {'or of 100 R² (last block); ' if KINDS[-1] in kinds.values() else ''}"
        "bold: beyond two standard errors; ▼: below bar (a)",
        fontsize=9,
    )
    figure.colorbar(image, ax=axes, extend="both", shrink=0.6)
    return figure
