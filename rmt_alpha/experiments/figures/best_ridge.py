r"""The best target ridge: infinite with uncorrelated features, finite with correlated ones.

As gamma grows with gamma alpha fixed, the classifier tends to the direction X y / n + t w~: it stops
inverting the covariance of the features.  If that is the identity there was nothing to invert, and the
limit is the best.  If it has strong directions, some (spiked) or a whole hierarchy of them (power law), the
limit is drowned in their noise, and a finite ridge wins.

p = 200, n = 100, N = 400 source samples with source ridge 0.2, means of norm 1.2 spread over all features
alike, beta = 0.6; source and target have the same covariance.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, or_word, table
from rmt_alpha.experiments.figures._optimum import best_ridge
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import RidgeSource
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

P, SAMPLES, SOURCE_SAMPLES, SOURCE_RIDGE = 200, 100, 400, 0.2
LENGTH, BETA = 1.2, 0.6
FALLING = np.arange(1.0, P + 1) ** -0.5
SPECTRA: tuple[tuple[str, FloatArray | None], ...] = (
    ("uncorrelated", None),
    ("spiked: 20 variances of 10, the rest 1", np.where(np.arange(P) < 20, 10.0, 1.0)),
    (r"power law: variances $\propto 1/\sqrt{i}$", FALLING * P / FALLING.sum()),
)
"""Names and variances of the features; None is the identity."""
KINDS = ("zero", "one", "best")
LIMIT = 1e8
"""A ridge as good as infinite: what it leaves out is of relative order 1e-8."""
POINTS = (0.01, 0.1, 1.0, 10.0, 300.0)
SEED = 2521


def problem(variances: FloatArray | None, gamma: float) -> TransferProblem | FineTuning:
    """The problem of one point; the isotropic one in a few numbers, which is faster to simulate."""
    if variances is None:
        norms = {"mu": LENGTH, "mu_orth": LENGTH}
        ridges = {"gamma": gamma, "gamma_source": SOURCE_RIDGE}
        return TransferProblem(BETA, P, SAMPLES, SOURCE_SAMPLES, **norms, **ridges)
    source = np.full(P, LENGTH / np.sqrt(P))
    target = BETA * source + np.sqrt(1 - BETA**2) * np.where(np.arange(P) % 2, -source, source)
    task, source_task = (GaussianMixture.symmetric(mean, variances) for mean in (target, source))
    return FineTuning(task, RidgeSource(source_task, SOURCE_SAMPLES, SOURCE_RIDGE), SAMPLES, gamma)


def predict(variances: FloatArray | None, gamma: float) -> tuple[float, FloatArray]:
    """alpha*, and the accuracy at 0, 1 and alpha*."""
    curve = problem(variances, gamma).curve()
    best = float(curve.optimal_alpha())
    return best, np.asarray(curve.accuracy(np.array([0.0, 1.0, best])))


def _accuracy(k: int, variances: FloatArray | None, gamma: float) -> float:
    return float(predict(variances, gamma)[1][k])


def compute(quick: bool = False) -> Numbers:
    """Evaluate the formulas, find the best ridges, and simulate.

    ``accuracy`` of shape (n_spectra, 3, n_gammas) is at alpha = 0, 1 and alpha*; ``best``, ``at_best`` and
    ``limit`` of shape (n_spectra, 3) are the best ridge for each of these (inf: the more the better), the
    accuracy there, and that in the limit of infinite ridge. Quick: a tenth of the draws, 400 for each point
    with uncorrelated features, 60 with correlated ones.
    """
    gammas, points = np.logspace(-3, 4, 71), np.array(POINTS)
    lines = [[predict(variances, gamma) for gamma in gammas] for _, variances in SPECTRA]
    accuracy = np.array([[values for _, values in line] for line in lines]).transpose(0, 2, 1)
    best = np.empty((len(SPECTRA), len(KINDS)))
    for i, (_, variances) in enumerate(SPECTRA):
        for k in range(len(KINDS)):
            best[i, k] = best_ridge(partial(_accuracy, k, variances), gammas, accuracy[i, k])
    at_best = [
        [predict(variances, min(gamma, LIMIT))[1][k] for k, gamma in enumerate(row)]
        for (_, variances), row in zip(SPECTRA, best, strict=True)
    ]
    draws = tuple((400 if variances is None else 60) * (1 if quick else 10) for _, variances in SPECTRA)
    runs = np.empty((3, len(SPECTRA), len(KINDS), points.size))
    for i, (_, variances) in enumerate(SPECTRA):
        for j, gamma in enumerate(POINTS):
            alpha, values = predict(variances, gamma)
            run = simulate(problem(variances, gamma), [0, 1, alpha], replicates=draws[i], rng=(SEED, i, j))
            runs[:, i, :, j] = run.accuracy, run.accuracy_stderr, values
    return Numbers(
        spectra=tuple(label for label, _ in SPECTRA),
        gammas=gammas,
        optimal_alpha=np.array([[alpha for alpha, _ in line] for line in lines]),
        accuracy=accuracy,
        best=best,
        at_best=np.array(at_best),
        limit=np.array([predict(variances, LIMIT)[1] for _, variances in SPECTRA]),
        points=points,
        simulated=runs[0],
        stderr=runs[1],
        theory_there=runs[2],
        draws=draws,
    )


def tables(result: Numbers) -> dict[str, Table]:
    """The curves, the best ridges, and the simulated points beside the theory."""
    labels = [
        name.replace("$", "").replace("\\propto 1/\\sqrt{i}", "proportional to i^(-1/2)")
        for name in result.spectra
    ]
    features, alpha, point = np.ix_(labels, ("0", "1", "best"), result.points)
    return {
        "best_ridge": table(
            features=features[..., 0],
            gamma=result.gammas,
            optimal_alpha=result.optimal_alpha,
            accuracy_0=result.accuracy[:, 0],
            accuracy_1=result.accuracy[:, 1],
            accuracy_optimal=result.accuracy[:, 2],
        ),
        "best_ridge_optima": table(
            features=features[..., 0],
            alpha=alpha[..., 0],
            best_gamma=or_word(result.best, "infinite"),
            accuracy=result.at_best,
            accuracy_infinite=result.limit,
        ),
        "best_ridge_simulated": table(
            features=features,
            alpha=alpha,
            gamma=point,
            theory=result.theory_there,
            simulated=result.simulated,
            standard_error=result.stderr,
            draws=np.array(result.draws)[:, None, None],
        ),
    }


@style.styled
def draw(result: Numbers) -> Figure:
    """Above the accuracies with the best ridges marked, below gamma alpha*; one column per spectrum."""
    figure, axes = style.panels(len(result.spectra), 2, size=(3.2, 2.5), sharex=True, height_ratios=[1.7, 1])
    for i, (upper, lower) in enumerate(axes.T):
        for k, kind in enumerate(KINDS):
            look, dash = style.SHAPES[kind], style.DASHES[(2, 1, 0)[k]]
            upper.plot(result.gammas, result.accuracy[i, k], color=look["color"], linestyle=dash)
            found, error = result.simulated[i, k], 2 * result.stderr[i, k]
            style.points(upper, result.points, found, error, color=look["color"], marker=".")
            if np.isfinite(result.best[i, k]):
                style.mark(upper, kind, result.best[i, k], result.at_best[i, k])
            else:
                # At the right margin, where the curve has come to its limit.
                style.mark(upper, kind, result.gammas[-1], result.limit[i, k])
        upper.set_title(result.spectra[i])
        if not np.isfinite(result.best[i, 2]):
            upper.annotate(
                r"best: $\gamma \to \infty$",
                (0.97, 0.45),
                xycoords="axes fraction",
                ha="right",
                color=style.VERMILLION,
            )
        product = result.gammas * result.optimal_alpha[i]
        lower.plot(result.gammas, result.optimal_alpha[i], color=style.VERMILLION, label=r"$\alpha^*$")
        lower.plot(
            result.gammas, product, color=style.GREY, linestyle=style.DASHES[1], label=r"$\gamma\alpha^*$"
        )
        lower.set(xscale="log", yscale="log", xlabel=r"target ridge $\gamma$", ylim=(1e-4, 1e2))
    axes[0, 0].set_ylabel("test accuracy")
    axes[1, 0].set_ylabel(r"$\alpha^*$ and $\gamma\alpha^*$")
    axes[1, 0].legend(loc="upper left", handlelength=2.5)
    style.simulation_entry(axes[0, 0], marker=".", markersize=6.0)
    style.legend(figure, axes[0], columns=4)
    return figure
