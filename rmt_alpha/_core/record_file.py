"""The file of a record: made atomically, recognised before SQLite sees it, refused with the reason.

Whatever is refused is left as it is.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from rmt_alpha.errors import RecordError

APPLICATION_ID = int.from_bytes(b"rmtA", "big")
"""Bytes 68 to 71 of the file: this database belongs to rmt_alpha."""
FORMAT = 2
"""Bytes 60 to 63 of the file.  1 was the store of sweeps of the development versions before 0.1.0."""
HEADER_BYTES = 100
PATIENCE = 60.0
"""Seconds to wait for another process that is writing to the same record."""
TEXT_BEGINS = b'{"rmt_alpha":'
"""First bytes of the text form of a record."""


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


def identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def create_file(path: Path, kind: RecordKind) -> None:
    """Make an empty record, complete from the first moment that it exists under its name.

    Where several processes do so at once, the first one's file is everybody's.
    """
    if not path.parent.is_dir():
        raise RecordError(f"cannot make the {kind.noun} {path}: there is no folder {path.parent}")
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            make_tables(db, kind)
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


def open_file(path: Path, kind: RecordKind) -> sqlite3.Connection:
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
        raise unusable(path, error) from None
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
        raise unusable(path, "its tables are not complete")
    problems = [row[0] for row in db.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise unusable(path, *problems)


_INACCESSIBLE = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_PERM", "SQLITE_READONLY")


def unusable(path: Path | None, reason: Exception | str) -> RecordError:
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
