r"""Published asymptotics without a source: logistic regression on two clusters, and where they separate.

The setting of figure 3 of Loureiro et al. (Learning Gaussian mixtures with generalised linear models,
NeurIPS 2021, arXiv 2106.03791), for two clusters: centres with independent N(0, 1/d) entries, covariance I/2,
logistic loss with an intercept, and a ridge of 1e-4.  Their objective is the *sum* of the losses with scores
W x / sqrt(d), plus (lambda/2) |W|^2 for one weight vector per class; of two vectors only their difference
counts, so that here gamma = lambda d / (2 n).  And the statement of Mai and Liao (arXiv 1905.13742) that with
the best ridge no loss beats the squared one: correlated features, at every n the best ridge for each.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure
from scipy import optimize, special

from rmt_alpha.experiments.figures._numbers import Numbers, Table, beside_theory
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate
from rmt_alpha.theory.convex.curve import LossCurve

P, WIDTH, LAMBDA = 200, 0.5, 1e-4
LOSSES = ("squared", "logistic", "hinge")
HALF = np.sqrt(0.5)
"""Half the distance of the centres, whose difference has the squared length 2."""
SPECTRUM = np.geomspace(0.05, 2.0, P)
"""Of the correlated features."""
SEED = 2533


def problem(loss: str, ratio: float, gamma: float, spectrum: Any = WIDTH) -> FineTuning:
    """``ratio`` samples per dimension; the axes are turned so that the centres lie on the diagonal."""
    mean = np.full(P, HALF / np.sqrt(P))
    target = GaussianMixture.symmetric(mean, spectrum)
    return FineTuning(target, FixedSource(mean), ratio * P, gamma, intercept=True, loss=loss)


def best_ridge(loss: str, ratio: float) -> float:
    """Least test error over the ridge, without a source."""

    def error(log: float) -> float:
        return float(problem(loss, ratio, float(np.exp(log)), SPECTRUM).curve().error(0.0))

    found = optimize.minimize_scalar(
        error, bounds=(np.log(1e-3), np.log(1e3)), method="bounded", options={"xatol": 1e-3}
    )
    return float(found.fun)


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate: test and training error, and the least test error over the ridge.

    Quick: 10 and 3 ratios instead of 39
    and 9, and 6 draws instead of 100.
    """
    ratio, draws = np.linspace(0.5, 10.0, 10 if quick else 39), 6 if quick else 100
    points = np.array([1.0, 2.0, 4.0] if quick else [1.0, 2.0, 3.0, 4.0, 6.0, 8.0])

    def errors(value: float) -> tuple[float, float]:
        curve = cast("LossCurve", problem("logistic", value, LAMBDA / (2 * value)).curve())
        return float(curve.error(0.0)), 1 - float(curve.training_accuracy(0.0))

    simulated, stderr = np.empty((2, 2, len(points)))
    for j, value in enumerate(points):
        run = simulate(problem("logistic", value, LAMBDA / (2 * value)), 0.0, replicates=draws, rng=(SEED, j))
        simulated[:, j] = 1 - run.accuracy, 1 - run.training_accuracy
        stderr[:, j] = run.accuracy_stderr, run.training_accuracy_stderr
    test, training = np.array([errors(value) for value in ratio]).T
    best_ratio = np.geomspace(0.3, 10.0, 3 if quick else 9)
    theory = np.array([errors(value) for value in points]).T
    return Numbers(
        main=Table(samples_per_dimension=ratio, test_error=test, training_error=training),
        simulated=Table(
            samples_per_dimension=points,
            **beside_theory(("test", "training"), theory, simulated, stderr),
            draws=draws,
        ),
        best=Table(
            samples_per_dimension=best_ratio,
            **{loss: np.array([best_ridge(loss, value) for value in best_ratio]) for loss in LOSSES},
        ),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Errors of logistic regression on the left, least errors over the ridge on the right."""
    figure, axes = style.panels(2, 1, size=(3.9, 3.0))
    left, right = axes[0]
    lines, found, best = result.main, result.simulated, result.best
    for k, name in enumerate(("test", "training")):
        look = style.series(k, label=f"{name} error")
        left.plot(lines.samples_per_dimension, getattr(lines, f"{name}_error"), **look)
        y, error = getattr(found, f"{name}_simulated"), getattr(found, f"{name}_standard_error")
        style.points(left, found.samples_per_dimension, y, 2 * error, color=style.SERIES[k])
    bayes = special.ndtr(-HALF / np.sqrt(WIDTH))
    left.axhline(bayes, color=style.GREY, linewidth=0.9, linestyle=":", label="Bayes error")
    for k, loss in enumerate(LOSSES[1:]):
        above = 100 * (getattr(best, loss) - best.squared)
        right.plot(
            best.samples_per_dimension, above, **style.series(k, color=style.SERIES[k + 2], label=loss)
        )
    across = "samples per dimension $n/p$"
    left.set(xlabel=across, ylabel="error", title=r"logistic, $\lambda = 10^{-4}$")
    right.set(xlabel=across, ylabel="points above squared loss", title="best ridge for each loss")
    right.set(xscale="log", ylim=(0, None))
    style.simulation_entry(left)
    style.legend(figure, axes[0], columns=3)
    return figure
