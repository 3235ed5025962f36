"""The best alpha as a function of the alignment beta, for four aspect ratios and three target ridges.

N = 2000 source and n = 200 target samples, all norms and the source ridge 1, as in alpha-LoRA, arXiv
2510.21345; eta = p/n is 0.01, 0.1, 1 and 10, so that the dimension p goes from 2 to 2000.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

ETAS = (0.01, 0.1, 1.0, 10.0)
GAMMAS = (1.0, 5.0, 10.0)
N_TARGET, N_SOURCE = 200, 2000
POINTS = (-0.75, -0.5, -0.25, 0.25, 0.5, 0.75)
SEED = 2511


def problem(beta: Any, eta: Any, gamma: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points."""
    return TransferProblem(beta=beta, p=eta * N_TARGET, n=N_TARGET, N=N_SOURCE, gamma=gamma)


def compute(quick: bool = False) -> Numbers:
    """alpha* in arrays of shape (n_gammas, n_etas, n_betas), and simulated at a few betas.

    Quick: 300 draws for each point instead of 5000.
    """
    draws = 300 if quick else 5000
    # Dense near -1 and 1, where the curves of small eta are steep.
    betas, points = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 201)), np.array(POINTS)
    found = np.empty((len(GAMMAS), len(ETAS), len(POINTS), 2))
    for i, j, k in np.ndindex(found.shape[:3]):
        setting = problem(POINTS[k], ETAS[j], GAMMAS[i])
        found[i, j, k] = simulated_optimum(
            simulate(setting, 0.0, replicates=draws, rng=(SEED, i, j, k)).draws
        )
    gamma, eta, _ = across(GAMMAS, ETAS, betas)
    return Numbers(
        main=Table(
            gamma=gamma, eta=eta, beta=betas, optimal_alpha=problem(betas, eta, gamma).curve().optimal_alpha()
        ),
        simulated=Table(
            gamma=gamma,
            eta=eta,
            beta=points,
            theory=problem(points, eta, gamma).curve().optimal_alpha(),
            simulated=found[..., 0],
            standard_error=found[..., 1],
            draws=draws,
        ),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per target ridge, one curve per aspect ratio."""
    figure, ((*axes,),) = style.panels(len(GAMMAS))
    lines, found = result.main, result.simulated
    for i, (ax, gamma) in enumerate(zip(axes, GAMMAS, strict=True)):
        for j, eta in enumerate(ETAS):
            ax.plot(lines.beta, lines.optimal_alpha[i, j], **style.series(j, label=rf"$\eta = {eta:g}$"))
            look: dict[str, Any] = {"color": style.SERIES[j], "label": style.SIMULATION if j == 0 else None}
            style.points(ax, found.beta, found.simulated[i, j], 2 * found.standard_error[i, j], **look)
        ax.axhline(1, color=style.GREY, linewidth=0.9, zorder=1, label=r"$\alpha = 1$")
        ax.set_title(rf"$\gamma = {gamma:g}$")
        ax.set(xlabel=r"alignment $\beta$", xlim=(-1, 1))
    axes[0].set_ylabel(r"best alpha $\alpha^*$")
    style.legend(figure, axes, columns=6)
    return figure
