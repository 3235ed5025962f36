"""The record of finished work: one SQLite file with a checksum for every row, which one process writes.

Sweeps, studies and comparisons of networks record what they finish under the parameters that it depends on.
Every write is one transaction.  A rollback journal with SQLite's default, full synchronisation is used and
not write-ahead logging: a kill at any moment or a power cut loses the transaction in flight and nothing else,
there is one file to copy, and it may lie on a network file system.

`Record.export` writes the same rows as text, one line of JSON each, for a repository or a reader without SQL.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from rmt_alpha._core.types import FilePath
from rmt_alpha._core.version import __version__
from rmt_alpha.errors import RecordError

APPLICATION_ID = int.from_bytes(b"rmtA", "big")
"""Bytes 68 to 71 of the file: this database belongs to rmt_alpha."""
FORMAT = 2
"""Bytes 60 to 63 of the file.  1 was the store of sweeps of the development versions before 0.1.0."""
HEADER_BYTES = 100
PATIENCE = 60.0
"""Seconds to wait for another process that is writing to the same record."""
DIGITS = 32
"""Hexadecimal digits of keys and checksums."""
COLUMNS = ("key", "parameters", "content", "version", "digest")


@dataclass(frozen=True)
class RecordKind:
    """What is recorded: the schema of the file, and the words of messages.

    Attributes
    ----------
    noun : str
        Such as "record of a study".
    table : str
        Name of its one table.
    remedy : str
        What to do where the path holds something else.
    view : str
        SQL of one view of the table, for people who read the file with SQL; "" for none.
    """

    noun: str
    table: str
    remedy: str
    view: str = ""

    @property
    def statements(self) -> list[str]:
        """What makes the table and the view; SQLite keeps these texts, by which the file is recognised."""
        table = (
            f"CREATE TABLE {self.table} (position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, "
            "parameters TEXT NOT NULL, content TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL)"
        )
        return [table, self.view] if self.view else [table]


class Entry(NamedTuple):
    """One piece of finished work."""

    key: str
    """`key_of` the parameters."""
    parameters: str
    """Canonical JSON of all that the content depends on."""
    content: Any
    """What JSON can hold."""
    version: str
    """Of the package that wrote it."""


def as_json(value: object, *, sort: bool = False) -> str:
    """JSON without spaces and with all digits; infinity is 1e999, which every reader takes for it.

    Raises
    ------
    ValueError
        If there is a NaN.

    Examples
    --------
    >>> as_json({"b": [0.1, float("-inf")], "a": None}, sort=True)
    '{"a":null,"b":[0.1,-1e999]}'
    """
    text = json.dumps(value, sort_keys=sort, separators=(",", ":"))
    return _STRING_OR_WORD.sub(_plain_number, text) if "Infinity" in text or "NaN" in text else text


_STRING_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|Infinity|NaN')


def _plain_number(found: re.Match[str]) -> str:
    if found[0] == "NaN":
        raise ValueError("a record cannot hold NaN")
    return "1e999" if found[0] == "Infinity" else found[0]


def canonical(parameters: Mapping[str, object]) -> str:
    """The JSON text of parameters: equal parameters have equal texts."""
    return as_json(parameters, sort=True)


def key_of(parameters: str) -> str:
    """What a row is found by: the hash of canonical parameters."""
    return hashlib.sha256(parameters.encode()).hexdigest()[:DIGITS]


def _digest(key: str, parameters: str, content: str, version: str) -> str:
    """Checksum of a row; JSON has no line feeds, so that the texts cannot run into each other."""
    return hashlib.sha256(f"{key}\n{parameters}\n{content}\n{version}".encode()).hexdigest()[:DIGITS]


class Record:
    """Finished work by the hash of its parameters.

    Parameters
    ----------
    path : Path or None
        The file, made if there is none; None keeps the rows in memory.
    kind : RecordKind

    Raises
    ------
    RecordError
        If the file is something else, of another format, damaged or not accessible.  It is left as it is.

    Examples
    --------
    >>> kind = RecordKind("record of squares", "squares", "name another file")
    >>> with Record(None, kind) as record:
    ...     record.write([(canonical({"x": 3}), {"square": 9})])
    ...     [entry.content for entry in record]
    [{'square': 9}]
    """

    def __init__(self, path: Path | None, kind: RecordKind) -> None:
        self.path, self.kind = path, kind
        if path is None:
            self._db = sqlite3.connect(":memory:", isolation_level=None)
            _make_tables(self._db, kind)
        else:
            if not path.exists():
                _create(path, kind)
            self._file = _identity(path)
            self._db = _open(path, kind)
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.execute("CREATE TEMP TABLE wanted (place INTEGER PRIMARY KEY, key TEXT NOT NULL)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was written is there already."""
        self._db.close()

    def __iter__(self) -> Iterator[Entry]:
        """All rows, in the order in which they were first written; RecordError if one was altered."""
        return self._checked("SELECT {columns} FROM {table} ORDER BY position")

    def read(self, keys: Sequence[str]) -> Iterator[Entry]:
        """The rows under ``keys``, in that order; keys without a row are passed over."""
        self._want(keys)
        return self._checked("SELECT {columns} FROM wanted JOIN {table} USING (key) ORDER BY place")

    def _checked(self, query: str) -> Iterator[Entry]:
        try:
            for key, parameters, content, version, digest in self._db.execute(
                query.format(columns=", ".join(COLUMNS), table=self.kind.table)
            ):
                if _digest(key, parameters, content, version) != digest:
                    raise _unusable(self.path, f"the row {key} is not what was written")
                yield Entry(key, parameters, json.loads(content), version)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _unusable(self.path, error) from None

    def write(self, entries: Iterable[tuple[str, object]]) -> None:
        """Record (canonical parameters, content), in one transaction; what was there under them is replaced.

        Raises
        ------
        RecordError
            If the file was moved or deleted while it was open.
        OSError
            If it cannot be written: the disk is full, or another process does not let go of it.
        """
        self._put_all((parameters, as_json(content), __version__) for parameters, content in entries)

    def _put_all(self, rows: Iterable[tuple[str, str, str]]) -> None:
        changes = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
        with self._transaction():
            for row in rows:
                key = key_of(row[0])
                self._db.execute(
                    f"INSERT INTO {self.kind.table} ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?) "
                    f"ON CONFLICT (key) DO UPDATE SET {changes}",
                    (key, *row, _digest(key, *row)),
                )

    def forget(self, keys: Sequence[str]) -> None:
        """Delete the rows under ``keys``, in one transaction."""
        self._want(keys)
        with self._transaction():
            self._db.execute(f"DELETE FROM {self.kind.table} WHERE key IN (SELECT key FROM wanted)")

    def _want(self, keys: Sequence[str]) -> None:
        self._db.execute("DELETE FROM wanted")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO wanted VALUES (?, ?)", enumerate(keys))
        self._db.execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self.path is not None and self._file != _identity(self.path):
            # SQLite would go on writing to a file that has no name any more.
            raise RecordError(f"{self.path} was moved or deleted while it was in use; the same call goes on")
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
        lines, digests = [], []
        for entry in self:
            content = as_json(entry.content)
            digests.append(_digest(entry.key, entry.parameters, content, entry.version))
            lines.append(
                f'{{"parameters":{entry.parameters},"content":{content},'
                f'"version":{json.dumps(entry.version)},"digest":"{digests[-1]}"}}\n'
            )
        first = {"rmt_alpha": self.kind.noun, "format": FORMAT, "rows": len(lines), "digest": _joint(digests)}
        Path(path).write_text("".join([as_json(first) + "\n", *lines]), encoding="utf-8")

    @staticmethod
    def load_export(path: FilePath, kind: RecordKind) -> Record:
        """The rows that `export` wrote, in memory.

        Raises
        ------
        RecordError
            If the file is no such text, or a line of it is not what was written.
        """
        rows = list(_read_export(Path(path), kind))
        record = Record(None, kind)
        record._put_all(rows)
        return record

    def copy(self, path: Path) -> Record:
        """The record in another file, to which these rows are added as they are."""
        other = Record(path, self.kind)
        other._put_all([(entry.parameters, as_json(entry.content), entry.version) for entry in self])
        return other


