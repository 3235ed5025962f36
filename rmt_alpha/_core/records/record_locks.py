"""One file among several processes, and several times in this one: its locks, its name, its connections."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rmt_alpha.errors import RecordError

if sys.platform != "win32":  # there, every file system has locks
    import fcntl

PATIENCE = 60.0
"""Seconds to wait for another process that is writing to the same record, and for its tables to be read."""
SLOWEST = 1e6
"""Bytes a second of the slowest disk, by which the time to read a large record is reckoned."""

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever its name."""


def identity_of(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Connection(sqlite3.Connection):
    """A connection that knows its file, and is known while it is open."""

    file: Identity | None = None

    def close(self) -> None:
        _OPEN.discard(self)
        super().close()


_OPEN: weakref.WeakSet[Connection] = weakref.WeakSet()
OPENING = threading.RLock()
"""Held between looking at a file and connecting to it."""


def connect(path: Path, *, threads: bool = False) -> Connection:
    """Open an existing file for reading and writing; several ``threads`` need a lock of their own."""
    uri = f"{path.resolve().as_uri()}?mode=rw"
    with OPENING:
        db = sqlite3.connect(
            uri,
            uri=True,
            isolation_level=None,
            timeout=PATIENCE,
            factory=Connection,
            check_same_thread=not threads,
        )
        db.file = identity_of(path)
        _OPEN.add(db)
    return db


def is_open_here(path: Path) -> bool:
    """Whether this process is connected to the file.

    Then it may not open the file itself: by closing it again it would give up SQLite's locks
    (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    identity = identity_of(path)
    with OPENING:
        return identity is not None and any(db.file == identity for db in _OPEN)


def first_bytes(path: Path, count: int) -> bytes:
    """How the file begins; b"" if this process is connected to it.

    RecordError if it cannot be locked.
    """
    with OPENING:
        if is_open_here(path):
            return b""
        with path.open("rb") as file:
            check_locks(file, path)
            return file.read(count)


def check_locks(file: BinaryIO, path: Path) -> None:
    """RecordError if the file system refuses to lock, which SQLite would take for another process's lock."""
    if sys.platform == "win32":
        return
    kind = fcntl.LOCK_EX if file.writable() else fcntl.LOCK_SH
    try:
        fcntl.lockf(file, kind | fcntl.LOCK_NB, 1)  # the first byte: SQLite locks others
    except (BlockingIOError, PermissionError):
        return  # somebody else's lock: there are locks
    except OSError as error:
        raise RecordError(
            f"{path} lies on a file system that cannot lock files ({error.strerror}), without which two "
            "processes would spoil each other's work; put it on another disk"
        ) from None


def put_in_place(draft: Path, path: Path) -> None:
    """Give the draft its name, unless there is a file of that name."""
    with suppress(FileExistsError):
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: an empty file takes the name, the draft its place
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            draft.replace(path)


@contextmanager
def time_limit(db: sqlite3.Connection, size: int) -> Iterator[None]:
    """Interrupt queries that take longer than a sound file of this size could; a sqlite3.Error says so."""
    seconds = PATIENCE + size / SLOWEST
    deadline = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > deadline, 1000)
    try:
        yield
    except sqlite3.OperationalError as error:
        if (
            getattr(error, "sqlite_errorname", "") != "SQLITE_INTERRUPT"
        ):  # errors of Python's own have no name
            raise
        raise sqlite3.DatabaseError(f"its tables could not be read in {seconds:.0f} s") from None
    finally:
        db.set_progress_handler(None, 0)
