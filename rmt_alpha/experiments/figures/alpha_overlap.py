r"""The best alpha for a fixed source vector, as a function of its inner product with the target mean.

The source vector w~ is a given unit vector, however it was obtained, and the target mean is a unit vector;
dimension p = 400, n = 200 and n = 20 target samples, target ridges from 0.1 to 5 (alpha-LoRA, arXiv
2510.21345, the formulas for an arbitrary source).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem

P = 400
SAMPLES = (200, 20)
GAMMAS = (0.1, 0.5, 1.0, 2.0, 5.0)


def problem(overlap: Any, n: Any, gamma: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points: ``N=None`` is a fixed source vector of norm mu."""
    return TransferProblem(beta=overlap, p=P, n=n, N=None, mu=1.0, mu_orth=1.0, gamma=gamma)


def compute(quick: bool = False) -> Numbers:
    """alpha* and its gain in accuracy over alpha = 1, of shape (n_samples, n_gammas, n_overlaps)."""
    n, gamma, overlap = across(SAMPLES, GAMMAS, np.linspace(-1, 1, 201))
    curve = problem(overlap, n, gamma).curve()
    return Numbers(
        main=Table(
            n=n,
            gamma=gamma,
            overlap=overlap,
            optimal_alpha=curve.optimal_alpha(),
            gain_over_1=curve.gain(over=1.0),
        )
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per number of samples, one curve per target ridge."""
    figure, ((*axes,),) = style.panels(len(SAMPLES), size=(3.6, 3.0))
    overlap = result.main.overlap.ravel()
    for i, (ax, n) in enumerate(zip(axes, SAMPLES, strict=True)):
        for j, gamma in enumerate(GAMMAS):
            look = style.series(j, label=rf"$\gamma = {gamma:g}$")
            ax.plot(overlap, result.main.optimal_alpha[i, j], **look)
        for level, label in ((1, r"$\alpha = \pm 1$"), (-1, None)):
            ax.axhline(level, color=style.GREY, linewidth=0.9, zorder=1, label=label)
        ax.set_title(rf"$n = {n}$, $\eta = {P / n:g}$")
        name = r"overlap $\langle \tilde w, \mu_\beta \rangle$"
        ax.set(xlabel=name, xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1))
    axes[0].set_ylabel(r"best alpha $\alpha^*$")
    style.legend(figure, axes, columns=6)
    return figure
