"""Accuracy against alpha on Amazon reviews: measured on real splits, and the isotropic theory.

Three pairs of domains with N = 2000 source and n = 40 target rows, source ridge 2 and target ridge 0.1, as in
the paper.  Every alpha is measured on the same random splits (each split costs one factorisation, for all
alpha), and accuracy is signed, not folded: for very negative alpha the classifier is wrong more often than
right.

The theory assumes uncorrelated features.  These are correlated, and so the theory overstates what the source
does, for better (alpha > 0) and for worse (alpha < 0); at alpha = 0 it is within two points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.amazon_task import load_task, split_accuracies
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.plotting import style

PAIRS = (("dvd", "book"), ("book", "kitchen"), ("kitchen", "elec"))
N_SOURCE, N_TARGET, GAMMA_SOURCE, GAMMA = 2000, 40, 2.0, 0.1
SEEDS = (123, 404, 1337)
REPEATS = 10


def compute(quick: bool = False, data: FilePath | None = None) -> Numbers:
    """Measure and predict; accuracies are fractions, signed: the curves, and the values at alpha*.

    ``accuracy`` has shape (n_pairs, n_splits, n_alphas); ``best_alpha_measured`` is the alpha of the grid
    with the highest measured mean. Quick: 10 splits and 41 values of alpha instead of 30 and 161.
    """
    alphas = np.linspace(-4, 4, 41 if quick else 161)
    seeds = SEEDS[:1] if quick else SEEDS
    measured, theory, optimal, at_optimum = [], [], [], []
    for source, target in PAIRS:
        task = load_task(source, target, n_source=N_SOURCE, gamma_source=GAMMA_SOURCE, data=data)
        curve = task.problem(N_TARGET, GAMMA).curve()
        optimal.append(curve.optimal_alpha())
        theory.append(curve.accuracy(alphas))
        at_optimum.append(curve.accuracy(optimal[-1]))
        wanted = np.append(alphas, optimal[-1])
        options: dict[str, Any] = {"n": N_TARGET, "gamma": GAMMA, "repeats": REPEATS}
        measured.append(
            np.concatenate([split_accuracies(task, wanted, seed=seed, **options) for seed in seeds])
        )
    accuracy, there = np.split(np.array(measured), [-1], axis=2)
    mean, std = accuracy.mean(axis=1), accuracy.std(axis=1, ddof=1)
    sources, targets = np.array(PAIRS).T
    at_0, at_1 = (mean[:, np.abs(alphas - alpha).argmin()] for alpha in (0, 1))
    best_alpha = alphas[mean.argmax(axis=1)]
    best = {
        "optimal_alpha_theory": np.array(optimal),
        "theory": np.array(at_optimum),
        "accuracy_there": there[..., 0].mean(axis=1),
        "best_alpha_measured": best_alpha,
        "accuracy_best": mean.max(axis=1),
        "accuracy_0": at_0,
        "accuracy_1": at_1,
    }
    return Numbers(
        main=Table(
            source=sources[:, None],
            target=targets[:, None],
            alpha=np.round(alphas, 6),
            accuracy=np.round(mean, 6),
            std_over_splits=np.round(std, 6),
            splits=accuracy.shape[1],
            theory=np.round(np.array(theory), 6),
        ),
        optimum=Table(
            source=sources, target=targets, **{name: np.round(values, 4) for name, values in best.items()}
        ),
        alphas=alphas,
        accuracy=accuracy,
        mean=mean,
        std=std,
        theory=np.array(theory),
        best=Numbers(**best),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per pair: measured mean with its spread, theory, and the two optima."""
    figure, grid = style.panels(len(PAIRS), size=(3.3, 3.1), sharey=True)
    panels = grid[0]
    mean, std, found = result.mean * 100, result.std * 100, result.best
    for i, (axes, pair) in enumerate(zip(panels, PAIRS, strict=True)):
        axes.axhline(50, color=style.GREY, linewidth=0.8)
        band = (mean[i] - std[i], mean[i] + std[i])
        axes.fill_between(
            result.alphas, *band, color=style.BLUE, alpha=0.2, linewidth=0, label="± std of a split"
        )
        axes.plot(result.alphas, mean[i], color=style.BLUE, label="measured mean")
        theory = {"color": style.BLACK, "linestyle": style.DASHES[1], "linewidth": 1.3}
        axes.plot(result.alphas, result.theory[i] * 100, label="isotropic theory", **theory)
        axes.axvline(1, color=style.ORANGE, linewidth=1.1, zorder=1, label=r"$\alpha = 1$, plain fine-tuning")
        best, there = found.optimal_alpha_theory[i], found.accuracy_there[i] * 100
        style.mark(axes, "best", best, found.theory[i] * 100, label=r"$\alpha^*$ of the theory")
        style.mark(axes, "best", best, there, label="_")
        ring = {"markersize": 8, "markerfacecolor": "none", "markeredgecolor": style.BLACK, "clip_on": False}
        axes.plot(found.best_alpha_measured[i], mean[i].max(), "o", label="best measured", zorder=7, **ring)
        at_edge = "≥ " if found.best_alpha_measured[i] == result.alphas[-1] else ""
        note = rf"$\alpha^* = {best:.2f}$" + f"\nbest measured {at_edge}{found.best_alpha_measured[i]:.2f}"
        axes.text(0.03, 0.97, note, transform=axes.transAxes, va="top")
        axes.set(title=f"{pair[0]} → {pair[1]}", xlabel=r"$\alpha$")
        axes.set_xlim(result.alphas[0], result.alphas[-1])
    panels[0].set_ylabel("test accuracy (%)")
    style.legend(figure, panels, columns=3)
    return figure
