"""Processes that record, one or several at once, killed at random moments: what was finished is there."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from record_cases import Command, sound
from tqdm import auto, std


def _start(work: Callable[[], object]) -> int:
    """A process that does the work and nothing else."""
    # By default tqdm's locks are shared by forked processes, and one that is killed may take it along.
    for bar in (std.tqdm, auto.tqdm):  # each has one of its own
        bar.set_lock(threading.RLock())
    process = os.fork()
    if process == 0:
        status = 99
        try:
            signal.alarm(0)
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            status = int(work() or 0)  # type: ignore[call-overload]
        finally:
            os._exit(status)
    return process


def _end(process: int, *, kill: bool) -> int:
    if kill:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _rows(path: Path) -> set[tuple[str, str]]:
    """What is committed in a record of sweeps."""
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT key, content FROM cells"))


def killed_sweeps(seed: int, command: Command) -> str:
    """One or two sweeps of one store at once, killed at random moments, and one more that does the rest."""
    rng, path = random.Random(seed), Path("r.sqlite")
    _, expected = sound("records of sweeps", command)
    done: set[tuple[str, str]] = set()
    for _ in range(rng.choice([1, 1, 2, 3])):
        commands = [
            ("sweep", "g.toml", "--out", "r.sqlite", "--csv", f"{i}.csv") for i in range(rng.choice([1, 2]))
        ]
        drivers = [_start(lambda argv=argv: command(argv).status) for argv in commands]  # type: ignore[misc]
        time.sleep(rng.expovariate(1 / 0.08))
        for i, driver in enumerate(drivers):
            killed = rng.random() < 0.8
            status = _end(driver, kill=killed)
            if status not in ({0, -signal.SIGKILL} if killed else {0}):
                return f"a sweep ended with status {status}"
            if status == 0 and Path(f"{i}.csv").read_text() != expected["out.csv"]:
                return "another result than without kills"
        before, done = done, _rows(path)
        if not before <= done:
            return "recorded work was lost"
    ended = command(("sweep", "g.toml", "--out", "r.sqlite", "--csv", "out.csv"))
    if ended.status != 0:
        return f"a killed sweep does not go on: {ended.err.splitlines()[-1:]}"
    return "" if Path("out.csv").read_text() == expected["out.csv"] else "another result than without kills"


def killed_writers(seed: int, _: Command) -> str:
    """Processes that record row after row, killed at a random moment: what was acknowledged is there."""
    from rmt_alpha._core.records.record import Record
    from rmt_alpha._core.records.record_text import canonical
    from rmt_alpha.experiments.networks.results.runs import RUNS

    rng, path = random.Random(seed), Path("r.sqlite")
    writers = []

    def write(who: int, size: int, out: int) -> None:
        with Record(path, RUNS) as record:
            for i in itertools.count():
                record.write([(canonical({"who": who, "i": i}), [i / 7] * size)])
                os.write(out, b".")

    for who in range(rng.choice([1, 2, 3])):
        read, out = os.pipe()
        size = rng.choice([1, 1, 30, 3000])
        process = _start(lambda who=who, size=size, out=out: write(who, size, out))  # type: ignore[misc]
        os.close(out)
        writers.append((process, read, size))
    time.sleep(rng.expovariate(1 / 0.05))
    for process, *_rest in writers:
        if (status := _end(process, kill=True)) != -signal.SIGKILL:
            return f"a writer ended with status {status}"
    found: dict[str, object] = {}
    if path.exists():
        with Record(path, RUNS) as record:
            found = {row.parameters: row.content for row in record}
            record.write([("{}", [])])
    for who, (_process, read, size) in enumerate(writers):
        with os.fdopen(read, "rb") as pipe:
            acknowledged = len(pipe.read())
        mine = [found.pop(canonical({"who": who, "i": i}), None) for i in range(acknowledged)]
        if mine != [[i / 7] * size for i in range(acknowledged)]:
            return "acknowledged work was lost"
        found.pop(canonical({"who": who, "i": acknowledged}), None)  # written, and not yet acknowledged
    return "rows that nobody wrote" if found else ""


KILLED = {"killed sweeps": killed_sweeps, "killed writers": killed_writers}
