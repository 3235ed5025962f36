"""`sweep`: compute what the store does not have yet, record it, and return the whole grid."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, overload

import numpy as np

from rmt_alpha._core.machine.progress import progress_bar
from rmt_alpha._core.types import FilePath, Seed
from rmt_alpha.errors import RecordError, SweepError, SweepInterrupted
from rmt_alpha.problems.described import Described
from rmt_alpha.simulation.arguments import root_seed
from rmt_alpha.validation.sweeps.axes import AlphaSpec
from rmt_alpha.validation.sweeps.driver import Driver
from rmt_alpha.validation.sweeps.grid import Grid, Part
from rmt_alpha.validation.sweeps.plan import SweepPlan, estimated_seconds
from rmt_alpha.validation.sweeps.problem_grid import read_any_grid
from rmt_alpha.validation.sweeps.result import Collector, SweepResult
from rmt_alpha.validation.sweeps.store import Store
from rmt_alpha.validation.sweeps.workers import PATIENCE, open_pool

PART = 500
"""Cells that are looked up in the store at a time."""


@overload
def sweep(
    grid: Mapping[str, object] | FilePath | Described,
    *,
    axes: Mapping[str, object] | None = None,
    alpha: AlphaSpec | None = None,
    replicates: int | None = None,
    store: FilePath | None = "results.sqlite",
    n_jobs: int = 1,
    backend: str | None = None,
    scheduler: str | None = None,
    wait_for_workers: float = PATIENCE,
    resume: bool = True,
    retry_failed: bool = False,
    method: str | None = None,
    rng: Seed = None,
    progress: bool = False,
    dry_run: Literal[False] = False,
) -> SweepResult: ...
@overload
def sweep(
    grid: Mapping[str, object] | FilePath | Described,
    *,
    axes: Mapping[str, object] | None = None,
    alpha: AlphaSpec | None = None,
    replicates: int | None = None,
    store: FilePath | None = "results.sqlite",
    n_jobs: int = 1,
    backend: str | None = None,
    scheduler: str | None = None,
    wait_for_workers: float = PATIENCE,
    resume: bool = True,
    retry_failed: bool = False,
    method: str | None = None,
    rng: Seed = None,
    progress: bool = False,
    dry_run: Literal[True],
) -> SweepPlan: ...


def sweep(
    grid: Mapping[str, object] | FilePath | Described,
    *,
    axes: Mapping[str, object] | None = None,
    alpha: AlphaSpec | None = None,
    replicates: int | None = None,
    store: FilePath | None = "results.sqlite",
    n_jobs: int = 1,
    backend: str | None = None,
    scheduler: str | None = None,
    wait_for_workers: float = PATIENCE,
    resume: bool = True,
    retry_failed: bool = False,
    method: str | None = None,
    rng: Seed = None,
    progress: bool = False,
    dry_run: bool = False,
) -> SweepResult | SweepPlan:
    r"""Theory and simulation at every point of a grid of problems, in parallel, resumable.

    For every combination of the values of the axes (a *cell*) and every alpha: the theory's mean, variance,
    accuracy and risk, the same simulated, with standard errors, the best alpha and the neutral one.

    Grids, stores and clusters: :doc:`/validation/sweeps`.

    Parameters
    ----------
    grid : dict, path, FineTuning, RidgeRegressionTransfer or LowRankTransfer
        Axes over the fields of `TransferProblem`, as a dict or a TOML file.  A field is a number, a list, or
        a range ``{"linspace": [start, stop, count]}``, ``{"geomspace": [start, stop, count]}`` or
        ``{"logspace": [start exponent, stop exponent, count]}``, as in NumPy; a list may contain ranges.
        Values of ranges are rounded to 15 digits, those of p, n and N to whole numbers; equal values count
        once.  ``N = "none"`` is None.  Or another problem, or the content of its problem file, of which
        ``axes`` are the fields with several values.  The settings alpha, replicates, method and seed may
        stand in the grid too; arguments override them.
    axes : dict or None
        Of a `FineTuning`: several values, as a list or a range, of "n", "gamma", "intercept", "label_noise",
        "loss", of "target.mean", "target.covariance", "target.exponent" (eigenvalues j^-exponent) and
        "target.priors" (of two classes the share of the first), and likewise of "source", which also has "n",
        "gamma", "weights" and so on.  Of several sources "source.1.n" is a field of the first, and
        "direction" the proportions of their alphas, or "optimal", those of the best; by default all are the
        same.  Of a `RidgeRegressionTransfer` "n", "gamma", "noise", "covariance", "exponent", "coef_target"
        and "coef_source", of a `LowRankTransfer` all its arguments and "rank", which the grid needs, as an
        axis or in the content of a file.  Names joined by "+" have the same value.  None is the table
        ``[axes]`` of the grid.
    alpha : number, "optimal", range, or list of them
        Where to evaluate; "optimal" is the theory's alpha* of each cell.  Needed here or in the grid.
    replicates : int or None
        Simulated draws of the data per cell; 0 is theory alone, None what the grid says, else 100.
    store : path or None
        SQLite file of the results, made if there is none; several grids can share one.  None keeps nothing.
    n_jobs : int
        Local workers, as joblib counts them (-1: all processors); a Dask cluster has its own number.
    backend : str or None
        A backend of joblib.  None: Dask if a `distributed.Client` is active, else joblib's own choice,
        processes.
    scheduler : str or None
        Address of a Dask scheduler, "tcp://HOST:PORT".
    wait_for_workers : float
        Seconds that the sweep goes on while its Dask cluster has no worker, at the start or later; inf is for
        ever.
    resume : bool
        Compute only the cells that the store does not have.  False computes all and replaces their records.
    retry_failed : bool
        Count cells whose record is an error as missing.
    method : str or None
        Of `simulate`; None what the grid says, else "auto".
    rng : int, sequence of int, SeedSequence, Generator, RandomState or None
        The seed of the whole sweep; None what the grid says, else 0.  What is no whole number gives one,
        which is recorded.
    progress : bool
        Show a progress bar with the time left: in notebooks, and on stderr if that is a terminal.
    dry_run : bool
        Compute and record nothing; say what would be done, and about how long it would take.

    Returns
    -------
    SweepResult
        All numbers, as arrays, pandas, xarray or CSV, and the cells that failed; a `SweepPlan` for a dry run.

    Raises
    ------
    TypeError, ValueError
        If an axis is no field, or a value has the wrong type or is out of range.  What is wrong only in
        combination (p = n without ridge) is recorded as the error of that cell, and does not stop the sweep.
    RecordError
        If the store is damaged, or a file of something else; it is left untouched.
    SweepError
        If the sweep cannot go on (a worker died, the disk is full, a cluster lost its scheduler, or had no
        worker for ``wait_for_workers`` seconds).
    SweepInterrupted
        A KeyboardInterrupt that knows how far the sweep came.

    Notes
    -----
    The random numbers of a cell derive from a hash of its own parameters (problem, alphas, replicates,
    method, seed) and from nothing else, each worker uses one BLAS thread and has the same code, which is
    checked with every task.  So the results are the same to the last bit for any number of workers, order,
    interruption or backend.  Cells travel in tasks of about a tenth of a second; a finished task is recorded
    at once, in one transaction, by the process that called `sweep`.  Several processes may fill one store at
    a time: each claims the cells that it computes, and waits for those of the others.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> result = ra.sweep(
    ...     {"beta": [0.2, 0.8], "p": 400, "n": {"geomspace": [10, 1000, 3]}},
    ...     alpha=[0, 1, "optimal"],
    ...     replicates=100,
    ...     store=None,
    ... )
    >>> result["optimal_alpha"].round(3)
    array([[0.195, 0.161, 0.047],
           [0.805, 0.823, 0.412]])
    >>> z = (result["simulated_accuracy"] - result["accuracy"]) / result[
    ...     "simulated_accuracy_stderr"
    ... ]
    >>> z.shape, bool(abs(z).max() < 6)
    ((2, 3, 3), True)
    """
    return run_sweep(
        read_any_grid(grid, axes, alpha=alpha, replicates=replicates, method=method, seed=_whole_seed(rng)),
        store=None if store is None else Path(store),
        n_jobs=n_jobs,
        backend=backend,
        scheduler=scheduler,
        wait_for_workers=wait_for_workers,
        resume=resume,
        retry_failed=retry_failed,
        progress=progress,
        dry_run=dry_run,
    )


def _whole_seed(rng: Seed) -> int | None:
    """The whole number that is recorded: ``rng`` itself if it is one, else drawn from it."""
    if rng is None:
        return None
    sequence = root_seed(rng)
    return int(rng) if isinstance(rng, int | np.integer) else int(sequence.generate_state(1)[0])


def run_sweep(
    grid: Grid,
    *,
    store: Path | None,
    n_jobs: int,
    backend: str | None,
    scheduler: str | None,
    wait_for_workers: float,
    resume: bool,
    retry_failed: bool,
    progress: bool,
    dry_run: bool,
    announce: Callable[[SweepPlan], None] | None = None,
) -> SweepResult | SweepPlan:
    """`sweep` on a grid that was read; ``announce`` is called once, before the work starts."""
    # A dry run does not even make the file.
    file = None if dry_run and store is not None and not store.exists() else store
    with open_pool(n_jobs, backend, scheduler, wait_for_workers) as pool, Store(file) as records:
        result = None if dry_run else Collector(grid)
        if result is not None and not resume:
            records.forget(grid.keys())
        found = _recall(grid, records if resume else None, result, retry_failed)
        plan = SweepPlan(
            grid.size,
            grid.replicates,
            found.done,
            found.failed,
            len(found.todo),
            pool.text,
            store,
            grid=grid,
        )
        if result is None:
            return replace(plan, seconds=estimated_seconds(found.todo, pool.count))
        if announce is not None:
            announce(plan)
        with progress_bar(progress, plan.todo, "cell") as bar:
            driver = Driver(pool, records, result, bar)
            with _stops_explained(driver, plan.todo):
                driver.run(found.todo)
        return result.finish(computed=driver.done, store=store)


@contextmanager
def _stops_explained(driver: Driver, total: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise SweepInterrupted(driver.done, total) from None
    except RecordError:
        raise
    except Exception as error:
        raise SweepError(
            f"the sweep stopped after {driver.done} of {total} cells, which are recorded; the same call does "
            f"the rest. Reason: {type(error).__name__}: {str(error).strip() or 'no message'}"
        ) from error


class _Recalled(NamedTuple):
    todo: Part
    done: int
    failed: int


def _recall(grid: Grid, records: Store | None, result: Collector | None, retry_failed: bool) -> _Recalled:
    """Collect what the store has, a part of the grid at a time, and find what it has not.

    Errors that are to be tried again are forgotten, so that one driver of several tries.
    """
    todo = np.ones(grid.size, dtype=np.bool_)
    if records is None or records.empty:
        return _Recalled(Part(grid, todo), 0, 0)
    with _no_garbage_collection():
        return _recall_parts(grid, records, result, retry_failed)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Lists of numbers make no circles, and looking for some takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _recall_parts(grid: Grid, records: Store, result: Collector | None, retry_failed: bool) -> _Recalled:
    todo = np.ones(grid.size, dtype=np.bool_)
    done = failed = start = 0
    keys = grid.keys()
    while part := list(itertools.islice(keys, PART)):
        places, contents = records.found(part)
        if result is not None:
            result.put([start + place for place in places], contents)
        wrong = [place for place, content in zip(places, contents, strict=True) if "error" in content]
        done, failed = done + len(places) - len(wrong), failed + len(wrong)
        todo[np.array(places, dtype=np.intp) + start] = False
        if retry_failed and wrong:
            todo[np.array(wrong) + start] = True
            if result is not None:
                records.forget(part[place] for place in wrong)
        start += len(part)
    return _Recalled(Part(grid, todo), done, failed)
