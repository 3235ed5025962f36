"""A grid of problems: named axes over the fields of `TransferProblem`, from a dict or a TOML file."""

from __future__ import annotations

import difflib
import itertools
import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.records.record_text import key_of
from rmt_alpha._core.toml_file import read_toml
from rmt_alpha._core.types import BoolArray, FilePath, IntArray
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import METHODS
from rmt_alpha.simulation.arguments import check_count
from rmt_alpha.validation.sweeps.axes import (
    ALPHA_BYTES,
    CELL_BYTES,
    MOST_CELLS,
    AxisValue,
    alpha_axis,
    field_axis,
    is_axis,
)
from rmt_alpha.validation.sweeps.cell import FIELDS, Cell, parameter_frame, parameter_text

DEFAULTS = {field.name: field.default for field in fields(TransferProblem) if field.default is not MISSING}
SETTINGS = {"alpha": None, "replicates": 100, "method": "auto", "seed": 0}
"""What a grid may say besides fields, with the defaults; None: must be given."""


@dataclass(frozen=True)
class Grid:
    """Every combination of the values of its axes, and what to compute at each."""

    fields: Mapping[str, tuple[AxisValue, ...]]
    """For each field of `TransferProblem` the tuple of its values."""
    axes: tuple[str, ...]
    """The fields that were given as a list or a range, in the order given: the dimensions of the results."""
    alpha: tuple[float | str, ...]
    """Numbers and "optimal"."""
    replicates: int
    method: str
    seed: int
    """Of the simulation of every cell."""
    absent: frozenset[str] = frozenset()
    """Results that no cell has."""
    together: ClassVar[bool] = True
    """Whether `columns` are there, to evaluate the theory of many cells as arrays."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each of `axes`."""
        return tuple(len(self.fields[name]) for name in self.axes)

    @property
    def fixed(self) -> dict[str, AxisValue]:
        """The fields that are the same everywhere."""
        return {name: values[0] for name, values in self.fields.items() if name not in self.axes}

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    def cells(self) -> Iterator[Cell]:
        """All cells; the last axis varies fastest."""
        places = [(*self.axes, *self.fixed).index(name) for name in FIELDS]
        named = [[(name, value) for value in self.fields[name]] for name in self.axes]
        named += [[field] for field in self.fixed.items()]
        for fields_of_cell in itertools.product(*named):
            problem = tuple(fields_of_cell[place] for place in places)
            yield Cell(problem, self.alpha, self.replicates, self.method, self.seed)

    def columns(self, places: IntArray) -> Iterator[tuple[IntArray, dict[str, Any]]]:
        """Cells of the grid as arrays: where they are, and each field as a number or of shape (k, 1).

        Those with a known source (N = None) come apart from the others.
        """
        index = dict(zip(self.axes, np.unravel_index(places, self.shape) if self.axes else (), strict=True))
        known = np.array([value is None for value in self.fields["N"]])
        known = known[index["N"]] if "N" in index else np.full(len(places), known[0])
        for which in (known, ~known):
            fields: dict[str, Any] = dict(self.fixed)
            for name in self.axes:
                values = np.array(self.fields[name], dtype=np.float64)  # None is NaN here
                fields[name] = values[index[name][which], None]
            if which is known:
                fields["N"] = None
            if which.any():
                yield places[which], fields

    def keys(self) -> Iterator[str]:
        """The keys of all cells in the same order, without the cells: many times faster."""
        before, after = parameter_frame(self.alpha, self.replicates, self.method, self.seed)
        names = sorted(FIELDS)
        texts = [[parameter_text(name, value) for value in self.fields[name]] for name in self.axes]
        texts += [[parameter_text(*field)] for field in self.fixed.items()]
        places = [(*self.axes, *self.fixed).index(name) for name in names]
        for of_cell in itertools.product(*texts):
            yield key_of(before + ",".join([of_cell[place] for place in places]) + after)


