"""Which code computes: what travels with every task, comes back with its result, and must be the same."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from tqdm import tqdm

from rmt_alpha._core.version import __version__, source_hash

Code: TypeAlias = dict[str, str]
"""Versions of what decides the last bits of a result, and `source_hash`; a plain type, which every version
of this package can read."""
Answer: TypeAlias = tuple[Code, str, Any]
"""The code that ran, where, and what it gave: None if it is other code than was asked for."""
SOURCES = "sources"
T = TypeVar("T")


@lru_cache(1)
def code_here() -> Code:
    """Of this process."""
    import numpy as np
    import scipy

    versions = {"rmt_alpha": __version__, "numpy": np.__version__, "scipy": scipy.__version__}
    return versions | {SOURCES: source_hash()}


def difference(there: Code, here: Code) -> str:
    """The first thing in which they differ, in words; "" if they are the same."""
    for name, version in here.items():
        found = there.get(name, "(not installed)")
        if found == version:
            continue
        if name == SOURCES:
            version_of = f"rmt_alpha {here['rmt_alpha']} of other sources"
            return f"has {version_of} (hash {found}, here it is {version})"
        return f"has {name} {found}, here it is {version}"
    return ""


def signature(code: Code) -> str:
    """What a record says about it: "0.1.0+67b53b4c8041654e"."""
    return f"{code['rmt_alpha']}+{code[SOURCES]}"


def answer(asked: Code, function: Callable[[T], object], task: T) -> Answer:
    """``function(task)``, if the code of this process, whichever it is, is what was asked for."""
    # The first progress bar of a process, even a disabled one, makes a semaphore.  A worker that Ctrl-C kills
    # would leave it behind, with a warning on the terminal; a lock between threads is enough for it.
    if not hasattr(tqdm, "_lock"):
        tqdm.set_lock(threading.RLock())
    here = code_here()
    return here, place_here(), function(task) if here == asked else None


def place_here() -> str:
    """Address of the Dask worker that this is, else machine and process."""
    distributed = sys.modules.get("distributed")
    if distributed is not None:
        try:
            return str(distributed.get_worker().address)
        except ValueError:
            pass
    return f"{socket.gethostname()}:{os.getpid()}"
