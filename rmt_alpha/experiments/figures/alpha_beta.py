"""The best alpha as a function of the alignment beta, for four aspect ratios and three target ridges.

N = 2000 source and n = 200 target samples, all norms and the source ridge 1, as in alpha-LoRA, arXiv
2510.21345; eta = p/n is 0.01, 0.1, 1 and 10, so that the dimension p goes from 2 to 2000.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table, table
from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

NAME = "alpha_beta"
TITLE = "The best alpha against the alignment of source and target."
NEEDS_DATA = False

ETAS = (0.01, 0.1, 1.0, 10.0)
GAMMAS = (1.0, 5.0, 10.0)
N_TARGET, N_SOURCE = 200, 2000
POINTS = (-0.75, -0.5, -0.25, 0.25, 0.5, 0.75)
SEED = 2511


def problem(beta: Any, eta: Any, gamma: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points."""
    return TransferProblem(beta=beta, p=eta * N_TARGET, n=N_TARGET, N=N_SOURCE, gamma=gamma)


def compute(quick: bool = False, data: Any = None) -> Numbers:
    """alpha* in arrays of shape (n_gammas, n_etas, n_betas), simulated at the betas ``points``.

    Quick: 500 draws for each point instead of 5000.
    """
    draws = 500 if quick else 5000
    # Dense near -1 and 1, where the curves of small eta are steep.
    betas, points = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 201)), np.array(POINTS)
    etas, gammas = np.array(ETAS)[:, None], np.array(GAMMAS)[:, None, None]
    found = np.array(
        [
            simulated_optimum(
                simulate(problem(beta, eta, gamma), 0.0, replicates=draws, rng=(SEED, i, j, k)).draws
            )
            for i, gamma in enumerate(GAMMAS)
            for j, eta in enumerate(ETAS)
            for k, beta in enumerate(POINTS)
        ]
    ).reshape(len(GAMMAS), len(ETAS), len(POINTS), 2)
    return Numbers(
        etas=ETAS,
        gammas=GAMMAS,
        betas=betas,
        optimal_alpha=np.asarray(problem(betas, etas, gammas).curve().optimal_alpha()),
        points=points,
        simulated=found[..., 0],
        stderr=found[..., 1],
        theory_there=np.asarray(problem(points, etas, gammas).curve().optimal_alpha()),
        draws=draws,
    )


def tables(result: Numbers) -> dict[str, Table]:
    """The curves, and the simulated points beside the theory."""
    gamma, eta, beta = np.ix_(result.gammas, result.etas, result.betas)
    return {
        "alpha_beta": table(gamma=gamma, eta=eta, beta=beta, optimal_alpha=result.optimal_alpha),
        "alpha_beta_simulated": table(
            gamma=gamma,
            eta=eta,
            beta=result.points,
            theory=result.theory_there,
            simulated=result.simulated,
            standard_error=result.stderr,
            draws=result.draws,
        ),
    }


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per target ridge, one curve per aspect ratio."""
    figure, ((*axes,),) = style.panels(len(result.gammas))
    for i, (ax, gamma) in enumerate(zip(axes, result.gammas, strict=True)):
        for j, eta in enumerate(result.etas):
            color = style.SERIES[j]
            ax.plot(
                result.betas,
                result.optimal_alpha[i, j],
                color=color,
                linestyle=style.DASHES[j],
                label=rf"$\eta = {eta:g}$",
            )
            label = "simulation, ± 2 standard errors" if j == 0 else None
            style.points(
                ax, result.points, result.simulated[i, j], 2 * result.stderr[i, j], color=color, label=label
            )
        ax.axhline(1, color=style.GREY, linewidth=0.9, zorder=1, label=r"$\alpha = 1$")
        ax.set_title(rf"$\gamma = {gamma:g}$")
        ax.set(xlabel=r"alignment $\beta$", xlim=(-1, 1))
    axes[0].set_ylabel(r"best alpha $\alpha^*$")
    style.legend(figure, axes, columns=6)
    return figure
