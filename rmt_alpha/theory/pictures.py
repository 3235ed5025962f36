"""What curves, and problems by their curves, show in a notebook: accuracy or risk against alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rmt_alpha._core.pictures.html import Card
from rmt_alpha._core.pictures.svg import plot, window
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.sources import TrainedSource
from rmt_alpha.problems.transfer import TransferProblem

LARGEST = {0: (50_000, 5_000), 1: (400, 200), 2: (400, 30)}
"""Dimensions up to which a curve takes a moment, for the squared and for other losses, without full
covariances, with one that is shared, and with several."""

FAR = 50.0
"""Alphas beyond are not shown unless asked for."""


def curve_card(
    quantity: str, values: Callable[[Any], Any], best: tuple[Any, Any] | None, alphas: int
) -> Card:
    """``values`` at 0, 1 and the best alpha, and in between.

    Parameters
    ----------
    quantity : str
        What the values are.
    values : callable
        From alphas to values.
    best : tuple or None
        The best alpha and the value there, if they are known without a search.
    alphas : int
        Number of alphas in the picture.
    """
    ends = {"zero": (0.0, values(0.0)), "one": (1.0, values(1.0))}
    rows: dict[str, object] = {f"{quantity} at alpha = {alpha:g}": value for alpha, value in ends.values()}
    if best is not None:
        rows |= {"best alpha": best[0], f"{quantity} there": best[1]}
        ends["best"] = best
    if any(np.ndim(alpha) or np.ndim(value) for alpha, value in ends.values()):
        return Card(rows)
    marks = {kind: (float(alpha), float(value)) for kind, (alpha, value) in ends.items()}
    known = [alpha for alpha, _ in marks.values() if np.isfinite(alpha)]
    at = np.union1d(window([*known, 1.0 if best else 2.0], alphas), known)
    line = {"": (at, np.asarray(values(at), float))}
    return Card(rows, plot(f"{quantity} against alpha", ("alpha", quantity), lines=line, marks=marks))


def alphas_around(marks: Iterable[float], count: int = 61) -> FloatArray:
    """Alphas that show those of ``marks`` that are of ordinary size, from one round number to another."""
    wanted = [float(x) for x in marks if abs(x) < FAR]
    low, high = min(wanted), max(wanted)
    margin = 0.35 * (high - low)
    grid = 10.0 ** np.floor(np.log10(high - low)) / 2
    return np.linspace(np.floor((low - margin) / grid) * grid, np.ceil((high + margin) / grid) * grid, count)


def problem_card(problem: TransferProblem | FineTuning | RidgeRegressionTransfer) -> Card:
    """The numbers of a problem, and the card of its curve unless that takes long."""
    rows = problem._facts()
    if not _is_quick(problem):
        return Card(rows, note="Its curve takes longer than a look: ask for it with curve().")
    card = problem.curve()._card()
    return card._replace(rows=rows | card.rows)


def _is_quick(problem: TransferProblem | FineTuning | RidgeRegressionTransfer) -> bool:
    if isinstance(problem, TransferProblem):
        return True
    if isinstance(problem, RidgeRegressionTransfer):
        return problem.p <= LARGEST[int(problem.covariance.ndim == 2)][0]
    own = [source.mixture for source in problem.sources if isinstance(source, TrainedSource)]
    full = {id(c) for mixture in (problem.target, *own) for c in mixture.members if c.ndim == 2}
    return problem.target.p <= LARGEST[min(len(full), 2)][0 if problem.squared else 1]
