"""The arguments of `simulate`, checked: every refusal says what is allowed."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np

from rmt_alpha._core.checks import as_real

LARGEST_ALPHA = 1e60
"""Squares of larger alphas could overflow."""


def check_alpha(alpha: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
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
    if isinstance(truncate, bool) or not isinstance(truncate, int | float | np.integer | np.floating):
        raise TypeError(f"truncate must be None (cut nothing) or a tolerance in (0, 1), got {truncate!r}")
    if not 0 < truncate < 1:
        raise ValueError(f"truncate must be None (cut nothing) or a tolerance in (0, 1), got {truncate!r}")
    return float(truncate)


def check_limit(limit: Any) -> float:
    """``memory_limit``, a positive number of bytes."""
    if isinstance(limit, bool) or not isinstance(limit, int | float | np.integer | np.floating):
        raise TypeError(f"memory_limit must be a positive number of bytes, got {limit!r}")
    if not limit > 0:
        raise ValueError(f"memory_limit must be a positive number of bytes, got {limit!r}")
    return float(limit)


def root_seed(rng: Any) -> np.random.SeedSequence:
    """The seed of a run, never the caller's own object: spawning from it changes nothing outside."""
    if isinstance(rng, np.random.SeedSequence):
        return np.random.SeedSequence(rng.entropy, spawn_key=rng.spawn_key)
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence([int(word) for word in rng.integers(0, 2**32, 8)])
    if rng is None:
        return np.random.SeedSequence()
    numbers = list(rng) if isinstance(rng, list | tuple | np.ndarray) else [rng]
    if not numbers or not all(map(_is_integer, numbers)):
        raise TypeError(
            "rng must be a non-negative integer or a sequence of them, a SeedSequence, a Generator or None, "
            f"got {rng!r}"
        )
    if min(numbers) < 0:
        raise ValueError(f"rng must be a non-negative integer or a sequence of them, got {rng!r}")
    return np.random.SeedSequence(int(rng) if _is_integer(rng) else [int(x) for x in numbers])


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
