r"""Few strong directions: accuracy averaged over draws, before and after the correction for them.

One direction of the features holds a share of the variance of the scores, 199 others the rest and the class
means.  `accuracy` is that of average moments, `expected_accuracy` averages over the weights.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate

P, LENGTH, GAMMA = 200, 0.3, 1.0
SAMPLES = (40, 100)
SEED = 577


def problem(share: float, samples: int) -> FineTuning:
    """One direction that holds about this share of the variance of the scores."""
    # The squared response of a direction, (C / (C + gamma))^2, is its part of the variance for many samples.
    part = np.sqrt((1 / share - 1) / (P - 1)) / (1 + GAMMA)
    spectrum = np.full(P, GAMMA * part / (1 - part))
    spectrum[0] = 1.0
    mean = np.full(P, LENGTH / np.sqrt(P - 1))
    mean[0] = 0.0
    target = GaussianMixture.symmetric(mean, spectrum)
    return FineTuning(target, FixedSource(mean), samples, GAMMA)


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate at alpha = 0: 2,000 draws, 20 if ``quick``."""
    lines, points = np.linspace(0.02, 0.95, 6 if quick else 32), np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    draws = 20 if quick else 2000
    curves = [[problem(share, n).curve() for share in lines.tolist()] for n in SAMPLES]
    plain, expected = (
        np.array([[getattr(curve, name)(0.0) for curve in row] for row in curves])
        for name in ("accuracy", "expected_accuracy")
    )
    found = np.empty((4, len(SAMPLES), len(points)))
    for i, j in np.ndindex(found.shape[1:]):
        one = problem(float(points[j]), SAMPLES[i])
        run, curve = simulate(one, 0.0, replicates=draws, rng=(SEED, i, j)), one.curve()
        found[:, i, j] = curve.accuracy(0.0), curve.expected_accuracy(0.0), run.accuracy, run.accuracy_stderr
    samples, share = across(SAMPLES, lines)
    main = Table(n=samples, share=share, accuracy=plain, expected_accuracy=expected)
    samples, share = across(SAMPLES, points)
    names = ("accuracy", "expected_accuracy", "simulated", "standard_error")
    simulated = Table(n=samples, share=share, **dict(zip(names, found, strict=True)), draws=draws)
    return Numbers(main=main, simulated=simulated)


@style.styled
def draw(result: Numbers) -> Figure:
    """Accuracy against the share of the strong direction, a panel for each number of samples."""
    figure, axes = style.panels(len(SAMPLES), size=(3.6, 2.6), sharey=True)
    lines, found = result.main, result.simulated
    for i, axis in enumerate(axes.flat):
        share = lines.share.ravel()
        axis.plot(share, lines.accuracy[i], color=style.BLUE, linestyle="--", label="of average moments")
        axis.plot(share, lines.expected_accuracy[i], color=style.BLUE, label="averaged over the weights")
        label = "simulation, two standard errors"
        style.points(axis, found.share.ravel(), found.simulated[i], 2 * found.standard_error[i], label=label)
        axis.set(title=f"$n = {SAMPLES[i]}$", xlabel="share of one direction in the variance of the score")
    axes.flat[0].set(ylabel=r"accuracy at $\alpha = 0$")
    style.legend(figure, axes.flat)
    return figure
