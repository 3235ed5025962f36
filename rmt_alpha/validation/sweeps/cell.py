"""One cell of a sweep: its identity, and the computation that a worker does."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from rmt_alpha._core.machine.threads import one_blas_thread
from rmt_alpha._core.records.record_text import canonical, key_of
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.described import Described
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import Simulation, simulate
from rmt_alpha.validation.sweeps.axes import label
from rmt_alpha.validation.sweeps.theory import QUANTITIES, CellTheory, not_a_number, theory_of

REVISION = 1
"""Part of every key.  Raise it when the same parameters give other numbers (another formula, another order of
random draws): old records then count as missing instead of mixing with new ones."""

FIELDS = tuple(field.name for field in fields(TransferProblem))
SIMULATED = tuple(f"simulated_{name}{end}" for name in QUANTITIES for end in ("", "_stderr"))
POINT_COLUMNS = ("alpha_label", "alpha", *QUANTITIES, *SIMULATED)
"""Per cell and alpha; the label is the alpha as it was asked for, a number or "optimal"."""
ALPHA_STAR = ("simulated_optimal_alpha", "simulated_optimal_alpha_low", "simulated_optimal_alpha_high")
"""Median and quartiles of the best alpha of single draws of the data."""
CELL_COLUMNS = ("optimal_alpha", "neutral_alpha", *ALPHA_STAR)
"""Per cell."""

Number = float | None
Point = tuple[str | Number, ...]


def parameter_frame(
    alpha: tuple[float | str, ...], replicates: int, method: str, seed: int
) -> tuple[str, str]:
    """The canonical JSON of what all cells of a grid share, before and after the fields of the problem."""
    drawn = replicates > 0
    content = {
        "revision": REVISION,
        "problem": {},
        "alpha": [_json_number(value) for value in alpha],
        "replicates": replicates,
        # Theory has no seed.
        "method": method if drawn else None,
        "seed": seed if drawn else None,
    }
    before, _, after = canonical(content).partition('"problem":{}')
    return f'{before}"problem":{{', f"}}{after}"


_frame = lru_cache(8)(parameter_frame)


def parameter_text(name: str, value: Any) -> str:
    """One field of the problem in canonical JSON."""
    if value is None:
        return f'"{name}":null'
    return f'"{name}":"{value}"' if math.isinf(value) else f'"{name}":{float(value)!r}'


def _json_number(value: float | str | None) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


@dataclass(frozen=True)
class Cell:
    """One problem of a grid and what is asked about it."""

    problem: tuple[tuple[str, Any], ...]
    """All fields of `TransferProblem`."""
    alpha: tuple[float | str, ...]
    """Numbers and "optimal", the theory's alpha*."""
    replicates: int
    """Draws of the data; 0: theory alone."""
    method: str
    """Of `simulate`."""
    seed: int
    """Of the whole sweep."""
    together: ClassVar[bool] = True
    """Whether the theory of many is evaluated as arrays."""

    @cached_property
    def parameters(self) -> str:
        """Canonical JSON of everything that the results depend on: equal cells have equal texts."""
        before, after = _frame(self.alpha, self.replicates, self.method, self.seed)
        return before + ",".join(sorted(parameter_text(*field) for field in self.problem)) + after

    @cached_property
    def key(self) -> str:
        """Hash of `parameters`."""
        return key_of(self.parameters)

    @property
    def random_seed(self) -> np.random.SeedSequence:
        """The cell's own seed: it does not matter when, where or beside what the cell is computed."""
        return np.random.SeedSequence(int(hashlib.sha256(self.parameters.encode()).hexdigest(), 16))

    def build(self) -> TransferProblem | Described:
        """The problem."""
        return TransferProblem(**dict(self.problem))

    def simulated(self, alphas: FloatArray) -> Simulation:
        """Its simulation."""
        return simulate(self.build(), alphas, **self.drawing)

    @property
    def drawing(self) -> dict[str, Any]:
        """Arguments of `simulate`."""
        return {"replicates": self.replicates, "method": self.method, "rng": self.random_seed, "n_jobs": 1}

    @staticmethod
    def theories(cells: Sequence[Any]) -> list[CellTheory | Exception]:
        """The theory of each of some cells of this kind, or what it raised."""
        return theory_of([(cell.problem, cell.alpha) for cell in cells])

    @staticmethod
    def absent(problem: Any) -> frozenset[str]:
        """Quantities of which ``problem`` has none."""
        return frozenset()


