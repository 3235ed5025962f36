"""Files from the scores of the transfer study: tables, a picture and bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from rmt_alpha._core.tables import csv_text
from rmt_alpha.experiments.study.summary import Bar, Table
from rmt_alpha.experiments.study.transfers.families import KINDS, find_family
from rmt_alpha.experiments.study.transfers.ours import DEFAULT, FIXED
from rmt_alpha.experiments.study.transfers.peers import BASELINES
from rmt_alpha.experiments.study.transfers.verdicts import Scores
from rmt_alpha.plotting import style


def report(scores: Scores, out: Path, name: str = "transfers") -> tuple[list[Path], list[Bar]]:
    """Write ``NAME_cells.csv``, ``_methods.csv``, ``_summary.csv``, ``_bars.txt`` and ``NAME.png``.

    ValueError if there is no cell with the default and a baseline.
    """
    if not scores.cells():
        raise ValueError("the record has no cell with the default and a baseline; let the study run on")
    files = []
    for stem, (header, rows) in tables(scores).items():
        files.append(out / f"{name}_{stem}.csv")
        files[-1].write_text(csv_text(header, rows), encoding="utf-8")
    files.append(out / f"{name}.png")
    draw(scores).savefig(files[-1], dpi=150)
    bars = scores.bars()
    files.append(out / f"{name}_bars.txt")
    files[-1].write_text("".join(f"{bar}\n" for bar in bars), encoding="utf-8")
    return files, bars


def tables(scores: Scores) -> dict[str, Table]:
    """``cells``: every cell, won or lost; ``methods``: its mean scores; ``summary``: means over families."""
    return {"cells": _cells(scores), "methods": _methods(scores), "summary": _summary(scores)}


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
            here = [cell for cell in cells if n in ("all", cell[1])]
            for name in ("better", *scores.methods()):
                there = here if name == "better" else [cell for cell in here if name in scores.values[cell]]
                if not there:
                    continue
                pairs = [
                    (gain.mean, gain.error) if name == "better" else scores.difference(cell, DEFAULT, name)
                    for cell in there
                    for gain in [scores.gain(cell)]
                ]
                found = [verdict(*pair) for pair in pairs]
                means = [
                    scores.of(cell, scores.gain(cell).better if name == "better" else name).mean()
                    for cell in there
                ]
                ahead = scores.average(there, DEFAULT, None if name == "better" else name)
                row: list[Any] = [kind, n, name, _two(float(np.mean(means))), *map(_two, ahead)]
                rows.append([*row, found.count("win"), found.count("loss"), len(there)])
    return header, rows


def _two(value: float) -> str:
    """Two decimals; empty if there is no value."""
    text = f"{value:.2f}"
    return "" if text == "nan" else text.replace("-0.00", "0.00")


SHOWN = 6.0
"""Points at which the colours end."""


@style.styled
def draw(scores: Scores) -> Figure:
    """Gain over the better of source and target alone: families down, n across, a number in every cell."""
    cells = scores.cells()
    sizes = sorted({n for _, n in cells})
    names = list(dict.fromkeys(name for name, _ in cells))
    values = np.full((len(names), len(sizes)), np.nan)
    colors = LinearSegmentedColormap.from_list("gain", [style.VERMILLION, "#FFFFFF", style.BLUE])
    figure = Figure(figsize=(7.4, 1.6 + 0.27 * len(names)), layout="constrained")
    axes = figure.subplots()
    for cell in cells:
        gain = scores.gain(cell)
        row, column = names.index(cell[0]), sizes.index(cell[1])
        values[row, column] = gain.mean
        dark = abs(gain.mean) > 0.75 * SHOWN
        axes.text(
            column, row, f"{gain.mean:+.1f}" + (" ▼" if gain.fails else ""), ha="center", va="center",
            fontsize=8, color="#FFFFFF" if dark else style.BLACK,
            fontweight="bold" if verdict(gain.mean, gain.error) != "tie" else "normal",
        )  # fmt: skip
    image = axes.imshow(values, cmap=colors, vmin=-SHOWN, vmax=SHOWN, aspect="auto")
    axes.set_xticks(range(len(sizes)), [str(n) for n in sizes])
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)
    kinds = [find_family(name).kind for name in names]
    for row in range(1, len(names)):
        if kinds[row] != kinds[row - 1]:
            axes.axhline(row - 0.5, color=style.BLACK, linewidth=1.2)
    axes.set(xlabel="target samples n")
    axes.set_title(
        f"Default minus the better of {', '.join(BASELINES[:-1])} and {BASELINES[-1]}\n"
        "points of accuracy, or of 100 R² (last block); bold: beyond two standard errors; ▼: bar (a) missed",
        loc="left",
    )
    figure.colorbar(image, ax=axes, extend="both", shrink=0.6)
    return figure