def is_export(path: Path) -> bool:
    """Whether the file begins as the text of `Record.export` does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_EXPORT)) == _EXPORT


_EXPORT = b'{"rmt_alpha":'


def _joint(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:DIGITS]


def _read_export(path: Path, kind: RecordKind) -> Iterator[tuple[str, str, str]]:
    """Parameters, content and version of each line; each is used only after its checksum."""
    try:
        first, *lines = path.read_bytes().decode().removesuffix("\n").split("\n")
        header = json.loads(first)
        found = header["rmt_alpha"], header["format"], header["rows"], header["digest"]
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RecordError(f"{path} is no text of a {kind.noun}; {kind.remedy}") from None
    if found[0] != kind.noun or found[1] != FORMAT:
        raise RecordError(
            f"{path} is the text of a {found[0]} in format {found[1]}, not of a {kind.noun} in format "
            f"{FORMAT}; {kind.remedy}"
        )
    digests = []
    for number, line in enumerate(lines, start=2):
        try:
            row = json.loads(line)
            parameters, content = canonical(row["parameters"]), as_json(row["content"])
            version, digest = row["version"], row["digest"]
            sound = digest == _digest(key_of(parameters), parameters, content, version)
        except (ValueError, TypeError, KeyError, RecursionError):
            sound = False
        if not sound:
            raise RecordError(f"{path}, line {number}: not what was written; get the file again")
        digests.append(digest)
        yield parameters, content, version
    if (len(digests), _joint(digests)) != found[2:]:
        raise RecordError(
            f"{path}: it has {len(digests)} rows, not the {found[2]} that were written; get the file again"
        )


def _make_tables(db: sqlite3.Connection, kind: RecordKind) -> None:
    marks = [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {FORMAT}"]
    db.executescript(";\n".join(["BEGIN", *marks, *kind.statements, "COMMIT"]) + ";")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create(path: Path, kind: RecordKind) -> None:
    """Make an empty record, complete from the first moment that it exists under its name.

    Where several processes do so at once, the first one's file is everybody's.
    """
    if not path.parent.is_dir():
        raise RecordError(f"cannot make the {kind.noun} {path}: there is no folder {path.parent}")
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            _make_tables(db, kind)
        finally:
            db.close()
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            if not path.exists():
                draft.rename(path)
    except (OSError, sqlite3.Error) as error:
        raise RecordError(f"cannot make the {kind.noun} {path}: {error}") from None
    finally:
        draft.unlink(missing_ok=True)


def read_header(header: bytes) -> tuple[int, int] | None:
    """Application id and format, from the first bytes of an SQLite file; None for any other file."""
    if len(header) < HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        return None
    return int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")


def _check_header(path: Path, kind: RecordKind) -> None:
    """RecordError unless the first bytes are a record's: SQLite sees nothing else."""
    end = f"it is left untouched, {kind.remedy}"
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OSError("it is no regular file")  # reading a pipe would wait for its writer
        with path.open("rb") as file:
            content = file.read(HEADER_BYTES)
    except OSError as error:
        raise RecordError(f"cannot read the {kind.noun} {path}: {error}") from None
    header = read_header(content)
    if header is None:
        what = "not an SQLite database"
        if content.startswith(_EXPORT):
            what = "the text of one, which can be read and not added to"
        elif content.startswith(b'{"kind":'):
            what = "lines of JSON, as development versions before 0.1.0 wrote"
        raise RecordError(f"{path} is no {kind.noun} ({what}); {end}")
    application, version = header
    if application != APPLICATION_ID:
        raise RecordError(
            f"{path} is no {kind.noun} but an SQLite database of another program, or of a development "
            f"version before 0.1.0; {end}"
        )
    if version != FORMAT:
        by = "a development version before 0.1.0" if version < FORMAT else "a later version"
        raise RecordError(
            f"{path} has the format {version} of {by}, this version of rmt_alpha reads {FORMAT}; {end}"
        )