@dataclass(frozen=True)
class CellResult:
    """What a cell gave: either all numbers, or the error."""

    parameters: str
    """Of the cell."""
    values: tuple[Number, ...] = (None,) * len(CELL_COLUMNS)
    """Of `CELL_COLUMNS`."""
    points: tuple[Point, ...] = ()
    """Of `POINT_COLUMNS`, per alpha."""
    error: str | None = None
    """What went wrong; there are no numbers then."""

    @property
    def content(self) -> dict[str, object]:
        """What is recorded."""
        return {"values": self.values, "points": self.points} if self.error is None else {"error": self.error}

    @classmethod
    def of(cls, parameters: str, content: dict[str, Any]) -> CellResult:
        """From what was recorded."""
        if "error" in content:
            return cls(parameters, error=content["error"])
        return cls(parameters, tuple(content["values"]), tuple(map(tuple, content["points"])))


def compute(cells: tuple[Cell, ...]) -> list[CellResult]:
    """Theory and simulation of some cells, on one BLAS thread; this is what a worker runs."""
    with one_blas_thread():
        theories = cells[0].theories(cells) if cells else []
        return [_compute_one(cell, found) for cell, found in zip(cells, theories, strict=True)]


def _compute_one(cell: Cell, theory: CellTheory | Exception) -> CellResult:
    try:
        if isinstance(theory, Exception):
            raise theory
        return CellResult(cell.parameters, *_numbers(cell, theory))
    except Exception as failure:
        return CellResult(cell.parameters, error=f"{type(failure).__name__}: {failure}")


def _numbers(cell: Cell, theory: CellTheory) -> tuple[tuple[Number, ...], tuple[Point, ...]]:
    labels, rows = _labels(cell.alpha), theory.points
    if cell.replicates == 0:
        points = tuple((name, *row, *_NOT_SIMULATED) for name, row in zip(labels, rows, strict=True))
        return (*theory.values, *(None for _ in ALPHA_STAR)), points
    alphas = np.array([row[0] for row in rows])
    if not np.isfinite(alphas).all():
        raise ValueError(
            f"the optimal alpha is {theory.values[0]:g} here and cannot be simulated: leave 'optimal' out "
            "or take replicates=0 (without ridge and with p < n all alphas give the same accuracy: gamma > 0)"
        )
    absent, drawn = cell.absent(cell.build()), cell.simulated(alphas)
    columns = [_average(drawn, name, absent) for name in SIMULATED]
    simulated = (map(_stored, row) for row in zip(*columns, strict=True))
    parts = zip(labels, rows, simulated, strict=True)
    points = tuple((name, *row, *more) for name, row, more in parts)
    best = (None for _ in ALPHA_STAR) if absent.issuperset(ALPHA_STAR) else _quartiles(drawn)
    return (*theory.values, *map(_stored, best)), points


_NOT_SIMULATED = (None,) * len(SIMULATED)


@lru_cache(8)
def _labels(alpha: tuple[float | str, ...]) -> tuple[str, ...]:
    return tuple(map(label, alpha))


def _average(drawn: Simulation, name: str, absent: frozenset[str]) -> Any:
    quantity = name.removeprefix("simulated_")
    if quantity.removesuffix("_stderr") in absent:
        return (None,) * len(drawn.alpha)
    return getattr(drawn, quantity)


def _quartiles(drawn: Simulation) -> Iterable[float]:
    # Actual draws, not interpolations: an infinite alpha* must not meet its negative.
    best = drawn.draws.optimal_alpha()
    return [float(q) for q in np.quantile(best, [0.5, 0.25, 0.75], method="inverted_cdf")]


def _stored(value: Any) -> Number:
    if value is None:
        return None
    number = float(value)
    if math.isnan(number):
        raise not_a_number()
    return number + 0.0
