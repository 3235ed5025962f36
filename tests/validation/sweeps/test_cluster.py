"""Clusters as they are: workers come late, with other code, and go; so do schedulers; addresses are wrong."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import rmt_alpha
from rmt_alpha._core.machine.code import code_here
from rmt_alpha.errors import SweepError
from rmt_alpha.validation.sweeps import cluster as module
from rmt_alpha.validation.sweeps import sweep
from rmt_alpha.validation.sweeps.cluster import check_address, check_patience

distributed = pytest.importorskip("distributed")
PACKAGE = Path(rmt_alpha.__file__).parent


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.0.0.1:8786",
        "10.0.0.1:8786",
        "tls://node-1.site.org:1",
        "tcp://[::1]:8786",
        "inproc://1.2.3.4/5/1",
    ],
)
def test_addresses_of_schedulers(address):
    assert check_address(address) == address


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://10.0.0.1:8787", "http is the address of the dashboard"),
        ("tcp://10.0.0.1", "the port is missing, which is 8786"),
        ("localhost", "the port is missing"),
        ("tcp://10.0.0.1:99999", "tcp://HOST:PORT, got 'tcp://10.0.0.1:99999'"),
        ("tcp://:8786", "tcp://HOST:PORT"),
        ("tcp:/10.0.0.1:8786", "tcp://HOST:PORT"),
        ("", "tcp://HOST:PORT"),
    ],
)
def test_what_cannot_be_an_address_is_refused_at_once(small_grid, address, words):
    with pytest.raises(ValueError, match=words):
        sweep(small_grid, store=None, scheduler=address)


def test_patience_is_a_number_of_seconds(small_grid):
    assert check_patience(math.inf) == math.inf
    for wrong, error in ((-1, ValueError), (math.nan, ValueError), ("10", TypeError), (True, TypeError)):
        with pytest.raises(error, match="wait_for_workers must be"):
            sweep(small_grid, store=None, wait_for_workers=wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A cluster without workers."""
    with distributed.LocalCluster(
        n_workers=0, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


@contextmanager
def worker(scheduler: str, folder: Path) -> Iterator[subprocess.Popen]:
    """A worker of one thread, whose package is found by PYTHONPATH."""
    words = [scheduler, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", *words],
        env=os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def other_code(tmp_path) -> Path:
    """A checkout of an older version, in which accuracies are wrong by a thousandth."""
    package = tmp_path / "other" / "rmt_alpha"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in (
        ("_core/version.py", rmt_alpha.__version__, "0.0.9"),
        ("validation/sweeps/theory.py", "axis=-1) + 0.0", "axis=-1) * 1.001"),
    ):
        text = (package / name).read_text()
        assert text.count(old) == 1
        (package / name).write_text(text.replace(old, new))
    return package.parent


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_come_late_one_with_other_code_and_go(tmp_path, small_grid, contents, scheduler, other_code):
    """Results are those of one local worker; the record says where the right ones were computed."""
    sweep(small_grid, store=tmp_path / "local.sqlite")
    path = tmp_path / "late.sqlite"
    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor() as thread:
        warnings.simplefilter("always")
        running = thread.submit(sweep, small_grid, store=path, scheduler=scheduler)
        with worker(scheduler, other_code):
            wait_for(lambda: any("0.0.9" in str(said.message) for said in caught))
            assert not running.done()
            with worker(scheduler, PACKAGE.parent):
                assert running.result(timeout=60).computed == 12
    assert "has rmt_alpha 0.0.9, here it is " in str(caught[0].message)
    assert contents(path) == contents(tmp_path / "local.sqlite")
    db = sqlite3.connect(path)
    [(place,)] = db.execute("SELECT DISTINCT place FROM work").fetchall()
    db.close()
    assert place.startswith("tcp://127.0.0.1:")
    assert place not in str(caught[0].message)


def test_a_cluster_without_workers_is_left_after_a_while(tmp_path, small_grid, scheduler, monkeypatch):
    monkeypatch.setattr(module, "SAY_SECONDS", 0.1)
    with (
        pytest.warns(UserWarning, match=r"there is no worker at tcp://.*; waiting 1 seconds more"),
        pytest.raises(SweepError, match=r"0 of 12 cells.* no worker at tcp://.* for 1.2 seconds; start some"),
    ):
        sweep(small_grid, store=tmp_path / "a.sqlite", scheduler=scheduler, wait_for_workers=1.2)
    plan = sweep(small_grid, store=tmp_path / "a.sqlite", scheduler=scheduler, dry_run=True)
    assert "a Dask cluster of no workers yet at tcp://" in str(plan)


class FakeFuture:
    """Finished as soon as it is asked for, or never."""

    def __init__(self, value: object, finished: bool = True) -> None:
        self._value, self._finished = value, finished
        self.status = "finished" if finished else "pending"

    def done(self) -> bool:
        return self._finished

    def result(self, timeout: float) -> object:
        return self._value

    def add_done_callback(self, function) -> None:
        if self._finished:
            function(self)

    def cancel(self) -> None:
        self.status = "cancelled"


class FakeClient:
    """Two workers: ``liar`` answers with other code, ``mute`` never answers a task, and goes."""

    status = "running"

    def __init__(self) -> None:
        self.scheduler = type("Scheduler", (), {"address": "tcp://nowhere:1", "ncores": None})()
        self.there = {"liar": 1, "mute": 1}
        self.sent: list[list[str]] = []

    def sync(self, *_, **__) -> dict[str, int]:
        return dict(self.there)

    def submit(self, function, *arguments, workers, pure):
        if function is code_here:
            return FakeFuture(code_here())
        self.sent.append(workers)
        code, function, task = arguments
        if "good" in workers:
            return FakeFuture((code, "good", function(task)))
        if "liar" in workers:
            self.there = {"liar": 1, "mute": 1}
            return FakeFuture((code | {"sources": "1234"}, "liar", None))
        threading.Timer(0.1, lambda: setattr(self, "there", {"liar": 1, "good": 2})).start()
        return FakeFuture(None, finished=False)

    def cancel(self, futures) -> None:
        pass


def test_tasks_of_liars_and_of_the_dead_are_given_to_others(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    client = FakeClient()
    pool = module.ClusterPool(client, code_here(), patience=30)
    assert (pool.count, pool.text) == (2, "a Dask cluster of 2 threads at tcp://nowhere:1")
    with pytest.warns(
        UserWarning, match=r"the Dask worker liar has rmt_alpha .* of other sources \(hash 1234"
    ):
        done = {task: answer[1:] for task, answer in pool.run([-1, -2, -3, -4], abs)}
    assert done == {task: ("good", -task) for task in (-1, -2, -3, -4)}
    first = client.sent.index(["mute"])
    assert all("liar" in to for to in client.sent[:first])
    assert all("liar" not in to for to in client.sent[first:])
    assert pool.count == 2


def test_a_lost_scheduler_is_one_line(monkeypatch):
    client = FakeClient()
    pool = module.ClusterPool(client, code_here(), patience=30)
    client.status = "connecting"
    with pytest.raises(ConnectionError, match=r"^the scheduler at tcp://nowhere:1 does not answer any more$"):
        list(pool.run([1], abs))


@pytest.mark.slow
def test_a_killed_scheduler_is_one_line_without_a_traceback(tmp_path):
    """The real thing, by the command line."""
    grid = tmp_path / "grid.toml"
    grid.write_text("beta = { linspace = [0, 1, 100] }\np = 400\nn = 40\nalpha = 1\nreplicates = 5000\n")
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1"}
    words = [
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(tmp_path / "at.json"),
    ]
    started = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *words], stderr=subprocess.DEVNULL
    )
    try:
        wait_for((tmp_path / "at.json").exists)
        time.sleep(0.5)
        address = json.loads((tmp_path / "at.json").read_text())["address"]
        with worker(address, PACKAGE.parent):
            store = tmp_path / "a.sqlite"
            command = subprocess.Popen(
                [sys.executable, "-m", "rmt_alpha", "sweep", grid, "--out", store, "--scheduler", address],
                env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
            )  # fmt: skip
            wait_for(lambda: store.exists() and store.stat().st_size > 20_000)
            started.kill()
            _, said = command.communicate(timeout=60)
    finally:
        started.kill()
        started.wait()
    assert command.returncode == 1
    first, lost, again = said.splitlines()
    assert "100 of 100 cells to do" in first
    assert lost.endswith(f"ConnectionError: the scheduler at {address} does not answer any more")
    assert again.startswith("  rmt-alpha sweep ")
