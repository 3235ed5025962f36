"""What the scores say: gains with paired standard errors, and the bars that the default has to pass.

Scores are in points: accuracy in %, or 100 times R^2.  Errors are over draws: the rows are given, the draw of
those that train is random.  Draws of one target share test rows, so they are somewhat optimistic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.statistics import mean_and_error
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.study.summary import Bar
from rmt_alpha.experiments.study.transfers.families import KINDS, find_family
from rmt_alpha.experiments.study.transfers.ours import BY_OTHER_ROWS, DEFAULT, EVERY_METHOD
from rmt_alpha.experiments.study.transfers.peers import BASELINES

Cell = tuple[str, int]
"""Family and n."""
BELOW, WORST = 1.0, 3.0
"""Points: a cell fails below the better baseline by more than `BELOW` beyond two standard errors; none may be
below it by more than `WORST`."""
SHARE = 0.97
"""Of all cells, that must not fail."""
ABOVE = 1.0
"""Points above the better baseline, on average over the cells, for two and for many classes."""


@dataclass(frozen=True)
class Gain:
    """A method against the better baseline of its cell."""

    better: str
    """The baseline with the largest mean over the draws of the cell."""
    mean: float
    error: float
    """Mean paired difference and its standard error, in points; the error of a single draw is nan."""

    @property
    def fails(self) -> bool:
        """Whether the method is below by more than `BELOW` beyond two standard errors."""
        return self.mean < -(BELOW + 2 * (self.error if np.isfinite(self.error) else 0.0))


def average(differences: list[tuple[float, float]]) -> tuple[float, float]:
    """Mean over cells of differences and their standard errors, without those that are nan.

    The draws of different cells are independent, so the variances of their means add up.
    """
    found = np.array([pair for pair in differences if np.isfinite(pair[0])]).reshape(-1, 2)
    if not len(found):
        return np.nan, np.nan
    return float(found[:, 0].mean()), float(np.sqrt(np.sum(found[:, 1] ** 2)) / len(found))


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores in points by cell, method and seed."""

    values: dict[Cell, dict[str, dict[int, float]]]

    @classmethod
    def gather(cls, entries: Iterable[tuple[str, int, int, str, float]]) -> Scores:
        """From (family, n, seed, method, score as a fraction), in any order."""
        values: dict[Cell, dict[str, dict[int, float]]] = {}
        for family, n, seed, method, value in sorted(entries):
            values.setdefault((family, n), {}).setdefault(method, {})[seed] = 100 * value
        return cls(values)

    def cells(self, kind: str | None = None, method: str = DEFAULT) -> list[Cell]:
        """Those of a kind in which the method and a baseline were run; by kind, name and n."""
        order = {cell: (KINDS.index(find_family(cell[0]).kind), *cell) for cell in self.values}
        return [
            cell
            for cell in sorted(order, key=lambda cell: order[cell])
            if (kind is None or find_family(cell[0]).kind == kind)
            and method in self.values[cell]
            and any(name in self.values[cell] for name in BASELINES)
        ]

    def of(self, cell: Cell, method: str) -> FloatArray:
        """All draws of a method, by seed; empty if there are none."""
        return np.array(list(self.values[cell].get(method, {}).values()))

    def difference(self, cell: Cell, method: str, other: str) -> tuple[float, float]:
        """Mean of method minus other over the draws of both, and its standard error; nan without draws."""
        first, second = (self.values[cell].get(name, {}) for name in (method, other))
        pairs = [first[seed] - second[seed] for seed in first if seed in second]
        return mean_and_error(np.array(pairs)) if pairs else (np.nan, np.nan)

    def gain(self, cell: Cell, method: str = DEFAULT) -> Gain:
        """Over the better baseline of the cell."""
        means = {name: self.of(cell, name).mean() for name in BASELINES if name in self.values[cell]}
        better = max(means, key=lambda name: means[name])
        return Gain(better, *self.difference(cell, method, better))

    def draws_for(self, precision: float) -> dict[Cell, int]:
        """How many draws bring the standard error of the default's gain to this many points, by cell."""
        errors = {cell: self.gain(cell).error for cell in self.cells()}
        return {
            cell: math.ceil(len(self.of(cell, DEFAULT)) * (error / precision) ** 2)
            for cell, error in errors.items()
            if np.isfinite(error)
        }

    def best(self, cell: Cell) -> str:
        """In hindsight, the method of the study with the highest mean, of those with all draws."""
        draws = len(self.of(cell, DEFAULT))
        names = [name for name in EVERY_METHOD if len(self.of(cell, name)) == draws]
        means = {name: self.of(cell, name).mean() for name in names if name not in BY_OTHER_ROWS}
        return max(means, key=lambda name: means[name])

    def average(self, cells: list[Cell], method: str, other: str | None = None) -> tuple[float, float]:
        """`average` of the differences to a method, or to the better baseline."""
        names = [self.gain(cell).better if other is None else other for cell in cells]
        return average([self.difference(cell, method, name) for cell, name in zip(cells, names, strict=True)])

    def text(self, method: str = DEFAULT) -> str:
        """The verdict on a method: for each kind, averages by n, others, what fails; and the bars."""
        lines = []
        for kind in KINDS:
            cells = self.cells(kind, method)
            if not cells:
                continue
            lines.append(f"{kind}: {method} minus the better of {', '.join(BASELINES)}, points")
            for n in sorted({n for _, n in cells}):
                here = [cell for cell in cells if cell[1] == n]
                mean, error = self.average(here, method)
                lines.append(f"  n = {n:3d}  {mean:+6.2f} +- {error:.2f}  ({len(here)} families)")
            for other in self.methods():
                there = [cell for cell in cells if other in self.values[cell]]
                if there and other != method:
                    mean, error = self.average(there, method, other)
                    lines.append(f"  minus {other:16s} {mean:+6.2f} +- {error:.2f}")
            for cell in cells:
                gain = self.gain(cell, method)
                if gain.fails or gain.mean < -WORST:
                    found = f"{gain.mean:+.2f} +- {gain.error:.2f} ({gain.better})"
                    lines.append(f"  below  {cell[0]}, n = {cell[1]}: {found}")
        return "\n".join([*lines, *map(str, self.bars(method))])

    def bars(self, method: str = DEFAULT) -> list[Bar]:
        """Requirements (a), for classes and for regressions, and (b), for two classes and for many."""
        bars = []
        for name, kinds in (("classes", KINDS[:2]), ("regression", KINDS[2:])):
            cells = [cell for kind in kinds for cell in self.cells(kind, method)]
            if not cells:
                continue
            gains = {cell: self.gain(cell, method) for cell in cells}
            kept = 100 * float(np.mean([not gain.fails for gain in gains.values()]))
            worst = min(gains, key=lambda cell: gains[cell].mean)
            bars += [
                Bar(
                    f"{name}: % of {len(cells)} cells not below the better baseline by more than {BELOW:g} "
                    f"beyond two errors, at least {100 * SHARE:g}",
                    kept,
                    np.nan,
                    kept >= 100 * SHARE,
                ),
                Bar(
                    f"{name}: worst cell ({worst[0]}, n = {worst[1]}), at least -{WORST:g}",
                    gains[worst].mean,
                    gains[worst].error,
                    gains[worst].mean >= -WORST,
                ),
            ]
        for kind in KINDS[:2]:
            if cells := self.cells(kind, method):
                mean, error = self.average(cells, method)
                bars.append(
                    Bar(
                        f"{kind}: mean gain over the better baseline, at least {ABOVE:g}",
                        mean,
                        error,
                        mean >= ABOVE,
                    )
                )
        return bars

    def methods(self) -> list[str]:
        """All that occur: those of the study in their order, then the others."""
        there = {name for methods in self.values.values() for name in methods}
        known = [name for name in EVERY_METHOD if name in there]
        return [*known, *sorted(there.difference(known))]
