"""Local worker processes, which end with the process that started them, whatever ends that."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a process, beside Ctrl-C."""
OF_TERMINALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name))
"""Signals that a terminal sends to a whole process group."""
POLL_SECONDS = 1.0
"""How often a worker looks whether its parent is there, where the system does not tell it."""
SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def run_parallel(
    tasks: Iterable[tuple[Callable[..., T], Any, Any]],
    n_jobs: int,
    *,
    ordered: bool = False,
    batch_size: int | str = 1,
) -> Generator[T]:
    """Results of `joblib.delayed` calls as soon as they are finished, or in the order of the calls.

    The workers are those of joblib's active backend.  Where these are local processes, a terminal's Ctrl-C
    and signals to the whole process group are left to this process, which ends them; and they end with it.
    """
    import joblib  # a fifth of the start of a command

    kind = "generator" if ordered else "generator_unordered"
    pool = joblib.Parallel(n_jobs=n_jobs, return_as=kind, batch_size=batch_size, **_worker_options())
    with _ignoring_terminal():
        results: Any = pool(tasks)
    try:
        for finished in results:  # noqa: UP028 - `yield from` would close it by itself, and warn
            yield finished
    finally:
        with warnings.catch_warnings():
            # Whoever stops early knows that tasks are dropped.
            warnings.filterwarnings("ignore", ".*tasks (have been|which were)", UserWarning)
            results.close()


def _worker_options() -> dict[str, Any]:
    """How processes begin; other kinds of workers, and somebody's own beginning, are left alone."""
    import joblib

    backend, _ = joblib.parallel.get_active_backend()
    local = isinstance(backend, joblib.parallel.BACKENDS["loky"])
    if not local or "initializer" in getattr(backend, "backend_kwargs", ()):
        return {}
    return {"initializer": end_with, "initargs": (os.getpid(),)}


@contextmanager
def _ignoring_terminal() -> Iterator[None]:
    """Ignore for a moment what a terminal sends, and in the processes that are started meanwhile.

    Workers until they are ready, and joblib's trackers for ever: they should neither die of it nor print
    tracebacks.  Ignoring a signal is the one way of handling it that new processes inherit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in OF_TERMINALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def end_with(parent: int) -> None:
    """Make this process end when its parent, of this number, does, and not by signals as long as that lives.

    Linux sends a signal when the *thread* that started a process ends, so it asks whether the parent is gone.
    A long call into a library holds up its handler but not the thread that polls, as on every other POSIX
    system.  On Windows joblib's workers end when they have been idle for five minutes.
    """
    if sys.platform == "win32":
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in ENDING:
        signal.signal(number, lambda *_: _end_without(parent))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while True:
        _end_without(parent)
        time.sleep(POLL_SECONDS)


def _end_without(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(1)
