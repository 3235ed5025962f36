r"""Where plain fine-tuning harms: the gain of alpha = 1 over alpha = 0, over alignment and target samples.

Three borders divide the plane: alpha* = 0, where the source is worth nothing; alpha* = 1, where plain
fine-tuning is the best; and between them the border of negative transfer, where alpha = 1 and alpha = 0 are
equally good, because 1 is the upper end of the interval of alphas that help.  To its left alpha = 1 loses,
although a smaller or a negative alpha would gain.

Two sources in dimension p = 400: a well-trained one (N = 4000, source ridge 1) and an overfitted one
(N = 480, source ridge 0.01).  Target ridge 0.3, all norms 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from scipy import optimize

from rmt_alpha._core.statistics import mean_and_error
from rmt_alpha.experiments.figures._numbers import FoundTable, Numbers, Table, across, or_word
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate


class SourceTraining(NamedTuple):
    """One column of the figure."""

    label: str
    fields: dict[str, float]


SOURCES = (
    SourceTraining(r"well-trained source, $N = 10\,p$", {"N": 4000, "gamma_source": 1.0}),
    SourceTraining(r"overfitted source, $N = 1.2\,p$", {"N": 480, "gamma_source": 0.01}),
)
SETTING = {"p": 400, "gamma": 0.3}
SLICES = (40, 400, 2000)
"""Target samples of the curves in the second row."""
POINTS = (-0.8, -0.4, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Alignments that were simulated."""
SEED = 2519
LOSS = 0.3
"""The colour scale ends at a loss of this size: beyond it everything is equally bad."""
SLICE_COLORS = (style.BLUE, style.PURPLE, style.GREEN)
NOTES = (
    ((-0.5, 2.5, "$\\alpha = 1$ harms,\na negative $\\alpha$ helps"), (0.68, 0.3, "$\\alpha = 1$\nhelps")),
    (
        (0.48, 2.5, "$\\alpha = 1$ harms,\na smaller $\\alpha > 0$ helps"),
        (0.84, 0.06, "$\\alpha = 1$\nhelps"),
    ),
)
"""Where the regions get their names: beta, n/p, text."""


def problem(beta: Any, n: Any, source: SourceTraining) -> TransferProblem:
    """The problem of one point, or of arrays of points."""
    return TransferProblem(beta=beta, n=n, **SETTING, **source.fields)


def predicted_gain(beta: Any, n: Any, source: SourceTraining) -> Any:
    """Accuracy at alpha = 1 minus accuracy at alpha = 0."""
    curve = problem(beta, n, source).curve()
    return curve.accuracy(1.0) - curve.accuracy(0.0)


def _above_one(beta: Any, n: Any, source: SourceTraining) -> Any:
    return problem(beta, n, source).curve().optimal_alpha() - 1


def border(excess: Callable[[Any], Any]) -> float:
    """The smallest positive alignment where ``excess`` changes its sign; nan if it does not in (0, 1)."""
    grid = np.linspace(1e-6, 1.0, 101)
    signs = np.sign(excess(grid))
    crossings = np.flatnonzero(np.diff(signs))
    if not crossings.size:
        return np.nan
    first = crossings[0]
    return float(optimize.brentq(excess, grid[first], grid[first + 1], xtol=1e-13))


