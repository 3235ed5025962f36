"""`sweep`: the same bits whatever happens on the way."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from scipy import stats

import rmt_alpha as ra
from rmt_alpha.errors import RecordError, SweepError, SweepInterrupted
from rmt_alpha.validation.sweeps import run, sweep, workers
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.store import Store


@pytest.fixture
def reference(tmp_path, small_grid, contents):
    """Contents of a store written by one uninterrupted worker."""
    path = tmp_path / "reference.sqlite"
    sweep(small_grid, store=path)
    return contents(path)


@pytest.mark.parametrize(
    "options", [{"n_jobs": 2}, {"n_jobs": 3, "backend": "threading"}], ids=["processes", "threads"]
)
def test_workers_do_not_change_a_bit(tmp_path, small_grid, contents, reference, options):
    path = tmp_path / "other.sqlite"
    result = sweep(small_grid, store=path, **options)
    assert result.computed == 12
    assert contents(path) == reference


def test_order_of_the_grid_does_not_change_a_bit(tmp_path, small_grid, contents, reference):
    path = tmp_path / "other.sqlite"
    for n in (200, 20, 60):
        sweep(small_grid | {"n": n, "beta": small_grid["beta"][::-1]}, store=path)
    assert contents(path) == reference


def test_other_seed_changes_the_simulation_and_not_the_theory(small_grid):
    one, two = (sweep(small_grid, store=None, rng=seed) for seed in (0, 1))
    assert (one["simulated_accuracy"] != two["simulated_accuracy"]).all()
    assert np.array_equal(one["accuracy"], two["accuracy"])


def test_randomness_comes_from_any_kind_of_rng(small_grid):
    small_grid |= {"n": 20, "replicates": 20}
    kinds = (np.random.default_rng, np.random.RandomState, lambda seed: [seed, 2], np.random.SeedSequence)
    for kind in kinds:
        one, same, other = (sweep(small_grid, store=None, rng=kind(seed)) for seed in (5, 5, 6))
        assert np.array_equal(one["simulated_accuracy"], same["simulated_accuracy"])
        assert (one["simulated_accuracy"] != other["simulated_accuracy"]).any()
    with pytest.raises(ValueError, match="rng must be a non-negative integer"):
        sweep(small_grid, store=None, rng=-1)
    with pytest.raises(TypeError, match="rng must be a non-negative integer"):
        sweep(small_grid, store=None, rng=0.5)  # type: ignore[call-overload]


def test_dense_cells_do_not_depend_on_workers_either(tmp_path, contents):
    grid = {"beta": 0.5, "p": [30, 120], "n": [40, 90], "alpha": [0, 1], "replicates": 40, "method": "dense"}
    for jobs in (1, 2):
        sweep(grid, store=tmp_path / f"{jobs}.sqlite", n_jobs=jobs)
    assert contents(tmp_path / "1.sqlite") == contents(tmp_path / "2.sqlite")


def test_arrays_are_indexed_by_the_axes(small_grid):
    result = sweep(small_grid, store=None)
    assert list(result.axes) == ["beta", "n", "N"]
    assert result.shape == (2, 3, 2)
    assert result["accuracy"].shape == result["simulated_accuracy"].shape == (2, 3, 2, 3)
    curve = ra.TransferProblem(beta=0.8, p=60, n=200, N=None, gamma=0.1).curve()
    alphas = [0.0, 1.0, float(curve.optimal_alpha())]
    assert result["optimal_alpha"][1, 2, 0] == curve.optimal_alpha()
    assert result["alpha"][1, 2, 0].tolist() == alphas
    assert result["risk"][1, 2, 0] == pytest.approx(curve.risk(alphas), rel=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        result["risk"][0] = 1
    with pytest.raises(KeyError, match="no result is called 'mode'; there are alpha, mean"):
        result["mode"]


def test_simulation_agrees_with_theory():
    """A bias of order 1/n = 1e-4 against standard errors of 2e-4: n Var(accuracy) of one draw is about 0.016.

    The bound is that of Student's t for all 36 scores together, passed by chance once in 1000 seeds.
    """
    grid = {"beta": [0.2, 0.9], "p": [5000, 20_000], "n": 10_000, "N": [None, 10_000, 40_000]}
    result = sweep(grid, alpha=[0, 1, "optimal"], replicates=40, store=None)
    assert 5e-5 < np.median(result["simulated_accuracy_stderr"]) < 5e-4
    z = (result["simulated_accuracy"] - result["accuracy"]) / result["simulated_accuracy_stderr"]
    assert z.size == 36
    assert np.abs(z).max() < stats.t.isf(1e-3 / 36 / 2, df=39)


def test_theory_alone_has_no_simulated_results():
    result = sweep({"beta": [0.1, 0.2], "p": 9.5, "n": 3}, alpha="optimal", replicates=0, store=None)
    assert not [name for name in result.data if name.startswith("simulated")]
    with pytest.raises(KeyError, match="replicates=0: theory alone"):
        result["simulated_accuracy"]


def test_resuming_does_only_what_is_missing(tmp_path, small_grid, contents, reference, monkeypatch):
    path = tmp_path / "results.sqlite"
    seen = []
    monkeypatch.setattr(workers, "compute", lambda cells: [seen.extend(cells), compute(cells)][1])
    sweep(small_grid | {"n": [60]}, store=path)
    assert len(seen) == 4
    result = sweep(small_grid, store=path)
    assert result.computed == 8
    assert len(seen) == len({cell.key for cell in seen}) == 12
    assert sweep(small_grid, store=path).computed == 0
    assert contents(path) == reference


def test_other_replicates_or_alphas_are_other_cells(tmp_path, small_grid):
    path = tmp_path / "results.sqlite"
    sweep(small_grid, store=path, replicates=5)
    assert sweep(small_grid, store=path, replicates=6).computed == 12
    assert sweep(small_grid, store=path, replicates=6, alpha=[0]).computed == 12
    assert sweep(small_grid, store=path, replicates=5).computed == 0


def test_no_resume_computes_all_again_and_leaves_other_grids(tmp_path, small_grid, contents):
    path = tmp_path / "results.sqlite"
    sweep(small_grid | {"beta": 0.77}, store=path)
    sweep(small_grid, store=path)
    before = contents(path)
    assert sweep(small_grid, store=path, resume=False).computed == 12
    assert contents(path) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interruption_keeps_what_is_finished(tmp_path, small_grid, contents, reference, monkeypatch, n_jobs):
    path = tmp_path / "results.sqlite"
    write, calls = Store.write, []

    def interrupted_write(self, records, *who):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(self, records, *who)

    monkeypatch.setattr(Store, "write", interrupted_write)
    with pytest.raises(SweepInterrupted) as caught:
        sweep(small_grid, store=path, n_jobs=n_jobs)
    monkeypatch.undo()
    assert isinstance(caught.value, KeyboardInterrupt)
    assert 0 < caught.value.done < caught.value.total == 12
    with Store(path) as store:
        done, failed = store.recorded([cell.key for cell in read_grid(small_grid).cells()])
    assert (len(done), len(failed)) == (caught.value.done, 0)
    assert sweep(small_grid, store=path).computed == 12 - caught.value.done
    assert contents(path) == reference


def test_failing_cell_is_recorded_and_the_others_are_computed(tmp_path):
    grid = {"beta": [0.3, 0.6], "p": 50, "n": [25, 50], "gamma": [0, 1], "alpha": 1, "replicates": 10}
    path = tmp_path / "results.sqlite"
    result = sweep(grid, store=path, n_jobs=2)
    assert not result.ok
    assert [(f.problem["n"], f.problem["gamma"], f.problem["beta"]) for f in result.failures] == [
        (50.0, 0.0, 0.3),
        (50.0, 0.0, 0.6),
    ]
    assert all(failure.error.startswith("ValueError: ") for failure in result.failures)
    blank = np.isnan(result["accuracy"][..., 0])
    assert blank.tolist() == [[[False, False], [True, False]]] * 2
    again = sweep(grid, store=path)
    assert (again.computed, again.failures) == (0, result.failures)
    assert sweep(grid, store=path, retry_failed=True).computed == 2


def test_retry_replaces_the_error(tmp_path, small_grid, contents, reference, monkeypatch):
    path = tmp_path / "results.sqlite"
    real = ra.TransferProblem.curve
    monkeypatch.setattr(ra.TransferProblem, "curve", lambda self: 1 / 0 if self.beta > 0 else real(self))
    broken = sweep(small_grid, store=path)
    assert {failure.error for failure in broken.failures} == {"ZeroDivisionError: division by zero"}
    assert len(broken.failures) == 6
    monkeypatch.undo()
    assert len(sweep(small_grid, store=path).failures) == 6
    assert sweep(small_grid, store=path, retry_failed=True).ok
    assert contents(path) == reference


def test_a_store_that_is_deleted_meanwhile_is_missed(tmp_path, small_grid, monkeypatch):
    path, add = tmp_path / "results.sqlite", Store.add

    def deleted(self, results, *who):
        path.unlink()
        add(self, results, *who)

    monkeypatch.setattr(Store, "add", deleted)
    with pytest.raises(RecordError, match="was moved or deleted"):
        sweep(small_grid, store=path)
    assert not path.exists()


def die(cells):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_dead_worker_stops_the_sweep_with_advice(tmp_path, small_grid, contents, reference, monkeypatch):
    """As when the system runs out of memory."""
    path = tmp_path / "results.sqlite"
    sweep(small_grid | {"beta": 0.8}, store=path)
    monkeypatch.setattr(workers, "run_task", die)
    with pytest.raises(SweepError, match="0 of 6 cells, which are recorded; the same call does the rest"):
        sweep(small_grid, store=path, n_jobs=2)
    monkeypatch.undo()
    assert sweep(small_grid, store=path).computed == 6
    assert contents(path) == reference


def test_dry_run_computes_and_touches_nothing(tmp_path, small_grid, monkeypatch):
    path = tmp_path / "results.sqlite"
    plan = sweep(small_grid, store=path, dry_run=True)
    assert list(tmp_path.iterdir()) == []
    assert (plan.cells, plan.todo, plan.recorded, plan.failed, plan.replicates) == (12, 12, 0, 0, 300)
    assert plan.seconds is not None
    assert 0 < plan.seconds < 60
    text = str(plan)
    for words in (
        "12 of 12 cells to do, 300 replicates (3600 in all)",
        "n: 20, 60, 200",
        "0, 1, optimal",
        "time",
    ):
        assert words in text

    sweep(small_grid | {"beta": 0.8}, store=path)
    before = path.read_bytes()
    monkeypatch.setattr(run, "Driver", None)
    plan = sweep(small_grid, store=path, n_jobs=2, dry_run=True)
    assert (plan.todo, plan.recorded) == (6, 6)
    assert "2 workers" in str(plan)
    assert path.read_bytes() == before


def test_foreign_store_stops_everything_before_it_starts(tmp_path, small_grid):
    path = tmp_path / "data.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    before = path.read_bytes()
    for dry_run in (False, True):
        with pytest.raises(RecordError, match="left untouched"):
            sweep(small_grid, store=path, dry_run=dry_run)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_jobs": 0}, ValueError, "n_jobs"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs"),
        ({"backend": 3}, TypeError, "backend must be None or the name of a backend of joblib, got 3"),
        ({"backend": []}, TypeError, "backend must be None or the name of a backend"),
        ({"backend": "multiprocessing"}, ValueError, "backend must be .* as they come.*'loky' has processes"),
        ({"backend": "quantum"}, ValueError, "backend of joblib, got 'quantum'"),
        ({"backend": "loky", "scheduler": "tcp://127.0.0.1:1"}, ValueError, "backend='dask' or None"),
    ],
)
def test_wrong_workers_are_refused(small_grid, options, error, words):
    with pytest.raises(error, match=words):
        sweep(small_grid, store=None, **options)
