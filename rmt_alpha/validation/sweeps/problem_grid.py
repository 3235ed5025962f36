"""A grid of any other problems: the content of a problem file, and fields with several values."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rmt_alpha._core.checks import as_real
from rmt_alpha._core.types import FilePath
from rmt_alpha.problems.described import Described, describe, with_arrays
from rmt_alpha.problems.described_regressions import LOW_RANK_KEYS, REGRESSION_KEYS, is_one
from rmt_alpha.validation.sweeps.axes import SPACINGS, AxisValue, check_whole, expand, is_axis, label
from rmt_alpha.validation.sweeps.cell import Cell
from rmt_alpha.validation.sweeps.grid import (
    SETTINGS,
    Grid,
    check_size,
    content_of,
    read_grid,
    read_settings,
)
from rmt_alpha.validation.sweeps.problem_cell import JOIN, Asked, ProblemCell, told, with_values

OF_MIXTURES = ("mean", "covariance", "exponent", "priors")
OF_TRAINING = ("n", "gamma", "intercept", "label_noise", "loss")
OF_SOURCES = (*OF_TRAINING, *OF_MIXTURES, "weights")
OF_LOW_RANK = (*LOW_RANK_KEYS, "rank")
DEFAULTS = {"intercept": False, "label_noise": 0.0, "loss": "squared"}
METHODS = ("auto", "dense", "krylov")
"""Of `simulate`."""
SIZES = ("n", "p", "d", "rank")
"""What counts something, by the last part of its name."""
SINGLE = ("n", "gamma", "p", "d", "rank", "beta", "source_norm", "rest")
"""Of which a problem has one number."""


def axis_names(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields of a problem with this content that can be axes."""
    if is_one(content):
        return OF_LOW_RANK if "spikes" in content else REGRESSION_KEYS
    source = content.get("source")
    parts = [f"source.{i + 1}" for i in range(len(source))] if isinstance(source, list) else ["source"]
    return (
        *OF_TRAINING,
        *(f"target.{name}" for name in OF_MIXTURES),
        *(f"{part}.{name}" for part in parts for name in OF_SOURCES),
        "direction",
    )


@dataclass(frozen=True)
class ProblemGrid(Grid):
    """Every combination of the values of its axes, which are fields of a problem of one kind."""

    content: Mapping[str, Any] = field(repr=False, kw_only=True)
    """Of all problems, where the axes say nothing else; see `Asked`."""
    together: ClassVar[bool] = False

    def cells(self) -> Iterator[Cell]:
        """All cells; the last axis varies fastest."""
        fixed, written = tuple(self.fixed.items()), told(self.content)
        values = [[(name, value) for value in self.fields[name]] for name in self.axes]
        for swept in itertools.product(*values):
            content = with_values(self.content, dict(swept))
            there = with_values(written, {name: told(value) for name, value in swept})
            settings = self.alpha, self.replicates, self.method, self.seed
            yield ProblemCell((*swept, *fixed), *settings, content=content, told=there)

    def keys(self) -> Iterator[str]:
        """The keys of all cells in the same order."""
        return (cell.key for cell in self.cells())


