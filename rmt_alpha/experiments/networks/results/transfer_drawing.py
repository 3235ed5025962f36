"""Figures of a comparison of task transfers: measured and predicted heads, and who wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.networks.results.transfer_effects import (
    NAMES,
    RELATIONS,
    Effect,
    effects,
)
from rmt_alpha.experiments.networks.results.transfer_report import cell_rows
from rmt_alpha.experiments.networks.results.transfer_results import TransferResults
from rmt_alpha.plotting import style

HEADS = {"source": style.GREY, "head-0": style.GREEN, "head-1": style.ORANGE, "head-chosen": style.VERMILLION}
COLOURS = dict(zip(RELATIONS, (style.BLUE, style.GREEN, style.ORANGE, style.VERMILLION), strict=True))
MARKERS = dict(zip(RELATIONS, "osD^", strict=True))
COLUMNS = 5
TICKS = (1, 3, 10, 30), (0.1, 0.3, 1, 3)
"""Of accuracy in points and of log-loss."""


def draw_transfers(results: TransferResults, folder: FilePath) -> list[Path]:
    """Both figures as PNG files, in a folder that is made if needed."""
    made = []
    for name, draw in (("transfer_heads", draw_heads), ("transfer_effects", draw_effects)):
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(results).savefig(path, dpi=150)
        made.append(path)
    return made


@style.styled
def draw_heads(results: TransferResults) -> Figure:
    """Accuracy of the head-only methods against rows, a panel for each pair; dashed is the theory."""
    rows = [row for row in cell_rows(results) if row["method"] in HEADS]
    pairs = [name for name in results.pairs if any(row["pair"] == name for row in rows)]
    lines = -(-len(pairs) // COLUMNS)
    figure = Figure(figsize=(2.5 * min(len(pairs), COLUMNS), 2.3 * lines + 0.5), layout="constrained")
    grid = figure.subplots(lines, min(len(pairs), COLUMNS), squeeze=False)
    for axes in grid.ravel()[len(pairs) :]:
        axes.axis("off")
    for axes, pair in zip(grid.ravel(), pairs, strict=False):
        _draw_pair(axes, [row for row in rows if row["pair"] == pair])
        axes.set_title(f"{pair} ({results.pairs[pair]['relation']})")
    grid[0][0].plot([], [], color=style.BLACK, linestyle=style.DASHES[1], linewidth=1, label="theory")
    for row in grid:
        row[0].set_ylabel("accuracy (%)")
    for axes in grid[-1]:
        axes.set_xlabel("target rows")
    style.legend(figure, grid.ravel(), columns=5)
    return figure


def _draw_pair(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """One panel; the source as it is may lie far below, and is then only named."""
    heads = [row for row in rows if row["method"] != "source"]
    low = 100 * min(min(row["accuracy"], row["theory"]) for row in heads)
    high = 100 * max(max(row["accuracy"], row["theory"]) for row in heads)
    for method, colour in HEADS.items():
        mine = [row for row in rows if row["method"] == method]
        x, y = [row["size"] for row in mine], [100 * row["accuracy"] for row in mine]
        if method == "source" and y and abs(y[0] - (low + high) / 2) > high - low:
            axes.text(0.97, 0.03, f"source as it is: {y[0]:.0f} %", transform=axes.transAxes, ha="right")
            continue
        axes.plot(x, y, color=colour, marker=".", label=NAMES[method])
        if method != "source":
            theory = [100 * row["theory"] for row in mine]
            axes.plot(x, theory, color=colour, linestyle=style.DASHES[1], linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks([20, 100, 400, 1600], ["20", "100", "400", "1600"])
    axes.minorticks_off()


@style.styled
def draw_effects(results: TransferResults) -> Figure:
    """Differences in accuracy and in log-loss with 95 % intervals, by relation of source and target."""
    found = effects(results.of_rank(next(iter(results.ranks))))
    contests = list(dict.fromkeys((one.method, one.reference) for one in found))
    figure = Figure(figsize=(9.5, 0.52 * len(contests) + 1.3), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for relation in RELATIONS:
        mine = [one for one in found if one.where == relation]
        at = np.array([_height(contests, one) for one in mine])
        look = {"color": COLOURS[relation], "marker": MARKERS[relation], "linestyle": "none", "markersize": 5}
        for axes, what, unit in ((left, "accuracy", 100.0), (right, "loss", 1.0)):
            values = [getattr(one, what) for one in mine]
            mean = unit * np.array([value.mean for value in values])
            spread = unit * np.array([value.half_width for value in values])
            axes.errorbar(mean, at, xerr=np.nan_to_num(spread), label=relation, **look)
    labels = "accuracy (points), to the right is better", "log-loss, to the left is better"
    for axes, label, ticks in zip((left, right), labels, TICKS, strict=True):
        axes.axvline(0, color=style.BLACK, linewidth=0.8)
        axes.set_xscale("symlog", linthresh=ticks[0])
        both = [*(-tick for tick in ticks), 0, *ticks]
        axes.set_xticks(both, [f"{tick:g}" for tick in both])
        axes.minorticks_off()
        axes.set_xlabel(label)
    names = [f"{NAMES[method]}\nagainst {NAMES[reference]}" for method, reference in contests]
    left.set_yticks(range(len(contests)), names)
    left.invert_yaxis()
    style.legend(figure, [left], columns=4)
    return figure


def _height(contests: list[tuple[str, str]], one: Effect) -> float:
    shift = 0.17 * (RELATIONS.index(one.where) - 1.5)
    return contests.index((one.method, one.reference)) + shift