def _open(path: Path, kind: RecordKind) -> sqlite3.Connection:
    """Open an existing record, or say why not."""
    _check_header(path, kind)
    uri = f"{path.resolve().as_uri()}?mode=rw"
    try:
        db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)
    except sqlite3.Error as error:
        raise RecordError(f"cannot open the {kind.noun} {path}: {error}") from None
    try:
        _check_tables(db, path, kind)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        db.close()
        raise _unusable(path, error) from None
    except RecordError:
        db.close()
        raise
    return db


def _check_tables(db: sqlite3.Connection, path: Path, kind: RecordKind) -> None:
    """Refuse other tables, views and triggers than ours before anything is asked of them."""
    rows = db.execute("SELECT sql, name FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    there = dict(rows.fetchall())
    missing = [statement for statement in kind.statements if there.pop(statement, None) is None]
    for statement, name in there.items():
        if not missing:
            raise RecordError(
                f"{path} has more than the tables of a {kind.noun} ({name}); it is left untouched: take out "
                "what does not belong to it"
            )
        if statement == replace(kind, table=name).statements[0]:
            raise RecordError(
                f"{path} is no {kind.noun} but a record of {name}; it is left untouched, {kind.remedy}"
            )
    if missing:
        raise _unusable(path, "its tables are not complete")
    problems = [row[0] for row in db.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise _unusable(path, *problems)


_INACCESSIBLE = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_PERM", "SQLITE_READONLY")


def _unusable(path: Path | None, reason: Exception | str) -> RecordError:
    code = getattr(reason, "sqlite_errorname", "")
    first_line = str(reason).partition("\n")[0][:200]
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return RecordError(
            f"{path} is in use by another process, or lies on a file system without locks; try again when "
            "that has finished, or on another disk"
        )
    if code.startswith(_INACCESSIBLE) and code != "SQLITE_IOERR_SHORT_READ":
        return RecordError(
            f"{path} cannot be accessed ({first_line}); it is left untouched: see to its disk, its rights "
            "and its locks"
        )
    return RecordError(
        f"{path} is damaged ({first_line}); it is left untouched. Move it away and begin again, or let "
        "SQLite's shell save what it can with its command .recover"
    )
