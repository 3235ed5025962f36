"""What a sweep returns: arrays over the grid, the cells that failed, and the ways out."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np

from rmt_alpha._core.pictures.html import Card, Shown, number
from rmt_alpha._core.pictures.svg import cells
from rmt_alpha._core.tables import write_csv
from rmt_alpha._core.types import FilePath, FloatArray, IntArray
from rmt_alpha.validation.sweeps.axes import NO_SAMPLE, AxisValue, label
from rmt_alpha.validation.sweeps.cell import ALPHA_STAR, CELL_COLUMNS, FIELDS, POINT_COLUMNS, SIMULATED
from rmt_alpha.validation.sweeps.grid import Grid, Part

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes


ENDS = ("", "_stderr")


class Failure(NamedTuple):
    """A cell without numbers."""

    problem: dict[str, AxisValue]
    """Fields of the `TransferProblem`; of a `FineTuning` the axes and the fixed numbers and words."""
    error: str
    """Type and message of what it raised."""


@dataclass(frozen=True, eq=False)
class SweepResult(Shown):
    """The numbers of a sweep; equal to another if all numbers and failures are.

    ``result["accuracy"]`` is an array with one axis per swept field (`axes`) and, for what depends on alpha,
    a last axis for alpha.

    Parameters
    ----------
    axes : dict
        The swept fields and the tuples of their values.
    fixed : dict
        The other fields; of a `FineTuning` those that are a number or a word.
    alpha : tuple
        The alphas as they were asked for; ``result["alpha"]`` has the numbers that "optimal" stands for.
    replicates : int
        Simulated draws per cell.
    data : dict
        All arrays.  Theory: ``mean``, ``variance``, ``accuracy``, ``risk`` (per alpha), ``optimal_alpha``,
        ``neutral_alpha``.  Simulation: the averages ``simulated_accuracy`` with standard errors
        ``simulated_accuracy_stderr``, likewise mean, variance and risk; ``simulated_optimal_alpha`` with
        ``..._low`` and ``..._high``, median and quartiles over the draws of the best alpha of each.  There is
        no simulation for replicates=0, no mean and variance of one-hot scores, and no best alpha of a draw
        where the loss is not squared (NaN in a grid that also has the squared loss).
    failures : tuple of (problem, error)
        Cells whose computation failed: their numbers, and no others, are NaN.
    computed : int
        Cells that this call computed; the others were in the store.
    store : Path or None
        Where the records are.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> result = ra.sweep(
    ...     {"beta": [0.2, 0.8], "p": 400, "n": [20, 40, 80]},
    ...     alpha=[0, 1],
    ...     replicates=0,
    ...     store=None,
    ... )
    >>> result.shape, result["accuracy"].shape, result["optimal_alpha"].shape
    ((2, 3), (2, 3, 2), (2, 3))
    >>> result["accuracy"][1, 2].round(3)  # beta = 0.8, n = 80, at alpha = 0 and 1
    array([0.648, 0.776])
    """

    axes: Mapping[str, tuple[AxisValue, ...]]
    fixed: Mapping[str, AxisValue]
    alpha: tuple[float | str, ...]
    replicates: int
    data: Mapping[str, FloatArray]
    failures: tuple[Failure, ...]
    computed: int
    store: Path | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each of `axes`."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def ok(self) -> bool:
        """Whether no cell failed."""
        return not self.failures

    def plot(
        self,
        x: str | None = None,
        y: str | None = None,
        c: str = "optimal_alpha",
        *,
        alpha: float | str | None = None,
        at: Mapping[str, AxisValue] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw a result over one swept field as a line, or over two as colours.

        Parameters
        ----------
        x, y : str, optional
            Swept fields, by default the first two that ``at`` does not fix: y down, x across.
        c : str
            A name in `data`, such as "optimal_alpha" or "accuracy".
        alpha : float, "optimal" or None
            Which of the sweep's alphas, if ``c`` depends on alpha; over one field None draws all of them.
        at : dict, optional
            The values of all other swept fields, ``{"n": 40}``.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure, which notebooks show.
        """
        from rmt_alpha.plotting.sweep import plot_sweep

        return plot_sweep(self, x, y, c, alpha=alpha, at=at, ax=ax)

    def _card(self) -> Card:
        rows: dict[str, object] = {
            name: f"{len(values)} values, {_worded(values[0])} to {_worded(values[-1])}"
            for name, values in self.axes.items()
        }
        best = self["optimal_alpha"]
        rows |= {"alphas": ", ".join(map(label, self.alpha[:6])), "draws in a cell": self.replicates}
        rows |= {"best alpha": best[~np.isnan(best)], "cells failed": len(self.failures)}
        # Of axes beyond the second, the first values are drawn.
        ways = ("across",) if len(self.axes) == 1 else ("down", "across")
        where = " and ".join(f"{name} {way}" for name, way in zip(self.axes, ways, strict=False))
        table = best.reshape(*best.shape[:2], -1)[..., 0]
        return Card(rows, cells("best alpha", table), f"Picture: the best alpha{where and f' by {where}'}.")

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {len(values)}" for name, values in self.axes.items())
        return (
            f"<SweepResult of {axes or 'one cell'}; {len(self.alpha)} alphas, {self.replicates} replicates, "
            f"{len(self.failures)} cells failed>"
        )

    def __getitem__(self, name: str) -> FloatArray:
        """The array ``data[name]``; KeyError with the names that exist if there is none."""
        try:
            return self.data[name]
        except KeyError:
            hint = (
                " (replicates=0: theory alone)"
                if self.replicates == 0 and name.startswith("simulated_")
                else ""
            )
            raise KeyError(f"no result is called {name!r}{hint}; there are {', '.join(self.data)}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SweepResult):
            return NotImplemented
        asked = ("axes", "fixed", "alpha", "replicates", "failures")
        return (
            all(getattr(self, name) == getattr(other, name) for name in asked)
            and self.data.keys() == other.data.keys()
            and all(np.array_equal(self[name], other[name], equal_nan=True) for name in self.data)
        )

    __hash__ = None  # type: ignore[assignment]

    def _columns(self) -> dict[str, list[Any]]:
        """The long table: one entry per cell and alpha in every column, None where there is no number."""
        alphas = len(self.alpha)
        cells = int(np.prod(self.shape))
        table: dict[str, list[Any]] = {}
        # Object arrays, for N = None is a value of its own.
        meshes = np.meshgrid(*(_objects(values) for values in self.axes.values()), indexing="ij")
        swept = dict(zip(self.axes, meshes, strict=True))
        names = _names({**self.axes, **self.fixed})
        for name in names:
            per_cell = swept[name].ravel().tolist() if name in swept else [self.fixed[name]] * cells
            table[name] = [value for value in per_cell for _ in range(alphas)]
        table["replicates"] = [self.replicates] * (cells * alphas)
        table["alpha_label"] = [label(alpha) for alpha in self.alpha] * cells
        for name, array in self.data.items():
            values = array if array.ndim > len(self.shape) else np.repeat(array[..., None], alphas, axis=-1)
            table[name] = [None if np.isnan(x) else x for x in values.ravel().tolist()]
        errors = {tuple(failure.problem.items()): failure.error for failure in self.failures}
        rows = zip(*(table[name] for name in names), strict=True)
        table["error"] = [errors.get(tuple(zip(names, row, strict=True))) for row in rows]
        for name in names:
            table[name] = [label(value) if isinstance(value, tuple) else value for value in table[name]]
        return table

    def to_csv(self, path: FilePath | TextIO) -> None:
        """Write one line per cell and alpha, with all fields, all results and the errors.

        Numbers have all their digits; a known source (N = None) and the numbers of failed cells are empty.
        """
        if isinstance(path, str | os.PathLike):
            with Path(path).open("w", encoding="utf-8", newline="") as file:
                self.to_csv(file)
            return
        table = self._columns()
        write_csv(path, list(table), zip(*table.values(), strict=True))

    def to_pandas(self) -> pd.DataFrame:
        """The table of `to_csv` as a `pandas.DataFrame` (extra ``pandas``).

        A known source is "none" in the column N, which then holds objects: of a missing value, which NaN is,
        ``groupby`` would leave the rows out.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError("to_pandas() needs pandas: pip install '.[pandas]' in a clone") from None
        columns = self._columns()
        types = {"alpha_label": "object", "error": "object", "replicates": "int64"}
        texts = [name for name in _names({**self.axes, **self.fixed}) if _has_text(columns[name])]
        types |= dict.fromkeys(texts, "object")
        if None in columns.get("N", ()):
            columns["N"] = [NO_SAMPLE if value is None else value for value in columns["N"]]
            types["N"] = "object"
        return pd.DataFrame(
            {name: pd.Series(values, dtype=types.get(name, "float64")) for name, values in columns.items()}
        )

    def to_xarray(self) -> xr.Dataset:
        """The arrays as an `xarray.Dataset` with named dimensions (extra ``pandas``).

        Coordinates are numbers, or text along an axis that has more than numbers: alpha with "optimal", N
        with "none".  The variable ``alpha_value`` has the number of every alpha.
        """
        try:
            import xarray as xr
        except ImportError:
            raise ImportError("to_xarray() needs xarray: pip install '.[pandas]' in a clone") from None
        named = (*self.axes.items(), ("alpha", self.alpha))
        coordinates = {name: _coordinate(values) for name, values in named}
        dims = tuple(self.axes)
        variables = {
            "alpha_value" if name == "alpha" else name: (
                (*dims, "alpha") if array.ndim > len(dims) else dims,
                array,
            )
            for name, array in self.data.items()
        }
        fixed = {name: NO_SAMPLE if value is None else value for name, value in self.fixed.items()}
        return xr.Dataset(variables, coordinates, attrs={**fixed, "replicates": self.replicates})


def _coordinate(values: Sequence[AxisValue]) -> list[Any]:
    numeric = all(isinstance(value, float) for value in values)
    return list(values) if numeric else [label(value) for value in values]


def _names(fields: Mapping[str, object]) -> tuple[str, ...]:
    """Of the columns: those of a `TransferProblem` in their own order."""
    return FIELDS if fields.keys() == set(FIELDS) else tuple(fields)


def _worded(value: AxisValue) -> str:
    return number(value) if isinstance(value, float | None) else label(value)


def _has_text(values: Sequence[object]) -> bool:
    return any(isinstance(value, str | bool) for value in values)


def _objects(values: tuple[AxisValue, ...]) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # one by one: a tuple is one value
        array[place] = value
    return array


def blank(grid: Grid) -> SweepResult:
    """The result of a grid before anything is computed: its shape, and one NaN for all its numbers."""
    left_out = {*SIMULATED, *ALPHA_STAR} if grid.replicates == 0 else set(grid.absent)
    left_out |= {
        f"{start}{name}{end}" for name in grid.absent for start in ("", "simulated_") for end in ENDS
    }
    shapes = {name: (*grid.shape, len(grid.alpha)) for name in POINT_COLUMNS[1:]}
    shapes |= dict.fromkeys(CELL_COLUMNS, grid.shape)
    data = {name: np.broadcast_to(np.nan, shape) for name, shape in shapes.items() if name not in left_out}
    axes = {name: grid.fields[name] for name in grid.axes}
    return SweepResult(axes, grid.fixed, grid.alpha, grid.replicates, data, (), 0, None)


class Collector:
    """The arrays of a grid, filled as results come: a cell is kept once, as numbers."""

    def __init__(self, grid: Grid) -> None:
        empty = blank(grid)
        data = {name: np.full(array.shape, np.nan) for name, array in empty.data.items()}
        self._grid, self._blank = grid, replace(empty, data=data)
        flat = {name: array.reshape(grid.size, -1) for name, array in self._blank.data.items()}
        self._of_cell = [(i, flat[name][:, 0]) for i, name in enumerate(CELL_COLUMNS) if name in flat]
        self._of_point = [(i, flat[name]) for i, name in enumerate(POINT_COLUMNS) if name in flat]
        self._errors: dict[int, str] = {}

    def put(self, places: Sequence[int], contents: Sequence[Mapping[str, Any]]) -> None:
        """What is recorded of the cells at ``places``, counted along the grid."""
        where, sound = [], []
        for place, content in zip(places, contents, strict=True):
            if "error" in content:
                self._errors[place] = content["error"]
            else:
                self._errors.pop(place, None)
                where.append(place)
                sound.append(content)
        if not sound:
            return
        of_cells = list(zip(*(content["values"] for content in sound), strict=True))
        for column, one_each in self._of_cell:
            one_each[where] = of_cells[column]
        rows = itertools.chain.from_iterable(content["points"] for content in sound)
        of_points = list(zip(*rows, strict=True))
        for column, points in self._of_point:
            points[where] = np.reshape(of_points[column], (len(where), -1))

    def put_theory(self, places: IntArray, values: FloatArray, points: FloatArray) -> None:
        """What `theory.as_arrays` says of the cells at ``places``, of a sweep without simulation."""
        for column, one_each in self._of_cell:
            one_each[places] = values[:, column]
        for column, array in self._of_point:
            array[places] = points[:, :, column - 1]

    def finish(self, *, computed: int, store: Path | None) -> SweepResult:
        """All that was put in; nothing may be put in any more."""
        for array in self._blank.data.values():
            array.flags.writeable = False
        failed = np.zeros(self._grid.size, dtype=bool)
        failed[list(self._errors)] = True
        part = Part(self._grid, failed)
        failures = [
            Failure(dict(cell.problem), self._errors[place])
            for place, cell in zip(part.places, part, strict=True)
        ]
        return replace(self._blank, failures=tuple(failures), computed=computed, store=store)
