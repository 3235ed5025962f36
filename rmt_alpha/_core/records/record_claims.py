"""Several processes that fill one record: who computes what, so that nothing is computed twice.

A process claims keys before it computes them.  A claim ends when its row is written, when its process lets go
of it or is found dead, or by itself `LEASE` seconds after that process last said that it lives.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from rmt_alpha._core.records.record_file import WORK
from rmt_alpha._core.records.record_locks import connect

LEASE = 60.0
"""Seconds.  Clocks of machines that differ by more cost work that is done twice, and nothing else."""
BEATS = 4
"""How often in that time a process says that it lives."""


def make_work_table(db: sqlite3.Connection) -> None:
    """Make the table of work, if there is none; within a transaction."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'work'").fetchall():
        db.execute(WORK)


class Claims:
    """The claims of one process; usable by all its threads.

    Parameters
    ----------
    path : Path or None
        The record; None for one in memory, which is nobody else's.
    table : str
        Of its rows.
    """

    def __init__(self, path: Path | None, table: str) -> None:
        self.driver = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._table, self._lock, self._ended = table, threading.Lock(), threading.Event()
        self._db = None if path is None else connect(path, threads=True)

    def __enter__(self) -> Self:
        if self._db is not None:
            self._db.execute("PRAGMA temp_store = MEMORY")
            self._db.execute("CREATE TEMP TABLE asked (key TEXT NOT NULL PRIMARY KEY)")
            threading.Thread(target=self._live, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._db is None:
            return
        with self._lock:
            with suppress(sqlite3.Error):  # the file is gone: so are the claims; or they expire
                self._db.execute("DELETE FROM work WHERE driver = ? AND expires IS NOT NULL", (self.driver,))
            self._db.close()

    def take(self, keys: Sequence[str]) -> set[str]:
        """Claim those of the keys that are neither recorded nor claimed by another process that lives.

        Raises
        ------
        OSError
            If the record cannot be written.
        """
        if self._db is None:
            return set(keys)
        with self._lock:
            try:
                return self._take(self._db, keys)
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise OSError(f"cannot claim work in the record: {error}") from None

    def _take(self, db: sqlite3.Connection, keys: Sequence[str]) -> set[str]:
        db.execute("BEGIN IMMEDIATE")
        make_work_table(db)
        db.execute("DELETE FROM asked")
        db.executemany("INSERT OR IGNORE INTO asked VALUES (?)", ((key,) for key in keys))
        done = db.execute(f"SELECT key FROM asked JOIN {self._table} USING (key)")
        free = set(keys) - {key for (key,) in done}
        now = time.time()
        # An end that is far in the future is no end that anyone wrote.
        claimed = "SELECT key, driver FROM asked JOIN work USING (key) WHERE expires > ? AND expires < ?"
        for key, driver in db.execute(claimed, (now, now + 10 * LEASE)).fetchall():
            if driver != self.driver and not _is_dead(driver):
                free.discard(key)
        claim = "REPLACE INTO work VALUES (?, ?, ?, NULL)"
        db.executemany(claim, ((key, self.driver, now + LEASE) for key in sorted(free)))
        db.execute("COMMIT")
        return free

    def _live(self) -> None:
        while not self._ended.wait(LEASE / BEATS):
            with self._lock, suppress(sqlite3.Error):
                if self._db is not None and not self._ended.is_set():
                    self._db.execute(
                        "UPDATE work SET expires = ? WHERE driver = ? AND expires IS NOT NULL",
                        (time.time() + LEASE, self.driver),
                    )


def _is_dead(driver: str) -> bool:
    """Whether this is a process of this machine that has ended; of others nobody can say."""
    machine, process, _ = [*driver.rsplit(":", 2), "", ""][:3]
    if machine != socket.gethostname() or not process.isdigit() or sys.platform == "win32":
        return False  # os.kill would end a process of Windows
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
