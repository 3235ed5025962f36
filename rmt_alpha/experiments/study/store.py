"""The record of a study: one SQLite file, one transaction for every finished block of splits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Self

SCHEMA = """CREATE TABLE IF NOT EXISTS blocks (
    key TEXT PRIMARY KEY, version TEXT NOT NULL, results TEXT NOT NULL
)"""


class Block(NamedTuple):
    """Some consecutive splits of one target, drawn from one seed: what is computed and recorded at a time."""

    study: str
    pair: str
    n: int
    protocol: str
    part: str
    seed: int
    start: int
    splits: int

    @property
    def key(self) -> str:
        """What the record is found by."""
        return json.dumps(self._asdict(), sort_keys=True)


Results = list[dict[str, float]]
"""Accuracy of every method, for each split of a block."""


class Record:
    """Results by block.

    Parameters
    ----------
    path : Path or None
        The file, made if there is none; None keeps the results in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._db = sqlite3.connect(":memory:" if path is None else path, timeout=60.0)
        try:
            self._db.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ValueError(f"{path} is no record of a study ({error}); name another file") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._db.close()

    def write(self, block: Block, results: Results) -> None:
        """Record a block, in one transaction."""
        from rmt_alpha._core.version import __version__

        with self._db:
            row = (block.key, __version__, json.dumps(results))
            self._db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", row)

    def read(self) -> Iterator[tuple[Block, Results]]:
        """All blocks."""
        with closing(self._db.execute("SELECT key, results FROM blocks ORDER BY key")) as rows:
            for key, results in rows:
                yield Block(**json.loads(key)), json.loads(results)

    def keys(self) -> set[str]:
        """The keys of all blocks."""
        return {key for (key,) in self._db.execute("SELECT key FROM blocks")}
