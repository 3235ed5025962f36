"""Where tasks run: joblib's local workers, or a Dask `cluster`; each task says which code it is of."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import joblib

from rmt_alpha._core.machine.code import Answer, answer, code_here, difference
from rmt_alpha._core.machine.processes import run_parallel
from rmt_alpha._core.machine.threads import one_blas_thread
from rmt_alpha.simulation.arguments import check_jobs
from rmt_alpha.validation.sweeps.cell import Cell, CellResult, compute
from rmt_alpha.validation.sweeps.cluster import (
    CONNECT_SECONDS,
    ClusterPool,
    check_address,
    check_patience,
)

PATIENCE = 60.0
"""Seconds that a sweep goes on without any worker of its cluster, unless told otherwise."""
T = TypeVar("T")


class CellTask(NamedTuple):
    """What a worker computes at a time."""

    places: list[int]
    """Of the cells in their grid."""
    cells: tuple[Cell, ...]


def run_task(task: CellTask) -> list[CellResult]:
    """`compute`, in whatever process it happens to be."""
    return compute(task.cells)


class Pool(Protocol):
    """Workers that are ready to compute."""

    @property
    def count(self) -> int:
        """How many tasks run at a time, for now."""

    @property
    def text(self) -> str:
        """For people: what they are."""

    def run(self, tasks: Iterable[T], function: Callable[[T], object]) -> Generator[tuple[T, Answer]]:
        """Each task with its answer as soon as it is finished, in any order."""


@dataclass(frozen=True)
class LocalPool:
    """The workers of a backend of joblib."""

    count: int

    @property
    def text(self) -> str:
        """For people."""
        return "1 worker" if self.count == 1 else f"{self.count} workers"

    def run(self, tasks: Iterable[T], function: Callable[[T], object]) -> Generator[tuple[T, Answer]]:
        """Each task with its answer; RuntimeError if a process has loaded other sources than this one."""
        code, flying = code_here(), dict[int, T]()

        def numbered() -> Iterator[Any]:
            for number, task in enumerate(tasks):
                flying[number] = task
                yield joblib.delayed(_numbered)(number, code, function, task)

        # One task at a time: joblib's own batches would withhold finished tasks until the whole batch is.
        with closing(run_parallel(numbered(), self.count)) as results:
            for number, found in results:
                if reason := difference(found[0], code):
                    raise RuntimeError(f"the process {found[1]} {reason}: the sources changed; start again")
                yield flying.pop(number), found


def _numbered(number: int, *asked: Any) -> tuple[int, Answer]:
    return number, answer(*asked)


@contextmanager
def open_pool(
    n_jobs: int, backend: str | None, scheduler: str | None, wait_for_workers: float = PATIENCE
) -> Iterator[Pool]:
    """The workers that the arguments of `sweep` ask for, until the end of the with block.

    Raises
    ------
    ImportError
        If Dask is asked for and not installed.
    ConnectionError
        If no scheduler answers.
    ValueError
        If ``n_jobs`` is 0, joblib does not know the backend, the scheduler's address cannot be one, or its
        workers have other code.
    """
    if not isinstance(backend, str | None):
        raise TypeError(f"backend must be None or the name of a backend of joblib, got {backend!r}")
    with ExitStack() as stack:
        patience = check_patience(wait_for_workers)
        # For tasks in this very process: sequential, threads, a Dask cluster with processes=False.
        stack.enter_context(one_blas_thread())
        client = _dask_client(stack, backend, scheduler)
        if client is not None:
            if client.asynchronous:
                raise ValueError("the active Client of dask.distributed must not be asynchronous")
            yield ClusterPool(client, code_here(), patience)
            return
        if backend is not None:
            stack.enter_context(_known_backend(backend))
        yield LocalPool(check_jobs(n_jobs))


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
        check_address(scheduler)
        try:
            from distributed import Client
        except ImportError:
            raise ImportError("scheduler= needs Dask: pip install '.[dask]' in a clone") from None
        stack.enter_context(_quiet_client())
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
            client = distributed.default_client()
        except ValueError:
            pass
        else:
            stack.enter_context(_quiet_client())
            return client
    if backend == "dask":
        raise ValueError(
            "backend='dask' needs scheduler='tcp://HOST:PORT' or an active Client of dask.distributed"
        )
    return None


@contextmanager
def _quiet_client() -> Iterator[None]:
    """Keep what Dask's client logs about a lost scheduler, tracebacks included, for one line of our own."""

    def ours(record: logging.LogRecord) -> bool:
        return not record.name.startswith(OF_THE_CLIENT)

    handlers = list(logging.getLogger("distributed").handlers)
    for handler in handlers:
        handler.addFilter(ours)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(ours)


OF_THE_CLIENT = ("distributed.client", "distributed.batched", "distributed.utils")
