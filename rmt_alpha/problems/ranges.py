"""The allowed values of sizes and ridges."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from rmt_alpha._core.checks import Range, frozen
from rmt_alpha._core.types import FloatArray

LARGEST = 1e30
"""Largest magnitude of a float64 argument: products of a handful of them neither overflow nor underflow."""

LARGEST_ENTRY = 1e50
"""Largest magnitude of the entries of means, weights and covariances, in whatever unit they are."""

_size = partial(Range, low=0.0, high=math.inf, smallest=1 / LARGEST, largest=LARGEST)
DIMENSION = _size("a positive finite number", open_low=True)
SAMPLES = _size("a positive number (inf is allowed)", open_low=True, infinite=True)
RIDGE = NORM = _size("a finite number >= 0")


def check_entries(name: str, array: FloatArray) -> FloatArray:
    """Finite entries, all 0 or the largest of a size whose products with others stay in float64."""
    frozen(name, array)
    largest = float(np.max(np.abs(array), initial=0.0))
    if largest and not 1 / LARGEST_ENTRY <= largest <= LARGEST_ENTRY:
        raise ValueError(
            f"{name} must be 0 or have a largest entry between {1 / LARGEST_ENTRY:g} and "
            f"{LARGEST_ENTRY:g} in size, got {largest:g}: change its units"
        )
    return array


def check_interpolation(p: Any, n: Any, gamma: Any, condition: str, name: str) -> None:
    """Refuse the one point where no limit exists: as many samples as dimensions and no ridge."""
    singular = (p == n) & (gamma == 0)
    if singular is True or (singular is not False and singular.any()):
        raise ValueError(
            f"{name} = 0 with {condition} has infinite variance (the double-descent peak): "
            f"choose {name} > 0, or a different number of samples"
        )
