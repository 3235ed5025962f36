"""What a sweep is about to do, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rmt_alpha.validation.sweeps.axes import OPTIMAL, AxisValue
from rmt_alpha.validation.sweeps.grid import Grid


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
        return ", ".join("known source" if value is None else f"{value:g}" for value in values)
    numbers = [value for value in values if value is not None]
    known = " and a known source" if len(numbers) < len(values) else ""
    return f"{len(numbers)} values from {min(numbers):g} to {max(numbers):g}{known}"


def _alphas(alphas: tuple[float | str, ...]) -> str:
    numbers = tuple(alpha for alpha in alphas if isinstance(alpha, float))
    words = [_values(numbers)] if numbers else []
    return ", ".join(words + ([OPTIMAL] if OPTIMAL in alphas else []))
