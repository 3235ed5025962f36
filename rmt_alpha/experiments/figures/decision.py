"""Histograms of the decision function against the predicted Gaussians, on simulated data.

N = 5000 source and n = 200 target samples in dimension p = 400, source mean of norm 1.5, orthogonal part of
norm 1, both ridges 1, beta = 0.3 and 0.8, alpha = 0.1, 1 and 10 (alpha-LoRA, arXiv 2510.21345).  For each
beta one source and one target classifier are trained on one draw of the data, and score fresh test points
of both classes.  The table adds many more draws: how far the mean and the spread of a single classifier's
scores lie from the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

NAME = "decision"
TITLE = "The decision function on simulated data: histograms and predicted Gaussians."
NEEDS_DATA = False

BETAS = (0.3, 0.8)
ALPHAS = (0.1, 1.0, 10.0)
SETTING = {"p": 400, "n": 200, "N": 5000, "mu": 1.5, "mu_orth": 1.0, "gamma": 1.0, "gamma_source": 1.0}
SEED = 2513
TEST_POINTS = 8000


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of test points, and the predicted law.

    Attributes
    ----------
    betas, alphas : tuple of float
    scores : ndarray of shape (n_betas, n_alphas, n_test)
        Scores of one trained classifier.
    labels : ndarray of shape (n_test,)
        +1 or -1, half of each.
    mean, std, accuracy : ndarray of shape (n_betas, n_alphas)
        Predicted law of the label times the score.
    simulated : dict of str to ndarray of shape (n_betas, n_alphas)
        Averages over draws of the data, "mean", "variance" and "accuracy", and their standard errors with
        the suffix
        "_stderr".
    variance : ndarray of shape (n_betas, n_alphas)
        Predicted variance.
    draws : int
        Number of draws behind ``simulated``.
    """

    betas: tuple[float, ...]
    alphas: tuple[float, ...]
    scores: NDArray[np.float64]
    labels: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    simulated: dict[str, NDArray[np.float64]]
    draws: int

    @property
    def std(self) -> NDArray[np.float64]:
        """Predicted standard deviation."""
        return np.sqrt(self.variance)


def problem(beta: float) -> TransferProblem:
    """The problem of one row of panels."""
    return TransferProblem(beta=beta, **SETTING)


def compute(quick: bool = False, data: Any = None) -> Scores:
    """Train, score and predict.

    Parameters
    ----------
    quick : bool
        500 draws for the averages instead of 5000; the histograms are the same.
    data
        Not used: no data files are needed.
    """
    draws, alphas = 500 if quick else 5000, np.array(ALPHAS)
    labels = np.repeat([-1.0, 1.0], TEST_POINTS // 2)
    curves = [problem(beta).curve() for beta in BETAS]
    runs = [simulate(problem(beta), alphas, replicates=draws, rng=(SEED, i)) for i, beta in enumerate(BETAS)]
    names = [name + end for name in ("mean", "variance", "accuracy") for end in ("", "_stderr")]
    return Scores(
        betas=BETAS,
        alphas=ALPHAS,
        scores=np.array(
            [trained_scores(problem(beta), labels, (SEED, i, 1)) for i, beta in enumerate(BETAS)]
        ),
        labels=labels,
        mean=np.array([curve.mean(alphas) for curve in curves]),
        variance=np.array([curve.variance(alphas) for curve in curves]),
        accuracy=np.array([curve.accuracy(alphas) for curve in curves]),
        simulated={name: np.array([getattr(run, name) for run in runs]) for name in names},
        draws=draws,
    )


def trained_scores(
    setting: TransferProblem, labels: NDArray[np.float64], seed: tuple[int, ...]
) -> NDArray[np.float64]:
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

    def sample(mean: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return y[:, None] * mean + rng.standard_normal((len(y), len(mean)))

    def train(mean: NDArray[np.float64], count: int, gamma: float, prior: NDArray[np.float64]) -> Any:
        y = np.where(np.arange(count) % 2, 1.0, -1.0)
        x = sample(mean, y)
        gram = x.T @ x / count + gamma * np.eye(len(mean))
        return np.linalg.solve(gram, np.column_stack([x.T @ y / count, gamma * prior]))

    source = train(source_mean, n_source, float(setting.gamma_source), np.zeros(p))[:, 0]
    base, slope = train(target_mean, n, float(setting.gamma), source).T
    weights = base + np.array(ALPHAS)[:, None] * slope
    return np.asarray(weights @ sample(target_mean, labels).T)


def tables(result: Scores) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Each panel's measured and predicted moments, and the averages over many draws beside the prediction."""
    header = ["beta", "alpha", "label", "test_points", "mean", "predicted_mean", "std", "predicted_std"]
    header += ["accuracy", "predicted_accuracy"]
    average_header = ["beta", "alpha", "quantity", "theory", "simulated", "standard_error", "draws"]
    rows: list[list[Any]] = []
    averages: list[list[Any]] = []
    for i, beta in enumerate(result.betas):
        for j, alpha in enumerate(result.alphas):
            for label in (-1, 1):
                own = result.scores[i, j, result.labels == label]
                numbers = [own.mean(), label * result.mean[i, j], own.std(ddof=1), result.std[i, j]]
                numbers += [(label * own > 0).mean(), result.accuracy[i, j]]
                rows.append([beta, alpha, label, len(own), *numbers])
            for name in ("mean", "variance", "accuracy"):
                found = (result.simulated[name][i, j], result.simulated[f"{name}_stderr"][i, j])
                averages.append([beta, alpha, name, getattr(result, name)[i, j], *found, result.draws])
    return {"decision": (header, rows), "decision_average": (average_header, averages)}


@style.styled
def draw(result: Scores) -> Figure:
    """One row of panels per beta, one column per alpha."""
    figure, axes = style.panels(len(result.alphas), len(result.betas), size=(3.2, 2.4))
    looks = {-1: (style.VERMILLION, "-", "$y = -1$"), 1: (style.BLUE, style.DASHES[1], "$y = +1$")}
    for i, beta in enumerate(result.betas):
        for j, alpha in enumerate(result.alphas):
            ax, mean, std = axes[i, j], result.mean[i, j], result.std[i, j]
            reach = abs(mean) + 4 * std
            bins, grid = np.linspace(-reach, reach, 61), np.linspace(-reach, reach, 400)
            for label, (color, dash, name) in looks.items():
                own = result.scores[i, j, result.labels == label]
                ax.hist(own, bins, density=True, color=color, alpha=0.35, label=f"test points, {name}")
                predicted = stats.norm.pdf(grid, label * mean, std)
                ax.plot(grid, predicted, color=color, linestyle=dash, label=f"predicted, {name}")
            ax.axvline(0, color=style.BLACK, linewidth=0.8)
            measured = np.mean(result.scores[i, j] * result.labels > 0)
            ax.set_title(
                rf"$\alpha = {alpha:g}$: accuracy {100 * measured:.1f} %, "
                f"predicted {100 * result.accuracy[i, j]:.1f} %",
                fontsize=9,
            )
            ax.set(xlim=(-reach, reach), yticks=[])
            ax.spines["left"].set_visible(False)
            ax.grid(False)
        axes[i, 0].set_ylabel(rf"$\beta = {beta}$" + "\ndensity")
    for ax in axes[-1]:
        ax.set_xlabel(r"score $w_\alpha^\top x$")
    style.legend(figure, axes.flat)
    return figure
