r"""Calibration of fine-tuned logistic regression as a function of alpha.

The slope of the true log odds in the score (1: calibrated, below: overconfident), and the expected
difference between stated and true probability.  p = 200, n = 100, a fixed source with cosine 0.7 to the best
direction, and as long as the calibrated classifier would be at alpha = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.statistics import standard_error
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, beside_theory, mean_and_source, table
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate
from rmt_alpha.theory.convex.curve import LossCurve

P, SAMPLES, LENGTH, COSINE, SOURCE_LENGTH = 200, 100, 1.2, 0.7, 1.6
RIDGES = (0.01, 0.1, 1.0)
SEED = 2532


def problem(gamma: float) -> FineTuning:
    """Two balanced classes, uncorrelated features."""
    mean, weights = mean_and_source(P, LENGTH, COSINE, SOURCE_LENGTH)
    return FineTuning(GaussianMixture.symmetric(mean), FixedSource(weights), SAMPLES, gamma, loss="logistic")


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate.

    Curves have shape (n_ridges, n_alphas); ``at_best`` (highest accuracy) and ``at_best_loss`` (least
    expected loss) hold accuracy, slope and error; ``theory``, ``simulated`` and ``stderr`` of shape (2,
    n_ridges, n_points) are of accuracy and slope. Quick: 26 alphas instead of 61, and 10 draws instead of
    300.
    """
    alpha, draws = np.linspace(-1.0, 4.0, 26 if quick else 61), 10 if quick else 300
    points = np.array([0.0, 1.0, 2.0, 3.0])
    curves = [curve for gamma in RIDGES if isinstance(curve := problem(gamma).curve(), LossCurve)]
    theory, simulated, stderr = np.empty((3, 2, len(RIDGES), len(points)))
    for i, gamma in enumerate(RIDGES):
        theory[:, i] = curves[i].accuracy(points), curves[i].calibration_slope(points)
        run = simulate(problem(gamma), points, replicates=draws, rng=(SEED, i))
        mean, variance = run.draws.class_mean, run.draws.class_variance
        slopes = (mean[..., 1] - mean[..., 0]) / variance[..., 0]  # one spread for both classes
        for q, values in enumerate((run.draws.accuracy, slopes)):
            simulated[q, i], stderr[q, i] = values.mean(axis=0), standard_error(values)
    optima = np.array([[c.optimal_alpha(rtol=1e-4), c.optimal_alpha("loss", rtol=1e-4)] for c in curves])

    def there(k: int) -> FloatArray:
        return np.array(
            [
                [c.accuracy(a), c.calibration_slope(a), c.calibration_error(a)]
                for c, a in zip(curves, optima[:, k], strict=True)
            ]
        )

    return Numbers(
        alpha=alpha,
        accuracy=np.array([curve.accuracy(alpha) for curve in curves]),
        slope=np.array([curve.calibration_slope(alpha) for curve in curves]),
        error=np.array([curve.calibration_error(alpha) for curve in curves]),
        best=optima[:, 0],
        best_loss=optima[:, 1],
        at_best=there(0),
        at_best_loss=there(1),
        points=points,
        theory=theory,
        simulated=simulated,
        stderr=stderr,
        draws=draws,
    )


def tables(result: Numbers) -> dict[str, Table]:
    """The curves, the best alphas, and the simulated points beside the theory."""
    gamma, found = np.array(RIDGES)[:, None], ("accuracy", "calibration_slope", "calibration_error")
    curves = dict(zip(found, (result.accuracy, result.slope, result.error), strict=True))
    at_best = np.stack([result.at_best, result.at_best_loss], axis=1)
    best = np.stack([result.best, result.best_loss], axis=1)
    simulated = beside_theory(("accuracy", "slope"), result.theory, result.simulated, result.stderr)
    return {
        "calibration": table(gamma=gamma, alpha=result.alpha, **curves),
        "calibration_best": table(
            gamma=gamma,
            criterion=("accuracy", "loss"),
            alpha=best,
            **{name: at_best[..., k] for k, name in enumerate(found)},
        ),
        "calibration_simulated": table(gamma=gamma, alpha=result.points, **simulated, draws=result.draws),
    }


@style.styled
def draw(result: Numbers) -> Figure:
    """Accuracy, slope of the log odds, and calibration error against alpha."""
    figure, axes = style.panels(3, 1, size=(3.3, 2.9))
    first, second, third = axes[0]
    for i, gamma in enumerate(RIDGES):
        color = style.SERIES[i]
        look = {"color": color, "linestyle": style.DASHES[i], "label": rf"$\gamma = {gamma:g}$"}
        for k, (ax, values) in enumerate(
            ((first, result.accuracy), (second, result.slope), (third, result.error))
        ):
            ax.plot(result.alpha, values[i], **look)
            style.mark(ax, "best", result.best[i], result.at_best[i, k], color=color)
            options = {"color": color, "marker": "v", "label": r"$\alpha$ of least expected loss"}
            style.mark(ax, "best", result.best_loss[i], result.at_best_loss[i, k], **options)
        for q, ax in enumerate((first, second)):
            style.points(ax, result.points, result.simulated[q, i], 2 * result.stderr[q, i], color=color)
    second.axhline(1.0, color=style.GREY, linewidth=0.8)
    first.set(ylabel="test accuracy")
    second.set(ylabel="slope of the true log odds", yscale="log", ylim=(0.25, 5.0))
    second.set_yticks((0.3, 0.5, 1, 2, 5), labels=("0.3", "0.5", "1", "2", "5"))
    second.minorticks_off()
    third.set(ylabel="calibration error")
    for ax in axes[0]:
        ax.set(xlabel=r"$\alpha$", xlim=(result.alpha[0], result.alpha[-1]))
    style.simulation_entry(first)
    style.legend(figure, axes[0], columns=4)
    return figure
