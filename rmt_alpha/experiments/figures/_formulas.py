"""The reference implementation's formula beside the right one and beside trained classifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate


@dataclass(frozen=True, eq=False)
class Comparison:
    """Reference, right and simulated values of some problems; all arrays have one entry per problem.

    Attributes
    ----------
    reference_norm2 : ndarray
        What the reference implementation takes for the squared norm of the source classifier; can be
        negative.
    reference_1, right_1 : ndarray
        Predicted accuracy at alpha = 1; NaN where the reference's variance is negative.
    reference_alpha, right_alpha : ndarray
        alpha* of either formula.
    got_reference, got_right : ndarray
        Accuracy (right formula) at either alpha*.
    """

    reference_norm2: NDArray[np.float64]
    reference_1: NDArray[np.float64]
    right_1: NDArray[np.float64]
    reference_alpha: NDArray[np.float64]
    right_alpha: NDArray[np.float64]
    got_reference: NDArray[np.float64]
    got_right: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Simulated counterparts, one entry per problem: pairs of value and standard error in the last axis.

    Attributes
    ----------
    at_1, at_reference, at_right : ndarray of shape (n_problems, 2)
        Accuracy at alpha = 1 and at either formula's alpha*.
    alpha : ndarray of shape (n_problems, 2)
        The alpha with the highest average accuracy; NaN where the simulation cannot tell.
    """

    at_1: NDArray[np.float64]
    at_reference: NDArray[np.float64]
    at_right: NDArray[np.float64]
    alpha: NDArray[np.float64]


def compare(values: dict[str, Any]) -> Comparison:
    """Both formulas for arrays of problems."""
    reference, right = reference_curve(**values), TransferProblem(**values).curve()
    alpha, best = reference.optimal_alpha(), right.optimal_alpha()
    return Comparison(
        reference_norm2=np.asarray(reference.source_norm2),
        reference_1=np.asarray(reference.accuracy(1.0)),
        right_1=np.asarray(right.accuracy(1.0)),
        reference_alpha=np.asarray(alpha),
        right_alpha=np.asarray(best),
        got_reference=np.asarray(right.accuracy(alpha)),
        got_right=np.asarray(right.accuracy(best)),
    )


def run(problems: list[dict[str, float]], draws: int, seed: tuple[int, ...]) -> Simulated:
    """Train classifiers for every problem."""
    rows = []
    both = compare({key: np.array([values[key] for values in problems]) for key in problems[0]})
    for i, values in enumerate(problems):
        alphas = [1.0, both.reference_alpha[i], both.right_alpha[i]]
        found = simulate(TransferProblem(**values), alphas, replicates=draws, rng=(*seed, i))
        pairs = np.transpose([found.accuracy, found.accuracy_stderr])
        rows.append([*pairs, simulated_optimum(found.draws)])
    table = np.array(rows)
    return Simulated(*(table[:, column] for column in range(4)))


COLUMNS = ["reference_source_norm2"]
COLUMNS += ["simulated_accuracy_1", "standard_error_accuracy_1", "reference_accuracy_1", "right_accuracy_1"]
COLUMNS += ["simulated_alpha", "standard_error_alpha", "reference_alpha", "right_alpha"]
COLUMNS += ["simulated_at_reference_alpha", "standard_error_at_reference_alpha"]
COLUMNS += ["right_formula_at_reference_alpha"]
COLUMNS += ["simulated_at_right_alpha", "standard_error_at_right_alpha", "right_formula_at_right_alpha"]
"""Names of the entries of `row`."""


def row(theory: Comparison, found: Simulated, i: int) -> list[Any]:
    """Everything about problem ``i``, as a row of a table."""
    first = [theory.reference_norm2[i], *found.at_1[i], theory.reference_1[i], theory.right_1[i]]
    second = [*found.alpha[i], theory.reference_alpha[i], theory.right_alpha[i]]
    third = [*found.at_reference[i], theory.got_reference[i], *found.at_right[i], theory.got_right[i]]
    return [*first, *second, *third]