def compute(quick: bool = False) -> Numbers:
    """Evaluate the formulas on a grid, find the borders, and simulate along three lines.

    Maps have shape (n_sources, n_samples, n_betas): ``gain`` is accuracy(1) - accuracy(0), ``upper_end`` that
    of the interval of alphas that beat 0. ``best_border`` is the alignment where alpha* = 1, ``harm_border``
    where that upper end is 1; nan where there is none in (0, 1). A simulated gain is an average over draws,
    both classifiers trained on the same data. Quick: 200 draws for each point instead of 4000, and a coarser
    map.
    """
    draws, size = (200, 41) if quick else (4000, 81)
    betas, samples = np.linspace(-1, 1, 2 * size + 1), SETTING["p"] * np.logspace(-1.5, 1, size)
    curves = [problem(betas, samples[:, None], source).curve() for source in SOURCES]
    points = np.array(POINTS)
    runs = np.empty((len(SOURCES), len(SLICES), points.size, 2))
    borders = np.empty((2, len(SOURCES), size))
    for i, source in enumerate(SOURCES):
        for j, n in enumerate(SLICES):
            for k, beta in enumerate(POINTS):
                run = simulate(problem(beta, n, source), [0, 1], replicates=draws, rng=(SEED, i, j, k))
                difference = np.diff(run.draws.accuracy)[:, 0]
                runs[i, j, k] = mean_and_error(difference)
        for j, n in enumerate(samples):
            borders[0, i, j] = border(partial(_above_one, n=n, source=source))
            borders[1, i, j] = border(partial(predicted_gain, n=n, source=source))
    lines = np.array(SLICES, float)[:, None]
    labels = [source.label.replace("$", "").replace("\\,", " ") for source in SOURCES]
    label, n, beta = across(labels, samples, betas)
    gain = np.array([curve.accuracy(1.0) - curve.accuracy(0.0) for curve in curves])
    upper_end = np.array([curve.transfer_interval()[1] for curve in curves])
    return Numbers(
        main=Table(
            source=label,
            n=n,
            beta=beta,
            optimal_alpha=np.array([curve.optimal_alpha() for curve in curves]),
            upper_end=or_word(upper_end, "unbounded"),
            gain_of_1=gain,
        ),
        borders=FoundTable(
            source=label, n=n, border=["alpha* = 1", "gain = 0"], beta=np.moveaxis(borders, 0, -1)
        ),
        simulated=Table(
            source=label,
            n=lines,
            beta=points,
            gain_theory=np.array([predicted_gain(points, lines, source) for source in SOURCES]),
            gain_simulated=runs[..., 0],
            standard_error=runs[..., 1],
            draws=draws,
        ),
        betas=betas,
        samples=samples,
        gain=gain,
        upper_end=upper_end,
        best_border=borders[0],
        harm_border=borders[1],
        sliced=np.array([predicted_gain(betas, lines, source) for source in SOURCES]),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Above the maps with their borders, below the gain along three horizontal lines."""
    figure, axes = style.panels(len(SOURCES), 2, size=(3.9, 2.9), sharey="row")
    ratio = result.samples / SETTING["p"]
    norm = TwoSlopeNorm(0.0, -100 * LOSS, 100 * result.gain.max())
    for i, ax in enumerate(axes[0]):
        look = {"norm": norm, "cmap": "RdBu", "shading": "gouraud", "rasterized": True}
        mesh = ax.pcolormesh(result.betas, ratio, 100 * result.gain[i], **look)
        ax.axvline(0.0, color=style.BLACK, linewidth=1.4, linestyle=style.DASHES[3], label=r"$\alpha^* = 0$")
        look = style.series(1, color=style.BLACK, label=r"$\alpha^* = 1$")
        ax.plot(result.best_border[i], ratio, **look)
        label = r"$\alpha = 1$ as good as $\alpha = 0$"
        ax.plot(result.harm_border[i], ratio, color=style.BLACK, linewidth=2.4, label=label)
        ax.set(yscale="log", title=SOURCES[i].label, xlim=(-1, 1), ylim=(ratio[0], ratio[-1]))
        ax.grid(False)
        for j, n in enumerate(SLICES):
            ax.axhline(n / SETTING["p"], **style.series(j, color=SLICE_COLORS[j], linewidth=1.1))
        for x, y, text in NOTES[i]:
            ax.text(x, y, text, fontsize=8, ha="center", va="center")
    axes[0, 0].set_ylabel("target samples\nper dimension, $n/p$")
    found = result.simulated
    name = "gain of $\\alpha = 1$ over\n$\\alpha = 0$, points"
    figure.colorbar(mesh, ax=list(axes[0]), label=name, aspect=16, extend="min", pad=0.02)
    for i, ax in enumerate(axes[1]):
        ax.axhline(0.0, color=style.GREY, linewidth=0.9)
        for j, n in enumerate(SLICES):
            color = SLICE_COLORS[j]
            look = style.series(j, color=color, label=f"$n/p = {n / SETTING['p']:g}$")
            ax.plot(result.betas, 100 * result.sliced[i, j], **look)
            gain, error = 100 * found.gain_simulated[i, j], 200 * found.standard_error[i, j]
            style.points(ax, found.beta, gain, error, color=color)
        ax.set(xlabel=r"alignment $\beta$", xlim=(-1, 1), ylim=(-100 * LOSS, None))
    axes[1, 0].set_ylabel("gain of $\\alpha = 1$, points")
    style.simulation_entry(axes[1, 0])
    style.legend(figure, axes.flat, columns=4)
    return figure
