r"""When the loss matters, and when it does not.

The best alpha of squared, logistic and hinge loss, the accuracy there, and its gain over alpha = 1, against
the target ridge.  With a large ridge all losses give the averaging classifier; what is left of their
difference is the scale of alpha.  p = 200, n = 160, a fixed source with cosine 0.6 to the best direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate

NAME = "losses"
TITLE = "When the loss matters: squared, logistic and hinge against the ridge."
NEEDS_DATA = False

P, SAMPLES, LENGTH, COSINE, SOURCE_LENGTH = 200, 160, 1.5, 0.6, 1.0
LOSSES = ("squared", "logistic", "hinge")
CASES = ("isotropic features", "one class wider, 15 % wrong labels")
SEED = 2531


def problem(case: int, loss: str, gamma: float) -> FineTuning:
    """One problem; ``case`` is an index of `CASES`."""
    mean = np.full(P, LENGTH / np.sqrt(P))
    across = np.where(np.arange(P) % 2, -1.0, 1.0) / np.sqrt(P)
    weights = SOURCE_LENGTH * (COSINE * mean / LENGTH + np.sqrt(1 - COSINE**2) * across)
    if case == 0:
        target = GaussianMixture.symmetric(mean)
        return FineTuning(target, FixedSource(weights), SAMPLES, gamma, loss=loss)
    # Neighbours in the spectrum have the same share of the mean and of the source.
    spectrum = np.repeat(np.geomspace(0.1, 2.0, P // 2), 2)
    target = GaussianMixture(np.stack([-mean, mean]), [spectrum, 4 * spectrum])
    source = FixedSource(weights)
    return FineTuning(target, source, SAMPLES, gamma, intercept=True, label_noise=0.15, loss=loss)


@dataclass(frozen=True, eq=False)
class Losses:
    """Best alpha and accuracies.

    Attributes
    ----------
    gamma : ndarray of shape (g,)
    optimal_alpha, best, plain : ndarray of shape (cases, losses, g)
        alpha*, accuracy there and at alpha = 1.
    points : ndarray of shape (m,)
        Ridges that were simulated, at alpha* and 1.
    theory, simulated, stderr : ndarray of shape (cases, losses, m, 2)
    draws : int
    """

    gamma: NDArray[np.float64]
    optimal_alpha: NDArray[np.float64]
    best: NDArray[np.float64]
    plain: NDArray[np.float64]
    points: NDArray[np.float64]
    theory: NDArray[np.float64]
    simulated: NDArray[np.float64]
    stderr: NDArray[np.float64]
    draws: int


def compute(quick: bool = False, data: Any = None) -> Losses:
    """Solve and simulate.

    Parameters
    ----------
    quick : bool
        3 ridges instead of 13, and 4 draws at one of them instead of 100 at three.
    data
        Not used: no data files are needed.
    """
    gamma = np.geomspace(0.01, 10.0, 3 if quick else 13)
    points, draws = gamma[1:2] if quick else gamma[[4, 7, 10]], 4 if quick else 100
    shape = (len(CASES), len(LOSSES))
    lines = np.empty((*shape, 3, len(gamma)))
    theory, simulated, stderr = np.empty((3, *shape, len(points), 2))
    for case, k in np.ndindex(shape):
        for i, value in enumerate(gamma):
            curve = problem(case, LOSSES[k], value).curve()
            # The squared loss has a formula, the others a search.
            options: dict[str, Any] = {} if k == 0 else {"rtol": 1e-4}
            best = curve.optimal_alpha(**options)
            lines[case, k, :, i] = best, curve.accuracy(best), curve.accuracy(1.0)
        for j, value in enumerate(points):
            i = int(np.flatnonzero(gamma == value)[0])
            at = [lines[case, k, 0, i], 1.0]
            theory[case, k, j] = lines[case, k, 1:, i]
            run = simulate(problem(case, LOSSES[k], value), at, replicates=draws, rng=(SEED, case, k, j))
            simulated[case, k, j], stderr[case, k, j] = run.accuracy, run.accuracy_stderr
    best_alpha, best_accuracy, plain = np.moveaxis(lines, 2, 0)
    return Losses(gamma, best_alpha, best_accuracy, plain, points, theory, simulated, stderr, draws)


def tables(result: Losses) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """The curves, and the simulated points beside the theory."""
    curves, points = [], []
    for case, k in np.ndindex(len(CASES), len(LOSSES)):
        label = [CASES[case], LOSSES[k]]
        columns = (result.gamma, result.optimal_alpha[case, k], result.best[case, k], result.plain[case, k])
        curves += [[*label, *row] for row in zip(*columns, strict=True)]
        for j, gamma in enumerate(result.points):
            row = [*label, gamma]
            for a in range(2):
                row += [values[case, k, j, a] for values in (result.theory, result.simulated, result.stderr)]
            points.append([*row, result.draws])
    header = ["features", "loss", "gamma"]
    point_header = [*header]
    for alpha in ("optimal", "1"):
        point_header += [f"accuracy_{alpha}_{kind}" for kind in ("theory", "simulated", "standard_error")]
    return {
        "losses": ([*header, "optimal_alpha", "accuracy_optimal", "accuracy_1"], curves),
        "losses_simulated": ([*point_header, "draws"], points),
    }


@style.styled
def draw(result: Losses) -> Figure:
    """Accuracy at alpha*, alpha*, and the gain over alpha = 1; a column for each kind of features."""
    figure, axes = style.panels(2, 3, size=(3.7, 2.2), sharex=True, sharey="row")
    for case, k in np.ndindex(len(CASES), len(LOSSES)):
        look = {"color": style.SERIES[k], "linestyle": style.DASHES[k], "label": LOSSES[k]}
        top, middle, bottom = axes[:, case]
        top.plot(result.gamma, result.best[case, k], **look)
        style.points(
            top,
            result.points,
            result.simulated[case, k, :, 0],
            2 * result.stderr[case, k, :, 0],
            color=style.SERIES[k],
        )
        middle.plot(result.gamma, result.optimal_alpha[case, k], **look)
        bottom.plot(result.gamma, result.best[case, k] - result.plain[case, k], **look)
        top.set(title=CASES[case], xscale="log")
        middle.set(yscale="log")
        bottom.set(xlabel=r"target ridge $\gamma$")
    axes[0, 0].set(ylabel=r"accuracy at $\alpha^*$")
    axes[1, 0].set(ylabel=r"best alpha $\alpha^*$")
    axes[2, 0].set(ylabel=r"gain over $\alpha = 1$")
    label = "simulation, ± 2 standard errors"
    axes[0, 0].errorbar([], [], yerr=[], fmt="o", color=style.BLACK, markersize=3.2, label=label)
    style.legend(figure, axes[0], columns=4)
    return figure
