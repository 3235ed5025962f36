"""The file of a record: made atomically, recognised before SQLite sees it, refused with the reason.

Whatever is refused is left as it is.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rmt_alpha._core.records.record_locks import (
    OPENING,
    Connection,
    check_locks,
    connect,
    first_bytes,
    is_open_here,
    put_in_place,
    time_limit,
)
from rmt_alpha.errors import RecordError

APPLICATION_ID = int.from_bytes(b"rmtA", "big")
"""Bytes 68 to 71 of the file: this database belongs to rmt_alpha."""
FORMAT = 2
"""Bytes 60 to 63 of the file.  1 was the store of sweeps of the development versions before 0.1.0."""
HEADER_BYTES = 100
BIRTH = 0.5
"""Seconds that an empty file may take to become a record, where there are no hard links (`put_in_place`)."""
TEXT_BEGINS = b'{"rmt_alpha":'
"""First bytes of the text form of a record."""


WORK = (
    "CREATE TABLE work (key TEXT NOT NULL PRIMARY KEY, driver TEXT NOT NULL, expires REAL, place TEXT) "
    "WITHOUT ROWID"
)
"""A table beside the rows, which a record may lack: who computes them (`record_claims`), and where."""


@dataclass(frozen=True)
class RecordKind:
    """What is recorded: the schema of the file, and the words of messages."""

    noun: str
    """Such as "record of a study"."""
    table: str
    """Name of its one table."""
    remedy: str
    """What to do where the path holds something else."""
    view: str = ""
    """SQL of one view of the table, for people who read the file with SQL; "" for none."""

    @property
    def statements(self) -> list[str]:
        """What makes the table and the view; SQLite keeps these texts, by which the file is recognised."""
        table = (
            f"CREATE TABLE {self.table} (position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, "
            "parameters TEXT NOT NULL, content TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL)"
        )
        return [table, self.view] if self.view else [table]


def make_tables(db: sqlite3.Connection, kind: RecordKind) -> None:
    marks = [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {FORMAT}"]
    db.executescript(";\n".join(["BEGIN", *marks, *kind.statements, "COMMIT"]) + ";")


def create_file(path: Path, kind: RecordKind) -> None:
    """Make an empty record, complete from the first moment that it exists under its name.

    Where several processes do so at once, the first one's file is everybody's.
    """
    if not path.parent.is_dir():
        raise RecordError(f"cannot make the {kind.noun} {path}: there is no folder {path.parent}")
    draft = path.with_name(f".{secrets.token_hex(8)}.new")  # short: names have at most 255 bytes
    try:
        with draft.open("xb") as file:
            check_locks(file, path)
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            make_tables(db, kind)
        finally:
            db.close()
        put_in_place(draft, path)
    except (OSError, sqlite3.Error) as error:
        raise RecordError(f"cannot make the {kind.noun} {path}: {error}") from None
    finally:
        with suppress(OSError):
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
        for beside in (path, *(path.with_name(path.name + ending) for ending in ("-journal", "-wal"))):
            if beside.exists() and not (beside.is_file() or beside.is_dir()):
                raise OSError(f"{beside.name} is no regular file")  # reading a pipe would wait for its writer
        deadline = time.monotonic() + BIRTH
        while path.stat().st_size == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        content = first_bytes(path, HEADER_BYTES)
    except OSError as error:
        raise RecordError(f"cannot read the {kind.noun} {path}: {error}; {end}") from None
    header = read_header(content)
    if header is None:
        what = "not an SQLite database" if content else "an empty file"
        if content.startswith(TEXT_BEGINS):
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


def open_file(path: Path, kind: RecordKind) -> Connection:
    """Open an existing record, or say why not."""
    with OPENING:
        if not is_open_here(path):
            _check_header(path, kind)
        try:
            size, db = path.stat().st_size, connect(path)
        except (sqlite3.Error, OSError) as error:
            raise RecordError(f"cannot open the {kind.noun} {path}: {error}") from None
    try:
        with time_limit(db, size):
            _check_tables(db, path, kind)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        db.close()
        raise unusable(path, error) from None
    except BaseException:
        db.close()
        raise
    return db


def _check_tables(db: sqlite3.Connection, path: Path, kind: RecordKind) -> None:
    """Refuse other tables, views and triggers than ours before anything is asked of them."""
    # SQLite's own tables and indices are not ours to judge; it has no triggers and views of its own.
    own = "name LIKE 'sqlite~_%' ESCAPE '~' AND type IN ('index', 'table')"
    there = dict(db.execute(f"SELECT sql, name FROM sqlite_master WHERE NOT ({own})").fetchall())
    there.pop(WORK, None)
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
        raise unusable(path, "its tables are not complete")
    # Not quick_check: a row that the index of keys has lost would count as never computed.
    problems = [row[0] for row in db.execute("PRAGMA integrity_check(1)")]
    if problems != ["ok"]:
        raise unusable(path, *problems)


def moved(path: Path) -> RecordError:
    return RecordError(
        f"{path} was moved or deleted while it was in use; put it back, or begin again: the same call "
        "computes what is not there"
    )


_INACCESSIBLE = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_PERM", "SQLITE_READONLY")


def unusable(path: Path | None, reason: Exception | str) -> RecordError:
    code = getattr(reason, "sqlite_errorname", "")
    # Of text that is none, SQLite shows what it found: bytes that may end a line, or move a cursor.
    first_line = str(reason).partition("\n")[0].partition(" with text")[0][:200]
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return RecordError(
            f"{path} is in use: another process does not let go of it; try again when that has finished"
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
