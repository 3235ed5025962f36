"""Histograms of the decision function on real data against the Gaussians that the isotropic theory predicts.

Two pairs of Amazon domains, N = 2000 source and n = 100 target rows, both ridges 1, alpha = 0.1, 1 and 10,
one random split (the setting of the reference implementation's figures of alpha-LoRA, arXiv 2510.21345).  The
predicted law of the score is N(y mean, std^2) for class y.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.amazon_task import affine_scores, draw_splits, load_task
from rmt_alpha.experiments.figures._numbers import Numbers, Table, joined, table
from rmt_alpha.plotting import style

PAIRS = (("book", "dvd"), ("elec", "kitchen"))
ALPHAS = (0.1, 1.0, 10.0)
N_SOURCE, N_TARGET, GAMMA_SOURCE, GAMMA = 2000, 100, 1.0, 1.0
SEED = 123


def compute(quick: bool = False, data: FilePath | None = None) -> Numbers:
    """Train on one split and score its test rows: one array (n_alphas, n_test) per pair, and its labels.

    ``mean``, ``std`` and ``predicted_accuracy`` are predicted, for the label times the score.
    """
    scores, labels, mean, std, accuracy = [], [], [], [], []
    alphas = np.array(ALPHAS)
    for source, target in PAIRS:
        task = load_task(source, target, n_source=N_SOURCE, gamma_source=GAMMA_SOURCE, data=data)
        ((train, test),) = draw_splits(len(task.labels), N_TARGET, SEED, 1)
        base, slope = affine_scores(task, train, test, GAMMA)
        scores.append(base + alphas[:, None] * slope)
        labels.append(task.labels[test])
        curve = task.problem(N_TARGET, GAMMA).curve()
        mean.append(curve.mean(alphas))
        std.append(curve.std(alphas))
        accuracy.append(curve.accuracy(alphas))
    return Numbers(
        pairs=PAIRS,
        scores=scores,
        labels=labels,
        mean=np.array(mean),
        std=np.array(std),
        predicted_accuracy=np.array(accuracy),
    )


def tables(result: Numbers) -> dict[str, Table]:
    """Mean and standard deviation of the score by class, measured and predicted, and the accuracy."""
    signs, parts = np.array([-1, 1]), []
    for i, (source, target) in enumerate(result.pairs):
        own = [result.scores[i][:, result.labels[i] == sign] for sign in signs]  # not of the same length
        numbers = {
            "mean": np.stack([scores.mean(axis=1) for scores in own], axis=1),
            "predicted_mean": signs * result.mean[i][:, None],
            "std": np.stack([scores.std(axis=1, ddof=1) for scores in own], axis=1),
            "predicted_std": result.std[i][:, None],
            "accuracy": np.stack([(own[0] < 0).mean(axis=1), (own[1] > 0).mean(axis=1)], axis=1),
            "predicted_accuracy": result.predicted_accuracy[i][:, None],
        }
        parts.append(
            table(
                source=source,
                target=target,
                alpha=np.array(ALPHAS)[:, None],
                label=signs,
                rows=[scores.shape[1] for scores in own],
                **{name: np.round(values, 4) for name, values in numbers.items()},
            )
        )
    return {"amazon_decision": joined(*parts)}


@style.styled
def draw(result: Numbers) -> Figure:
    """One row of panels per pair, one column per alpha."""
    figure: Figure
    figure, panels = style.panels(len(ALPHAS), len(result.pairs), size=(3.3, 2.5))
    looks = {-1: (style.VERMILLION, "-", "negative"), 1: (style.BLUE, style.DASHES[1], "positive")}
    for i, pair in enumerate(result.pairs):
        for j, alpha in enumerate(ALPHAS):
            axes, scores = panels[i, j], result.scores[i][j]
            # The same bins for both classes, over all but the most extreme half percent.
            low, high = np.quantile(scores, [0.0025, 0.9975])
            bins, grid = np.linspace(low, high, 41), np.linspace(low, high, 300)
            for label, (color, dashes, name) in looks.items():
                own = scores[result.labels[i] == label]
                weights = np.full(len(own), 1 / (len(own) * (bins[1] - bins[0])))
                axes.hist(own, bins, weights=weights, color=color, alpha=0.4, label=f"{name} reviews")
                density = stats.norm.pdf(grid, label * result.mean[i, j], result.std[i, j])
                axes.plot(grid, density, color=color, linestyle=dashes, label=f"predicted, {name}")
            axes.axvline(0, color=style.BLACK, linewidth=0.8)
            measured = 100 * np.mean((scores > 0) == (result.labels[i] > 0))
            predicted = 100 * result.predicted_accuracy[i, j]
            axes.set_title(rf"$\alpha = {alpha:g}$: accuracy {measured:.1f} %, predicted {predicted:.1f} %")
            axes.set(xlim=(low, high), yticks=[])
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
        panels[i, 0].set_ylabel(f"{pair[0]} → {pair[1]}\ndensity")
    for axes in panels[-1]:
        axes.set_xlabel(r"score $w_\alpha^\top x$")
    style.legend(figure, panels[0, :1], columns=4)
    return figure
