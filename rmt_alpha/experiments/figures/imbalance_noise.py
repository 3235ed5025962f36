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

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rmt_alpha.experiments.figures._mixture_optimum import simulated_mixture_optimum
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation import simulate

NAME = "imbalance_noise"
TITLE = "Class imbalance and label noise move the best alpha."
NEEDS_DATA = False

P, SAMPLES, LENGTH, COSINE, SOURCE_LENGTH = 200, 100, 1.2, 0.7, 0.5
SEED = 2522
KINDS = ("zero", "one", "best")


class Setting(NamedTuple):
    """One line of the upper panels."""

    label: str
    panel: int
    gamma: float
    intercept: bool
    one_sided: bool = False

    def problem(self, x: float) -> FineTuning:
        """The problem with share x of the larger class (panel 0), or label noise x (panel 1)."""
        priors = [1 - x, x] if self.panel == 0 else None
        noise = 0.0 if self.panel == 0 else [0.0, x] if self.one_sided else x
        target = GaussianMixture(np.stack([-TARGET, TARGET]), priors=priors)
        source = FixedSource(SOURCE)
        return FineTuning(target, source, SAMPLES, self.gamma, intercept=self.intercept, label_noise=noise)


TARGET = np.full(P, LENGTH / np.sqrt(P))
ACROSS = np.where(np.arange(P) % 2, -1.0, 1.0) / np.sqrt(P)
SOURCE = SOURCE_LENGTH * (COSINE * TARGET / LENGTH + np.sqrt(1 - COSINE**2) * ACROSS)

SETTINGS = (
    Setting(r"intercept, $\gamma = 0.1$", 0, 0.1, True),
    Setting(r"intercept, $\gamma = 2$", 0, 2.0, True),
    Setting(r"no intercept, $\gamma = 0.1$", 0, 0.1, False),
    Setting("both classes", 1, 0.1, True),
    Setting("one class, intercept", 1, 0.1, True, one_sided=True),
    Setting("one class, no intercept", 1, 0.1, False, one_sided=True),
)
SHOWN = (0, 3)
"""The settings whose accuracies are shown below."""
SHARES, NOISES = (0.5, 0.65, 0.8, 0.9), (0.0, 0.1, 0.2, 0.3)


@dataclass(frozen=True, eq=False)
class ImbalanceNoise:
    """The best alpha, and accuracies.

    Attributes
    ----------
    settings : tuple of Setting
    x : ndarray of shape (n_settings, n_x)
        Share of the larger class, or label noise.
    optimal_alpha : ndarray of shape (n_settings, n_x)
    accuracy : ndarray of shape (n_settings, 3, n_x)
        At alpha = 0, 1 and alpha*.
    class_accuracy : ndarray of shape (n_settings, 2, n_x)
        Of the first and the second class, at alpha*.
    points : ndarray of shape (n_settings, n_points)
    simulated_alpha, alpha_stderr, alpha_theory : ndarray of shape (n_settings, n_points)
    simulated, stderr, theory_there : ndarray of shape (n_settings, 3, n_points)
    draws : int
    """

    settings: tuple[Setting, ...]
    x: NDArray[np.float64]
    optimal_alpha: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    class_accuracy: NDArray[np.float64]
    points: NDArray[np.float64]
    simulated_alpha: NDArray[np.float64]
    alpha_stderr: NDArray[np.float64]
    alpha_theory: NDArray[np.float64]
    simulated: NDArray[np.float64]
    stderr: NDArray[np.float64]
    theory_there: NDArray[np.float64]
    draws: int


def predict(problem: FineTuning) -> NDArray[np.float64]:
    """alpha*, accuracy at 0, 1 and alpha*, and the accuracy of both classes at alpha*."""
    curve = problem.curve()
    best = float(curve.optimal_alpha())
    accuracies = np.asarray(curve.accuracy(np.array([0.0, 1.0, best])))
    return np.array([best, *accuracies, *curve.class_accuracy(best)])


def compute(quick: bool = False, data: Any = None) -> ImbalanceNoise:
    """Evaluate the formulas and simulate.

    Parameters
    ----------
    quick : bool
        300 draws for each point instead of 2000, and coarser curves.
    data
        Not used: no data files are needed.
    """
    draws = 300 if quick else 2000
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
    return ImbalanceNoise(
        settings=SETTINGS,
        x=x,
        optimal_alpha=lines[..., 0],
        accuracy=lines[..., 1:4].transpose(0, 2, 1),
        class_accuracy=lines[..., 4:].transpose(0, 2, 1),
        points=points,
        simulated_alpha=optima[0],
        alpha_stderr=optima[1],
        alpha_theory=there[..., 0],
        simulated=runs[0],
        stderr=runs[1],
        theory_there=there[..., 1:4].transpose(0, 2, 1),
        draws=draws,
    )


