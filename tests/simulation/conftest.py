"""What theories are held against is drawn once: a simulation does not depend on the theory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import rmt_alpha as ra
from rmt_alpha.validation import compare


@pytest.fixture(scope="module")
def one_simulation() -> Iterator[None]:
    """`compare` with the same problem, alphas, options and seed takes the draws that it took before."""
    made: list[tuple[tuple[Any, ...], ra.Simulation]] = []

    def once(problem: Any, alpha: Any, *, rng: Any, **options: Any) -> ra.Simulation:
        key = (problem, alpha.tolist(), rng.entropy, rng.spawn_key, options)
        found = next((run for known, run in made if known == key), None)
        if found is None:
            found = ra.simulate(problem, alpha, rng=rng, **options)
            made.append((key, found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "simulate", once)
        yield
