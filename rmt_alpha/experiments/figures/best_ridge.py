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

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across, named, or_word
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

    ``accuracy`` of shape (n_spectra, 3, n_gammas) is at alpha = 0, 1 and alpha*; ``best`` of shape
    (n_spectra, 3) is the best ridge for each of these (inf: the more the better); the optima are the accuracy
    there, and that in the limit of infinite ridge. Quick: half of the ridges and a few of the draws,
    200 of 4000 for each point with uncorrelated features, 40 of 600 with correlated ones.
    """
    gammas, points = np.logspace(-3, 4, 36 if quick else 71), np.array(POINTS)
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
    draws = tuple(
        (200 if quick else 4000) if variances is None else (40 if quick else 600) for _, variances in SPECTRA
    )
    runs = np.empty((3, len(SPECTRA), len(KINDS), points.size))
    for i, (_, variances) in enumerate(SPECTRA):
        for j, gamma in enumerate(POINTS):
            alpha, values = predict(variances, gamma)
            run = simulate(problem(variances, gamma), [0, 1, alpha], replicates=draws[i], rng=(SEED, i, j))
            runs[:, i, :, j] = run.accuracy, run.accuracy_stderr, values
    labels = [
        name.replace("$", "").replace("\\propto 1/\\sqrt{i}", "proportional to i^(-1/2)")
        for name, _ in SPECTRA
    ]
    features, alphas, point = across(labels, ("0", "1", "best"), points)
    limit = np.array([predict(variances, LIMIT)[1] for _, variances in SPECTRA])
    return Numbers(
        main=Table(
            features=features[..., 0],
            gamma=gammas,
            optimal_alpha=np.array([[alpha for alpha, _ in line] for line in lines]),
            **named(("accuracy_0", "accuracy_1", "accuracy_optimal"), accuracy),
        ),
        optima=Table(
            features=features[..., 0],
            alpha=alphas[..., 0],
            best_gamma=or_word(best, "infinite"),
            accuracy=np.array(at_best),
            accuracy_infinite=limit,
        ),
        simulated=Table(
            features=features,
            alpha=alphas,
            gamma=point,
            theory=runs[2],
            simulated=runs[0],
            standard_error=runs[1],
            draws=np.array(draws)[:, None, None],
        ),
        accuracy=accuracy,
        best=best,
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Above the accuracies with the best ridges marked, below gamma alpha*; one column per spectrum."""
    figure, axes = style.panels(len(SPECTRA), 2, size=(3.2, 2.5), sharex=True, height_ratios=[1.7, 1])
    gammas, found, optima = result.main.gamma, result.simulated, result.optima
    for i, (upper, lower) in enumerate(axes.T):
        for k, kind in enumerate(KINDS):
            look = style.at_alpha(kind, label=None)
            upper.plot(gammas, result.accuracy[i, k], **look)
            error = 2 * found.standard_error[i, k]
            style.points(upper, POINTS, found.simulated[i, k], error, color=look["color"], marker=".")
            if np.isfinite(result.best[i, k]):
                style.mark(upper, kind, result.best[i, k], optima.accuracy[i, k])
            else:
                # At the right margin, where the curve has come to its limit.
                style.mark(upper, kind, gammas[-1], optima.accuracy_infinite[i, k])
        upper.set_title(SPECTRA[i][0])
        if not np.isfinite(result.best[i, 2]):
            look = {"xycoords": "axes fraction", "ha": "right", "color": style.VERMILLION}
            upper.annotate(r"best: $\gamma \to \infty$", (0.97, 0.45), **look)
        best = result.main.optimal_alpha[i]
        lower.plot(gammas, best, color=style.VERMILLION, label=r"$\alpha^*$")
        lower.plot(gammas, gammas * best, **style.series(1, color=style.GREY, label=r"$\gamma\alpha^*$"))
        lower.set(xscale="log", yscale="log", xlabel=r"target ridge $\gamma$", ylim=(1e-4, 1e2))
    axes[0, 0].set_ylabel("test accuracy")
    axes[1, 0].set_ylabel(r"$\alpha^*$ and $\gamma\alpha^*$")
    axes[1, 0].legend(loc="upper left", handlelength=2.5)
    style.simulation_entry(axes[0, 0], marker=".", markersize=6.0)
    style.legend(figure, axes[0], columns=4)
    return figure
