"""One BLAS thread for what is parallel already: workers do not fight for cores, sums have one order."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_here = threading.local()
_inside = 0
_of_process: Any = None
_modules = 0
_controller: ThreadpoolController | None = None


def _libraries() -> ThreadpoolController:
    """The libraries of this process; looked for again only after imports, with which new ones come."""
    global _modules, _controller  # noqa: PLW0603 - one scan for the whole process
    if _controller is None or len(sys.modules) != _modules:
        _modules = len(sys.modules)
        _controller = ThreadpoolController()
    return _controller


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, for this thread, and for as long as any thread of this process is inside.

    Some libraries have a limit per thread, others one for the whole process.  Were the latter set and
    restored by each thread for itself (a Dask worker runs several), the first to leave would lift it for all.
    """
    global _inside, _of_process  # noqa: PLW0603 - the limit is global too
    if getattr(_here, "modules", None) == len(sys.modules):
        yield  # inside already, and no library has come since
        return
    with _lock:
        libraries = _libraries()
        _inside += 1
        if _inside == 1:
            _of_process = libraries.limit(limits=1)
    outer, _here.modules = getattr(_here, "modules", None), _modules
    try:
        with libraries.limit(limits=1):
            yield
    finally:
        _here.modules = outer
        with _lock:
            _inside -= 1
            if _inside == 0 and _of_process is not None:
                with _of_process:  # leaving it restores what was before
                    pass
                _of_process = None
