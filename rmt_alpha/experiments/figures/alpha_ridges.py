"""Heat maps over the two ridges: the best alpha, and what it gains over alpha = 1.

N = 2000 source and n = 40 target samples in dimension p = 400, all norms 1 (alpha-LoRA, arXiv 2510.21345).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem

BETAS = (0.2, 0.5, 0.8)
SETTING = {"p": 400, "n": 40, "N": 2000}
LEVELS = (0.1, 0.3, 3.0, 10.0, 30.0)
GAIN_LEVELS = (0.1, 1.0, 10.0)
"""Contours of the gain, in points of accuracy."""


def problem(beta: Any, gamma_source: Any, gamma: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points."""
    return TransferProblem(beta=beta, gamma=gamma, gamma_source=gamma_source, **SETTING)


def compute(quick: bool = False) -> Numbers:
    """alpha* and its gain over alpha = 1: one row per target ridge, one column per source ridge.

    Quick: a grid of 41 x 41 instead of 81 x 81.
    """
    grid = np.logspace(-2, 2, 41 if quick else 81)
    curve = problem(np.array(BETAS)[:, None, None], grid, grid[:, None]).curve()
    best, gain = np.asarray(curve.optimal_alpha()), np.asarray(curve.gain(over=1.0))
    beta, source, target = across(BETAS, grid, grid)
    maps = {"optimal_alpha": best.swapaxes(1, 2), "gain_over_1": gain.swapaxes(1, 2)}
    return Numbers(
        main=Table(beta=beta, gamma_source=source, gamma=target, **maps),
        gammas=grid,
        optimal_alpha=best,
        gain=gain,
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Above the best alpha, below its gain over alpha = 1 in points of accuracy; one column per beta."""
    figure, axes = style.panels(len(BETAS), 2, size=(2.9, 2.6), sharex=True, sharey=True)
    gain = 100 * result.gain
    floor = 0.01  # the gain is 0 where alpha* = 1: the colour scale stops here
    widest = max(result.optimal_alpha.max(), 1 / result.optimal_alpha.min())
    best = LogNorm(1 / widest, widest)  # the neutral colour is alpha* = 1
    gains = np.maximum(gain, floor), LogNorm(floor, gain.max()), "cividis", GAIN_LEVELS
    rows: tuple[tuple[Any, ...], ...] = (
        (result.optimal_alpha, best, "PuOr_r", LEVELS, r"best alpha $\alpha^*$"),
        (*gains, "gain over $\\alpha = 1$, points"),
    )
    grid = (result.gammas, result.gammas)
    for row, (values, norm, colors, levels, name) in zip(axes, rows, strict=True):
        for i, ax in enumerate(row):
            ax.set(xscale="log", yscale="log")  # before the contours, whose labels are placed on the screen
            mesh = ax.pcolormesh(*grid, values[i], norm=norm, cmap=colors, shading="gouraud", rasterized=True)
            line = "black" if colors == "PuOr_r" else "white"
            labels = ax.contour(*grid, values[i], levels=levels, colors=line, linewidths=0.6)
            ax.clabel(labels, fmt="%g", fontsize=7.5)
            # alpha* = 1, where plain fine-tuning is the best: thick and dashed in both rows.
            ax.contour(*grid, result.optimal_alpha[i], [1.0], colors=line, linestyles="--", linewidths=1.8)
            ax.grid(False)
        figure.colorbar(mesh, ax=row, label=name, aspect=16)
    for i, beta in enumerate(BETAS):
        axes[0, i].set_title(rf"$\beta = {beta}$")
        axes[1, i].set_xlabel(r"source ridge $\tilde\gamma$")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"target ridge $\gamma$")
    dashed = Line2D([], [], color="black", linestyle="--", linewidth=1.8, label=r"$\alpha^* = 1$")
    figure.legend(handles=[dashed], loc="outside upper center")
    return figure
