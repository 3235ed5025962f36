r"""Training without ridge on both sides of the threshold of separability.

Class means plus and minus 1.5 in p = 80 features of unit variance, 10 % wrong labels, a source of length 1
and cosine 0.5 to the means.  Simulated classifiers are exact: the largest margin, or the least change of the
source with all margins at least 1, where a linear programme separates the sample, and else the least loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import optimize
from scipy.special import expit, ndtr

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across, beside_theory, named, or_word
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.theory.mixtures.ridgeless import separability_threshold, separable

P, LENGTH, NOISE, COSINE = 80, 1.5, 0.1, 0.5
NOISES = (0.0, 0.02, 0.1, 0.3)
LOSSES = ("hinge", "logistic")
KINDS = {"0": "zero", "1": "one", "optimal": "best"}
MEAN = np.ones(P) / np.sqrt(P)
SOURCE = COSINE * MEAN + np.sqrt(1 - COSINE**2) * np.where(np.arange(P) % 2, -MEAN, MEAN)
SEED = 1804


def problem(ratio: float, loss: str, length: float = LENGTH, noise: float = NOISE) -> FineTuning:
    """``ratio`` samples per feature, no ridge."""
    target = GaussianMixture.symmetric(length * MEAN)
    return FineTuning(target, FixedSource(SOURCE), ratio * P, 0.0, loss=loss, label_noise=noise)


def threshold(length: float = LENGTH, noise: float = NOISE) -> float:
    """n*/p."""
    return separability_threshold(problem(1.0, "hinge", length, noise)) / P


def sample(n: int, length: float, rng: np.random.Generator) -> FloatArray:
    """Features times their labels, of which some are wrong, shape (n, p)."""
    wrong = np.where(rng.random(n) < NOISE, -1.0, 1.0)
    return np.asarray(wrong[:, None] * (rng.standard_normal((n, P)) + length * MEAN))


def least_hinge(y: FloatArray) -> FloatArray | None:
    """The w of least hinge loss sum (1 - y w)_+, by a linear programme; None if the loss is 0: separable."""
    n, p = y.shape
    found = optimize.linprog(
        np.repeat([0.0, 1.0], [p, n]),
        A_ub=-np.hstack([y, np.eye(n)]),
        b_ub=-np.ones(n),
        bounds=[(None, None)] * p + [(0.0, None)] * n,
    )
    return None if found.fun < 1e-7 else np.asarray(found.x[:p])


def nearest(y: FloatArray, alpha: float) -> FloatArray:
    """The w next to alpha times the source with all y w at least 1, up to its length.

    Least distance programming (Lawson and Hanson 1974, chapter 23), for w / alpha if alpha is infinite.
    """
    start, margin = (SOURCE, 0.0) if np.isinf(alpha) else (alpha * SOURCE, 1.0)
    matrix, last = np.vstack([y.T, margin - y @ start]), np.append(np.zeros(P), 1.0)
    slack = last - matrix @ optimize.nnls(matrix, last)[0]
    return np.asarray(start - slack[:-1] / slack[-1])


def least_logistic(y: FloatArray) -> FloatArray:
    """The w of least logistic loss, of a sample that cannot be separated."""
    found = optimize.minimize(
        lambda w: float(np.logaddexp(0.0, -y @ w).sum()),
        np.zeros(P),
        jac=lambda w: -expit(-y @ w) @ y,
        hess=lambda w: (y * (expit(y @ w) * expit(-y @ w))[:, None]).T @ y,
        method="trust-exact",
    )
    return np.asarray(found.x)


def trained(n: int, best: float, rng: np.random.Generator) -> FloatArray:
    """Accuracies of one sample's classifiers at alpha = 0, 1 and ``best``, shape (losses, 3)."""
    y = sample(n, LENGTH, rng)
    soft = least_hinge(y)
    if soft is None:
        weights = [[nearest(y, a) for a in (0.0, 1.0, best)], [nearest(y, 0.0)] * 3]
    else:
        weights = [[soft] * 3, [least_logistic(y)] * 3]
    w = np.array(weights)
    return np.asarray(ndtr(LENGTH * (w @ MEAN) / np.linalg.norm(w, axis=-1)))


def at_alphas(ratio: float, loss: str) -> tuple[FloatArray, float]:
    """Accuracies at alpha = 0, 1 and alpha*, and alpha*; nan if every alpha is as good."""
    curve = problem(ratio, loss).curve()
    if loss == "logistic" or not separable(problem(ratio, loss)):
        return np.asarray(curve.accuracy(np.array([0.0, 1.0, 1.0]))), np.nan
    best = float(curve.optimal_alpha())
    return np.array([curve.accuracy(a) for a in (0.0, 1.0, best)]), best


