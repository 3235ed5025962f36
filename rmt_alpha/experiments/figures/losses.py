r"""When the loss matters, and when it does not.

The best alpha of squared, logistic and hinge loss, the accuracy there, and its gain over alpha = 1, against
the target ridge.  With a large ridge all losses give the averaging classifier; what is left of their
difference is the scale of alpha.  p = 200, n = 160, a fixed source with cosine 0.6 to the best direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import (
    Numbers,
    Table,
    across,
    beside_theory,
    mean_and_source,
    named,
)
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate

P, SAMPLES, LENGTH, COSINE, SOURCE_LENGTH = 200, 160, 1.5, 0.6, 1.0
LOSSES = ("squared", "logistic", "hinge")
CASES = ("isotropic features", "one class wider, 15 % wrong labels")
SEED = 2531


def problem(case: int, loss: str, gamma: float) -> FineTuning:
    """One problem; ``case`` is an index of `CASES`."""
    mean, weights = mean_and_source(P, LENGTH, COSINE, SOURCE_LENGTH)
    if case == 0:
        target = GaussianMixture.symmetric(mean)
        return FineTuning(target, FixedSource(weights), SAMPLES, gamma, loss=loss)
    # Neighbours in the spectrum have the same share of the mean and of the source.
    spectrum = np.repeat(np.geomspace(0.1, 2.0, P // 2), 2)
    target = GaussianMixture(np.stack([-mean, mean]), [spectrum, 4 * spectrum])
    source = FixedSource(weights)
    return FineTuning(target, source, SAMPLES, gamma, intercept=True, label_noise=0.15, loss=loss)


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate.

    Arrays have shape (n_cases, n_losses, n_gammas). Quick: 3 ridges instead of 13, less precise best alphas,
    and 4 draws at one of the ridges instead of 100 at three.
    """
    gamma = np.geomspace(0.01, 10.0, 3 if quick else 13)
    points, draws = gamma[1:2] if quick else gamma[[4, 7, 10]], 4 if quick else 100
    shape = (len(CASES), len(LOSSES))
    lines = np.empty((*shape, 3, len(gamma)))
    theory, simulated, stderr = np.empty((3, *shape, len(points), 2))
    for case, k in np.ndindex(shape):
        for i, value in enumerate(gamma):
            curve = problem(case, LOSSES[k], value).curve()
            # The squared loss has a formula, the others a search.
            options: dict[str, Any] = {} if k == 0 else {"rtol": 0.02 if quick else 1e-4}
            best = curve.optimal_alpha(**options)
            lines[case, k, :, i] = best, curve.accuracy(best), curve.accuracy(1.0)
        for j, value in enumerate(points):
            i = int(np.flatnonzero(gamma == value)[0])
            at = [lines[case, k, 0, i], 1.0]
            theory[case, k, j] = lines[case, k, 1:, i]
            run = simulate(problem(case, LOSSES[k], value), at, replicates=draws, rng=(SEED, case, k, j))
            simulated[case, k, j], stderr[case, k, j] = run.accuracy, run.accuracy_stderr
    features, loss, _ = across(CASES, LOSSES, gamma)
    names = ("accuracy_optimal", "accuracy_1")
    columns = named(("optimal_alpha", *names), lines, 2)
    beside = beside_theory(names, theory, simulated, stderr, axis=-1)
    return Numbers(
        main=Table(features=features, loss=loss, gamma=gamma, **columns),
        simulated=Table(features=features, loss=loss, gamma=points, **beside, draws=draws),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Accuracy at alpha*, alpha*, and the gain over alpha = 1; a column for each kind of features."""
    figure, axes = style.panels(2, 3, size=(3.7, 2.2), sharex=True, sharey="row")
    lines, found = result.main, result.simulated
    for case, k in np.ndindex(len(CASES), len(LOSSES)):
        look = style.series(k, label=LOSSES[k])
        best, plain = lines.accuracy_optimal[case, k], lines.accuracy_1[case, k]
        top, middle, bottom = axes[:, case]
        top.plot(lines.gamma, best, **look)
        error = 2 * found.accuracy_optimal_standard_error[case, k]
        style.points(
            top, found.gamma, found.accuracy_optimal_simulated[case, k], error, color=style.SERIES[k]
        )
        middle.plot(lines.gamma, lines.optimal_alpha[case, k], **look)
        bottom.plot(lines.gamma, best - plain, **look)
        top.set(title=CASES[case], xscale="log")
        middle.set(yscale="log")
        bottom.set(xlabel=r"target ridge $\gamma$")
    axes[0, 0].set(ylabel=r"accuracy at $\alpha^*$")
    axes[1, 0].set(ylabel=r"best alpha $\alpha^*$")
    axes[2, 0].set(ylabel=r"gain over $\alpha = 1$")
    style.simulation_entry(axes[0, 0])
    style.legend(figure, axes[0], columns=4)
    return figure
