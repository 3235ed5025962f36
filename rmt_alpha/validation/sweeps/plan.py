"""What a sweep is about to do, in numbers and in words, and what it costs.

A rough model of the time shares out the work; an estimate is measured on a few cells.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha.problems.described_regressions import is_one
from rmt_alpha.validation.sweeps.axes import OPTIMAL, AxisValue, label
from rmt_alpha.validation.sweeps.cell import Cell, compute
from rmt_alpha.validation.sweeps.grid import Grid
from rmt_alpha.validation.sweeps.problem_cell import ProblemCell


@dataclass(frozen=True)
class SweepPlan:
    """The work that a sweep has before it; ``str(plan)`` says it in a few lines."""

    cells: int
    """Cells of the grid."""
    replicates: int
    """Simulated draws per cell, 0 for theory alone."""
    recorded: int
    """Cells that the store has a result of."""
    failed: int
    """Cells that the store has an error of."""
    todo: int
    """Cells that will be computed."""
    workers: str
    """Where."""
    store: Path | None
    """The file of the results."""
    seconds: float | None = None
    """Estimated time, if it was asked for."""
    grid: Grid | None = field(default=None, repr=False)
    """The grid, to be shown."""

    @property
    def headline(self) -> str:
        """One line: how much is to be done."""
        each = f"{self.replicates} replicates" if self.replicates else "theory alone"
        text = f"{self.todo} of {self.cells} cells to do, {each}"
        if self.replicates:
            text += f" ({self.todo * self.replicates} in all)"
        if self.recorded or self.failed:
            text += f"; {self.recorded} recorded"
            text += f", {self.failed} failed" if self.failed else ""
            text += f" in {self.store}" if self.store else ""
        return f"{text}; {self.workers}"

    def __str__(self) -> str:
        lines = [self.headline]
        if self.grid is not None:
            lines += [f"  {name}: {_values(self.grid.fields[name])}" for name in self.grid.axes]
            lines.append(f"  alpha: {_alphas(self.grid.alpha)}")
        if self.seconds is not None:
            lines.append(f"estimated time: {duration(self.seconds)}")
        return "\n".join(lines)


def duration(seconds: float) -> str:
    """``seconds`` as people say it."""
    if seconds < 1:
        return "less than a second"
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.3g} {unit}"
    return f"about {seconds:.2g} seconds"


def _values(values: tuple[AxisValue, ...]) -> str:
    if len(values) <= 5:
        return ", ".join(_shown(value) for value in values)
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) < len([value for value in values if value is not None]):
        return f"{len(values)} values from {_shown(values[0])} to {_shown(values[-1])}"
    known = " and a known source" if len(numbers) < len(values) else ""
    return f"{len(numbers)} values from {min(numbers):g} to {max(numbers):g}{known}"


def _shown(value: AxisValue) -> str:
    if value is None:
        return "known source"
    return f"{value:g}" if isinstance(value, float) else label(value)


def _alphas(alphas: tuple[float | str, ...]) -> str:
    numbers = tuple(alpha for alpha in alphas if isinstance(alpha, float))
    words = [_values(numbers)] if numbers else []
    return ", ".join(words + ([OPTIMAL] if OPTIMAL in alphas else []))


TASK_SECONDS = 0.1
"""Cells are sent to a worker in tasks of about this length, much longer than sending and recording takes."""
TASK_CELLS = 1000
PROBES = 5
PROBE_SECONDS = 0.2
"""Predicted cost that one probe may have."""


def predicted_seconds(cell: Cell) -> float:
    """Order of magnitude of the time that ``cell`` takes on one core.

    Nothing but the sharing of work and the estimate of the time depends on it.
    """
    if isinstance(cell, ProblemCell):
        return _problem_seconds(cell)
    theory = 2e-5  # many cells as one array, and what each takes to be recorded
    if cell.replicates == 0:
        return theory
    problem: dict[str, Any] = dict(cell.problem)
    stages = [(problem["n"], problem["gamma"])]
    if problem["N"] is not None and math.isfinite(problem["N"]):
        stages.append((problem["N"], problem["gamma_source"]))
    one_draw: Callable[[float, float, float], float] = _dense_draw if cell.method == "dense" else _krylov_draw
    draw = 1e-5 + sum(one_draw(problem["p"], n, gamma) for n, gamma in stages)
    return theory + 1.5e-3 + cell.replicates * draw


def _problem_seconds(cell: ProblemCell) -> float:
    """Order of magnitude: a fixed point for each alpha where the loss is not squared, and its minimiser."""
    fields = dict(cell.content)
    if is_one(fields):
        p = float(fields["p"]) if "p" in fields else float(np.shape(fields["coef_target"])[-1])
        alphas = len(cell.alpha) if "p" in fields else 1  # each has singular values of its own
        return 1e-2 * alphas + cell.replicates * alphas * (1e-4 + _dense_draw(p, float(fields["n"]), 0.0))
    target = fields["target"]
    p, squared = np.shape(target.get("means", target.get("mean")))[-1], fields["loss"] == "squared"
    theory = 1e-2 if squared else 0.2 + 0.02 * len(cell.alpha)
    n = float(fields["n"])
    if cell.replicates == 0 or not math.isfinite(n):
        return theory
    draw = 1e-4 + _dense_draw(p, n, 0.0)
    return theory + cell.replicates * (draw if squared else 5e-3 * len(cell.alpha) + 20 * draw)


def _dense_draw(p: float, n: float, gamma: float) -> float:
    small = min(p, n)
    return 1e-8 * p * n + 3e-11 * small * (p * n + small * small)


def _krylov_draw(p: float, n: float, gamma: float) -> float:
    # The chain is cut where its error, falling by exp(-4/sqrt(condition)) in a step of 3 unknowns, is 1e-14.
    root = math.sqrt(p / n)
    low, high = (1 - root) ** 2 + gamma, (1 + root) ** 2 + gamma
    length = 33.0 * math.sqrt(high / low) if low > 0 else math.inf
    return 2e-7 * min(p, n, length + 10.0)


def tasks(cells: Collection[Cell], workers: int) -> Iterator[tuple[Cell, ...]]:
    """The cells in order, in tasks of about `TASK_SECONDS`, but enough of them to keep every worker busy."""
    total, _ = _sum_and_longest(cells)
    limit = min(TASK_SECONDS, total / (4 * max(workers, 1)))
    task: list[Cell] = []
    seconds = 0.0
    for cell in cells:
        task.append(cell)
        seconds += predicted_seconds(cell)
        if seconds >= limit or len(task) == TASK_CELLS:
            yield tuple(task)
            task, seconds = [], 0.0
    if task:
        yield tuple(task)


def estimated_seconds(cells: Collection[Cell], workers: int) -> float:
    """Time for ``cells`` on ``workers`` cores: the model, scaled by what a few short cells really took."""
    if not cells:
        return 0.0
    total, longest = _sum_and_longest(cells)
    return _measured_over_predicted(cells) * max(total / workers, longest)


def _sum_and_longest(cells: Collection[Cell]) -> tuple[float, float]:
    first = next(iter(cells), None)
    if first is None or (first.replicates == 0 and first.together):  # all cost the same
        each = 0.0 if first is None else predicted_seconds(first)
        return len(cells) * each, each
    total = longest = 0.0
    for cell in cells:
        seconds = predicted_seconds(cell)
        total, longest = total + seconds, max(longest, seconds)
    return total, longest


def _measured_over_predicted(cells: Collection[Cell]) -> float:
    measured = predicted = 0.0
    first = tuple(itertools.islice(cells, TASK_CELLS))
    if first[0].replicates == 0 and first[0].together:  # a whole task, as its cells are evaluated together
        compute(first[:1])
        start = time.perf_counter()
        compute(first)
        return (time.perf_counter() - start) / (len(first) * predicted_seconds(first[0]))
    step = max(1, len(cells) // PROBES)
    probed = itertools.islice(cells, step // 2, step // 2 + step * PROBES, step)
    for number, cell in enumerate(probed):
        probe = _shortened(cell)
        if predicted_seconds(probe) > 2 * PROBE_SECONDS:
            continue  # a single draw is too long for a look ahead
        if number == 0:
            compute((_at_most(probe, 1),))  # the first call of all also loads libraries
        start = time.perf_counter()
        [result] = compute((probe,))
        seconds = time.perf_counter() - start
        if result.error is None:
            measured += seconds
            predicted += predicted_seconds(probe)
    return measured / predicted if predicted else 1.0


def _shortened(cell: Cell) -> Cell:
    if cell.replicates == 0:
        return cell
    per_draw = predicted_seconds(cell) / cell.replicates
    return _at_most(cell, max(1, int(PROBE_SECONDS / per_draw)))


def _at_most(cell: Cell, replicates: int) -> Cell:
    return replace(cell, replicates=min(cell.replicates, replicates))
