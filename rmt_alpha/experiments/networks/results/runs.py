"""The record of a comparison: finished runs, and the settings, tasks and commands that they belong to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.records.record import Record
from rmt_alpha._core.records.record_file import RecordKind, moved
from rmt_alpha._core.records.record_locks import Identity, identity_of
from rmt_alpha._core.records.record_text import canonical, is_text
from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.networks.settings import Settings

RUNS = RecordKind("record of runs", "runs", "name another file with --out")
TUNING_SEED = 0
"""Of the tuning runs; those that are tested have others."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a run is, apart from the settings that all runs share."""

    settings: str
    """`Settings.id`."""
    task: str
    size: int
    """Training rows."""
    method: str
    rate: float
    """Learning rate."""
    seed: int


class RunRecord:
    """Runs by key, and the settings they were made with.

    The file at ``path`` is made at the first write; it may be the text of one, which can only be read.
    Several processes may add to it: it is opened for each entry alone.  RecordError if it is something else,
    or damaged, or not the file any more that was there before; it is left as it is.
    """

    def __init__(self, path: FilePath) -> None:
        self.path = Path(path)
        self._file: Identity | None = None
        self.settings: dict[str, dict[str, Any]] = {}
        self.commands: list[str] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.extras: list[dict[str, Any]] = []
        self.runs: dict[RunKey, dict[str, Any]] = {}
        self.reload()

    def reload(self) -> None:
        """Read what is in the file now."""
        self.extras.clear()  # all others are replaced by key
        if self.path.exists() or self._file is not None:
            with self._open() as record:
                for entry in record:
                    self._take(json.loads(entry.parameters), entry.content)

    def _open(self, *, writing: bool = False) -> Record:
        if self._file not in (None, identity_of(self.path)):
            raise moved(self.path)
        text = not writing and is_text(self.path)
        record = Record.load_export(self.path, RUNS) if text else Record(self.path, RUNS)
        self._file = identity_of(self.path)
        return record

    def save_as(self, path: FilePath) -> None:
        """Put the same entries into another file.

        As text if its name ends in .jsonl, for a repository; else as a record to which runs can be added.
        """
        with self._open() as record:
            if Path(path).suffix == ".jsonl":
                record.export(path)
            else:
                record.copy(Path(path)).close()

    def _take(self, identity: dict[str, Any], values: dict[str, Any]) -> None:
        entry = identity | values
        match identity["kind"]:
            case "settings":
                self.settings[entry["id"]] = entry["settings"]
            case "task":
                self.tasks[entry["task"]] = entry
            case "command":
                if entry["command"] not in self.commands:
                    self.commands.append(entry["command"])
            case "run":
                self.runs[RunKey(*(entry[name] for name in RunKey.__dataclass_fields__))] = entry
            case _:
                self.extras.append(entry)

    def add_settings(self, settings: Settings, versions: dict[str, str] | None = None) -> None:
        """Record the settings, once, with the versions of the libraries that compute."""
        if settings.id not in self.settings:
            values = {"settings": settings.as_dict(), "versions": versions or {}}
            self._write({"kind": "settings", "id": settings.id}, values)

    def add_task(self, task: str, values: dict[str, Any]) -> None:
        """Record what is known of the rows of a task, once."""
        if task not in self.tasks:
            self._write({"kind": "task", "task": task}, values)

    def add_command(self, command: str) -> None:
        """Record a command that adds runs, once."""
        if command not in self.commands:
            self._write({"kind": "command", "command": command}, {})

    def add_run(self, key: RunKey, values: dict[str, Any]) -> None:
        """Record a finished run."""
        self._write({"kind": "run", **asdict(key)}, values)

    def add(self, kind: str, identity: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """Record something beside the runs, of the kind "map" or "curve"; returns the entry."""
        self._write({"kind": kind, **identity}, values)
        return self.extras[-1]

    def find(self, kind: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """The first entry beside the runs that is of this kind and has these values, or None."""
        wanted = {"kind": kind, **values}
        return next((e for e in self.extras if all(e.get(name) == x for name, x in wanted.items())), None)

    def tuned_rate(self, settings: str, task: str, method: str) -> float | None:
        """The rate of highest mean validation accuracy over the tuning sizes, or None without such runs.

        Between equal accuracies the lower mean validation loss decides; it decides alone where the facts of
        the task say ``"tuned_by": "loss"``.
        """
        scores: dict[float, list[tuple[float, float]]] = {}
        for key, run in self.runs.items():
            place = (key.settings, key.task, key.method, key.seed)
            if run.get("tuning") and place == (settings, task, method, TUNING_SEED):
                scores.setdefault(key.rate, []).append((run["validation"], run["validation_loss"]))
        if not scores:
            return None
        accuracy = 0 if self.tasks.get(task, {}).get("tuned_by") == "loss" else 1
        return max(scores, key=lambda rate: tuple(np.mean(scores[rate], axis=0) * (accuracy, -1)))

    def _write(self, identity: dict[str, Any], values: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open(writing=True) as record:
            record.write([(canonical(identity), values)])
        self._take(identity, values)
