"""The record of finished work: one SQLite file with a checksum for every row, which one process writes.

Sweeps, studies and comparisons of networks record what they finish under the parameters that it depends on.
Every write is one transaction.  A rollback journal with SQLite's default, full synchronisation is used and
not write-ahead logging: a kill at any moment or a power cut loses the transaction in flight and nothing else,
there is one file to copy, and it may lie on a network file system.

`record_file` says which files are records, `record_locks` and `record_claims` how processes share one,
`record_text` how rows are written, hashed and exported.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from rmt_alpha._core.records.record_claims import make_work_table
from rmt_alpha._core.records.record_file import (
    RecordKind,
    create_file,
    make_tables,
    moved,
    open_file,
    unusable,
)
from rmt_alpha._core.records.record_locks import Connection, identity_of
from rmt_alpha._core.records.record_text import RecordRow, as_json, as_text, digest_of, key_of, read_text
from rmt_alpha._core.types import FilePath
from rmt_alpha._core.version import __version__
from rmt_alpha.errors import RecordError

COLUMNS = ("key", "parameters", "content", "version", "digest")


class Record:
    """Finished work by the hash of its parameters.

    Parameters
    ----------
    path : Path or None
        The file, made if there is none; None keeps the rows in memory.
    kind : RecordKind
        What it records, and how messages call it.
    make : bool
        Whether the file is made if there is none.

    Raises
    ------
    RecordError
        If the file is something else, of another format, damaged or not accessible.  It is left as it is.
        At the end of a ``with``: if the file is not there any more, or another one is.

    Examples
    --------
    >>> kind = RecordKind("record of squares", "squares", "name another file")
    >>> with Record(None, kind) as record:
    ...     record.write([('{"x":3}', {"square": 9})])
    ...     [row.content for row in record]
    [{'square': 9}]
    """

    def __init__(self, path: Path | None, kind: RecordKind, *, make: bool = True) -> None:
        self.path, self.kind = path, kind
        if path is None:
            self._db = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
            make_tables(self._db, kind)
        else:
            if not path.exists():
                if not make:
                    raise RecordError(f"there is no {kind.noun} {path}; {kind.remedy}, or compute it first")
                create_file(path, kind)
            self._db = open_file(path, kind)
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.execute("CREATE TEMP TABLE wanted (place INTEGER PRIMARY KEY, key TEXT NOT NULL)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.close()
        if error is None:
            self._check_place()

    def close(self) -> None:
        """Let go of the file; what was written is there already."""
        self._db.close()

    def __iter__(self) -> Iterator[RecordRow]:
        """All rows, in the order in which they were first written; RecordError if one was altered."""
        return self._parsed(self._checked("SELECT {columns} FROM {table} ORDER BY position"))

    def read(self, keys: Sequence[str]) -> Iterator[RecordRow]:
        """The rows under ``keys``, in that order; keys without a row are passed over."""
        return self._parsed(self._wanted(keys))

    def read_at_once(self, keys: Sequence[str]) -> tuple[list[str], list[Any]]:
        """The keys that have a row, and its content: `read` of many small rows in half the time."""
        rows = list(self._wanted(keys))
        try:
            contents = json.loads(f"[{','.join([content for _, _, content, _ in rows])}]")
        except (ValueError, RecursionError) as error:
            raise unusable(self.path, error) from None
        if len(contents) != len(rows):
            raise unusable(self.path, "the content of a row is no JSON")
        return [key for key, *_ in rows], contents

    def _wanted(self, keys: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
        self._want(keys)
        return self._checked("SELECT {columns} FROM wanted JOIN {table} USING (key) ORDER BY place")

    def _parsed(self, rows: Iterable[tuple[str, str, str, str]]) -> Iterator[RecordRow]:
        try:
            for key, parameters, content, version in rows:
                yield RecordRow(key, parameters, json.loads(content), version)
        except (ValueError, RecursionError) as error:  # no JSON
            raise unusable(self.path, error) from None

    def _checked(self, query: str) -> Iterator[tuple[str, str, str, str]]:
        try:
            for key, parameters, content, version, digest in self._db.execute(
                query.format(columns=", ".join(COLUMNS), table=self.kind.table)
            ):
                if digest_of(key, parameters, content, version) != digest:
                    raise unusable(self.path, f"the row {key} is not what was written")
                yield key, parameters, content, version
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise unusable(self.path, error) from None

    def write(
        self, entries: Iterable[tuple[str, object]], code: str = __version__, work: tuple[str, str] = ("", "")
    ) -> None:
        """Record (canonical parameters, content), in one transaction; what was there under them is replaced.

        ``code`` is the version that made them; ``work`` says who ordered them, and where they were computed.

        Raises
        ------
        RecordError
            If the file was moved or deleted while it was open.
        OSError
            If it cannot be written: the disk is full, or another process does not let go of it.
        """
        self._put_all(((parameters, as_json(content), code) for parameters, content in entries), work)

    def _put_all(self, rows: Iterable[tuple[str, str, str]], work: tuple[str, str] = ("", "")) -> None:
        changes = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
        keys: list[str] = []

        def keyed() -> Iterator[tuple[str, ...]]:
            for row in rows:
                key = key_of(row[0])
                keys.append(key)
                yield key, *row, digest_of(key, *row)

        driver, place = work
        with self._transaction():
            self._db.executemany(
                f"INSERT INTO {self.kind.table} ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?) "
                f"ON CONFLICT (key) DO UPDATE SET {changes}",
                keyed(),
            )
            if driver:
                make_work_table(self._db)
                done = "REPLACE INTO work VALUES (?, ?, NULL, ?)"
                self._db.executemany(done, ((key, driver, place) for key in keys))

    def forget(self, keys: Iterable[str]) -> None:
        """Delete the rows under ``keys``, in one transaction."""
        self._want(keys)
        with self._transaction():
            self._db.execute(f"DELETE FROM {self.kind.table} WHERE key IN (SELECT key FROM wanted)")

    def _want(self, keys: Iterable[str]) -> None:
        self._db.execute("DELETE FROM wanted")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO wanted VALUES (?, ?)", enumerate(keys))
        self._db.execute("COMMIT")

    def _check_place(self) -> None:
        """SQLite would go on writing to a file that has no name any more."""
        if self.path is not None and self._db.file != identity_of(self.path):
            raise moved(self.path)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._check_place()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            # A failed COMMIT (disk full) may have rolled back already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise OSError(f"cannot write to {self.path}: {error}") from None
            raise

    def export(self, path: FilePath) -> None:
        """Write all rows as text: a first line that says what it is, then one line of JSON for each.

        The first line has a checksum of all lines and each line its own, that of the row in the file.
        """
        Path(path).write_text(as_text(self.kind, self), encoding="utf-8")

    @staticmethod
    def load_export(path: FilePath, kind: RecordKind) -> Record:
        """The rows that `export` wrote, in memory.

        Raises
        ------
        RecordError
            If the file is no such text, or a line of it is not what was written.
        """
        rows = list(read_text(Path(path), kind))
        record = Record(None, kind)
        record._put_all(rows)
        return record

    def copy(self, path: Path) -> Record:
        """The record in another file, to which these rows are added as they are."""
        other = Record(path, self.kind)
        other._put_all([(entry.parameters, as_json(entry.content), entry.version) for entry in self])
        return other
