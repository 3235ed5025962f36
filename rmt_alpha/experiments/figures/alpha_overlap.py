r"""The best alpha for a fixed source vector, as a function of its inner product with the target mean.

The source vector w~ is a given unit vector, however it was obtained, and the target mean is a unit vector;
dimension p = 400, n = 200 and n = 20 target samples, target ridges from 0.1 to 5 (alpha-LoRA, arXiv
2510.21345, the formulas for an arbitrary source).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem

NAME = "alpha_overlap"
TITLE = "The best alpha for a fixed source vector against its overlap with the target mean."
NEEDS_DATA = False

P = 400
SAMPLES = (200, 20)
GAMMAS = (0.1, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, eq=False)
class AlphaOverlap:
    """The best alpha.

    Attributes
    ----------
    samples : tuple of int
        Target samples n.
    gammas : tuple of float
    overlaps : ndarray of shape (n_overlaps,)
        Inner product of the source vector with the target mean.
    optimal_alpha : ndarray of shape (n_samples, n_gammas, n_overlaps)
    gain : ndarray of shape (n_samples, n_gammas, n_overlaps)
        Accuracy at the best alpha minus accuracy at alpha = 1.
    """

    samples: tuple[int, ...]
    gammas: tuple[float, ...]
    overlaps: NDArray[np.float64]
    optimal_alpha: NDArray[np.float64]
    gain: NDArray[np.float64]


def problem(overlap: Any, n: Any, gamma: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points: ``N=None`` is a fixed source vector of norm mu."""
    return TransferProblem(beta=overlap, p=P, n=n, N=None, mu=1.0, mu_orth=1.0, gamma=gamma)


def compute(quick: bool = False, data: Any = None) -> AlphaOverlap:
    """Evaluate the formula.

    Parameters
    ----------
    quick : bool
        Without effect: this takes no time.
    data
        Not used: no data files are needed.
    """
    overlaps = np.linspace(-1, 1, 201)
    curve = problem(overlaps, np.array(SAMPLES)[:, None, None], np.array(GAMMAS)[:, None]).curve()
    best, gain = np.asarray(curve.optimal_alpha()), np.asarray(curve.gain(over=1.0))
    return AlphaOverlap(SAMPLES, GAMMAS, overlaps, best, gain)


def tables(result: AlphaOverlap) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """The curves."""
    rows = [
        [n, gamma, overlap, result.optimal_alpha[i, j, k], result.gain[i, j, k]]
        for i, n in enumerate(result.samples)
        for j, gamma in enumerate(result.gammas)
        for k, overlap in enumerate(result.overlaps)
    ]
    return {"alpha_overlap": (["n", "gamma", "overlap", "optimal_alpha", "gain_over_1"], rows)}


@style.styled
def draw(result: AlphaOverlap) -> Figure:
    """One panel per number of samples, one curve per target ridge."""
    figure, ((*axes,),) = style.panels(len(result.samples), size=(3.6, 3.0))
    for i, (ax, n) in enumerate(zip(axes, result.samples, strict=True)):
        for j, gamma in enumerate(result.gammas):
            ax.plot(
                result.overlaps,
                result.optimal_alpha[i, j],
                color=style.SERIES[j],
                linestyle=style.DASHES[j],
                label=rf"$\gamma = {gamma:g}$",
            )
        for level, label in ((1, r"$\alpha = \pm 1$"), (-1, None)):
            ax.axhline(level, color=style.GREY, linewidth=0.9, zorder=1, label=label)
        ax.set_title(rf"$n = {n}$, $\eta = {P / n:g}$")
        ax.set(
            xlabel=r"overlap $\langle \tilde w, \mu_\beta \rangle$",
            xlim=(-1, 1),
            xticks=(-1, -0.5, 0, 0.5, 1),
        )
    axes[0].set_ylabel(r"best alpha $\alpha^*$")
    style.legend(figure, axes, columns=6)
    return figure
