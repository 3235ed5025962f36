"""Histograms of the decision function on real data against the Gaussians that the isotropic theory predicts.

Two pairs of Amazon domains, N = 2000 source and n = 100 target rows, both ridges 1, alpha = 0.1, 1 and 10,
one random split (the setting of the reference implementation's figures of alpha-LoRA, arXiv 2510.21345).  The
predicted law of the score is N(y mean, std^2) for class y.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.amazon_task import affine_scores, draw_splits, load_task
from rmt_alpha.experiments.figures._numbers import Numbers, Table, by_class
from rmt_alpha.plotting import style

PAIRS = (("book", "dvd"), ("elec", "kitchen"))
ALPHAS = (0.1, 1.0, 10.0)
N_SOURCE, N_TARGET, GAMMA_SOURCE, GAMMA = 2000, 100, 1.0, 1.0
SEED = 123


def compute(quick: bool = False, data: FilePath | None = None) -> Numbers:
    """Train on one split and score its test rows; the table measures mean, spread and accuracy by class.

    ``panels`` has an entry for each pair: scores (n_alphas, n_test), their labels, and the predicted law of
    the label times the score.  ``quick`` has no effect.
    """
    parts, panels = [], []
    alphas = np.array(ALPHAS)
    for source, target in PAIRS:
        task = load_task(source, target, n_source=N_SOURCE, gamma_source=GAMMA_SOURCE, data=data)
        ((train, test),) = draw_splits(len(task.labels), N_TARGET, SEED, 1)
        base, slope = affine_scores(task, train, test, GAMMA)
        scores, labels = base + alphas[:, None] * slope, task.labels[test]
        curve = task.problem(N_TARGET, GAMMA).curve()
        mean, std, accuracy = map(np.asarray, (curve.mean(alphas), curve.std(alphas), curve.accuracy(alphas)))
        numbers = by_class(scores, labels, mean, std, accuracy)
        parts.append(
            Table(
                source=source,
                target=target,
                alpha=alphas[:, None],
                label=(-1, 1),
                rows=[np.sum(labels < 0), np.sum(labels > 0)],
                **{name: np.round(values, 4) for name, values in numbers.items()},
            )
        )
        panels.append(Numbers(scores=scores, labels=labels, mean=mean, std=std, accuracy=accuracy))
    return Numbers(main=tuple(parts), panels=panels)


@style.styled
def draw(result: Numbers) -> Figure:
    """One row of panels per pair, one column per alpha."""
    figure, panels = style.panels(len(ALPHAS), len(PAIRS), size=(3.3, 2.5))
    looks = {-1: (style.VERMILLION, "-", "negative"), 1: (style.BLUE, style.DASHES[1], "positive")}
    for i, (pair, panel) in enumerate(zip(PAIRS, result.panels, strict=True)):
        for j, alpha in enumerate(ALPHAS):
            axes, scores = panels[i, j], panel.scores[j]
            # The same bins for both classes, over all but the most extreme half percent.
            low, high = np.quantile(scores, [0.0025, 0.9975])
            bins, grid = np.linspace(low, high, 41), np.linspace(low, high, 300)
            for label, (color, dashes, name) in looks.items():
                own = scores[panel.labels == label]
                weights = np.full(len(own), 1 / (len(own) * (bins[1] - bins[0])))
                axes.hist(own, bins, weights=weights, color=color, alpha=0.4, label=f"{name} reviews")
                density = style.bell(grid, label * panel.mean[j], panel.std[j])
                axes.plot(grid, density, color=color, linestyle=dashes, label=f"predicted, {name}")
            axes.axvline(0, color=style.BLACK, linewidth=0.8)
            measured = 100 * np.mean((scores > 0) == (panel.labels > 0))
            predicted = 100 * panel.accuracy[j]
            axes.set_title(rf"$\alpha = {alpha:g}$: accuracy {measured:.1f} %, predicted {predicted:.1f} %")
            axes.set(xlim=(low, high), yticks=[])
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
        panels[i, 0].set_ylabel(f"{pair[0]} → {pair[1]}\ndensity")
    for axes in panels[-1]:
        axes.set_xlabel(r"score $w_\alpha^\top x$")
    style.legend(figure, panels[0, :1], columns=4)
    return figure
