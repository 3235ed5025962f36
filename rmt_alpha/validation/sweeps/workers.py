"""Where the tasks of a sweep run: joblib's local workers, or a Dask cluster through joblib; one code path."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
from tqdm import tqdm

from rmt_alpha._core.processes import run_parallel
from rmt_alpha._core.version import __version__
from rmt_alpha.simulation.arguments import check_jobs
from rmt_alpha.validation.sweeps.cell import Cell, CellResult, compute, one_blas_thread

CONNECT_SECONDS = 20
MUST_AGREE = ("rmt_alpha", "numpy", "scipy")
"""Packages whose version decides the last bits of a result."""


def run_task(cells: tuple[Cell, ...]) -> list[CellResult]:
    """`compute`, in whatever process it happens to be."""
    # The first progress bar of a process, even a disabled one, makes a semaphore.  A worker that Ctrl-C kills
    # would leave it behind, with a warning on the terminal; a lock between threads is enough for it.
    if not hasattr(tqdm, "_lock"):
        tqdm.set_lock(threading.RLock())
    return compute(cells)


@dataclass(frozen=True)
class Pool:
    """Workers that are ready to compute."""

    count: int
    """How many tasks run at a time."""
    text: str
    """For people: what they are."""

    def run(self, tasks: Iterable[tuple[Cell, ...]]) -> Generator[list[CellResult]]:
        """The results of each task as soon as it is finished, in any order."""
        # One task at a time: joblib's own batches would withhold finished tasks until the whole batch is.
        yield from run_parallel((joblib.delayed(run_task)(task) for task in tasks), self.count)


@contextmanager
def open_pool(n_jobs: int, backend: str | None, scheduler: str | None) -> Iterator[Pool]:
    """The workers that the arguments of `sweep` ask for, until the end of the with block.

    Raises
    ------
    ImportError
        If Dask is asked for and not installed.
    ConnectionError
        If no scheduler answers.
    ValueError
        If ``n_jobs`` is 0, joblib does not know the backend, or the cluster has other versions of packages.
    """
    if not isinstance(backend, str | None):
        raise TypeError(f"backend must be None or the name of a backend of joblib, got {backend!r}")
    with ExitStack() as stack:
        # For tasks in this very process: sequential, threads, a Dask cluster with processes=False.
        stack.enter_context(one_blas_thread())
        client = _dask_client(stack, backend, scheduler)
        if client is not None:
            stack.enter_context(joblib.parallel_config(backend="dask", client=client))
            workers = joblib.effective_n_jobs(-1)
            _check_versions(client)
            yield Pool(workers, f"a Dask cluster of {workers} threads at {client.scheduler.address}")
        else:
            if backend is not None:
                stack.enter_context(_known_backend(backend))
            workers = check_jobs(n_jobs)
            yield Pool(workers, "1 worker" if workers == 1 else f"{workers} workers")


def _known_backend(backend: str) -> Any:
    if backend == "multiprocessing":
        raise ValueError(
            "backend must be None or a backend of joblib that gives results as they come, which "
            "'multiprocessing' does not: 'loky' has processes too"
        )
    try:
        return joblib.parallel_config(backend=backend)
    except ValueError as error:
        raise ValueError(f"backend must be None or a backend of joblib, got {backend!r}: {error}") from None


def _dask_client(stack: ExitStack, backend: str | None, scheduler: str | None) -> Any:
    """The client to use, or None for local workers."""
    if scheduler is not None:
        if backend not in {None, "dask"}:
            raise ValueError(f"a scheduler needs backend='dask' or None, got backend={backend!r}")
        try:
            from distributed import Client
        except ImportError:
            raise ImportError("scheduler= needs Dask: pip install 'rmt-alpha[dask]'") from None
        connect: Any = Client  # typed, but not wholly
        try:
            return stack.enter_context(connect(scheduler, timeout=CONNECT_SECONDS, set_as_default=False))
        except (OSError, ValueError) as error:  # OSError includes timeouts
            raise ConnectionError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    if backend not in {None, "dask"}:
        return None
    # Without an import of distributed there is no active client, and no need to import it.
    distributed = sys.modules.get("distributed")
    if distributed is not None:
        try:
            return distributed.default_client()
        except ValueError:
            pass
    if backend == "dask":
        raise ValueError(
            "backend='dask' needs scheduler='tcp://HOST:PORT' or an active Client of dask.distributed"
        )
    return None


def _check_versions(client: Any) -> None:
    """Refuse a cluster that would compute other bits, or nothing at all."""
    here = {name: sys.modules[name].__version__ for name in MUST_AGREE[1:]} | {MUST_AGREE[0]: __version__}
    for address, report in client.get_versions(packages=list(MUST_AGREE))["workers"].items():
        there = report["packages"]
        for name, version in here.items():
            if there.get(name) != version:
                raise ValueError(
                    f"the Dask worker {address} has {name} {there.get(name) or '(not installed)'}, here it "
                    f"is {version}: results would depend on where a cell is computed; install the same there"
                )
