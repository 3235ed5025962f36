r"""Class imbalance and label noise move alpha*.

With classes of means +m and -m, equal covariances and no intercept, the training sees y x only, and the
sizes of the classes do not matter at all.  With an intercept they do: it shifts the decision towards the
larger class, and less of the source is wanted, or more, depending on the ridge.  Wrong labels shorten what
the data say about the direction of the mean by 1 - 2 eps and leave the noise as it is, so alpha* grows
without bound as eps tends to 1/2.

p = 200, n = 100, identity covariance, target mean of length 1.2; the source is a fixed vector of length 0.5
with cosine 0.7 to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, beside_theory, mean_and_source, named
from rmt_alpha.experiments.figures._optimum import simulated_mixture_optimum
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate

P, SAMPLES, LENGTH, COSINE, SOURCE_LENGTH = 200, 100, 1.2, 0.7, 0.5
SEED = 2522
KINDS = ("zero", "one", "best")
CLASSES = ("accuracy_of_class_-1", "accuracy_of_class_+1")


class NoisySetting(NamedTuple):
    """One line of the upper panels."""

    label: str
    panel: int
    gamma: float
    intercept: bool
    one_sided: bool = False

    @property
    def varied(self) -> str:
        """What x is."""
        noise = "label noise in one class" if self.one_sided else "label noise in both classes"
        return "share of class +1" if self.panel == 0 else noise

    def problem(self, x: float) -> FineTuning:
        """The problem with share x of the larger class (panel 0), or label noise x (panel 1)."""
        priors = [1 - x, x] if self.panel == 0 else None
        noise = 0.0 if self.panel == 0 else [0.0, x] if self.one_sided else x
        target = GaussianMixture(np.stack([-TARGET, TARGET]), priors=priors)
        source = FixedSource(SOURCE)
        return FineTuning(target, source, SAMPLES, self.gamma, intercept=self.intercept, label_noise=noise)


TARGET, SOURCE = mean_and_source(P, LENGTH, COSINE, SOURCE_LENGTH)

SETTINGS = (
    NoisySetting(r"intercept, $\gamma = 0.1$", 0, 0.1, True),
    NoisySetting(r"intercept, $\gamma = 2$", 0, 2.0, True),
    NoisySetting(r"no intercept, $\gamma = 0.1$", 0, 0.1, False),
    NoisySetting("both classes", 1, 0.1, True),
    NoisySetting("one class, intercept", 1, 0.1, True, one_sided=True),
    NoisySetting("one class, no intercept", 1, 0.1, False, one_sided=True),
)
SHOWN = (0, 3)
"""The settings whose accuracies are shown below."""
SHARES, NOISES = (0.5, 0.65, 0.8, 0.9), (0.0, 0.1, 0.2, 0.3)


def predict(problem: FineTuning) -> FloatArray:
    """alpha*, accuracy at 0, 1 and alpha*, and the accuracy of both classes at alpha*."""
    curve = problem.curve()
    best = float(curve.optimal_alpha())
    accuracies = np.asarray(curve.accuracy(np.array([0.0, 1.0, best])))
    return np.array([best, *accuracies, *curve.class_accuracy(best)])


def compute(quick: bool = False) -> Numbers:
    """Evaluate the formulas and simulate.

    Arrays have shape (n_settings, n_x), with x the share of the larger class or the label noise; ``accuracy``
    and ``measured`` of shape (n_settings, 3, n_x) are at alpha = 0, 1 and alpha*, ``class_accuracy`` at
    alpha*. Quick: 80 draws for each point instead of 2000, and coarser curves.
    """
    draws = 80 if quick else 2000
    size = 19 if quick else 37
    grids = np.linspace(0.5, 0.95, size), np.linspace(0.0, 0.4, size)
    x = np.array([grids[setting.panel] for setting in SETTINGS])
    points = np.array([(SHARES, NOISES)[setting.panel] for setting in SETTINGS])
    lines = np.array([[predict(s.problem(v)) for v in row] for s, row in zip(SETTINGS, x, strict=True)])
    there = np.array([[predict(s.problem(v)) for v in row] for s, row in zip(SETTINGS, points, strict=True)])
    optima, runs = np.empty((2, *points.shape)), np.empty((2, len(SETTINGS), 3, points.shape[1]))
    for i, setting in enumerate(SETTINGS):
        for j, value in enumerate(points[i]):
            best = there[i, j, 0]
            run = simulate(setting.problem(value), [0, 1, best], replicates=draws, rng=(SEED, i, j))
            optima[:, i, j] = simulated_mixture_optimum(run.draws, best)
            runs[:, i, :, j] = run.accuracy, run.accuracy_stderr
    names = ("accuracy_0", "accuracy_1", "accuracy_optimal")
    labels = {
        "varied": np.array([[setting.varied] for setting in SETTINGS]),
        "gamma": np.array([[setting.gamma] for setting in SETTINGS]),
        "intercept": np.array([["yes" if setting.intercept else "no"] for setting in SETTINGS]),
    }
    columns = named(("optimal_alpha", *names, *CLASSES), lines, -1)
    return Numbers(
        main=Table(**labels, value=x, **columns),
        simulated=Table(
            **labels,
            value=points,
            alpha_theory=there[..., 0],
            alpha_simulated=optima[0],
            alpha_standard_error=optima[1],
            **beside_theory(names, there[..., 1:4].transpose(0, 2, 1), runs[0], runs[1], axis=1),
            draws=draws,
        ),
        accuracy=lines[..., 1:4].transpose(0, 2, 1),
        class_accuracy=lines[..., 4:].transpose(0, 2, 1),
        measured=runs[0],
        stderr=runs[1],
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Above the best alpha, below the accuracies; imbalance on the left, label noise on the right."""
    figure, axes = style.panels(2, 2, size=(4.1, 2.7), sharex="col")
    colors = (style.BLUE, style.PURPLE, style.GREY)
    lines, found = result.main, result.simulated
    for i, setting in enumerate(SETTINGS):
        ax, color = axes[0, setting.panel], colors[i % 3]
        look = style.series(i % 3, color=color, label=setting.label)
        ax.plot(lines.value[i], lines.optimal_alpha[i], **look)
        error = 2 * found.alpha_standard_error[i]
        style.points(ax, found.value[i], found.alpha_simulated[i], error, color=color)
    for i, ax in zip(SHOWN, axes[1], strict=True):
        for k, kind in enumerate(KINDS):
            look = style.at_alpha(kind)
            ax.plot(lines.value[i], result.accuracy[i, k], **look)
            error = 2 * result.stderr[i, k]
            style.points(ax, found.value[i], result.measured[i, k], error, color=look["color"])
    left, right = axes[1]
    share, red = lines.value[0], style.VERMILLION
    left.plot(share, share, color=style.GREY, linewidth=0.9, label="always the larger class")
    for k, (name, y, side) in enumerate((("smaller", 0.36, "right"), ("larger", 0.955, "center"))):
        left.plot(share, result.class_accuracy[0, k], color=red, linewidth=0.8)
        left.text(0.83, y, f"{name} class", color=red, ha=side, fontsize=8)
    axes[0, 0].set(title="class imbalance", ylabel=r"best alpha $\alpha^*$")
    axes[0, 1].set(title=r"label noise, $\gamma = 0.1$", yscale="log")
    axes[0, 1].set_yticks((1.5, 2, 3, 5, 10), labels=("1.5", "2", "3", "5", "10"))
    axes[0, 1].minorticks_off()
    left.set(xlabel="share of the larger class", ylabel="test accuracy")
    right.set(xlabel="fraction of wrong labels")
    for ax in axes[0]:
        ax.legend(handlelength=3)
    style.simulation_entry(left)
    style.legend(figure, axes[1], columns=3)
    return figure
