r"""How far one draw of the data falls from the average: predicted and simulated, for five models.

The standard deviation of the accuracy (of the risk, for the regression) over draws of the training data,
against alpha.  p = 90 and n = 120, and a source trained on 200 samples of its own where it is not given.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.sources import FixedSource, RidgeSource
from rmt_alpha.simulation import simulate

P, SAMPLES, SOURCE_SAMPLES = 90, 120, 200
SEED = 2718
MODELS = (
    "one covariance, trained source",
    "two covariances, intercept, wrong labels",
    "three classes",
    "logistic loss",
    "regression, two outputs",
)
QUANTITIES = ("accuracy", "accuracy", "accuracy", "accuracy", "risk")


def problem(model: int) -> FineTuning | RidgeRegressionTransfer:
    """One of the `MODELS`."""
    rng = np.random.default_rng(SEED)
    spectrum = np.geomspace(0.1, 3.0, P)
    rows = rng.standard_normal((3, P)) / np.sqrt(P)
    mean = 1.2 * rows[0]
    source = 0.6 * mean + 0.5 * rows[1]
    if model == 0:
        own = GaussianMixture.symmetric(mean + 0.6 * rows[1], spectrum)
        trained = RidgeSource(own, SOURCE_SAMPLES, 0.2)
        return FineTuning(GaussianMixture.symmetric(mean, spectrum), trained, SAMPLES, 0.3)
    if model == 1:
        target = GaussianMixture([-mean, mean], [spectrum, spectrum[::-1]], [0.3, 0.7])
        return FineTuning(target, FixedSource(source), SAMPLES, 0.3, intercept=True, label_noise=0.1)
    if model == 2:
        target = GaussianMixture(2 * rows, spectrum)
        return FineTuning(target, FixedSource(rows + 0.5 * np.roll(rows, 1, axis=1), outputs=3), SAMPLES, 0.3)
    if model == 3:
        target = GaussianMixture.symmetric(mean, spectrum)
        return FineTuning(target, FixedSource(source), SAMPLES, 0.05, loss="logistic")
    return RidgeRegressionTransfer(spectrum, rows[:2], rows[:2] + 0.5 * rows[1:], 0.5, SAMPLES, 0.3)


def compute(quick: bool = False) -> Numbers:
    """Predict and simulate: 600 draws, 150 of the logistic loss; 10 of all models if ``quick``."""
    lines, points = np.linspace(-1.0, 3.0, 9 if quick else 41), np.linspace(-1.0, 3.0, 5)
    predicted, at_points, simulated, stderr = [], [], [], []
    for model, name in enumerate(QUANTITIES):
        one = problem(model)
        curve = one.curve()
        draws = 10 if quick else 150 if model == 3 else 600
        run = simulate(one, points, replicates=draws, rng=(SEED, model))
        found = getattr(run.draws, name).std(axis=0, ddof=1)
        predicted.append(getattr(curve, f"{name}_std")(lines))
        at_points.append(getattr(curve, f"{name}_std")(points))
        simulated.append(found)
        stderr.append(found / np.sqrt(2 * (draws - 1)))
    models, alpha = across(MODELS, lines)
    main = Table(model=models, alpha=alpha, std_theory=np.array(predicted))
    models, alpha = across(MODELS, points)
    beside = {
        "std_theory": np.array(at_points),
        "std_simulated": np.array(simulated),
        "std_standard_error": np.array(stderr),
    }
    return Numbers(main=main, simulated=Table(model=models, alpha=alpha, **beside))


@style.styled
def draw(result: Numbers) -> Figure:
    """A panel for each model."""
    figure, axes = style.panels(3, 2, size=(2.6, 2.3))
    figure.delaxes(axes[-1, -1])  # of six places five are taken
    for model, axis in enumerate(axes.flat[: len(MODELS)]):
        line, found = result.main, result.simulated
        axis.plot(line.alpha.ravel(), line.std_theory[model], color=style.BLUE, label="theory")
        label = "simulation, two standard errors"
        error = 2 * found.std_standard_error[model]
        style.points(axis, found.alpha.ravel(), found.std_simulated[model], error, label=label)
        axis.set(title=MODELS[model], xlabel=r"$\alpha$", ylim=(0, None))
        axis.title.set_fontsize(8)
        axis.set_ylabel(f"std of the {QUANTITIES[model]}")
    style.legend(figure, axes.flat)
    return figure
