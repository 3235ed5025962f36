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

CELLS = 48
GRID = f"""
beta = {{ linspace = [0, 1, {CELLS // 2}] }}
p = 400
n = 40
N = ["none", 2000]
alpha = [0, 1, "optimal"]
replicates = 3000   # some 90 ms a cell: time enough to interrupt it on a busy machine
"""
COMMAND = "import sys; from rmt_alpha.cli import main; sys.exit(main())"


@pytest.fixture
def grid(tmp_path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


@pytest.fixture
def reference(tmp_path, grid, contents):
    """What an uninterrupted sweep writes."""
    path = tmp_path / "reference.sqlite"
    sweep(grid, store=path, n_jobs=2)
    return contents(path)


@contextmanager
def started(grid: Path, store: Path) -> Iterator[subprocess.Popen]:
    """The command in a process group of its own, of which nothing is left in the end."""
    # `sweep` is called through the command line's parser, as by a user.
    program = f"""
import sys
from rmt_alpha.cli import build_parser
arguments = build_parser().parse_args(["sweep", {str(grid)!r}, "--out", {str(store)!r}, "--jobs", "2"])
sys.exit(arguments.run(arguments))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
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


def test_killed_sweep_resumes_to_the_same_bits(tmp_path, grid, contents, reference):
    store = tmp_path / "results.sqlite"
    for _ in range(2):
        before = recorded(store)
        with started(grid, store) as process:
            wait_until_more_than(before, store, process)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        assert before < recorded(store) < CELLS
    left = CELLS - recorded(store)
    assert sweep(grid, store=store).computed == left
    assert contents(store) == reference


def test_control_c_saves_says_how_to_go_on_and_exits_130(tmp_path, grid, contents, reference):
    store = tmp_path / "results.sqlite"
    with started(grid, store) as process:
        wait_until_more_than(0, store, process)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers too
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    first, interrupted, command = said.strip().splitlines()
    assert f"{CELLS} of {CELLS} cells to do" in first
    assert "interrupted" in interrupted
    assert command.strip() == f"rmt-alpha sweep {grid} --out {store} --jobs 2"
    done = recorded(store)
    assert f"{done} of {CELLS} cells done and recorded" in interrupted
    assert 0 < done < CELLS
    assert sweep(grid, store=store).computed == CELLS - done
    assert contents(store) == reference
