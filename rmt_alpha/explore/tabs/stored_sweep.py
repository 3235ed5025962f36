"""The cells of a sweep's store as columns, also while it is still being filled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmt_alpha.errors import RecordError
from rmt_alpha.validation.sweeps.axes import label
from rmt_alpha.validation.sweeps.cell import CELL_COLUMNS, POINT_COLUMNS
from rmt_alpha.validation.sweeps.store import Store

WORDS = (str, float, int, bool, type(None))
"""Types of what can be an axis."""


@dataclass
class StoredPart:
    """The cells that have the same fields, alphas and settings: mostly, one grid."""

    names: tuple[str, ...]
    """Of the fields that are a number or a word."""
    alphas: tuple[str, ...]
    replicates: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Fields and results, one for each cell and alpha."""
    failures: list[str] = field(default_factory=list)
    cells: int = 0

    @property
    def title(self) -> str:
        """What it is, in a line."""
        swept = ", ".join(name for name, values in self.axes.items() if len(values) > 1) or "nothing"
        return f"{self.cells} cells over {swept}; {self.replicates} draws"

    @property
    def axes(self) -> dict[str, list[Any]]:
        """Names of the fields and their values, in order."""
        return {name: _ordered({row[name] for row in self.rows}) for name in self.names}

    @property
    def quantities(self) -> list[str]:
        """The results that there are."""
        known = [name for name in (*CELL_COLUMNS, *POINT_COLUMNS[2:]) if not name.endswith("_stderr")]
        return [name for name in known if any(row.get(name) is not None for row in self.rows)]


def read_store(path: Path) -> list[StoredPart]:
    """All that is recorded, the part with most cells first.

    Raises
    ------
    RecordError
        If the file is not there, or is no store of a sweep.
    """
    if not path.is_file():
        raise RecordError(f"there is no store {path}: give the file that rmt-alpha sweep --out names")
    parts: dict[tuple[Any, ...], StoredPart] = {}
    with Store(path) as store:
        for entry in store:
            parameters = json.loads(entry.parameters)
            fields = dict(_flat(_fields(parameters)))
            alphas = tuple(map(label, parameters["alpha"]))
            key = tuple(sorted(fields)), alphas, parameters["replicates"], parameters["seed"]
            part = parts.setdefault(key, StoredPart(tuple(fields), alphas, parameters["replicates"]))
            part.cells += 1
            if "error" in entry.content:
                part.failures.append(str(entry.content["error"]))
                continue
            results = dict(zip(CELL_COLUMNS, entry.content["values"], strict=True))
            for point in entry.content["points"]:
                part.rows.append({**fields, **results, **dict(zip(POINT_COLUMNS, point, strict=True))})
    return sorted(parts.values(), key=lambda part: -part.cells)


def _fields(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    problem: Mapping[str, Any] = parameters["problem"]
    return problem


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers and words by dotted names, in order; arrays are left out."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, WORDS):
            yield prefix + name, float("inf") if value == "inf" else value


def _ordered(values: set[Any]) -> list[Any]:
    """Numbers in order, then words; a known source, None, last."""
    return sorted(
        values,
        key=lambda value: (
            value is None,
            isinstance(value, str),
            str(value) if isinstance(value, str) else value or 0,
        ),
    )