def compute(quick: bool = False) -> Numbers:
    """Solve and simulate. Quick: a few of the points, and 4 draws instead of 24."""
    lengths, draws = np.linspace(0.0, 3.0, 3 if quick else 25), 4 if quick else 24
    lines = np.array([[threshold(length, noise) for length in lengths.tolist()] for noise in NOISES])
    few, edge = 3 if quick else 10, threshold()
    ratio = edge * np.append(np.linspace(0.2, 0.8 if quick else 0.9, few), np.geomspace(1.05, 3.0, few))
    at = np.round(edge * P * np.array([0.3, 2.0] if quick else [0.2, 0.4, 0.6, 1.6, 2.0, 2.8])) / P
    accuracy, best = _theory(ratio)
    expected, best_there = _theory(at)
    found = np.array(
        [
            [trained(round(r * P), a, np.random.default_rng((SEED, i, k))) for k in range(draws)]
            for i, (r, a) in enumerate(zip(at.tolist(), best_there[0].tolist(), strict=True))
        ]
    ).transpose(1, 2, 0, 3)  # (draws, losses, at, alphas)
    names = tuple(f"accuracy_{name}" for name in KINDS)
    errors = found.std(axis=0, ddof=1) / np.sqrt(draws)
    columns = beside_theory(names, expected, found.mean(axis=0), errors, axis=2)
    noise, length = across(NOISES, lengths)
    loss, samples = across(LOSSES, ratio)
    _, there = across(LOSSES, at)
    words = np.where(np.isnan(best), "any", or_word(best, "infinite"))
    return Numbers(
        main=Table(label_noise=noise, length=length, threshold=lines),
        separable=_separable(4 if quick else 12, quick),
        accuracy=Table(loss=loss, ratio=samples, **named(names, accuracy, 2), optimal_alpha=words),
        simulated=Table(loss=loss, ratio=there, **columns, draws=draws),
        edge=edge,
    )


def _theory(ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`at_alphas` for both losses: shapes (losses, ratios, 3) and (losses, ratios)."""
    found = [[at_alphas(r, loss) for r in ratio.tolist()] for loss in LOSSES]
    return np.array([[a for a, _ in row] for row in found]), np.array([[b for _, b in row] for row in found])


def _separable(draws: int, quick: bool) -> Table:
    """The share of samples that a linear programme separates."""
    lengths = np.array([1.5] if quick else [0.5, 1.5, 2.5])
    ratio = np.array([1.75, 5.0] if quick else [1.5, 2.0, 2.5, 3.0, 3.5, 4.25])
    share = np.empty((len(lengths), len(ratio)))
    for i, j in np.ndindex(*share.shape):
        rng, n = np.random.default_rng((SEED, 1, i, j)), round(float(ratio[j]) * P)
        share[i, j] = np.mean([least_hinge(sample(n, float(lengths[i]), rng)) is None for _ in range(draws)])
    length, samples = across(lengths, ratio)
    return Table(length=length, ratio=samples, separable_share=share, draws=draws)


@style.styled
def draw(result: Numbers) -> Figure:
    """The threshold with the verdicts of linear programmes, and accuracy on both sides of it, by loss."""
    figure, axes = style.panels(3, size=(3.1, 3.0))
    _phases(axes[0, 0], result)
    for k, panel in enumerate(axes[0, 1:]):
        for beyond in (False, True):
            _side(panel, result, k, beyond)
        panel.axvline(result.edge, color=style.GREY, linestyle=":", label="threshold $n^*$")
        panel.set(xscale="log", xlabel="target samples per dimension $n/p$", title=f"{LOSSES[k]} loss")
        panel.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
        panel.minorticks_off()
    axes[0, 1].set(ylabel="accuracy without ridge")
    axes[0, 2].sharey(axes[0, 1])
    style.simulation_entry(axes[0, 1])
    style.legend(figure, axes[0, 1:], columns=3)
    return figure


def _side(panel: Axes, result: Numbers, k: int, beyond: bool) -> None:
    """Accuracy of one loss on one side of the threshold."""
    table, found = result.accuracy, result.simulated
    lines, points = ((one.ratio.ravel() > result.edge) == beyond for one in (table, found))
    for name, kind in KINDS.items():
        look = style.at_alpha(kind)
        if LOSSES[k] == "logistic" or beyond:  # all the same
            look = {"color": style.BLACK, "label": r"every $\alpha$"}
        panel.plot(table.ratio.ravel()[lines], getattr(table, f"accuracy_{name}")[k, lines], **look)
        mean, error = (
            getattr(found, f"accuracy_{name}_{part}")[k, points] for part in ("simulated", "standard_error")
        )
        style.points(panel, found.ratio.ravel()[points], mean, 2 * error, color=look["color"])


def _phases(panel: Axes, result: Numbers) -> None:
    lines, found = result.main, result.separable
    for k, noise in enumerate(NOISES):
        line = lines.threshold[k]
        panel.plot(lines.length.ravel(), line, **style.series(k))
        at = int(np.flatnonzero(line < 10)[-1])
        place = (lines.length.ravel()[at], line[at])
        panel.annotate(
            f"{noise:.0%}", place, (0, 3), textcoords="offset points", ha="right", color=style.SERIES[k]
        )
    length, ratio, share = np.broadcast_arrays(found.length, found.ratio, found.separable_share)
    look: dict[str, Any] = {"cmap": "Greys", "vmin": 0, "vmax": 1, "edgecolors": style.SERIES[2]}
    panel.scatter(length, ratio, s=16, c=share, linewidths=0.8, zorder=4, **look)
    panel.set(yscale="log", ylim=(1.3, 16), xlabel="length of the class means", ylabel="$n/p$")
    panel.set(title="separable below, by wrong labels")
    panel.set_yticks([2, 4, 8, 16], ["2", "4", "8", "16"])
    panel.minorticks_off()
