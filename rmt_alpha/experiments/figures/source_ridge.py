r"""The source's best ridge for itself, and its best ridge for transfer at alpha = 1 and at the best alpha.

With uncorrelated features, an ever larger source ridge improves the direction of the source's weights and
shrinks them.  Its own accuracy sees the direction only, and so does transfer at alpha*: both want an infinite
ridge.  Transfer at alpha = 1 sees the length as well, and there the ridge that is best for the source leaves
nothing to transfer.  With correlated features the three best ridges are finite, and all different.

Means of norm 1, p = 200, N = 800 source samples.  The correlated features have variances proportional to 1/i,
1 on average; the source mean is the same in all of them.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across, named, or_word
from rmt_alpha.experiments.figures._optimum import best_ridge
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

P, N = 200, 800
LOW, HIGH = 1e-3, 1e4
"""Range of the source ridge; an optimum at its upper end counts as infinite."""
POINTS = (0.003, 0.03, 0.3, 3.0, 30.0)
SEED = 2520
KINDS = ("own accuracy", "own risk", "alpha = 1", "alpha*")
SIGNS = (1.0, -1.0, 1.0, 1.0)
"""Whether larger or smaller is better."""


class TransferCase(NamedTuple):
    """One column of the figure."""

    label: str
    correlated: bool
    beta: float
    n: float
    gamma: float

    def problem(self, gamma_source: float) -> TransferProblem | FineTuning:
        """Fine-tuning from the source that was trained with this ridge."""
        if not self.correlated:
            return TransferProblem(self.beta, P, self.n, N, gamma=self.gamma, gamma_source=gamma_source)
        source, target = (GaussianMixture.symmetric(mean, VARIANCES) for mean in means(self.beta))
        return FineTuning(target, RidgeSource(source, N, gamma_source), self.n, self.gamma)

    def own(self, gamma_source: float) -> TransferProblem | FineTuning:
        """The source's own training, as a problem with alpha = 0."""
        if not self.correlated:
            return TransferProblem(1.0, P, N, gamma=gamma_source)
        mixture = GaussianMixture.symmetric(means(1.0)[0], VARIANCES)
        return FineTuning(mixture, FixedSource(np.zeros(P)), N, gamma_source)

    def goodness(self, gamma_source: float, k: int) -> float:
        """The k-th of `values`, turned so that larger is better."""
        return float(SIGNS[k] * self.values(gamma_source)[k])

    def values(self, gamma_source: float) -> FloatArray:
        """Own accuracy, own risk, accuracy after transfer at alpha = 1 and at alpha*."""
        own, curve = self.own(gamma_source).curve(), self.problem(gamma_source).curve()
        best = curve.accuracy(curve.optimal_alpha())
        return np.array([own.accuracy(0.0), own.risk(0.0), curve.accuracy(1.0), best])


VARIANCES = 1 / np.arange(1.0, P + 1)
VARIANCES *= P / VARIANCES.sum()


def means(beta: float) -> tuple[FloatArray, FloatArray]:
    """Source and target mean, unit vectors with inner product beta, spread over all features alike."""
    source, across = np.ones(P) / np.sqrt(P), (-1.0) ** np.arange(P) / np.sqrt(P)
    return source, beta * source + np.sqrt(1 - beta * beta) * across


CASES = (
    TransferCase("uncorrelated features,\n$\\beta = 0.9$, $n = 50$, $\\gamma = 1$", False, 0.9, 50, 1.0),
    TransferCase(
        "correlated, close task,\n$\\beta = 0.9$, $n = 200$, $\\gamma = 0.03$", True, 0.9, 200, 0.03
    ),
    TransferCase("correlated, remote task,\n$\\beta = 0.5$, $n = 200$, $\\gamma = 1$", True, 0.5, 200, 1.0),
)


