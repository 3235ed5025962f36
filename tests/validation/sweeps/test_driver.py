"""Several drivers on one store, as the jobs of an array: every cell is computed once, each has them all."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import rmt_alpha
from rmt_alpha._core.machine.code import code_here, signature
from rmt_alpha.errors import SweepError, SweepInterrupted
from rmt_alpha.validation.sweeps import driver, sweep, workers
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.store import Store


@pytest.fixture
def small_claims(monkeypatch):
    """One task at a time is claimed, so that drivers meet often."""
    monkeypatch.setattr(driver, "CLAIM_SECONDS", 0.0)
    monkeypatch.setattr(driver, "WAIT_SECONDS", 0.02)


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2, "backend": "threading"}])
def test_drivers_share_the_cells(tmp_path, small_grid, contents, small_claims, monkeypatch, options: dict):
    sweep(small_grid, store=tmp_path / "one.sqlite")
    computed = []
    monkeypatch.setattr(workers, "compute", lambda cells: [computed.extend(cells), compute(cells)][1])
    with ThreadPoolExecutor(3) as threads:
        path = tmp_path / "shared.sqlite"
        running = [threads.submit(partial(sweep, small_grid, store=path, **options)) for _ in range(3)]
        results = [future.result(timeout=120) for future in running]
    assert len({cell.key for cell in computed}) == len(computed) == 12
    assert sum(result.computed for result in results) == 12
    assert results[0] == results[1] == results[2]
    assert contents(path) == contents(tmp_path / "one.sqlite")


def test_a_sweep_waits_for_what_another_process_computes(tmp_path, small_grid, contents, small_claims):
    """A driver that lives has claimed cells; when it dies without a result, they are computed after all."""
    sweep(small_grid, store=tmp_path / "whole.sqlite")
    path = tmp_path / "shared.sqlite"
    Store(path).close()
    program = f"""
import sys, time
from functools import partial
from pathlib import Path
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.store import Store
with Store(Path({str(path)!r})) as store, store.claims() as claims:
    print(len(claims.take(list(read_grid({small_grid!r}).keys())[:2])), flush=True)
    time.sleep(600)
"""
    folder = Path(rmt_alpha.__file__).parents[1]
    other = subprocess.Popen([sys.executable, "-c", program], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "2\n"
        with ThreadPoolExecutor() as threads:
            running = threads.submit(sweep, small_grid, store=path)
            deadline = time.monotonic() + 60
            while rows(path) < 10:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(0.2)
            assert not running.done()
            other.kill()
            other.wait()
            assert running.result(timeout=60).computed == 12
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert contents(path) == contents(tmp_path / "whole.sqlite")


def rows(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("SELECT count(*) FROM cells").fetchone()[0])
    finally:
        db.close()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_store_that_cannot_be_claimed_stops_the_sweep(tmp_path, small_grid, monkeypatch, n_jobs):
    """Tasks are asked for in threads of joblib's, where an exception would be lost."""

    def fails(self, keys):
        raise OSError("the disk is full")

    monkeypatch.setattr("rmt_alpha._core.records.record_claims.Claims.take", fails)
    with pytest.raises(SweepError, match="OSError: the disk is full"):
        sweep(small_grid, store=tmp_path / "a.sqlite", n_jobs=n_jobs)


def test_the_record_says_which_code_computed_a_cell_and_where(tmp_path, small_grid):
    path = tmp_path / "a.sqlite"
    sweep(small_grid, store=path)
    db = sqlite3.connect(path)
    versions = db.execute("SELECT DISTINCT version FROM cells").fetchall()
    work = db.execute("SELECT DISTINCT place, expires FROM work").fetchall()
    db.close()
    assert versions == [(signature(code_here()),)]
    [(place, expires)] = work
    assert place.endswith(f":{os.getpid()}")
    assert expires is None


@pytest.mark.parametrize("written", [True, False])
def test_an_interrupt_while_writing_is_counted_as_the_store_has_it(
    tmp_path, small_grid, monkeypatch, written
):
    """A signal mostly comes in the write to the disk: after it there is a record that nobody counted."""
    add, calls = Store.add, []

    def interrupted(self, *arguments):
        calls.append(arguments)
        if written or len(calls) == 1:
            add(self, *arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "add", interrupted)
    monkeypatch.setattr(driver, "CLAIM_SECONDS", 0.0)
    with pytest.raises(SweepInterrupted) as stopped:
        sweep(small_grid, store=tmp_path / "results.sqlite")
    there = sweep(small_grid, store=tmp_path / "results.sqlite", dry_run=True).recorded
    assert 0 < stopped.value.done == there < stopped.value.total == 12
