"""Cost of `sweep` itself, as ratios in one run: what recording, resuming and workers add to the computing.

``python benchmarks/bench_sweep.py`` prints them all; asv follows them over commits.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from rmt_alpha import TransferProblem
from rmt_alpha._core.machine.threads import one_blas_thread
from rmt_alpha._core.records.record_text import digest_of
from rmt_alpha.simulation import simulate
from rmt_alpha.validation.sweeps import sweep
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.plan import estimated_seconds

ALPHAS = [0, 0.5, 1, 2]
GRID = {"beta": {"linspace": [0, 1, 12]}, "gamma": {"logspace": [-2, 1, 12]}, "p": 400, "n": 40, "N": 2000}
LONGER = GRID | {"beta": {"linspace": [0, 1, 6]}, "gamma": {"logspace": [-2, 1, 6]}}
THEORY = GRID | {"beta": {"linspace": [0, 1, 60]}, "gamma": {"logspace": [-2, 1, 60]}}

LARGE = GRID | {"beta": {"linspace": [0, 1, 100]}, "gamma": {"logspace": [-2, 1, 100]}}


def fastest(function: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest of ``repeats`` calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def fresh_sweep(grid: dict, **options: Any) -> float:
    """Seconds of a sweep into a new store on disk."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        sweep(grid, alpha=ALPHAS, store=Path(folder) / "a.sqlite", progress=False, **options)
        return time.perf_counter() - start


def bare_loop(grid: dict, replicates: int) -> None:
    """The same numbers from a plain loop that records nothing."""
    with threadpool_limits(1):
        for seed, cell in enumerate(read_grid(grid | {"alpha": ALPHAS}).cells()):
            settings: dict[str, Any] = dict(cell.problem)
            problem = TransferProblem(**settings)
            curve = problem.curve()
            numbers = [curve.optimal_alpha(), curve.neutral_alpha()]
            alphas = np.array(ALPHAS, dtype=float)
            numbers += [f(alphas) for f in (curve.mean, curve.variance, curve.accuracy, curve.risk)]
            if replicates:
                drawn = simulate(problem, alphas, replicates=replicates, rng=seed)
                for name in ("mean", "variance", "accuracy", "risk"):
                    numbers += [getattr(drawn, name), getattr(drawn, f"{name}_stderr")]
                numbers.append(np.quantile(drawn.draws.optimal_alpha(), [0.25, 0.5, 0.75]))


def by_broadcasting() -> None:
    """The theory of `LARGE` as a user of `TransferProblem` would write it down."""
    beta, gamma = np.linspace(0, 1, 100)[:, None, None], np.logspace(-2, 1, 100)[:, None]
    curve = TransferProblem(beta=beta, gamma=gamma, p=400, n=40, N=2000).curve()
    curve.optimal_alpha(), curve.neutral_alpha()
    for quantity in (curve.mean, curve.variance, curve.accuracy, curve.risk):
        quantity(np.array(ALPHAS, dtype=float))


def read_rows(path: Path) -> None:
    """Every row of a store: its checksum and its numbers, and nothing kept."""
    db = sqlite3.connect(path)
    for *row, digest in db.execute("SELECT key, parameters, content, version, digest FROM cells"):
        assert digest_of(*row) == digest
        json.loads(row[2])
    db.close()


