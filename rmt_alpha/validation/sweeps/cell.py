"""One cell of a sweep: its identity, and the computation that a worker does."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from rmt_alpha._core.record_text import canonical, key_of
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import Simulation, simulate
from rmt_alpha.validation.sweeps.axes import OPTIMAL, label

REVISION = 1
"""Part of every key.  Raise it when the same parameters give other numbers (another formula, another order of
random draws): old records then count as missing instead of mixing with new ones."""

FIELDS = tuple(field.name for field in fields(TransferProblem))
THEORY = ("mean", "variance", "accuracy", "risk")
"""Functions of alpha; simulated ones are called ``simulated_...`` and have a ``..._stderr``."""
SIMULATED = tuple(f"simulated_{name}{end}" for name in THEORY for end in ("", "_stderr"))
POINT_COLUMNS = ("alpha_label", "alpha", *THEORY, *SIMULATED)
"""Per cell and alpha; the label is the alpha as it was asked for, a number or "optimal"."""
ALPHA_STAR = ("simulated_optimal_alpha", "simulated_optimal_alpha_low", "simulated_optimal_alpha_high")
"""Median and quartiles of the best alpha of single draws of the data."""
CELL_COLUMNS = ("optimal_alpha", "neutral_alpha", *ALPHA_STAR)
"""Per cell."""

Number = float | None
Point = tuple[str | Number, ...]


@dataclass(frozen=True)
class Cell:
    """One problem of a grid and what is asked about it."""

    problem: tuple[tuple[str, float | None], ...]
    """All fields of `TransferProblem`."""
    alpha: tuple[float | str, ...]
    """Numbers and "optimal", the theory's alpha*."""
    replicates: int
    """Draws of the data; 0: theory alone."""
    method: str
    """Of `simulate`."""
    seed: int
    """Of the whole sweep."""

    @cached_property
    def parameters(self) -> str:
        """Canonical JSON of everything that the results depend on: equal cells have equal texts."""
        drawn = self.replicates > 0
        content = {
            "revision": REVISION,
            "problem": {name: _json_number(value) for name, value in self.problem},
            "alpha": [_json_number(alpha) for alpha in self.alpha],
            "replicates": self.replicates,
            # Theory has no seed.
            "method": self.method if drawn else None,
            "seed": self.seed if drawn else None,
        }
        return canonical(content)

    @cached_property
    def key(self) -> str:
        """Hash of `parameters`."""
        return key_of(self.parameters)

    @property
    def random_seed(self) -> np.random.SeedSequence:
        """The cell's own seed: it does not matter when, where or beside what the cell is computed."""
        return np.random.SeedSequence(int(hashlib.sha256(self.parameters.encode()).hexdigest(), 16))


def _json_number(value: float | str | None) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


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
        return [_compute_one(cell) for cell in cells]


def _compute_one(cell: Cell) -> CellResult:
    try:
        return CellResult(cell.parameters, *_numbers(cell))
    except Exception as failure:
        return CellResult(cell.parameters, error=f"{type(failure).__name__}: {failure}")


def _numbers(cell: Cell) -> tuple[tuple[Number, ...], tuple[Point, ...]]:
    given: dict[str, Any] = dict(cell.problem)
    problem = TransferProblem(**given)
    curve = problem.curve()
    best = float(curve.optimal_alpha())
    alphas = np.array([best if alpha == OPTIMAL else alpha for alpha in cell.alpha], dtype=np.float64)
    columns: list[Any] = [alphas, *(getattr(curve, name)(alphas) for name in THEORY)]
    of_cell: list[Number] = [best, float(curve.neutral_alpha())]
    if cell.replicates == 0:
        columns += [[None] * len(alphas)] * len(SIMULATED)
        of_cell += [None] * len(ALPHA_STAR)
    else:
        if not np.isfinite(alphas).all():
            raise ValueError(
                f"the optimal alpha is {best:g} here and cannot be simulated: without ridge and with p < n "
                "every alpha gives the same accuracy; leave 'optimal' out, take gamma > 0 or replicates=0"
            )
        drawn = simulate(
            problem, alphas, replicates=cell.replicates, method=cell.method, rng=cell.random_seed, n_jobs=1
        )
        columns += [getattr(drawn, name.removeprefix("simulated_")) for name in SIMULATED]
        of_cell += _quartiles(drawn)
    rows = zip(cell.alpha, zip(*columns, strict=True), strict=True)
    points = tuple((label(asked), *(_stored(x) for x in row)) for asked, row in rows)
    return tuple(_stored(x) for x in of_cell), points


def _quartiles(drawn: Simulation) -> list[float]:
    # Actual draws, not interpolations: an infinite alpha* must not meet its negative.
    best = drawn.draws.optimal_alpha()
    return [float(q) for q in np.quantile(best, [0.5, 0.25, 0.75], method="inverted_cdf")]


def _stored(value: Any) -> Number:
    if value is None:
        return None
    number = float(value)
    if math.isnan(number):
        raise ArithmeticError("a result is NaN; please report the parameters of this cell as a bug")
    return number + 0.0


_lock = threading.Lock()
_inside = 0
_of_process: threadpool_limits | None = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, for this thread, and for as long as any thread of this process is inside.

    Then workers do not fight for cores, and sums have one order.
    Some libraries have a limit per thread, others one for the whole process.  Were the latter set and
    restored by each thread for itself (a Dask worker runs several), the first to leave would lift it for all.
    """
    global _inside, _of_process  # noqa: PLW0603 - the limit is global too
    with _lock:
        _inside += 1
        if _inside == 1:
            _of_process = threadpool_limits(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _of_process is not None:
                with _of_process:  # leaving it restores what was before
                    pass
                _of_process = None
