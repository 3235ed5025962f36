"""Histograms of the decision function against the predicted Gaussians, on simulated data.

N = 5000 source and n = 200 target samples in dimension p = 400, source mean of norm 1.5, orthogonal part of
norm 1, both ridges 1, beta = 0.3 and 0.8, alpha = 0.1, 1 and 10 (alpha-LoRA, arXiv 2510.21345).  For each
beta one source and one target classifier are trained on one draw of the data, and score fresh test points
of both classes.  The table adds many more draws: how far the mean and the spread of a single classifier's
scores lie from the prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across, by_class
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

BETAS = (0.3, 0.8)
ALPHAS = (0.1, 1.0, 10.0)
SETTING = {"p": 400, "n": 200, "N": 5000, "mu": 1.5, "mu_orth": 1.0, "gamma": 1.0, "gamma_source": 1.0}
SEED = 2513
TEST_POINTS = 8000


def problem(beta: float) -> TransferProblem:
    """The problem of one row of panels."""
    return TransferProblem(beta=beta, **SETTING)


def compute(quick: bool = False) -> Numbers:
    """Train, score and predict.

    ``scores`` of shape (n_betas, n_alphas, n_test) are those of one classifier, ``mean``, ``std`` and
    ``accuracy`` the predicted law of the label times the score.  Tables: each panel's measured and predicted
    moments, and averages over many draws beside the prediction.  Quick: 500 draws instead of 5000; the
    histograms are the same.
    """
    draws, alphas = 500 if quick else 5000, np.array(ALPHAS)
    labels = np.repeat([-1.0, 1.0], TEST_POINTS // 2)
    curves = [problem(beta).curve() for beta in BETAS]
    runs = [simulate(problem(beta), alphas, replicates=draws, rng=(SEED, i)) for i, beta in enumerate(BETAS)]
    names = ("mean", "variance", "accuracy")
    beta, alpha, _ = across(BETAS, ALPHAS, names)
    scores = np.array([trained_scores(problem(b), labels, (SEED, i, 1)) for i, b in enumerate(BETAS)])
    mean, variance, accuracy = (np.array([getattr(c, name)(alphas) for c in curves]) for name in names)
    std = np.sqrt(variance)
    simulated, stderr = (
        np.stack([[getattr(run, name + end) for run in runs] for name in names], axis=-1)
        for end in ("", "_stderr")
    )
    return Numbers(
        main=tuple(
            Table(
                beta=b,
                alpha=alphas[:, None],
                label=(-1, 1),
                test_points=TEST_POINTS // 2,
                **by_class(scores[i], labels, mean[i], std[i], accuracy[i]),
            )
            for i, b in enumerate(BETAS)
        ),
        average=Table(
            beta=beta,
            alpha=alpha,
            quantity=names,
            theory=np.stack([mean, variance, accuracy], axis=-1),
            simulated=simulated,
            standard_error=stderr,
            draws=draws,
        ),
        scores=scores,
        labels=labels,
        mean=mean,
        std=std,
        accuracy=accuracy,
    )


def trained_scores(setting: TransferProblem, labels: FloatArray, seed: tuple[int, ...]) -> FloatArray:
    """Draw data, train both classifiers, score test points with these labels; shape (n_alphas, n_test).

    `rmt_alpha.simulate` draws no test points, because it knows a classifier's accuracy without; a histogram
    needs some.
    """
    rng = np.random.default_rng(seed)
    assert setting.N is not None
    p, n, n_source = int(setting.p), int(setting.n), int(setting.N)
    source_mean, target_mean = np.zeros(p), np.zeros(p)
    source_mean[0] = setting.mu
    target_mean[:2] = setting.along, setting.across

    def sample(mean: FloatArray, y: FloatArray) -> FloatArray:
        return y[:, None] * mean + rng.standard_normal((len(y), len(mean)))

    def train(mean: FloatArray, count: int, gamma: float, prior: FloatArray) -> Any:
        y = np.where(np.arange(count) % 2, 1.0, -1.0)
        x = sample(mean, y)
        gram = x.T @ x / count + gamma * np.eye(len(mean))
        return np.linalg.solve(gram, np.column_stack([x.T @ y / count, gamma * prior]))

    source = train(source_mean, n_source, float(setting.gamma_source), np.zeros(p))[:, 0]
    base, slope = train(target_mean, n, float(setting.gamma), source).T
    weights = base + np.array(ALPHAS)[:, None] * slope
    return np.asarray(weights @ sample(target_mean, labels).T)


@style.styled
def draw(result: Numbers) -> Figure:
    """One row of panels per beta, one column per alpha."""
    figure, axes = style.panels(len(ALPHAS), len(BETAS), size=(3.2, 2.4))
    looks = {-1: (style.VERMILLION, "-", "$y = -1$"), 1: (style.BLUE, style.DASHES[1], "$y = +1$")}
    for i, beta in enumerate(BETAS):
        for j, alpha in enumerate(ALPHAS):
            ax, mean, std = axes[i, j], result.mean[i, j], result.std[i, j]
            reach = abs(mean) + 4 * std
            bins, grid = np.linspace(-reach, reach, 61), np.linspace(-reach, reach, 400)
            for label, (color, dash, name) in looks.items():
                own = result.scores[i, j, result.labels == label]
                ax.hist(own, bins, density=True, color=color, alpha=0.35, label=f"test points, {name}")
                predicted = style.bell(grid, label * mean, std)
                ax.plot(grid, predicted, color=color, linestyle=dash, label=f"predicted, {name}")
            ax.axvline(0, color=style.BLACK, linewidth=0.8)
            measured = np.mean(result.scores[i, j] * result.labels > 0)
            both = f"accuracy {100 * measured:.1f} %, predicted {100 * result.accuracy[i, j]:.1f} %"
            ax.set_title(rf"$\alpha = {alpha:g}$: {both}", fontsize=9)
            ax.set(xlim=(-reach, reach), yticks=[])
            ax.spines["left"].set_visible(False)
            ax.grid(False)
        axes[i, 0].set_ylabel(rf"$\beta = {beta}$" + "\ndensity")
    for ax in axes[-1]:
        ax.set_xlabel(r"score $w_\alpha^\top x$")
    style.legend(figure, axes.flat)
    return figure
