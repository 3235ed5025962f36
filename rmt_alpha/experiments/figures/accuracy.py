"""Test accuracy as a function of alpha, for a weakly, a moderately and a strongly related source.

Setting of alpha-LoRA, arXiv 2510.21345: N = 5000 source and n = 40 target samples in dimension p = 1000,
both means of norm 0.8, source ridge 5, target ridge 0.1.  Accuracy is signed: left of the neutral alpha the
classifier is wrong more often than right.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

BETAS = (0.2, 0.5, 0.9)
SETTING = {"p": 1000, "n": 40, "N": 5000, "mu": 0.8, "mu_orth": 0.8, "gamma": 0.1, "gamma_source": 5.0}
SEED = 2510
REACH = 10.0


def problem(beta: float) -> TransferProblem:
    """The problem of one panel."""
    return TransferProblem(beta=beta, **SETTING)


def compute(quick: bool = False) -> Numbers:
    """The curves, the simulated points beside the theory, and the marked alphas.

    Quick: 400 draws of the data for each beta instead of 4000.
    """
    draws = 400 if quick else 4000
    alphas, points = np.linspace(-REACH, REACH, 401), np.arange(-REACH + 0.5, REACH)
    curves = [problem(beta).curve() for beta in BETAS]
    runs = [simulate(problem(beta), points, replicates=draws, rng=(SEED, i)) for i, beta in enumerate(BETAS)]
    best = np.array([curve.optimal_alpha() for curve in curves])
    beta = np.array(BETAS)[:, None]
    return Numbers(
        main=Table(beta=beta, alpha=alphas, accuracy=np.array([curve.accuracy(alphas) for curve in curves])),
        simulated=Table(
            beta=beta,
            alpha=points,
            theory=np.array([curve.accuracy(points) for curve in curves]),
            simulated=np.array([run.accuracy for run in runs]),
            standard_error=np.array([run.accuracy_stderr for run in runs]),
            std_of_a_draw=np.array([run.draws.accuracy.std(axis=0, ddof=1) for run in runs]),
            draws=draws,
        ),
        marked=Table(
            beta=BETAS,
            optimal_alpha=best,
            neutral_alpha=np.array([curve.neutral_alpha() for curve in curves]),
            accuracy_optimal=np.array([c.accuracy(alpha) for c, alpha in zip(curves, best, strict=True)]),
            accuracy_0=np.array([curve.accuracy(0.0) for curve in curves]),
            accuracy_1=np.array([curve.accuracy(1.0) for curve in curves]),
        ),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per beta: theory as a line, simulation as points, the special alphas marked."""
    found, marked = result.simulated, result.marked
    figure, ((*axes,),) = style.panels(len(BETAS))
    for i, (ax, beta) in enumerate(zip(axes, BETAS, strict=True)):
        ax.axhline(0.5, color=style.GREY, linewidth=0.8)
        ax.plot(result.main.alpha, result.main.accuracy[i], color=style.BLUE, label="theory")
        label = "simulation, mean ± std of a draw"
        style.points(ax, found.alpha, found.simulated[i], found.std_of_a_draw[i], label=label)
        best, neutral = marked.optimal_alpha[i], marked.neutral_alpha[i]
        style.mark(ax, "zero", 0.0, marked.accuracy_0[i])
        style.mark(ax, "one", 1.0, marked.accuracy_1[i])
        style.mark(ax, "best", best, marked.accuracy_optimal[i])
        style.mark(ax, "neutral", neutral, 0.5)
        ax.set_title(rf"$\beta = {beta}$")
        ax.set(xlabel=r"$\alpha$", xlim=(-REACH, REACH))
        text = f"$\\alpha^* = {best:.2f}$\nneutral: ${neutral:.2f}$"
        ax.text(0.97, 0.04, text, transform=ax.transAxes, ha="right", va="bottom")
    axes[0].set_ylabel(r"test accuracy $\Phi(m_\alpha / \sigma_\alpha)$")
    style.legend(figure, axes, columns=3)
    return figure
