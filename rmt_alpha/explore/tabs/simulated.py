"""A simulation of the isotropic problem, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.transfer import TransferProblem

ALPHAS = 13
BATCHES = 10
"""After each of them the points are drawn again."""
SEED = 2510


def batches(problem: TransferProblem, alpha: FloatArray, draws: int) -> Iterator[dict[str, Any]]:
    """Averages over the draws so far, after each of equal batches; they do not depend on who watches."""
    from rmt_alpha.simulation import simulate

    runs = []
    for batch in range(BATCHES):
        runs.append(simulate(problem, alpha, replicates=draws // BATCHES, rng=(SEED, batch)))
        count = len(runs)
        found: dict[str, Any] = {"alpha": alpha, "done": count * (draws // BATCHES), "draws": draws}
        for name in ("accuracy", "risk"):
            found[name] = np.mean([getattr(run, name) for run in runs], axis=0)
            # Independent batches of one size: the error of their average.
            errors = np.array([getattr(run, f"{name}_stderr") for run in runs])
            found[f"{name}_stderr"] = np.sqrt((errors**2).sum(axis=0)) / count
        yield found


def progress(done: int, draws: int) -> str:
    """How far it is, for everybody."""
    return (
        f'<p role="status"><progress max="{draws}" value="{done}" aria-label="simulation"></progress> '
        f"{done} of {draws} draws of the data simulated</p>"
    )
