r"""Calibration of fine-tuned logistic regression as a function of alpha.

The slope of the true log odds in the score (1: calibrated, below: overconfident), and the expected
difference between stated and true probability.  p = 200, n = 100, a fixed source with cosine 0.7 to the best
direction, and as long as the calibrated classifier would be at alpha = 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.statistics import standard_error
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, beside_theory, mean_and_source
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate
from rmt_alpha.theory.convex.curve import LossCurve

P, SAMPLES, LENGTH, COSINE, SOURCE_LENGTH = 200, 100, 1.2, 0.7, 1.6
RIDGES = (0.01, 0.1, 1.0)
SEED = 2532
QUANTITIES = ("accuracy", "calibration_slope", "calibration_error")


def problem(gamma: float) -> FineTuning:
    """Two balanced classes, uncorrelated features."""
    mean, weights = mean_and_source(P, LENGTH, COSINE, SOURCE_LENGTH)
    return FineTuning(GaussianMixture.symmetric(mean), FixedSource(weights), SAMPLES, gamma, loss="logistic")


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate.

    Arrays have shape (n_ridges, n_alphas). Quick: 11 alphas instead of 61, and 10 draws instead of 300.
    """
    alpha, draws = np.linspace(-1.0, 4.0, 11 if quick else 61), 10 if quick else 300
    points = np.array([0.0, 1.0, 2.0, 3.0])
    curves = [cast("LossCurve", problem(gamma).curve()) for gamma in RIDGES]
    theory, simulated, stderr = np.empty((3, 2, len(RIDGES), len(points)))
    for i, gamma in enumerate(RIDGES):
        theory[:, i] = curves[i].accuracy(points), curves[i].calibration_slope(points)
        run = simulate(problem(gamma), points, replicates=draws, rng=(SEED, i))
        mean, variance = run.draws.class_mean, run.draws.class_variance
        slopes = (mean[..., 1] - mean[..., 0]) / variance[..., 0]  # one spread for both classes
        for q, values in enumerate((run.draws.accuracy, slopes)):
            simulated[q, i], stderr[q, i] = values.mean(axis=0), standard_error(values)
    optima = np.array([[c.optimal_alpha(rtol=1e-4), c.optimal_alpha("loss", rtol=1e-4)] for c in curves])

    def of_all(name: str, alphas: Iterable[FloatArray]) -> FloatArray:
        return np.array([getattr(curve, name)(own) for curve, own in zip(curves, alphas, strict=True)])

    column = np.array(RIDGES)[:, None]
    return Numbers(
        main=Table(
            gamma=column, alpha=alpha, **{name: of_all(name, [alpha] * len(RIDGES)) for name in QUANTITIES}
        ),
        best=Table(
            gamma=column,
            criterion=("accuracy", "loss"),
            alpha=optima,
            **{name: of_all(name, optima) for name in QUANTITIES},
        ),
        simulated=Table(
            gamma=column,
            alpha=points,
            **beside_theory(("accuracy", "slope"), theory, simulated, stderr),
            draws=draws,
        ),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Accuracy, slope of the log odds, and calibration error against alpha."""
    figure, axes = style.panels(3, 1, size=(3.3, 2.9))
    first, second, third = axes[0]
    lines, best, found = result.main, result.best, result.simulated
    for i, gamma in enumerate(RIDGES):
        color = style.SERIES[i]
        triangle = {"marker": "v", "label": r"$\alpha$ of least expected loss"}
        for ax, name in zip(axes[0], QUANTITIES, strict=True):
            look = style.series(i, label=rf"$\gamma = {gamma:g}$")
            ax.plot(lines.alpha, getattr(lines, name)[i], **look)
            for alpha, y, shape in zip(best.alpha[i], getattr(best, name)[i], ({}, triangle), strict=True):
                style.mark(ax, "best", alpha, y, color=color, **shape)
        for ax, name in ((first, "accuracy"), (second, "slope")):
            y, error = getattr(found, f"{name}_simulated")[i], getattr(found, f"{name}_standard_error")[i]
            style.points(ax, found.alpha, y, 2 * error, color=color)
    second.axhline(1.0, color=style.GREY, linewidth=0.8)
    first.set(ylabel="test accuracy")
    second.set(ylabel="slope of the true log odds", yscale="log", ylim=(0.25, 5.0))
    second.set_yticks((0.3, 0.5, 1, 2, 5), labels=("0.3", "0.5", "1", "2", "5"))
    second.minorticks_off()
    third.set(ylabel="calibration error")
    for ax in axes[0]:
        ax.set(xlabel=r"$\alpha$", xlim=(lines.alpha[0], lines.alpha[-1]))
    style.simulation_entry(first)
    style.legend(figure, axes[0], columns=4)
    return figure
