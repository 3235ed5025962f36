"""Memory is asked for before it is taken: how much is left, and one refusal for all that takes much."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SMALL = 1 << 28
"""Bytes that nobody asks for: there is no machine without them, and looking takes time."""
CGROUPS = Path("/sys/fs/cgroup")
MEMINFO, OWN_CGROUP = Path("/proc/meminfo"), Path("/proc/self/cgroup")


def check_memory(need: float, what: str, remedy: str, limit: float | None = None) -> None:
    """Refuse ``what`` if it takes more bytes than there are, or than the argument ``memory_limit`` allows.

    Raises
    ------
    ValueError
        If ``need`` is above ``limit``.
    MemoryError
        If there is no limit and ``need`` is above what is `left`.

    Examples
    --------
    >>> check_memory(
    ...     2**50, "a matrix of 11863283 x 11863283", "take a smaller p", limit=2**32
    ... )
    Traceback (most recent call last):
        ...
    ValueError: a matrix of 11863283 x 11863283 takes 1.05e+06 GiB, above memory_limit=4 GiB; take a smaller p
    """
    if limit is not None and need > limit:
        raise ValueError(f"{what} takes {gib(need)}, above memory_limit={gib(limit)}; {remedy}")
    if need > SMALL and need > (there := left()):
        raise MemoryError(f"{what} takes {gib(need)}, and {gib(there)} of memory are left; {remedy}")


def gib(size: float) -> str:
    """Bytes as people say them."""
    return f"{size / 2**30:.3g} GiB"


def left() -> float:
    """Bytes that this process can still take: of the machine, of its control groups and of its own limit.

    Infinite where the system does not tell.
    """
    return max(0.0, min(_of_machine(), *_of_cgroups(), _of_process()))


def _of_machine() -> float:
    with suppress(OSError, ValueError):
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        return 1024.0 * int(lines["MemAvailable"].split()[0])
    with suppress(AttributeError, OSError, ValueError):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return math.inf


def _of_cgroups() -> Iterator[float]:
    """Version 2: the limits of the group of this process, such as a job's or a container's, and above it."""
    yield math.inf
    with suppress(OSError, ValueError, IndexError):
        own = OWN_CGROUP.read_text().split("0::", 1)[1].splitlines()[0]
        group = CGROUPS / own.strip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(CGROUPS):
                return
            with suppress(OSError, ValueError):
                most = int((folder / "memory.max").read_text())  # ValueError: "max"
                stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                # Files that were read are given up when memory is needed.
                yield most - int((folder / "memory.current").read_text()) + int(stat["inactive_file"])


def _of_process() -> float:
    with suppress(ImportError, OSError, ValueError):
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            return float(most - pages * os.sysconf("SC_PAGE_SIZE"))
    return math.inf
