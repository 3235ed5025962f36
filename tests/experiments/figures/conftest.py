"""Every figure's quick result, computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from rmt_alpha.experiments.figures.registry import load


@pytest.fixture(scope="session")
def quick() -> Callable[[str], Any]:
    """``quick(name)`` is ``compute(quick=True)`` of that figure."""
    return cache(lambda name: load(name).compute(quick=True))
