"""The record of a sweep: one SQLite file that only the driving process writes.

Every task's records are one transaction.  A rollback journal with SQLite's default, full synchronisation is
used and not write-ahead logging: a kill at any moment or a power cut loses the transaction in flight and
nothing else, there is one file to copy, and it may lie on a network file system.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rmt_alpha.errors import RecordError
from rmt_alpha.validation.sweeps.cell import CELL_COLUMNS, FIELDS, POINT_COLUMNS, Record
from rmt_alpha.validation.sweeps.schema import (
    APPLICATION_ID,
    CELL_SQL,
    FIELD_COLUMNS,
    HEADER_BYTES,
    POINT_SQL,
    SCHEMA,
    SCHEMA_VERSION,
    read_header,
)

PATIENCE = 60.0
"""Seconds to wait for another process that is writing to the same store."""


class Store:
    """Records of cells by key.

    Parameters
    ----------
    path : Path or None
        The file, made if there is none; None keeps the records in memory.

    Raises
    ------
    RecordError
        If the file is no store, a newer one, or damaged.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is None:
            self._db = sqlite3.connect(":memory:", isolation_level=None)
            self._db.executescript(SCHEMA)
        else:
            if not path.exists():
                _create(path)
            self._db = _open(path)
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.execute("CREATE TEMP TABLE wanted (position INTEGER PRIMARY KEY, key TEXT NOT NULL)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._db.close()

    def recorded(self, keys: Sequence[str]) -> tuple[set[str], set[str]]:
        """The keys with a result and those with an error; RecordError if one of their records was altered."""
        done: set[str] = set()
        failed: set[str] = set()
        for record in self.read(keys):
            (done if record.error is None else failed).add(record.key)
        return done, failed

    def read(self, keys: Sequence[str]) -> Iterator[Record]:
        """The records under ``keys``, in that order; keys without a record are passed over."""
        self._want(keys)
        try:
            for record, digest in self._wanted_records():
                if record.digest != digest:
                    raise _unusable(self.path, f"the record {record.key} is not what was written")
                yield record
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _unusable(self.path, error) from None

    def _wanted_records(self) -> Iterator[tuple[Record, str]]:
        cells = self._db.execute(
            f"SELECT {', '.join(CELL_SQL)} FROM wanted JOIN cells USING (key) ORDER BY wanted.position"
        )
        points = self._db.execute(
            f"SELECT {', '.join(POINT_SQL)} FROM wanted JOIN points USING (key) "
            "ORDER BY wanted.position, points.position"
        )
        point = points.fetchone()
        for key, parameters, *rest, error, _version, digest in cells:
            fields, (replicates, *values) = rest[: len(FIELDS)], rest[len(FIELDS) :]
            own = []
            while point is not None and point[0] == key:
                own.append(tuple(point[2:]))
                point = points.fetchone()
            problem = tuple(zip(FIELDS, fields, strict=True))
            yield Record(key, parameters, problem, replicates, tuple(values), tuple(own), error), digest

    def write(self, records: Iterable[Record]) -> None:
        """Record cells, in one transaction; what was there under the same keys is replaced."""
        from rmt_alpha._core.version import __version__

        with self._transaction():
            for record in records:
                self._db.execute("DELETE FROM points WHERE key = ?", (record.key,))
                fields = [value for _, value in record.problem]
                row = (
                    record.key, record.parameters, *fields, record.replicates, *record.values, record.error,
                    __version__, record.digest,
                )  # fmt: skip
                self._db.execute(f"INSERT OR REPLACE INTO cells VALUES ({_marks(row)})", row)
                for position, point in enumerate(record.points):
                    line = (record.key, position, *point)
                    self._db.execute(f"INSERT INTO points VALUES ({_marks(line)})", line)

    def forget(self, keys: Sequence[str]) -> None:
        """Delete the records under ``keys``, in one transaction."""
        self._want(keys)
        with self._transaction():
            for table in ("points", "cells"):
                self._db.execute(f"DELETE FROM {table} WHERE key IN (SELECT key FROM wanted)")

    def _want(self, keys: Sequence[str]) -> None:
        self._db.execute("DELETE FROM wanted")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO wanted VALUES (?, ?)", enumerate(keys))
        self._db.execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A failed COMMIT (disk full) may have rolled back already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _marks(row: Sequence[object]) -> str:
    return ", ".join("?" * len(row))


def _create(path: Path) -> None:
    """Make an empty store, complete from the first moment that it exists under its name."""
    if not path.parent.is_dir():
        raise RecordError(f"cannot make the store {path}: there is no folder {path.parent}")
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            db.executescript(SCHEMA)
        finally:
            db.close()
        draft.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise RecordError(f"cannot make the store {path}: {error}") from None
    finally:
        draft.unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    """Open an existing store, or say why not.  SQLite sees the file only if its header is that of a store."""
    untouched = "it is left untouched"
    elsewhere = "give another path for the results of this sweep"
    try:
        with path.open("rb") as file:
            header = read_header(file.read(HEADER_BYTES))
    except OSError as error:
        raise RecordError(f"cannot read the store {path}: {error}") from None
    if header is None:
        raise RecordError(f"{path} is no store of a sweep (not an SQLite database); {untouched}, {elsewhere}")
    application, version = header
    if application != APPLICATION_ID:
        raise RecordError(f"{path} is an SQLite database of another program; {untouched}, {elsewhere}")
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path} has the store format {version}, this version of rmt_alpha reads {SCHEMA_VERSION}; "
            f"{untouched}, {elsewhere}"
        )
    uri = f"{path.resolve().as_uri()}?mode=rw"
    try:
        db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)
    except sqlite3.Error as error:
        raise RecordError(f"cannot open the store {path}: {error}") from None
    try:
        problems = [row[0] for row in db.execute("PRAGMA quick_check(1)")]
        if problems == ["ok"]:
            columns = {row[0] for row in db.execute("SELECT name FROM pragma_table_info('cells')")}
            columns |= {row[0] for row in db.execute("SELECT name FROM pragma_table_info('points')")}
            if columns >= {*FIELD_COLUMNS, *CELL_COLUMNS, *POINT_COLUMNS}:
                return db
            problems = ["its tables are not complete"]
        problem = _unusable(path, *problems)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        problem = _unusable(path, error)
    db.close()
    raise problem


def _unusable(path: Path | None, reason: Exception | str) -> RecordError:
    if getattr(reason, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return RecordError(f"{path} is in use by another process; try again when that has finished")
    first_line = str(reason).partition("\n")[0][:200]
    return RecordError(
        f"{path} is damaged ({first_line}); it is left untouched. Move it away and sweep again, or let "
        "SQLite's shell save what it can with its command .recover"
    )
