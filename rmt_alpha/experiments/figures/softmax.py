r"""Softmax against squared loss on one-hot targets, for three classes: when the loss matters.

The class means are the corners of a triangle: two at a distance of 2 lengths, the third at a height above the
middle between them, from an equilateral triangle (sqrt 3 lengths) down to three classes in a row (0).  Every
loss has a source of its own, trained with it on 480 samples of a mixture whose means have cosine 0.8 to the
target's.  p = 120, n = 96.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across, beside_theory, named
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import LossSource, RidgeSource
from rmt_alpha.simulation import simulate

P, SAMPLES, LENGTH, COSINE = 120, 96, 1.6, 0.8
SOURCE_SAMPLES, SOURCE_RIDGE = 480, 0.05
LOSSES = ("squared", "logistic")
NAMES = ("squared, one-hot", "softmax")
HEIGHTS = {"equilateral": float(np.sqrt(3.0)), "in a row": 0.0}
ALPHAS = (0.0, 1.0)
LINES = {"0": "--", "1": "-"}
KINDS = {"0": "zero", "1": "one", "optimal": "best"}
SEED = 2534


def means(height: float, cosine: float) -> FloatArray:
    """Class means, shape (3, p); their plane has this cosine to that of the target."""
    signs = np.sign(np.array([np.ones(8), [1, -1] * 4, [1, 1, -1, -1] * 2, [1] * 4 + [-1] * 4]))
    frame = np.tile(signs, P // 8) / np.sqrt(P)
    plane = cosine * frame[:2] + np.sqrt(1 - cosine**2) * frame[2:]
    corners = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, height]]) - np.array([0.0, height / 3])
    return np.asarray(LENGTH * corners @ plane)


def problem(loss: str, height: float, gamma: float) -> FineTuning:
    """Three balanced classes with correlated features, and an intercept."""
    spectrum = np.repeat(np.geomspace(0.3, 2.0, P // 8), 8)
    target, own = (GaussianMixture(means(height, cosine), spectrum) for cosine in (1.0, COSINE))
    source = (
        RidgeSource(own, SOURCE_SAMPLES, SOURCE_RIDGE, intercept=True)
        if loss == "squared"
        else LossSource(own, SOURCE_SAMPLES, SOURCE_RIDGE, loss, intercept=True)
    )
    return FineTuning(target, source, SAMPLES, gamma, intercept=True, loss=loss)


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate.

    The accuracy at alpha* is that with the ridge that is best at alpha = 1.

    Quick: 2 ridges and 2 heights instead of 9 and 5, and 6 draws at one ridge instead of 60 at three,
    and less precise best alphas.
    """
    gamma = np.geomspace(0.01, 10.0, 2 if quick else 9)
    height = np.linspace(0.0, np.sqrt(3.0), 2 if quick else 5)
    at, draws = gamma[:1] if quick else gamma[[1, 4, 7]], 6 if quick else 60
    curve_of = cache(lambda *case: problem(*case).curve())  # curves keep what they have solved
    found = np.empty((len(height), len(LOSSES), len(ALPHAS), len(gamma)))
    for h, k, i in np.ndindex(len(height), len(LOSSES), len(gamma)):
        found[h, k, :, i] = curve_of(LOSSES[k], float(height[h]), float(gamma[i])).accuracy(np.array(ALPHAS))
    shape = (len(HEIGHTS), len(LOSSES), len(at), len(ALPHAS))
    theory, simulated, stderr = np.empty((3, *shape))
    for g, k, i in np.ndindex(*shape[:3]):
        case = LOSSES[k], list(HEIGHTS.values())[g], float(at[i])
        run = simulate(problem(*case), np.array(ALPHAS), replicates=draws, rng=(SEED, g, k, i))
        theory[g, k, i] = curve_of(*case).accuracy(np.array(ALPHAS))
        simulated[g, k, i], stderr[g, k, i] = run.accuracy, run.accuracy_stderr
    names = tuple(f"accuracy_{alpha:g}" for alpha in ALPHAS)
    heights, losses, ridges = across(height, NAMES, gamma)
    classes, loss, ridge = across(list(HEIGHTS), NAMES, at)
    columns = beside_theory(names, theory, simulated, stderr, axis=-1)
    columns_best = {f"best_{name}": values for name, values in named(names, found.max(axis=-1), 2).items()}
    best_accuracy = np.empty((len(height), len(LOSSES)))
    for h, k in np.ndindex(*best_accuracy.shape):
        there = float(gamma[int(np.argmax(found[h, k, ALPHAS.index(1.0)]))])
        options: dict[str, Any] = {} if LOSSES[k] == "squared" else {"rtol": 0.1 if quick else 0.02}
        best = curve_of(LOSSES[k], float(height[h]), there).optimum(**options)
        best_accuracy[h, k] = best.value
    return Numbers(
        main=Table(height=heights, loss=losses, gamma=ridges, **named(names, found, 2)),
        best=Table(
            height=height[:, None], loss=np.array(NAMES), **columns_best, best_accuracy_optimal=best_accuracy
        ),
        simulated=Table(classes=classes, loss=loss, gamma=ridge, **columns, draws=draws),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Accuracy against the ridge for both triangles; the lead of softmax with the best ridge for each."""
    figure, axes = style.panels(3, 1, size=(2.9, 3.0))
    lines, found, best = result.main, result.simulated, result.best
    gamma, height = lines.gamma.ravel(), best.height.ravel()
    for column, (classes, where) in enumerate(HEIGHTS.items()):
        panel, h = axes[0, column], int(np.argmin(abs(height - where)))
        for k, alpha in np.ndindex(len(LOSSES), len(ALPHAS)):
            name = f"accuracy_{ALPHAS[alpha]:g}"
            look = {"color": style.SERIES[k], "linestyle": LINES[f"{ALPHAS[alpha]:g}"]}
            label = rf"{NAMES[k]}, $\alpha = {ALPHAS[alpha]:g}$"
            panel.plot(gamma, getattr(lines, name)[h, k], label=label, **look)
            points, error = (getattr(found, f"{name}_{kind}") for kind in ("simulated", "standard_error"))
            style.points(
                panel, found.gamma.ravel(), points[column, k], 2 * error[column, k], color=style.SERIES[k]
            )
        panel.set(xscale="log", xlabel=r"target ridge $\gamma$", title=f"classes {classes}")
    for name, kind in KINDS.items():
        squared, softmax = getattr(best, f"best_accuracy_{name}").T
        axes[0, 2].plot(height, 100 * (softmax - squared), **style.at_alpha(kind))
    axes[0, 2].axhline(0.0, color=style.GREY, linewidth=0.9)
    axes[0, 0].set(ylabel="accuracy")
    axes[0, 2].set(
        xlabel="height of the third class", ylabel="points above squared loss", title="best ridge for each"
    )
    style.simulation_entry(axes[0, 0])
    style.legend(figure, axes[0], columns=4)
    return figure