def tables(result: ImbalanceNoise) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """The curves, and the simulated points beside the theory."""
    curves, points = [], []
    for i, setting in enumerate(result.settings):
        noise = "label noise in one class" if setting.one_sided else "label noise in both classes"
        varied = "share of class +1" if setting.panel == 0 else noise
        label = [varied, setting.gamma, "yes" if setting.intercept else "no"]
        columns = (result.x[i], result.optimal_alpha[i], *result.accuracy[i], *result.class_accuracy[i])
        curves += [[*label, *row] for row in zip(*columns, strict=True)]
        for j, value in enumerate(result.points[i]):
            alphas = (result.alpha_theory, result.simulated_alpha, result.alpha_stderr)
            row = [*label, value, *(values[i, j] for values in alphas)]
            for k in range(3):
                row += [values[i, k, j] for values in (result.theory_there, result.simulated, result.stderr)]
            points.append([*row, result.draws])
    first = ["varied", "gamma", "intercept", "value"]
    header = [*first, "optimal_alpha", "accuracy_0", "accuracy_1", "accuracy_optimal"]
    point_header = [*first, "alpha_theory", "alpha_simulated", "alpha_standard_error"]
    for alpha in ("0", "1", "optimal"):
        point_header += [f"accuracy_{alpha}_{kind}" for kind in ("theory", "simulated", "standard_error")]
    return {
        "imbalance_noise": ([*header, "accuracy_of_class_-1", "accuracy_of_class_+1"], curves),
        "imbalance_noise_simulated": ([*point_header, "draws"], points),
    }


@style.styled
def draw(result: ImbalanceNoise) -> Figure:
    """Above the best alpha, below the accuracies; imbalance on the left, label noise on the right."""
    figure, axes = style.panels(2, 2, size=(4.1, 2.7), sharex="col")
    colors = (style.BLUE, style.PURPLE, style.GREY)
    for i, setting in enumerate(result.settings):
        ax, color = axes[0, setting.panel], colors[i % 3]
        ax.plot(
            result.x[i],
            result.optimal_alpha[i],
            color=color,
            linestyle=style.DASHES[i % 3],
            label=setting.label,
        )
        found, error = result.simulated_alpha[i], 2 * result.alpha_stderr[i]
        style.points(ax, result.points[i], found, error, color=color)
    for i, ax in zip(SHOWN, axes[1], strict=True):
        for k, kind in enumerate(KINDS):
            look, dash = style.SHAPES[kind], style.DASHES[(2, 1, 0)[k]]
            ax.plot(
                result.x[i], result.accuracy[i, k], color=look["color"], linestyle=dash, label=look["label"]
            )
            found, error = result.simulated[i, k], 2 * result.stderr[i, k]
            style.points(ax, result.points[i], found, error, color=look["color"])
    left, right = axes[1]
    left.plot(result.x[0], result.x[0], color=style.GREY, linewidth=0.9, label="always the larger class")
    for k, name in enumerate(("smaller", "larger")):
        left.plot(result.x[0], result.class_accuracy[0, k], color=style.VERMILLION, linewidth=0.8)
        where = (0.83, (0.36, 0.955)[k])
        left.text(
            *where, f"{name} class", color=style.VERMILLION, ha="right" if k == 0 else "center", fontsize=8
        )
    axes[0, 0].set(title="class imbalance", ylabel=r"best alpha $\alpha^*$")
    axes[0, 1].set(title=r"label noise, $\gamma = 0.1$", yscale="log")
    axes[0, 1].set_yticks((1.5, 2, 3, 5, 10), labels=("1.5", "2", "3", "5", "10"))
    axes[0, 1].minorticks_off()
    left.set(xlabel="share of the larger class", ylabel="test accuracy")
    right.set(xlabel="fraction of wrong labels")
    for ax in axes[0]:
        ax.legend(handlelength=3)
    label = "simulation, ± 2 standard errors"
    left.errorbar([], [], yerr=[], fmt="o", color=style.BLACK, markersize=3.2, label=label)
    style.legend(figure, axes[1], columns=3)
    return figure
