"""How far a simulation of finite size may lie from a theory of infinite size, measured and not guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rmt_alpha import TransferProblem
from rmt_alpha.simulation import Simulation, simulate

GROWTH = 4
"""Factor between the two sizes."""

Quantity = Callable[[Simulation], tuple[np.ndarray, np.ndarray]]


def accuracy(run: Simulation) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(run.accuracy), np.asarray(run.accuracy_stderr)


def grown(problem: TransferProblem, factor: int) -> TransferProblem:
    """The same problem, samples and dimension ``factor`` times as large: the theory does not change."""
    return replace(
        problem,
        p=problem.p * factor,
        n=problem.n * factor,
        N=None if problem.N is None else problem.N * factor,
    )


def z_scores(
    problem: TransferProblem,
    alpha: np.ndarray,
    theory: np.ndarray,
    found: tuple[np.ndarray, np.ndarray],
    *,
    draws: int,
    seed: int,
    quantity: Quantity = accuracy,
) -> np.ndarray:
    """(simulated - theory - bias) / standard error, with the bias of order 1/size from two other simulations.

    A quantity of size 1 is limit + b + O(b^2), of size 4 it is limit + b/4 + ...: b = 4/3 of the difference.
    What is left is of order 1/size^2.
    """
    (small, small_error), (large, large_error) = (
        quantity(simulate(grown(problem, factor), alpha, replicates=draws, rng=(seed, factor)))
        for factor in (1, GROWTH)
    )
    share = GROWTH / (GROWTH - 1)
    error = np.sqrt(found[1] ** 2 + share**2 * (small_error**2 + large_error**2))
    return (found[0] - theory - share * (small - large)) / error
