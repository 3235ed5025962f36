r"""Double descent: accuracy and risk against the number of target samples, with and without a source.

Without ridge the fit passes through all n <= p samples.  At n = p there is a single way to do so: weights
grow without bound, accuracy falls to 1/2 and the risk diverges, whatever alpha.  A ridge removes the
divergence, and alpha* raises what remains.  For n > p and gamma = 0 the source has no influence: all alphas
are the same.  (For the smallest gamma > 0 it has, at alpha* of order 1/gamma.)

Dimension p = 1000, N = 5000 source samples, source ridge 5, all norms 1, beta = 0.8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import FoundTable, Numbers, Table, across, beside_theory, named
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

GAMMAS = (0.0, 0.01, 0.3)
SETTING = {"beta": 0.8, "p": 1000, "N": 5000, "gamma_source": 5.0}
POINTS = (60, 130, 280, 500, 800, 1000, 1250, 2000, 3600, 7000)
KINDS = ("zero", "one", "best")
QUANTITIES = ("accuracy", "risk")
SEED = 2518


def problem(gamma: Any, n: Any) -> TransferProblem:
    """The problem of one point, or of arrays of points."""
    return TransferProblem(gamma=gamma, n=n, **SETTING)


def predict(gamma: float, n: FloatArray) -> tuple[FloatArray, ...]:
    """Both best alphas, shape (2, n_samples), and accuracy and risk at alpha = 0, 1, best, (3, n_samples)."""
    curve = problem(gamma, n).curve()
    alphas = np.array([curve.optimal_alpha(), curve.optimal_alpha("risk")])
    alphas[:, (gamma == 0) & (n > SETTING["p"])] = 0.0  # least squares: no alpha has any influence
    zero, one = np.zeros(n.shape), np.ones(n.shape)
    accuracy, risk = (
        np.array([method(alpha) for alpha in (zero, one, best)])
        for method, best in zip((curve.accuracy, curve.risk), alphas, strict=True)
    )
    return alphas, accuracy, risk


def compute(quick: bool = False) -> Numbers:
    """Evaluate the formulas and simulate.

    ``accuracy`` and ``risk`` of shape (n_gammas, 3, n_samples) are at alpha = 0, 1 and the best alpha for
    that quantity, which is 0 where the source has no influence; n = p without ridge was not simulated, and is
    nan. Quick: 200 draws for each point instead of 4000.
    """
    draws = 200 if quick else 4000
    p = SETTING["p"]
    near = np.logspace(-4, -1, 61)  # closer and closer to n = p, where the ridgeless limit does not exist
    samples = np.sort(np.concatenate([p * np.logspace(-1.5, 1, 300), p * (1 - near), p * (1 + near)]))
    points = np.array(POINTS, float)
    shape = (len(GAMMAS), len(KINDS), points.size)
    means, errors, theory = (np.full((2, *shape), np.nan) for _ in range(3))
    for i, gamma in enumerate(GAMMAS):
        for j, n in enumerate(POINTS):
            if gamma == 0 and n == p:
                continue
            best, accuracy, risk = predict(gamma, np.array([float(n)]))
            run = simulate(problem(gamma, n), [0, 1, *best[:, 0]], replicates=draws, rng=(SEED, i, j))
            for k, quantity in enumerate(QUANTITIES):
                pick = [0, 1, 2 + k]
                means[k, i, :, j] = getattr(run, quantity)[pick]
                errors[k, i, :, j] = getattr(run, f"{quantity}_stderr")[pick]
                theory[k, i, :, j] = (accuracy, risk)[k][:, 0]
    lines = [predict(gamma, samples) for gamma in GAMMAS]
    best, accuracy, risk = (np.array(values) for values in zip(*lines, strict=True))
    gamma, alpha, n = across(GAMMAS, ("0", "1", "best"), points)
    return Numbers(
        main=Table(
            gamma=gamma[..., 0],
            n=samples,
            optimal_alpha=best[:, 0],
            optimal_alpha_risk=best[:, 1],
            **named(("accuracy_0", "accuracy_1", "accuracy_optimal"), accuracy),
            **named(("risk_0", "risk_1", "risk_optimal"), risk),
        ),
        simulated=FoundTable(
            gamma=gamma, alpha=alpha, n=n, **beside_theory(QUANTITIES, theory, means, errors), draws=draws
        ),
        accuracy=accuracy,
        risk=risk,
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """Accuracy above, risk below; one column per ridge."""
    figure, axes = style.panels(len(GAMMAS), 2, size=(3.1, 2.5), sharex=True, sharey="row")
    found = result.simulated
    ratio, there = result.main.n / SETTING["p"], np.array(POINTS) / SETTING["p"]
    rows = (
        (axes[0], result.accuracy, found.accuracy_simulated, found.accuracy_standard_error),
        (axes[1], result.risk, found.risk_simulated, found.risk_standard_error),
    )
    # The ridgeless fit's alphas coincide right of n = p: wide lines below, narrow ones on top.
    looks = zip(KINDS, (3.2, 2.0, 1.4), (style.DASHES[0], style.DASHES[1], style.DASHES[0]), strict=True)
    for k, (kind, width, dash) in enumerate(looks):
        look = style.at_alpha(kind, linewidth=width, linestyle=dash)
        for row, lines, means, errors in rows:
            for i, ax in enumerate(row):
                ax.plot(ratio, lines[i, k], **look)
                style.points(ax, there, means[i, k], 2 * errors[i, k], markersize=2.8, label="_")
    for i, gamma in enumerate(GAMMAS):
        axes[0, i].set_title(r"no ridge, $\gamma = 0$" if gamma == 0 else rf"target ridge $\gamma = {gamma}$")
        axes[1, i].set_xlabel("target samples per dimension, $n/p$")
        for ax in axes[:, i]:
            ax.axvline(1.0, color=style.GREY, linewidth=0.8, linestyle=":", zorder=1)
    axes[0, 0].set(ylabel="test accuracy", xscale="log", ylim=(0.49, 0.85))
    axes[1, 0].set(ylabel="test risk", yscale="log", ylim=(0.4, 60))
    style.simulation_entry(axes[0, 0], markersize=2.8)
    style.legend(figure, axes[0], columns=4)
    return figure
