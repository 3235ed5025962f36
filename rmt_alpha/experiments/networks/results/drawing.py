"""Figures of a record: accuracy against rows and steps, learned alphas, and what a changed alpha costs."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rmt_alpha._core.statistics import mean_and_error
from rmt_alpha.experiments.networks.results.report import TITLES, dev_runs, summarise
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord
from rmt_alpha.plotting import style

_COLOURS = (*style.SERIES[:2], style.GREY, *style.SERIES[2:], style.YELLOW, style.SERIES[1], style.SERIES[2])
_LOOKS = dict(zip(TITLES, zip(_COLOURS, "sopvD^<>XP*", strict=True), strict=True))
"""Colour and marker of every method."""
_STEPPED = ("lora", "alpha-lora", "alpha-lora-paper")
"""Methods whose few evaluations are drawn against the step."""


def draw_all(record: RunRecord, folder: str | os.PathLike[str]) -> list[Path]:
    """Every figure that the record has the numbers for, as PNG files in a folder that is made if needed."""
    made = []
    for name, figure in _figures(record):
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        made.append(path)
    return made


def _figures(record: RunRecord) -> Iterator[tuple[str, Figure]]:
    if record.runs and dev_runs(record):
        yield "glue_rows", draw_rows(record)
    if curves := _curves(record):
        yield "glue_steps", draw_steps(curves)
    if any("alpha" in run for run in record.runs.values()):
        yield "glue_alphas", draw_alphas(record)
    for entry in record.extras:
        if entry["kind"] == "map":
            yield f"glue_alpha_map_{entry['task']}_{entry['size']}", draw_map(entry)


def _curves(record: RunRecord) -> list[dict[str, Any]]:
    """The accuracy curves of the record; without any, the few evaluations of the runs themselves."""
    dedicated = [entry for entry in record.extras if entry["kind"] == "curve"]
    if dedicated:
        return dedicated
    return [
        {"task": task, "size": size, "method": method, "points": run["curve"]}
        for (_, task, size, method), by_seed in dev_runs(record).items()
        for _, run in by_seed.values()
        if "curve" in run and method in _STEPPED
    ]


@style.styled
def draw_rows(record: RunRecord) -> Figure:
    """Accuracy on the dev rows against training rows, one panel per task, with standard errors."""
    rows = summarise(record)
    tasks = sorted({row.task for row in rows}, key=lambda task: (task != "sst2", task))
    figure: Figure
    alone = len(tasks) == 1  # the legend needs some room
    figure, grid = style.panels(len(tasks), size=(5.6 if alone else 3.4, 3.4))
    for axes, task in zip(grid[0], tasks, strict=True):
        if task in record.tasks:
            share = 100 * record.tasks[task]["majority"]
            axes.axhline(
                share, color=style.GREY, linewidth=1, linestyle=style.DASHES[3], label="largest class"
            )
        mine = [row for row in rows if row.task == task]
        methods = [method for method in TITLES if any(row.method == method for row in mine)]
        for i, method in enumerate(methods):
            of = [row for row in mine if row.method == method]
            colour, marker = _LOOKS[method]
            shift = 1.03 ** (i - (len(methods) - 1) / 2)  # side by side, or the error bars hide each other
            x = np.array([row.size for row in of]) * shift
            y, spread = (100 * np.array(v) for v in ([r.accuracy for r in of], [r.accuracy_se for r in of]))
            style.points(axes, x, y, spread, color=colour, marker=marker, linestyle="-", label=TITLES[method])
        sizes = sorted({row.size for row in mine})
        axes.set_xscale("log")
        crowded = [larger < 1.5 * size for size, larger in zip(sizes, [*sizes[1:], math.inf], strict=True)]
        axes.set_xticks(sizes, ["" if no else str(size) for size, no in zip(sizes, crowded, strict=True)])
        axes.minorticks_off()
        axes.set(title=task, xlabel="training rows")
    grid[0][0].set_ylabel("dev accuracy (%)")
    style.legend(figure, grid[0], columns=3 if alone else 4)
    return figure


@style.styled
def draw_steps(curves: list[dict[str, Any]]) -> Figure:
    """Validation accuracy against training step, mean and standard error over the seeds."""
    figure: Figure
    places = sorted({(entry["task"], entry["size"]) for entry in curves})
    size = (5.6 if len(places) == 1 else 3.2, 3.1)
    figure, grid = style.panels(len(places), size=size, sharey=True)
    for axes, (task, rows) in zip(grid[0], places, strict=True):
        here = [entry for entry in curves if (entry["task"], entry["size"]) == (task, rows)]
        for method in (name for name in TITLES if any(entry["method"] == name for entry in here)):
            points = [entry["points"] for entry in here if entry["method"] == method]
            steps = [step for step, _ in points[0]]
            both = [mean_and_error([run[k][1] for run in points]) for k in range(len(steps))]
            mean, error = (100 * np.array(part) for part in zip(*both, strict=True))
            colour, marker = _LOOKS[method]
            axes.plot(steps, mean, color=colour, marker=marker, markersize=3.5, label=TITLES[method])
            axes.fill_between(steps, mean - error, mean + error, color=colour, alpha=0.15, linewidth=0)
        axes.set(title=f"{task}, {rows} rows", xlabel="adapter steps")
    grid[0][0].set_ylabel("validation accuracy (%)")
    style.legend(figure, grid[0], columns=3)
    return figure


@style.styled
def draw_alphas(record: RunRecord) -> Figure:
    """Learned alphas by module: median, middle half and middle 90 %, averaged over the seeds of one task."""
    task, size, methods = _most_alphas(record)
    figure: Figure
    figure, grid = style.panels(len(methods), size=(4.2, 3.2), sharey=True)
    for axes, method in zip(grid[0], methods, strict=True):
        names, quantiles = _alpha_quantiles(record, task, size, method)
        x = np.arange(len(names))
        _, low, first, middle, third, high, _ = quantiles.T
        axes.axhline(1, color=style.GREY, linewidth=1)
        axes.vlines(x, low, high, color=style.SKY, linewidth=2.5, label="middle 90 % of the rows")
        axes.vlines(x, first, third, color=style.BLUE, linewidth=6, label="middle half")
        axes.plot(x, middle, "o", color=style.VERMILLION, markersize=4, label="median")
        axes.set_xticks(x, [_short(name) for name in names], rotation=90)
        axes.set(title=f"{TITLES[method]}: {task}, {size} rows", xlabel="adapted module")
    grid[0][0].set_ylabel(r"learned $\alpha$")
    style.legend(figure, grid[0], columns=3)
    return figure


def _most_alphas(record: RunRecord) -> tuple[str, int, list[str]]:
    """Task and size at which alphas moved most, by the spread of the middle 90 %, and the methods there."""
    spread: dict[tuple[str, int], list[float]] = {}
    methods: dict[tuple[str, int], set[str]] = {}
    for key, run in _tested(record):
        if "alpha" in run:
            place = (key.task, key.size)
            methods.setdefault(place, set()).add(key.method)
            spread.setdefault(place, []).extend(q[5] - q[1] for q in run["alpha"].values())
    task, size = max(spread, key=lambda place: float(np.mean(spread[place])))
    return task, size, [method for method in TITLES if method in methods[task, size]]


def _alpha_quantiles(
    record: RunRecord, task: str, size: int, method: str
) -> tuple[list[str], NDArray[np.float64]]:
    runs = [
        run["alpha"]
        for key, run in _tested(record)
        if "alpha" in run and (key.task, key.size, key.method) == (task, size, method)
    ]
    names = list(runs[0]) if runs else []
    return names, np.array([[run[name] for name in names] for run in runs]).mean(axis=0)


def _tested(record: RunRecord) -> Iterator[tuple[RunKey, dict[str, Any]]]:
    for by_seed in dev_runs(record).values():
        yield from by_seed.values()


def _short(name: str) -> str:
    """``bert.encoder.layer.0.attention.self.query`` becomes ``0 query``."""
    layer = re.search(r"\.(\d+)\.", name)
    return " ".join(filter(None, [layer.group(1) if layer else "", name.rsplit(".", 1)[-1]]))


@style.styled
def draw_map(entry: dict[str, Any]) -> Figure:
    """Accuracy with alpha replaced by a * alpha + b: heat map, and the slices b = 0 and a = 1."""
    scales, shifts = np.array(entry["scales"]), np.array(entry["shifts"])
    accuracy = 100 * np.array(entry["accuracy"])
    figure: Figure
    figure, grid = style.panels(3, size=(3.4, 3.1))
    heat, along, across = grid[0]
    mesh = heat.pcolormesh(scales, shifts, accuracy, shading="nearest", cmap="viridis", rasterized=True)
    figure.colorbar(mesh, ax=heat, label="dev accuracy (%)")
    heat.grid(False)
    heat.plot(1, 0, **_TRAINED)
    heat.plot(0, 1, **_ONES)
    heat.set(xlabel="a", ylabel="b", title=r"$\alpha \to a\,\alpha + b$")
    at_zero, at_one = int(np.argmin(abs(shifts))), int(np.argmin(abs(scales - 1)))
    along.plot(scales, accuracy[at_zero], color=style.BLUE, marker=".")
    along.plot(1, accuracy[at_zero, at_one], **_TRAINED)
    along.set(xlabel="a, with b = 0", ylabel="dev accuracy (%)")
    across.plot(shifts, accuracy[:, at_one], color=style.BLUE, marker=".")
    across.plot(0, accuracy[at_zero, at_one], **_TRAINED)
    across.set(xlabel="b, with a = 1")
    along.set_title(f"{entry['task']}, {entry['size']} rows, seed {entry['seed']}")
    style.legend(figure, [heat], columns=2)
    return figure


_SPOT = {"linestyle": "none", "markeredgecolor": "white", "markersize": 8, "zorder": 6}
_TRAINED: dict[str, Any] = _SPOT | {"marker": "D", "color": style.VERMILLION, "label": "as trained"}
_ONES: dict[str, Any] = _SPOT | {"marker": "s", "color": style.ORANGE, "label": r"$\alpha = 1$ everywhere"}