def read_any_grid(
    grid: Mapping[str, Any] | FilePath | Described,
    axes: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Grid:
    """Read and check a grid over the fields of a `TransferProblem`, or of what else `build` knows.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the file is no TOML, a name is no field, something is missing, or a value is bad.
    """
    given = describe(grid) if isinstance(grid, Described) else content_of(grid)
    if not ("target" in given or is_one(given)):
        if axes is None and "axes" not in given:
            return read_grid(given, **overrides)
        raise ValueError(
            "axes are for a FineTuning problem, which has a [target], and for regressions, which have "
            "coef_target or spikes; a grid over the fields of TransferProblem has its lists at the fields "
            "themselves"
        )
    file = isinstance(grid, str | Path)
    content = with_arrays(given, Path(grid).parent if file else Path())  # type: ignore[arg-type]
    return _read(content, axes, overrides)


def _read(content: dict[str, Any], axes: Mapping[str, Any] | None, overrides: dict[str, Any]) -> Grid:
    named = {name: content.pop(name) for name in SETTINGS if name in content}
    settings = read_settings(named, overrides, METHODS)
    swept = content.pop("axes", {}) if axes is None else axes
    content.pop("axes", None)
    if not isinstance(swept, Mapping):
        raise TypeError(f"axes must be a table of fields and their values, got {type(swept).__name__}")
    known, drawn = axis_names(content), settings["replicates"] > 0
    values = {name: _axis(name, value, known, drawn) for name, value in _flat(swept)}
    if listed := [name for name in SINGLE if is_axis(content.get(name)) and name not in values]:
        raise ValueError(f"{listed[0]} has several values: write them under [axes], {listed[0]} = [...]")
    if not is_one(content):
        _check_tables(content)
        content |= {name: value for name, value in DEFAULTS.items() if name not in content}
    problems = list(_checked(content, values))
    names = {part for name in values for part in name.split(JOIN)}
    fixed = {name: (value,) for name, value in _scalars(content) if name not in names}
    check_whole({name: value for name, (value,) in fixed.items() if _counts(name)}, settings["replicates"])
    grid = ProblemGrid(
        fields=values | fixed,
        axes=tuple(values),
        **settings,
        content=content,
        absent=frozenset.intersection(*(ProblemCell.absent(problem) for problem in problems)),
    )
    check_size(grid)
    return grid


def _check_tables(content: Mapping[str, Any]) -> None:
    for name in ("target", "source"):
        several = name == "source" and isinstance(content.get(name), list)
        if not several and not isinstance(content.get(name, {}), Mapping):
            raise TypeError(f"{name} must be a table [{name}], got {type(content[name]).__name__}")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields by their dotted names; TOML makes tables of ``target.exponent = ...`` without quotes."""
    for name, value in table.items():
        if isinstance(value, Mapping) and not (len(value) == 1 and next(iter(value)) in SPACINGS):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _counts(name: str) -> bool:
    return not set(SIZES).isdisjoint(part.rpartition(".")[2] for part in name.split(JOIN))


def _axis(name: str, value: Any, known: tuple[str, ...], simulated: bool) -> tuple[AxisValue, ...]:
    for part in str(name).split(JOIN):
        if part not in known:
            near = difflib.get_close_matches(part, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"{part} is no axis{hint}; axes are {', '.join(known)}")
    entries = tuple(dict.fromkeys(_entry(name, each) for each in expand(name, value, whole=_counts(name))))
    if _counts(name):
        for entry in entries:
            check_whole({name: entry}, simulated)
    return entries


def _entry(name: str, value: Any) -> AxisValue:
    """A number, a word, a flag, or a short list of numbers, such as the priors of three classes."""
    if isinstance(value, str | bool):
        return value
    number = as_real(name, value)
    if np.ndim(number) > 1:
        raise TypeError(f"{name}: an axis is one list of numbers or of lists of numbers, got {value!r}")
    return tuple(number.tolist()) if np.ndim(number) else float(number) + 0.0


def _checked(content: Mapping[str, Any], values: Mapping[str, tuple[AxisValue, ...]]) -> Iterator[Described]:
    """The problem with each value of each axis; what is wrong only in combination is left to its cell.

    A value is refused that fits neither the first nor the last values of the other axes.
    """
    first = {name: entries[0] for name, entries in values.items()}
    last = {name: entries[-1] for name, entries in values.items()}
    if not values:
        yield Asked.of(content).problem
    for name, entries in values.items():
        for entry in entries:
            try:
                yield Asked.of(with_values(content, first | {name: entry})).problem
            except (ValueError, TypeError) as error:
                try:
                    yield Asked.of(with_values(content, last | {name: entry})).problem
                except (ValueError, TypeError):
                    raise ValueError(f"axis {name}, value {label(entry)}: {error}") from None


def _scalars(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, AxisValue]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield from _scalars({str(i): each for i, each in enumerate(value, 1)}, f"{prefix}{name}.")
        elif isinstance(value, str | bool):
            yield prefix + name, value
        elif value is not None and np.ndim(value) == 0:
            yield prefix + name, float(value)
