r"""The best alpha, and what it buys, as functions of the target ridge gamma.

N = 2000 source and n = 40 target samples in dimension p = 400, all norms and the source ridge 1.  As gamma
grows, gamma alpha* tends to the finite value eta s / (m^2 ||w~||^2 - s^2), with s the inner product of the
source vector w~ and the target mean of norm m; and the accuracy at alpha*(gamma) rises all the way: with
identity covariance a strong ridge with the right alpha beats every weaker one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.arithmetic import FLOAT
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate
from rmt_alpha.theory.isotropic.stage import source_vector
from rmt_alpha.theory.ridge.closed_form import effective_ridge

BETAS = (0.2, 0.5, 0.8)
SETTING = {"p": 400, "n": 40, "N": 2000}
POINTS = (1e-3, 1e-1, 1e1, 1e3)
SEED = 2512


def problem(beta: Any, gamma: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points."""
    return TransferProblem(beta=beta, gamma=gamma, **SETTING)


def strong_ridge_limit(beta: Any) -> Any:
    """What gamma alpha* tends to as gamma grows: eta s / (m^2 ||w~||^2 - s^2) with s = beta g and m = 1."""
    g, noise2 = source_vector(1.0, effective_ridge(SETTING["p"], SETTING["N"], 1.0), FLOAT)
    return SETTING["p"] / SETTING["n"] * beta * g / (g**2 + noise2 - (beta * g) ** 2)


def compute(quick: bool = False) -> Numbers:
    """Arrays of shape (n_betas, n_gammas), and simulated at a few ridges.

    The accuracy is simulated at the theory's alpha*; ``limit`` is what gamma alpha* tends to. Quick: 500
    draws for each point instead of 10000.
    """
    draws = 500 if quick else 10_000
    gammas, points = np.logspace(-3, 3, 181), np.array(POINTS)
    betas = np.array(BETAS)[:, None]
    curve, there = problem(betas, gammas).curve(), problem(betas, points).curve()
    theory = np.asarray(there.optimal_alpha())
    optima, accuracies = np.empty((len(BETAS), len(POINTS), 2)), np.empty((len(BETAS), len(POINTS), 3))
    for i, beta in enumerate(BETAS):
        for j, gamma in enumerate(POINTS):
            run = simulate(problem(beta, gamma), theory[i, j], replicates=draws, rng=(SEED, i, j))
            optima[i, j] = simulated_optimum(run.draws)
            accuracies[i, j] = run.accuracy, run.accuracy_stderr, run.draws.accuracy.std(ddof=1)
    best = np.asarray(curve.optimal_alpha())
    return Numbers(
        main=Table(
            beta=betas,
            gamma=gammas,
            optimal_alpha=best,
            accuracy_optimal=curve.accuracy(best),
            accuracy_1=curve.accuracy(1.0),
            accuracy_0=curve.accuracy(0.0),
        ),
        simulated=Table(
            beta=betas,
            gamma=points,
            alpha_theory=theory,
            alpha_simulated=optima[..., 0],
            alpha_standard_error=optima[..., 1],
            accuracy_theory=there.accuracy(theory),
            accuracy_simulated=accuracies[..., 0],
            accuracy_standard_error=accuracies[..., 1],
            accuracy_std_of_a_draw=accuracies[..., 2],
            draws=draws,
        ),
        limit=strong_ridge_limit(np.array(BETAS)),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Left: alpha* and its strong-ridge limit.  Right: accuracy at alpha*, 1 and 0, one panel per beta."""
    figure, axes = style.panels(2, 2, size=(3.8, 2.7))
    left, *rest = axes.flat
    lines, found = result.main, result.simulated
    # The three accuracies in three colours; the three betas on the left in three others.
    for i, beta in enumerate(BETAS):
        color = (style.SKY, style.PURPLE, style.BLACK)[i]
        left.plot(
            lines.gamma, lines.optimal_alpha[i], **style.series(i, color=color, label=rf"$\beta = {beta}$")
        )
        error = 2 * found.alpha_standard_error[i]
        style.points(left, found.gamma, found.alpha_simulated[i], error, color=color)
    strong = lines.gamma[lines.gamma >= 3]
    asymptotes = result.limit[:, None] / strong
    grey = left.plot(strong, asymptotes.T, color=style.GREY, linewidth=0.9, zorder=1)
    grey[0].set_label(r"limit of $\gamma\alpha^*$, over $\gamma$")
    left.set(xscale="log", yscale="log", xlabel=r"target ridge $\gamma$", ylabel=r"best alpha $\alpha^*$")
    left.set_title(r"the best $\alpha$")
    left.legend(loc="lower left", handlelength=3)
    for i, (ax, beta) in enumerate(zip(rest, BETAS, strict=True)):
        ax.plot(lines.gamma, lines.accuracy_optimal[i], **style.at_alpha("best"))
        ax.plot(lines.gamma, lines.accuracy_1[i], **style.at_alpha("one"))
        ax.plot(lines.gamma, lines.accuracy_0[i], **style.at_alpha("zero"))
        look = {"color": style.VERMILLION, "label": r"simulation at $\alpha^*$, ± 2 standard errors"}
        error = 2 * found.accuracy_standard_error[i]
        style.points(ax, found.gamma, found.accuracy_simulated[i], error, **look)
        ax.set(xscale="log", xlabel=r"target ridge $\gamma$", ylabel="test accuracy")
        ax.set_title(rf"accuracy, $\beta = {beta}$")
    style.legend(figure, rest, columns=4)
    return figure
