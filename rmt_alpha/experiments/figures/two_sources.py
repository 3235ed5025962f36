r"""Two sources, and the alpha vector that combines them.

Left, both sources are aligned with the target, one better than the other, and err independently: both get a
positive alpha, and together they are better than either.  In the middle the second source is orthogonal to
the target's mean, worthless by itself, but it shares the error of the first: a negative alpha subtracts it.

p = 200, n = 60, identity covariance, target mean of length 1.2, sources of length 0.5, target ridge 0.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import optimize

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import Draws, simulate

P, SAMPLES, GAMMA, LENGTH, SOURCE_LENGTH = 200, 60, 0.3, 1.2, 0.5
# Coordinates of the unit source vectors: along the target mean, and along two directions across it.
CASES: tuple[tuple[str, FloatArray], ...] = (
    ("two aligned sources", np.array([[0.7, np.sqrt(0.51), 0.0], [0.5, 0.0, np.sqrt(0.75)]])),
    ("a source and its error", np.array([[0.7, np.sqrt(0.51), 0.0], [0.0, 0.8, 0.6]])),
)
CHOICES = ("no source", "source 1, best", "source 2, best", "both at 1", "both, best")
REACH = (-2.6, 3.6)
SEED = 2523


def problem(units: FloatArray) -> FineTuning:
    """The problem with these two unit source vectors, written in three orthonormal directions."""
    # Columns of a Hadamard pattern: all features take part alike.
    signs = np.array([np.ones(P), (-1.0) ** np.arange(P), (-1.0) ** (np.arange(P) // 2)])
    basis = signs / np.sqrt(P)
    target = GaussianMixture.symmetric(LENGTH * basis[0])
    return FineTuning(target, FixedSource(SOURCE_LENGTH * units @ basis), SAMPLES, GAMMA)


def simulated_best(draws: Draws, guess: Any) -> tuple[FloatArray, FloatArray]:
    """The alpha of the highest average accuracy; its covariance is H^-1 Cov(gradient) H^-1 / draws."""
    step = 1e-3 * np.eye(2)

    def gradients(alpha: FloatArray) -> FloatArray:
        around = draws.at(np.concatenate([alpha + step, alpha - step])).accuracy
        return np.asarray((around[:, :2] - around[:, 2:]) / (2 * step[0, 0]))

    best = optimize.root(lambda alpha: gradients(alpha).mean(axis=0), guess, tol=1e-9).x
    ends = [(gradients(best + row).mean(axis=0), gradients(best - row).mean(axis=0)) for row in 10 * step]
    hessian = np.array([(above - below) / (20 * step[0, 0]) for above, below in ends])
    inverse = np.linalg.inv((hessian + hessian.T) / 2)
    return best, inverse @ np.cov(gradients(best).T) @ inverse / draws.replicates


def compute(quick: bool = False) -> Numbers:
    """Evaluate the formulas and simulate: special points, the best alphas, and the maps.

    The maps have alpha_2 in rows and alpha_1 in columns; ``choices`` of shape (n_cases, 5, 2) are the alphas
    of `CHOICES`. Quick: 500 draws of the data instead of 10 000.
    """
    draws, alphas = (500 if quick else 10_000), np.linspace(*REACH, 125)
    grid = np.stack(np.meshgrid(alphas, alphas), axis=-1)
    shape = (len(CASES), len(CHOICES))
    maps, choices = np.empty((len(CASES), alphas.size, alphas.size)), np.zeros((*shape, 2))
    values, found, covariances = (
        np.empty(size) for size in ((3, *shape), (len(CASES), 2), (len(CASES), 2, 2))
    )
    for i, (_, units) in enumerate(CASES):
        curve = problem(units).curve()
        choices[i, 1, 0] = curve.along([1.0, 0.0]).optimal_alpha()
        choices[i, 2, 1] = curve.along([0.0, 1.0]).optimal_alpha()
        choices[i, 3], choices[i, 4] = 1.0, curve.optimal_alpha()
        maps[i] = curve.accuracy(grid)
        run = simulate(problem(units), choices[i], replicates=draws, rng=(SEED, i))
        values[:, i] = curve.accuracy(choices[i]), run.accuracy, run.accuracy_stderr
        found[i], covariances[i] = simulated_best(run.draws, choices[i, 4])
    case, second, first = across([label for label, _ in CASES], alphas, alphas)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    return Numbers(
        main=Table(
            case=case[..., 0],
            choice=CHOICES,
            alpha_1=choices[..., 0],
            alpha_2=choices[..., 1],
            theory=values[0],
            simulated=values[1],
            standard_error=values[2],
            draws=draws,
        ),
        optima=Table(
            case=case[..., 0],
            source=(1, 2),
            alpha_theory=choices[:, 4],
            alpha_simulated=found,
            standard_error=np.sqrt(variances),
        ),
        map=Table(case=case, alpha_1=first, alpha_2=second, accuracy=maps),
        alphas=alphas,
        choices=choices,
        found_covariance=covariances,
    )


LOOKS: tuple[dict[str, Any], ...] = (
    style.SHAPES["zero"] | {"label": "no source"},
    {"marker": "^", "color": style.BLUE, "label": "source 1 alone, best"},
    {"marker": "v", "color": style.PURPLE, "label": "source 2 alone, best"},
    style.SHAPES["one"] | {"label": r"$\alpha_1 = \alpha_2 = 1$"},
    style.SHAPES["best"] | {"label": r"$\alpha^*$, the best"},
)


@style.styled
def draw(result: Numbers) -> Figure:
    """Contours of the accuracy over (alpha_1, alpha_2) with special points; right the accuracies there."""
    figure, ((*axes,),) = style.panels(3, size=(3.5, 3.3), width_ratios=[1.15, 1.15, 1])
    top = result.map.accuracy.max()
    levels = np.arange(np.floor(100 * (top - 0.3)) / 100, top, 0.02)
    for i, ax in enumerate(axes[:2]):
        grid = (result.alphas, result.alphas, result.map.accuracy[i])
        limits = {"vmin": 0.5, "vmax": top, "shading": "gouraud", "rasterized": True}
        ax.pcolormesh(*grid, cmap="cividis", **limits)
        lines = ax.contour(*grid, levels=levels, colors="white", linewidths=0.6)
        ax.clabel(lines, levels[::2], fmt=lambda value: f"{100 * value:.0f}", fontsize=7.5)
        for line in (ax.axhline, ax.axvline):
            line(0.0, color="white", linewidth=0.8, linestyle=":")
        for k, look in enumerate(LOOKS):
            own = {"linestyle": "none", "markersize": 8, "markeredgecolor": "white", "zorder": 6} | look
            ax.plot(*result.choices[i, k], **own)
        label = "simulated best (errors: smaller than the mark)"
        ax.plot(
            *result.optima.alpha_simulated[i], "+", color=style.BLACK, markersize=6, zorder=7, label=label
        )
        ax.set(title=CASES[i][0], xlabel=r"$\alpha_1$")
        ax.grid(False)
    axes[0].set_ylabel(r"$\alpha_2$")
    _accuracies(axes[2], result.main)
    style.legend(figure, axes, columns=4)
    return figure


def _accuracies(ax: Axes, result: Table) -> None:
    """Theory as short lines, simulation as points, for both cases side by side."""
    for i in range(len(CASES)):
        for k, look in enumerate(LOOKS):
            x, color = k + (i - 0.5) * 0.36, look["color"]
            ax.plot([x - 0.14, x + 0.14], [result.theory[i, k]] * 2, color=color, linewidth=2.4)
            label = style.SIMULATION if i == k == 0 else "_"
            points: dict[str, Any] = {"markersize": 3.6, "marker": "os"[i], "label": label}
            style.points(ax, [x], [result.simulated[i, k]], [2 * result.standard_error[i, k]], **points)
    ax.set_xticks(range(len(CHOICES)), ["none", "1", "2", "(1, 1)", r"$\alpha^*$"])
    ax.set(title="left ●, middle ■; lines: theory", ylabel="test accuracy", xlabel="sources used")
