"""The allowed values of sizes and ridges."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from rmt_alpha._core.checks import Range

LARGEST = 1e30
"""Largest magnitude of a float64 argument: products of a handful of them neither overflow nor underflow."""

_size = partial(Range, low=0.0, high=math.inf, smallest=1 / LARGEST, largest=LARGEST)
DIMENSION = _size("a positive finite number", open_low=True)
SAMPLES = _size("a positive number (inf is allowed)", open_low=True, infinite=True)
RIDGE = NORM = _size("a finite number >= 0")


def check_interpolation(p: Any, n: Any, gamma: Any, condition: str, name: str) -> None:
    """Refuse the one point where no limit exists: as many samples as dimensions and no ridge."""
    singular = (p == n) & (gamma == 0)
    if singular is True or (singular is not False and singular.any()):
        raise ValueError(
            f"{name} = 0 with {condition} has infinite variance (the double-descent peak): "
            f"choose {name} > 0, or a different number of samples"
        )