def compute(quick: bool = False) -> Numbers:
    """Evaluate the formulas, find the best ridges, and simulate.

    ``values`` of shape (n_cases, 4, n_gammas) are those of `TransferCase.values`; ``best_ridge`` of shape
    (n_cases, 4) is the source ridge that is best for each (inf: the more the better), ``at_best`` all four
    values there, in the last axis. Simulated are the accuracies at alpha = 1 and at the theory's alpha*.
    Quick: half of the ridges and a few of the draws, 100 of 4000 for each point with uncorrelated features,
    20 of 600 with correlated ones.
    """
    gammas, points = np.logspace(np.log10(LOW), np.log10(HIGH), 29 if quick else 57), np.array(POINTS)
    values = np.array([[case.values(g) for g in gammas] for case in CASES]).transpose(0, 2, 1)
    best = np.empty((len(CASES), len(KINDS)))
    for i, case in enumerate(CASES):
        for k, sign in enumerate(SIGNS):
            best[i, k] = best_ridge(partial(case.goodness, k=k), gammas, sign * values[i, k])
    at_best = np.array(
        [[case.values(min(g, HIGH)) for g in row] for case, row in zip(CASES, best, strict=True)]
    )
    draws = tuple((20 if quick else 600) if case.correlated else (100 if quick else 4000) for case in CASES)
    runs = np.empty((3, len(CASES), 2, points.size))
    for i, case in enumerate(CASES):
        for j, gamma_source in enumerate(POINTS):
            problem = case.problem(gamma_source)
            curve = problem.curve()
            alphas = np.array([1.0, curve.optimal_alpha()])
            run = simulate(problem, alphas, replicates=draws[i], rng=(SEED, i, j))
            runs[:, i, :, j] = run.accuracy, run.accuracy_stderr, curve.accuracy(alphas)
    labels = [case.label.replace("\n", " ").replace("$", "").replace("\\", "") for case in CASES]
    cases, alpha, point = across(labels, ("1", "best"), points)
    four = ("own_accuracy", "own_risk", "accuracy_1", "accuracy_optimal")
    return Numbers(
        main=Table(case=cases[..., 0], gamma_source=gammas, **named(four, values)),
        best=Table(
            case=cases[..., 0],
            chosen_for=KINDS,
            gamma_source=or_word(best, "infinite"),
            **named(four, at_best, -1),
            lost_at_1=at_best[:, 2, 2, None] - at_best[..., 2],
            lost_at_optimal=at_best[:, 3, 3, None] - at_best[..., 3],
        ),
        simulated=Table(
            case=cases,
            alpha=alpha,
            gamma_source=point,
            theory=runs[2],
            simulated=runs[0],
            standard_error=runs[1],
            draws=np.array(draws)[:, None, None],
        ),
        values=values,
        best_ridge=best,
        at_best=at_best,
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Above the accuracy after transfer, below the source's own; thin lines at its own best ridge."""
    figure, axes = style.panels(len(CASES), 2, size=(3.3, 2.5), sharex=True, height_ratios=[1.6, 1])
    gammas, found, blue = result.main.gamma_source, result.simulated, style.BLUE
    for i, (upper, lower) in enumerate(axes.T):
        best = result.best_ridge[i]
        for k, kind, where in ((2, "one", r"$\alpha = 1$"), (3, "best", r"$\alpha^*$")):
            look = style.at_alpha(kind, label=f"target accuracy at {where}")
            upper.plot(gammas, result.values[i, k], **look)
            error = 2 * found.standard_error[i, k - 2]
            style.points(upper, POINTS, found.simulated[i, k - 2], error, color=look["color"])
            if np.isfinite(best[k]):
                style.mark(upper, kind, best[k], result.at_best[i, k, k], label="_")
        lower.plot(gammas, result.values[i, 0], color=blue, label="source's own accuracy")
        for ax in (upper, lower):
            if np.isfinite(best[0]):
                ax.axvline(best[0], color=blue, linewidth=1.0, label="source's own best ridge")
            look = style.series(3, color=blue, linewidth=1.0, label="the same for its risk")
            ax.axvline(best[1], **look)
        if not np.isfinite(best[0]):
            arrow: dict[str, Any] = {"arrowstyle": "->", "color": blue}
            look = {"xycoords": "axes fraction", "va": "center", "color": blue, "arrowprops": arrow}
            lower.annotate("best: $\\infty$", (0.97, 0.62), (0.6, 0.62), **look)
        upper.set_title(CASES[i].label)
        lower.set(xscale="log", xlabel=r"source ridge $\tilde\gamma$", xlim=(LOW, HIGH))
    axes[0, 0].set_ylabel("target accuracy")
    axes[1, 0].set_ylabel("source accuracy")
    style.simulation_entry(axes[0, 0])
    style.legend(figure, axes.flat, columns=3)
    return figure