@dataclass(frozen=True)
class Part(Collection[Cell]):
    """Some cells of a grid, made anew whenever they are gone through: a million take no memory."""

    grid: Grid
    wanted: BoolArray
    """For each cell of the grid, in order."""

    def __len__(self) -> int:
        return int(np.count_nonzero(self.wanted))

    def __contains__(self, cell: object) -> bool:
        return any(cell == mine for mine in self)

    def __iter__(self) -> Iterator[Cell]:
        return itertools.compress(self.grid.cells(), self.wanted) if self.wanted.any() else iter(())

    @property
    def places(self) -> Iterator[int]:
        """Where in the grid they are."""
        return iter(np.flatnonzero(self.wanted).tolist())


def read_grid(grid: Mapping[str, Any] | FilePath, **overrides: Any) -> Grid:
    """Read and check a grid; ``overrides`` that are not None replace the settings in it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the file is no TOML, a name is no field, a field without default is missing, or a value is bad.
    """
    given = content_of(grid)
    _check_names(given)
    settings = read_settings(
        {name: given.pop(name) for name in SETTINGS if name in given}, overrides, METHODS
    )
    if missing := [name for name in FIELDS if name not in given and name not in DEFAULTS]:
        raise ValueError(f"the grid must say {' and '.join(missing)}: {_needed()}")
    simulated = settings["replicates"] > 0
    values = {k: field_axis(k, given.get(k, DEFAULTS.get(k)), simulated=simulated) for k in FIELDS}
    axes = tuple(name for name, value in given.items() if is_axis(value))
    read = Grid(fields=values, axes=axes, **settings)
    check_size(read)
    return read


def read_settings(
    given: Mapping[str, Any], overrides: Mapping[str, Any], methods: tuple[str, ...]
) -> dict[str, Any]:
    """The settings of a grid, checked; ``overrides`` that are not None come first."""
    settings = {**SETTINGS, **given} | {name: value for name, value in overrides.items() if value is not None}
    if settings["alpha"] is None:
        raise ValueError(
            'alpha is missing: give the alphas to evaluate, for example alpha = [0, 1, "optimal"]'
        )
    replicates = _natural("replicates", settings["replicates"])
    if replicates:
        check_count("replicates", replicates)
    return {
        "alpha": alpha_axis(settings["alpha"], simulated=replicates > 0),
        "replicates": replicates,
        "method": check_choice("method", settings["method"], methods),
        "seed": _natural("seed", settings["seed"]),
    }


def check_size(read: Grid) -> None:
    """Refuse a grid whose results would not fit into memory, or that is a slip of the pen."""
    if (cells := read.size) > MOST_CELLS:
        raise ValueError(
            f"the grid has {' x '.join(map(str, read.shape))} = {cells} cells, more than {MOST_CELLS}; "
            "make several sweeps of it, which can share a store"
        )
    check_memory(
        cells * (CELL_BYTES + ALPHA_BYTES * len(read.alpha)),
        f"a grid of {' x '.join(map(str, read.shape))} = {cells} cells at {len(read.alpha)} alphas",
        "make several sweeps of it, which can share a store",
    )


def content_of(grid: Mapping[str, Any] | FilePath) -> dict[str, Any]:
    """What a dict or a TOML file says, not yet checked."""
    if isinstance(grid, Mapping):
        return dict(grid)
    if not isinstance(grid, str | os.PathLike):
        raise TypeError(f"grid must be a dict of axes or the path of a TOML file, got {type(grid).__name__}")
    return read_toml(grid)


def _check_names(given: Mapping[str, Any]) -> None:
    for name in given:
        if name in FIELDS or name in SETTINGS:
            continue
        near = difflib.get_close_matches(str(name), [*FIELDS, *SETTINGS], n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(
            f"{name} is no axis{hint}; a grid has the fields {', '.join(FIELDS)} "
            f"and the settings {', '.join(SETTINGS)}"
        )


def _needed() -> str:
    return f"{', '.join(name for name in FIELDS if name not in DEFAULTS)} have no default"


def _natural(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number >= 0, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be a whole number >= 0, got {value}")
    return value
