"""The real thing: processes that are killed and interrupted from outside."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rmt_alpha.validation.sweeps import sweep

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals and process groups")

CELLS, MANY = 48, 960
"""Of a sweep that is finished in the end, and of one that is not, however late a busy machine interrupts."""
GRID = """
beta = { linspace = [0, 1, COUNT] }
p = 400
n = 40
N = ["none", 2000]
alpha = [0, 1, "optimal"]
replicates = 1000   # some 30 ms a cell: time enough to interrupt it on a busy machine
"""


@pytest.fixture
def grid(tmp_path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID.replace("COUNT", str(CELLS // 2)))
    return path


@pytest.fixture
def endless(tmp_path) -> Path:
    path = tmp_path / "endless.toml"
    path.write_text(GRID.replace("COUNT", str(MANY // 2)))
    return path


@pytest.fixture
def reference(tmp_path, grid, contents):
    """What an uninterrupted sweep writes."""
    path = tmp_path / "reference.sqlite"
    sweep(grid, store=path)
    return contents(path)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """In the background of a script Ctrl-C is ignored, under nohup SIGHUP; and so by all that is started."""
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)
    hung_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGHUP, hung_up)


@contextmanager
def started(grid: Path, store: Path) -> Iterator[subprocess.Popen]:
    """The command in a process group of its own, of which nothing is left in the end."""
    command = [sys.executable, "-m", "rmt_alpha", "sweep", str(grid), "--out", str(store), "--jobs", "2"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def recorded(store: Path) -> int:
    if not store.exists():
        return 0
    db = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
    try:
        return db.execute("SELECT count(*) FROM cells").fetchone()[0]
    except sqlite3.OperationalError:  # being written
        return 0
    finally:
        db.close()


def wait_until_more_than(count: int, store: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while recorded(store) <= count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_and_interrupted_sweep_resumes_to_the_same_bits(tmp_path, grid, contents, reference):
    store = tmp_path / "results.sqlite"
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = recorded(store)
        with started(grid, store) as process:
            wait_until_more_than(before, store, process)
            with nothing_left_of(process):
                process.send_signal(number)
            assert process.returncode == (143 if number == signal.SIGTERM else -number)
        assert before < recorded(store) < CELLS
    left = CELLS - recorded(store)
    assert sweep(grid, store=store).computed == left
    assert contents(store) == reference


@contextmanager
def nothing_left_of(process: subprocess.Popen) -> Iterator[None]:
    """What happens inside ends the process, its workers and their trackers, within seconds."""
    group = os.getpgid(process.pid)
    yield
    process.wait(timeout=60)
    deadline = time.monotonic() + 10
    with suppress(ProcessLookupError):  # nobody is in the group any more
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)
        raise AssertionError("a worker outlived the command")


@pytest.mark.parametrize(
    ("number", "status", "everyone"),
    [
        ("SIGINT", 130, True),
        # Which also ends the sweep that is resumed to the same bits.
        pytest.param("SIGTERM", 143, False, marks=pytest.mark.slow),
        pytest.param("SIGTERM", 143, True, marks=pytest.mark.slow),
        pytest.param("SIGHUP", 129, True, marks=pytest.mark.slow),
    ],
)
def test_what_ends_a_command_saves_and_says_how_to_go_on(tmp_path, endless, number, status, everyone):
    store = tmp_path / "results.sqlite"
    with started(endless, store) as process:
        wait_until_more_than(0, store, process)
        with nothing_left_of(process):
            # A terminal, and many a scheduler, sends it to the workers too.
            (os.killpg if everyone else os.kill)(process.pid, getattr(signal, number))
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == status, said
    first, interrupted, command = said.strip().splitlines()
    assert f"{MANY} of {MANY} cells to do" in first
    assert "interrupted" in interrupted
    assert command.strip() == f"rmt-alpha sweep {endless} --out {store} --jobs 2"
    done = recorded(store)
    assert f"{done} of {MANY} cells done and recorded" in interrupted
    assert 0 < done < MANY


def test_a_program_that_calls_sweep_leaves_no_worker_behind(tmp_path, endless):
    store = tmp_path / "results.sqlite"
    program = f"import rmt_alpha; rmt_alpha.sweep({str(endless)!r}, store={str(store)!r}, n_jobs=2)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], start_new_session=True, stderr=subprocess.DEVNULL
    )
    with nothing_left_of(process):
        wait_until_more_than(0, store, process)
        process.terminate()  # nobody handles it
    assert process.returncode == -signal.SIGTERM


def test_workers_end_without_being_told():
    """The polling that other systems than Linux need: nothing signals, and the main thread is busy."""
    program = """
import os, sys, time
from rmt_alpha._core.machine import processes
processes.sys.platform = "other"
processes.POLL_SECONDS = 0.05
if os.fork() == 0:
    processes.end_with(os.getppid())
    print("ready", flush=True)
    while True:
        sum(range(10**5))
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with nothing_left_of(process):
        assert process.stdout.readline() == "ready\n"
        process.kill()
    process.stdout.close()
