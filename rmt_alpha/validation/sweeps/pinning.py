"""One BLAS thread per worker: workers do not fight for cores, and sums have one order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_lock = threading.Lock()
_inside = 0
_of_process: threadpool_limits | None = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, for this thread, and for as long as any thread of this process is inside.

    Some libraries have a limit per thread, others one for the whole process.  Were the latter set and
    restored by each thread for itself (a Dask worker runs several), the first to leave would lift it for all.
    """
    global _inside, _of_process  # noqa: PLW0603 - the limit is global too
    with _lock:
        _inside += 1
        if _inside == 1:
            _of_process = threadpool_limits(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _of_process is not None:
                with _of_process:  # leaving it restores what was before
                    pass
                _of_process = None
