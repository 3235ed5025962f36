"""Every figure's quick result, computed once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from rmt_alpha.experiments.figures.registry import load


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """``quick(name)`` is ``compute(quick=True)`` of that figure; what another worker computed is taken."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ  # each has a folder below that of the run
    folder = tmp_path_factory.getbasetemp().parent if parallel else tmp_path_factory.getbasetemp()

    @cache
    def computed(name: str) -> Any:
        kept = folder / f"{name}.quick"
        try:
            return pickle.loads(kept.read_bytes())
        except FileNotFoundError:
            found = load(name).compute(quick=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps(found))
        part.replace(kept)
        return found

    return computed
