"""Test accuracy as a function of alpha, for a weakly, a moderately and a strongly related source.

Setting of alpha-LoRA, arXiv 2510.21345: N = 5000 source and n = 40 target samples in dimension p = 1000,
both means of norm 0.8, source ridge 5, target ridge 0.1.  Accuracy is signed: left of the neutral alpha the
classifier is wrong more often than right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table, table
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

NAME = "accuracy"
TITLE = "Test accuracy against alpha: theory, simulation, and the alphas that matter."
NEEDS_DATA = False

BETAS = (0.2, 0.5, 0.9)
SETTING = {"p": 1000, "n": 40, "N": 5000, "mu": 0.8, "mu_orth": 0.8, "gamma": 0.1, "gamma_source": 5.0}
SEED = 2510
REACH = 10.0


def problem(beta: float) -> TransferProblem:
    """The problem of one panel."""
    return TransferProblem(beta=beta, **SETTING)


def compute(quick: bool = False, data: Any = None) -> Numbers:
    """Predict and simulate: arrays of shape (n_betas, n_alphas) or (n_betas,); ``std`` is that of a draw.

    Quick: 400 draws of the data for each beta instead of 4000.
    """
    draws = 400 if quick else 4000
    alphas, points = np.linspace(-REACH, REACH, 401), np.arange(-REACH + 0.5, REACH)
    curves = [problem(beta).curve() for beta in BETAS]
    runs = [simulate(problem(beta), points, replicates=draws, rng=(SEED, i)) for i, beta in enumerate(BETAS)]
    best = np.array([curve.optimal_alpha() for curve in curves])
    return Numbers(
        betas=BETAS,
        alphas=alphas,
        theory=np.array([curve.accuracy(alphas) for curve in curves]),
        simulated_alphas=points,
        simulated=np.array([run.accuracy for run in runs]),
        stderr=np.array([run.accuracy_stderr for run in runs]),
        std=np.array([run.draws.accuracy.std(axis=0, ddof=1) for run in runs]),
        theory_there=np.array([curve.accuracy(points) for curve in curves]),
        draws=draws,
        optimal_alpha=best,
        neutral_alpha=np.array([curve.neutral_alpha() for curve in curves]),
        at_optimum=np.array([curve.accuracy(alpha) for curve, alpha in zip(curves, best, strict=True)]),
        at_0=np.array([curve.accuracy(0.0) for curve in curves]),
        at_1=np.array([curve.accuracy(1.0) for curve in curves]),
    )


def tables(result: Numbers) -> dict[str, Table]:
    """The curves, the simulated points beside the theory, and the marked alphas."""
    beta = np.array(result.betas)[:, None]
    return {
        "accuracy": table(beta=beta, alpha=result.alphas, accuracy=result.theory),
        "accuracy_simulated": table(
            beta=beta,
            alpha=result.simulated_alphas,
            theory=result.theory_there,
            simulated=result.simulated,
            standard_error=result.stderr,
            std_of_a_draw=result.std,
            draws=result.draws,
        ),
        "accuracy_marked": table(
            beta=result.betas,
            optimal_alpha=result.optimal_alpha,
            neutral_alpha=result.neutral_alpha,
            accuracy_optimal=result.at_optimum,
            accuracy_0=result.at_0,
            accuracy_1=result.at_1,
        ),
    }


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per beta: theory as a line, simulation as points, the special alphas marked."""
    figure, ((*axes,),) = style.panels(len(result.betas))
    for i, (ax, beta) in enumerate(zip(axes, result.betas, strict=True)):
        ax.axhline(0.5, color=style.GREY, linewidth=0.8)
        ax.plot(result.alphas, result.theory[i], color=style.BLUE, label="theory")
        style.points(
            ax,
            result.simulated_alphas,
            result.simulated[i],
            result.std[i],
            label="simulation, mean ± std of a draw",
        )
        style.mark(ax, "zero", 0.0, result.at_0[i])
        style.mark(ax, "one", 1.0, result.at_1[i])
        style.mark(ax, "best", result.optimal_alpha[i], result.at_optimum[i])
        style.mark(ax, "neutral", result.neutral_alpha[i], 0.5)
        ax.set_title(rf"$\beta = {beta}$")
        ax.set(xlabel=r"$\alpha$", xlim=(-REACH, REACH))
        ax.text(
            0.97,
            0.04,
            f"$\\alpha^* = {result.optimal_alpha[i]:.2f}$\nneutral: ${result.neutral_alpha[i]:.2f}$",
            transform=ax.transAxes,
            ha="right",
            va="bottom",
        )
    axes[0].set_ylabel(r"test accuracy $\Phi(m_\alpha / \sigma_\alpha)$")
    style.legend(figure, axes, columns=3)
    return figure
