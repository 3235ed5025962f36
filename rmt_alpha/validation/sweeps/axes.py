"""One axis of a grid: numbers, lists, and the ranges linspace, logspace and geomspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.transfer import RANGES
from rmt_alpha.simulation.arguments import check_count

SPACINGS: dict[str, Any] = {"linspace": np.linspace, "logspace": np.logspace, "geomspace": np.geomspace}
"""Ranges by the name of the NumPy function that they call."""
DIGITS = 15
"""Significant digits of the values of a range: linspace's 0.30000000000000004 is the 0.3 of a list."""
COUNTS = ("p", "n", "N")
"""Fields that count something: their ranges are rounded to whole numbers."""
MOST_CELLS = 10_000_000
"""More are a slip of the pen, or should be several sweeps."""
CELL_BYTES, ALPHA_BYTES, VALUE_BYTES = 60.0, 110.0, 200.0
"""Memory that a cell takes and each of its alphas, 8 bytes for every number, and a value of an axis."""
OPTIMAL = "optimal"
"""The theory's alpha* of a cell, asked for by name."""
NO_SAMPLE = "none"
"""How a TOML file, which knows no null, says N = None: the source mean is known."""

AxisValue: TypeAlias = float | str | bool | tuple[float, ...] | None
"""None is a known source; words, flags and tuples are of grids of `FineTuning` problems."""
Range: TypeAlias = Mapping[str, Sequence[float]]
"""Such as ``{"linspace": [0, 1, 11]}``."""
AlphaSpec: TypeAlias = float | str | Range | Sequence[float | str | Range] | FloatArray
"""How alphas may be said."""
LISTS = (list, tuple, np.ndarray)


def label(value: AxisValue) -> str:
    """A value as text, with all its digits; 400.0 is "400"."""
    if value is None:
        return NO_SAMPLE
    if isinstance(value, tuple):
        return " ".join(map(label, value))
    return value if isinstance(value, str) else repr(value).removesuffix(".0")


def expand(name: str, value: object, *, whole: bool = False) -> list[Any]:
    """The entries of ``value``, a scalar, a range or a list of both, in order; equal numbers count once."""
    items = list(value) if isinstance(value, LISTS) else [value]
    entries: list[Any] = []
    for item in items:
        entries += _range_values(name, item, whole) if isinstance(item, Mapping) else [item]
    if not entries:
        raise ValueError(f"{name} must have at least one value, got an empty list")
    return entries


def _range_values(name: str, table: Mapping[str, Any], whole: bool) -> list[float]:
    form = f"a range is one of {{{', '.join(f'{kind}=[start, stop, count]' for kind in SPACINGS)}}}"
    if len(table) != 1 or next(iter(table)) not in SPACINGS:
        raise ValueError(f"{name}: {form}, got {dict(table)!r}")
    [(kind, limits)] = table.items()
    if not isinstance(limits, list | tuple) or len(limits) != 3:
        raise ValueError(f"{name}: {form}, got {dict(table)!r}")
    start, stop = (
        float(as_real(f"{name}: {kind}'s {end}", x))
        for end, x in zip(("start", "stop"), limits, strict=False)
    )
    count = check_count(f"{name}: the count of {kind}", limits[2])
    if count > MOST_CELLS:
        raise ValueError(f"{name}: the count of {kind} must be at most {MOST_CELLS}, got {count}")
    check_memory(
        VALUE_BYTES * count, f"{name} with {count} values", "make several sweeps, which can share a store"
    )
    with np.errstate(over="ignore"):  # logspace's 10^1000 is refused as an infinite value below
        try:
            values = SPACINGS[kind](start, stop, count)
        except ValueError as error:  # geomspace through 0
            raise ValueError(f"{name}: {kind} cannot go from {start:g} to {stop:g}: {error}") from None
    if whole:
        return [float(x) for x in np.rint(values)]
    return [float(f"{x:.{DIGITS}g}") for x in values]


def is_axis(value: object) -> bool:
    """Whether ``value`` is a list or a range, and so a dimension of the results, even with a single entry."""
    return isinstance(value, (Mapping, *LISTS))


def field_axis(name: str, value: object, *, simulated: bool) -> tuple[float | None, ...]:
    """All values of one field of `TransferProblem`, each inside the range of that field.

    Raises
    ------
    TypeError, ValueError
        If a value is no number, out of range or, where data are to be drawn, p, n or N is not whole.
    """
    values = [_field_value(name, entry) for entry in expand(name, value, whole=name in COUNTS)]
    if name in COUNTS:
        for entry in values:
            if not (entry is None or (name == "N" and entry == np.inf)):
                check_whole({name: entry}, simulated)
    return tuple(dict.fromkeys(values))


def check_whole(counts: Mapping[str, AxisValue], simulated: float) -> None:
    """Refuse numbers of samples or dimensions of which no data can be drawn."""
    for name, entry in counts.items():
        if simulated and not (isinstance(entry, float) and entry.is_integer()):  # false for inf
            raise ValueError(
                f"{name} must be a whole number to be simulated, got {label(entry)}; "
                "replicates=0 sweeps the theory alone, which allows any ratio"
            )


def _field_value(name: str, entry: Any) -> float | None:
    if name == "N" and (entry is None or entry == NO_SAMPLE):
        return None
    number = as_real(name, entry)
    if np.ndim(number):
        raise TypeError(f"{name}: an axis is one list of numbers, got a list within it: {entry!r}")
    number = float(number) + 0.0  # -0.0 is 0.0
    try:
        check_range(name, number, RANGES[name])
    except ValueError as error:
        raise ValueError(f"{error} (logspace takes exponents of ten, geomspace end points)") from None
    return number


def alpha_axis(value: object, *, simulated: bool) -> tuple[float | str, ...]:
    """All alphas: finite numbers and "optimal", in the order given; theory alone takes infinite ones too."""
    alphas: list[float | str] = []
    for entry in expand("alpha", value):
        if entry == OPTIMAL:
            alphas.append(OPTIMAL)
            continue
        if isinstance(entry, str):
            raise ValueError(f"alpha must be a number or {OPTIMAL!r}, got {entry!r}")
        number = as_real("alpha", entry)
        if np.ndim(number):
            raise TypeError(f"alpha: one list of numbers is needed, got a list within it: {entry!r}")
        number = float(number) + 0.0
        if np.isnan(number) or (simulated and np.isinf(number)):
            raise ValueError(f"alpha must be finite to be simulated, and never NaN, got {number}")
        alphas.append(number)
    return tuple(dict.fromkeys(alphas))
