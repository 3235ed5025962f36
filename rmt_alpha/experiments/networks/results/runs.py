"""The record of a comparison: one line of JSON per finished run, appended at once.

A run that was killed leaves no line, or half a line, which reading ignores and the next writer ends.  Several
processes may append to one file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmt_alpha.errors import RecordError
from rmt_alpha.experiments.networks.settings import Settings

KINDS = ("settings", "task", "command", "run", "map", "curve")
"""Kinds of lines."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a run is, apart from the settings that all runs share.

    Attributes
    ----------
    settings : str
        `Settings.id`.
    task : str
    size : int
        Training rows.
    method : str
    rate : float
        Learning rate.
    seed : int
    """

    settings: str
    task: str
    size: int
    method: str
    rate: float
    seed: int


class Record:
    """Runs by key, and the settings they were made with.

    Parameters
    ----------
    path : Path
        The file; it is made at the first write.

    Raises
    ------
    RecordError
        If a complete line of the file is not a line of a record.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.settings: dict[str, dict[str, Any]] = {}
        self.commands: list[str] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.extras: list[dict[str, Any]] = []
        self.runs: dict[RunKey, dict[str, Any]] = {}
        self.reload()

    def reload(self) -> None:
        """Read what is in the file now."""
        self.extras.clear()  # runs are replaced by key
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
            except ValueError:
                if line.endswith("}"):
                    raise self._refused(number) from None
                continue  # a writer was killed in the middle of this line
            if not isinstance(entry, dict) or entry.get("kind") not in KINDS:
                raise self._refused(number)
            self._add(entry)

    def _refused(self, number: int) -> RecordError:
        return RecordError(
            f"{self.path}, line {number}: not a line of a record of runs; name another file with --out"
        )

    def _add(self, entry: dict[str, Any]) -> None:
        match entry["kind"]:
            case "settings":
                self.settings[entry["id"]] = entry["settings"]
            case "task":
                self.tasks[entry["task"]] = entry
            case "command":
                if entry["command"] not in self.commands:
                    self.commands.append(entry["command"])
            case "map" | "curve":
                self.extras.append(entry)
            case _:
                self.runs[RunKey(*(entry[name] for name in RunKey.__dataclass_fields__))] = entry

    def add_settings(self, settings: Settings, versions: dict[str, str] | None = None) -> None:
        """Record the settings, once, with the versions of the libraries that compute."""
        if settings.id not in self.settings:
            entry = {"kind": "settings", "id": settings.id, "settings": settings.as_dict()}
            self._write(entry | {"versions": versions or {}})

    def add_task(self, task: str, values: dict[str, Any]) -> None:
        """Record what is known of the rows of a task, once."""
        if task not in self.tasks:
            self._write({"kind": "task", "task": task, **values})

    def add_command(self, command: str) -> None:
        """Record a command that adds runs, once."""
        if command not in self.commands:
            self._write({"kind": "command", "command": command})

    def add_run(self, key: RunKey, values: dict[str, Any]) -> None:
        """Record a finished run."""
        self._write({"kind": "run", **{n: getattr(key, n) for n in RunKey.__dataclass_fields__}, **values})

    def add(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        """Record something beside the runs, of the kind "map" or "curve"; returns the entry."""
        self._write({"kind": kind, **values})
        return self.extras[-1]

    def find(self, kind: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """The first entry of this kind with these values, or None."""
        return next(
            (
                entry
                for entry in self.extras
                if entry["kind"] == kind and all(entry.get(name) == value for name, value in values.items())
            ),
            None,
        )

    def _write(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream, _locked(stream):
            if not _ends_with_newline(self.path):
                line = "\n" + line  # end the half line of a writer that was killed
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())
        self._add(entry)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size == 0:
            return True
        stream.seek(size - 1)
        return stream.read(1) == b"\n"


@contextlib.contextmanager
def _locked(stream: Any) -> Iterator[None]:
    """The file for this process alone, where the system has such locks; elsewhere one process must write."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(stream, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(stream, fcntl.LOCK_UN)