class Ratios:
    """Each compares two runs in one process, with one thread per worker."""

    timeout = 300
    unit = "ratio"

    def track_sweep_over_bare_loop(self) -> float:
        """Promise: at most 1.3, for 144 cells of 200 replicates (some 7 ms each), all recorded."""
        return min(fresh_sweep(GRID, replicates=200) for _ in range(3)) / fastest(
            lambda: bare_loop(GRID, 200)
        )

    def track_theory_sweep_over_bare_loop(self) -> float:
        """No promise: 3600 cells of theory alone, where recording is most of the work."""
        return min(fresh_sweep(THEORY, replicates=0) for _ in range(3)) / fastest(
            lambda: bare_loop(THEORY, 0)
        )

    def track_finished_sweep_over_sweep(self) -> float:
        """Promise: at most 0.1; the call that finds everything in the store, checks and returns it."""
        with tempfile.TemporaryDirectory() as folder:

            def run() -> None:
                sweep(GRID, alpha=ALPHAS, replicates=200, store=Path(folder) / "a.sqlite", progress=False)

            first = fastest(run, repeats=1)
            return fastest(run) / first

    def track_theory_grid_over_broadcasting(self) -> float:
        """Promise: at most 15, for 10^4 cells of theory alone that nobody records (some 10 ms)."""

        def swept() -> None:
            sweep(LARGE, alpha=ALPHAS, replicates=0, store=None)

        return fastest(swept, 5) / fastest(by_broadcasting, 5)

    def track_recall_over_reading(self) -> float:
        """Promise: at most 2.5; 10^4 recorded cells, recalled, over the bare reading of their rows."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.sqlite"

            def swept() -> None:
                sweep(LARGE, alpha=ALPHAS, replicates=0, store=path)

            swept()
            return fastest(swept) / fastest(lambda: read_rows(path))

    def track_recall_memory_over_result(self) -> float:
        """Promise: at most 4; memory at the peak of that recall over that of the arrays it returns."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.sqlite"
            sweep(LARGE, alpha=ALPHAS, replicates=0, store=path)
            tracemalloc.start()
            result = sweep(LARGE, alpha=ALPHAS, replicates=0, store=path)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return peak / sum(array.nbytes for array in result.data.values())

    def track_blas_limit_over_cheap_cell(self) -> float:
        """Promise: at most 0.05; limiting BLAS to one thread over a simulated cell of 20 replicates."""
        [cell] = read_grid(GRID | {"beta": 0.5, "gamma": 1, "alpha": ALPHAS, "replicates": 20}).cells()

        def limit() -> None:
            for _ in range(100):
                with one_blas_thread():
                    pass

        def cells() -> None:
            for _ in range(100):
                compute((cell,))

        return fastest(limit) / fastest(cells)

    def track_two_workers_speedup(self) -> float:
        """Promise: at least 1.5 with two free processors; warm workers, 36 cells of 5000 replicates."""
        joblib.Parallel(n_jobs=2)(joblib.delayed(time.sleep)(0.5) for _ in range(4))
        fresh_sweep(LONGER, replicates=10, n_jobs=2)
        seconds = {
            jobs: min(fresh_sweep(LONGER, replicates=5000, n_jobs=jobs) for _ in range(2)) for jobs in (1, 2)
        }
        return seconds[1] / seconds[2]

    def track_estimate_over_time(self) -> float:
        """No promise: what a dry run says over what the sweep takes, for cells of unequal cost."""
        grid = GRID | {
            "n": [20, 400, 4000],
            "gamma": {"logspace": [-4, 1, 6]},
            "replicates": 500,
            "alpha": ALPHAS,
        }
        said = estimated_seconds(list(read_grid(grid).cells()), 1)
        return said / fresh_sweep(grid)


def main() -> None:
    ratios = Ratios()
    rows = [
        ("sweep / bare loop, 144 cells x 200 replicates", ratios.track_sweep_over_bare_loop(), "at most 1.3"),
        ("the same for 3600 cells of theory alone", ratios.track_theory_sweep_over_bare_loop(), ""),
        ("finished sweep again / sweep", ratios.track_finished_sweep_over_sweep(), "at most 0.1"),
        (
            "10^4 cells of theory alone / broadcasting",
            ratios.track_theory_grid_over_broadcasting(),
            "at most 15",
        ),
        ("recall of 10^4 cells / reading their rows", ratios.track_recall_over_reading(), "at most 2.5"),
        ("its memory / that of the result", ratios.track_recall_memory_over_result(), "at most 4"),
        ("one BLAS thread / cheap simulated cell", ratios.track_blas_limit_over_cheap_cell(), "at most 0.05"),
        (
            "1 worker / 2 workers, 36 cells x 5000 replicates",
            ratios.track_two_workers_speedup(),
            "at least 1.5",
        ),
        ("estimate of a dry run / time", ratios.track_estimate_over_time(), ""),
    ]
    for label, value, promise in rows:
        print(f"{label:50s} {value:8.3g} {promise}")


if __name__ == "__main__":
    main()
