"""The arguments of `simulate`, checked: every refusal says what is allowed."""

from __future__ import annotations

import math
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import as_real
from rmt_alpha._core.types import FloatArray, Seed

LARGEST_ALPHA = 1e60
"""Squares of larger alphas could overflow."""


def check_alpha(alpha: ArrayLike) -> FloatArray:
    """``alpha`` as a read-only float64 array of any shape; TypeError or ValueError unless real and finite."""
    values = np.array(as_real("alpha", alpha), dtype=np.float64)
    allowed = np.abs(values) <= LARGEST_ALPHA
    if not allowed.all():
        raise ValueError(
            f"alpha must be a number between -{LARGEST_ALPHA:g} and {LARGEST_ALPHA:g} to be simulated, got "
            f"{values[~allowed][0]}; for the limit of infinite alpha take the source part of each "
            "classifier, which `draws` holds"
        )
    values.flags.writeable = False
    return values


def check_vector_alpha(alpha: ArrayLike, components: int | None) -> FloatArray:
    """``alpha`` as an array: of shape (..., components), or of any shape if that is None.

    A single number stands for the same alpha for every source.
    """
    values = check_alpha(alpha)
    if components is not None and values.ndim == 0:
        values = np.full(components, values)
    if components is not None and values.shape[-1] != components:
        raise ValueError(
            f"alpha must have shape (..., {components}), one number for each of {components} sources, got "
            f"shape {values.shape}"
        )
    return values


def check_count(name: str, value: Any) -> int:
    """``value`` as an int of at least 1."""
    if not _is_integer(value):
        raise TypeError(f"{name} must be an integer of at least 1, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def check_jobs(n_jobs: Any) -> int:
    """The number of workers that joblib understands by ``n_jobs``."""
    if not _is_integer(n_jobs):
        raise TypeError(f"n_jobs must be an integer, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs must be at least 1, or negative (-1: all processors), got 0")
    return int(joblib.effective_n_jobs(int(n_jobs)))


def check_tolerance(truncate: Any) -> float | None:
    """``truncate``: None or a number in (0, 1)."""
    if truncate is None:
        return None
    text = "truncate must be None (cut nothing) or a tolerance in (0, 1)"
    return _number_between(0, 1, truncate, text)


def check_limit(limit: Any) -> float:
    """``memory_limit``, a positive number of bytes."""
    return _number_between(0, math.inf, limit, "memory_limit must be a positive number of bytes")


def root_seed(rng: Seed) -> np.random.SeedSequence:
    """The seed of a run, never the caller's own object: spawning from it changes nothing outside.

    A Generator or RandomState is advanced, by eight words.
    """
    if isinstance(rng, np.random.SeedSequence):
        return np.random.SeedSequence(rng.entropy, spawn_key=rng.spawn_key)
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence([int(word) for word in rng.integers(0, 2**32, 8)])
    if isinstance(rng, np.random.RandomState):
        return np.random.SeedSequence([int(word) for word in rng.randint(0, 2**32, 8, dtype=np.uint64)])
    if rng is None:
        return np.random.SeedSequence()
    numbers: list[Any] = list(rng) if isinstance(rng, list | tuple | np.ndarray) else [rng]
    if not numbers or not all(map(_is_integer, numbers)):
        raise TypeError(
            "rng must be a non-negative integer or a sequence of them, a SeedSequence, a Generator, a "
            f"RandomState or None, got {rng!r}"
        )
    if min(numbers) < 0:
        raise ValueError(f"rng must be a non-negative integer or a sequence of them, got {rng!r}")
    words = [int(x) for x in numbers]
    return np.random.SeedSequence(words[0] if numbers[0] is rng else words)


def _number_between(low: float, high: float, value: Any, text: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{text}, got {value!r}")
    if not (low < value < high or value == high == math.inf):
        raise ValueError(f"{text}, got {value!r}")
    return float(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
