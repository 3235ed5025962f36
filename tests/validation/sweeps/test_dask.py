"""The same code on a Dask cluster of two worker processes on this machine."""

from __future__ import annotations

import sys

import pytest

from rmt_alpha._core.machine.code import code_here
from rmt_alpha.validation.sweeps import sweep, workers
from rmt_alpha.validation.sweeps.workers import open_pool

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield cluster


def test_cluster_gives_the_same_bits(tmp_path, small_grid, contents, cluster):
    """By the address of the scheduler, and by an active client; two threads in each of two processes."""
    sweep(small_grid, store=tmp_path / "local.sqlite")
    by_address = sweep(small_grid, store=tmp_path / "address.sqlite", scheduler=cluster.scheduler_address)
    with distributed.Client(cluster):
        by_client = sweep(small_grid, store=tmp_path / "client.sqlite")
        local = sweep(small_grid, store=tmp_path / "loky.sqlite", n_jobs=2, backend="loky")
    assert by_address.computed == by_client.computed == local.computed == 12
    names = ("local", "address", "client", "loky")
    first, *others = (contents(tmp_path / f"{name}.sqlite") for name in names)
    assert others == [first] * 3


def test_cells_are_computed_on_the_cluster(tmp_path, small_grid, cluster):
    with distributed.Client(cluster) as client:
        before = sum(client.run(lambda dask_worker: dask_worker.state.executed_count).values())
        plan = sweep(small_grid, store=None, dry_run=True)
        assert "a Dask cluster of 4 threads at tcp://127.0.0.1:" in str(plan)
        sweep(small_grid, store=None)
        after = sum(client.run(lambda dask_worker: dask_worker.state.executed_count).values())
    assert after > before


def test_cluster_with_other_software_is_refused(small_grid, cluster, monkeypatch):
    monkeypatch.setattr(workers, "code_here", lambda: code_here() | {"rmt_alpha": "99.0"})
    with pytest.raises(ValueError, match=r"Dask worker tcp://.* has rmt_alpha .*, here it is 99\.0"):
        sweep(small_grid, store=None, scheduler=cluster.scheduler_address)


def test_failing_cells_on_the_cluster(small_grid, cluster):
    grid = {"beta": 0.5, "p": 50, "n": [25, 50], "gamma": 0, "alpha": 1, "replicates": 10}
    result = sweep(grid, store=None, scheduler=cluster.scheduler_address)
    assert [failure.problem["n"] for failure in result.failures] == [50.0]


def test_silent_scheduler_is_named(small_grid, monkeypatch):
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ConnectionError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1: "):
        sweep(small_grid, store=None, scheduler="tcp://127.0.0.1:1")


def test_dask_without_a_client_is_refused(small_grid):
    with pytest.raises(ValueError, match="active Client"):
        sweep(small_grid, store=None, backend="dask")


def test_missing_dask_names_the_extra(small_grid, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ImportError, match=r"'\.\[dask\]' in a clone"),
        open_pool(1, None, "tcp://127.0.0.1:1"),
    ):
        pass
