"""The record of sweeps: one row for every cell, and the view ``results`` for people who read it with SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rmt_alpha._core.records.record import Record
from rmt_alpha._core.records.record_claims import Claims
from rmt_alpha._core.records.record_file import RecordKind
from rmt_alpha._core.version import __version__
from rmt_alpha.validation.sweeps.cell import CELL_COLUMNS, FIELDS, POINT_COLUMNS, CellResult


def _view() -> str:
    """One line per cell and alpha; SQL does not distinguish N from n, and TOML's "inf" is a number there."""
    columns = [
        f"CASE json_extract(parameters, '$.problem.{name}') WHEN 'inf' THEN 9e999 "
        f"ELSE json_extract(parameters, '$.problem.{name}') END AS {'N_source' if name == 'N' else name}"
        for name in FIELDS
    ]
    columns.append("json_extract(parameters, '$.replicates') AS replicates")
    columns += [f"json_extract(content, '$.values[{i}]') AS {name}" for i, name in enumerate(CELL_COLUMNS)]
    columns += [f"json_extract(point.value, '$[{i}]') AS {name}" for i, name in enumerate(POINT_COLUMNS)]
    return (
        f"CREATE VIEW results AS SELECT {', '.join(columns)} FROM cells, json_each(content, '$.points') AS "
        "point"
    )


SWEEPS = RecordKind(
    "store of a sweep", "cells", "give another path for the results of this sweep", view=_view()
)


class Store(Record):
    """Results of cells.

    Parameters
    ----------
    path : Path or None
        The file, made if there is none; None keeps the results in memory.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, SWEEPS)

    def add(
        self,
        results: Iterable[CellResult],
        code: str = __version__,
        work: tuple[str, str] = ("", ""),
    ) -> None:
        """Record cells, in one transaction; who computed them is `Record.write`'s."""
        self.write(((result.parameters, result.content) for result in results), code, work)

    def claims(self) -> Claims:
        """The claims of a process on cells of this store."""
        return Claims(self.path, self.kind.table)

    def results(self, keys: Sequence[str]) -> Iterator[CellResult]:
        """The results under ``keys``, in that order; keys without one are passed over."""
        for entry in self.read(keys):
            yield CellResult.of(entry.parameters, entry.content)

    def found(self, keys: Sequence[str]) -> tuple[list[int], list[dict[str, Any]]]:
        """Where in ``keys`` there is a record, and what is recorded."""
        places = {key: place for place, key in enumerate(keys)}
        there, contents = self.read_at_once(keys)
        return [places[key] for key in there], contents

    @property
    def empty(self) -> bool:
        """Whether nothing is recorded at all."""
        return next(iter(self._db.execute(f"SELECT 1 FROM {self.kind.table} LIMIT 1")), None) is None

    def recorded(self, keys: Sequence[str]) -> tuple[set[str], set[str]]:
        """The keys with numbers and those with an error."""
        done: set[str] = set()
        failed: set[str] = set()
        for entry in self.read(keys):
            (failed if "error" in entry.content else done).add(entry.key)
        return done, failed
