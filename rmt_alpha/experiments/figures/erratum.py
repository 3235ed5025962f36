r"""The erratum: what the reference implementation predicts, what is right, and what a simulation finds.

The public code of alpha-LoRA (arXiv 2510.21345) takes a wrong squared norm of the ridge-trained source
classifier (`rmt_alpha.experiments.reference_formula`).  Here its predictions stand beside the right ones and
beside trained classifiers, for N/p from 0.5 to 50 in three settings, and in a table of single cases.  The
error fades as N/p or the source ridge grows; with a small source ridge and N near p it reverses conclusions.
Where the reference's "variance" is negative it predicts nothing, and the curves have gaps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

P, N_TARGET = 400, 100
SETTINGS: tuple[dict[str, float], ...] = (
    {"beta": 0.5, "mu": 1.0, "mu_orth": 1.0, "gamma": 1.0, "gamma_source": 0.01},
    {"beta": 0.7, "mu": 2.0, "mu_orth": 1.0, "gamma": 0.5, "gamma_source": 0.1},
    {"beta": 0.7, "mu": 1.0, "mu_orth": 1.0, "gamma": 0.5, "gamma_source": 5.0},
)
"""The rows of the figure."""
RATIOS = (0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0, 20.0, 50.0)
"""N/p of the simulated points."""
NORMS = {"mu": 0.8, "mu_orth": 0.8}
CASES: tuple[dict[str, float], ...] = (
    {"N": 480, "n": 100, "p": 400, **SETTINGS[0]},
    {"N": 400, "n": 100, "p": 400, **SETTINGS[0], "beta": 0.7, "gamma": 0.1, "gamma_source": 0.1},
    {"N": 800, "n": 100, "p": 400, **SETTINGS[1]},
    # The setting of the figure "accuracy", where the error is small:
    {"N": 5000, "n": 40, "p": 1000, "beta": 0.5, **NORMS, "gamma": 0.1, "gamma_source": 5.0},
)
"""The rows of the table."""
SEED = 2515
SHOWN = (-4.0, 6.0)
"""Range of the axis of alpha*: the reference's values leave it where they have a pole."""


def compare(values: dict[str, Any]) -> dict[str, Any]:
    """Both formulas for arrays of problems, and the right accuracy at either formula's alpha*."""
    reference, right = reference_curve(**values), TransferProblem(**values).curve()
    alpha, best = reference.optimal_alpha(), right.optimal_alpha()
    return {
        "reference_source_norm2": reference.source_norm2,
        "reference_accuracy_1": reference.accuracy(1.0),
        "right_accuracy_1": right.accuracy(1.0),
        "reference_alpha": alpha,
        "right_alpha": best,
        "right_formula_at_reference_alpha": right.accuracy(alpha),
        "right_formula_at_right_alpha": right.accuracy(best),
    }


def simulated(problems: list[dict[str, float]], draws: int, seed: tuple[int, ...]) -> dict[str, FloatArray]:
    """`compare` beside trained classifiers: what is simulated, its standard error, and both formulas.

    The alpha of highest average accuracy is nan where the simulation cannot tell.
    """
    both = compare({key: np.array([values[key] for values in problems]) for key in problems[0]})
    rows, optima = [], []
    for i, values in enumerate(problems):
        alphas = [1.0, both["reference_alpha"][i], both["right_alpha"][i]]
        run = simulate(TransferProblem(**values), alphas, replicates=draws, rng=(*seed, i))
        rows.append([run.accuracy, run.accuracy_stderr])
        optima.append(simulated_optimum(run.draws))
    accuracy, stderr = np.array(rows).transpose(1, 2, 0)
    best, best_stderr = np.transpose(optima)
    return {
        "reference_source_norm2": both["reference_source_norm2"],
        "simulated_accuracy_1": accuracy[0],
        "standard_error_accuracy_1": stderr[0],
        "reference_accuracy_1": both["reference_accuracy_1"],
        "right_accuracy_1": both["right_accuracy_1"],
        "simulated_alpha": best,
        "standard_error_alpha": best_stderr,
        "reference_alpha": both["reference_alpha"],
        "right_alpha": both["right_alpha"],
        "simulated_at_reference_alpha": accuracy[1],
        "standard_error_at_reference_alpha": stderr[1],
        "right_formula_at_reference_alpha": both["right_formula_at_reference_alpha"],
        "simulated_at_right_alpha": accuracy[2],
        "standard_error_at_right_alpha": stderr[2],
        "right_formula_at_right_alpha": both["right_formula_at_right_alpha"],
    }


def compute(quick: bool = False) -> Numbers:
    """Single cases, and for each setting simulated points and both formulas over N/p.

    Where a formula gives nothing it is nan. The single cases have ten times as many draws. Quick:
    100 draws for each point instead of 1000.
    """
    draws = 100 if quick else 1000
    ratios = np.logspace(np.log10(0.5), np.log10(50), 201)
    size = {"p": P, "n": N_TARGET}
    keys = ("N", "n", "p", "mu", "mu_orth", "beta", "gamma_source", "gamma")
    cases = {key: np.array([case[key] for case in CASES]) for key in keys}
    points, curves = [], []
    for i, setting in enumerate(SETTINGS):
        values = {"N": P * np.array(RATIOS), **size, **setting}
        found = simulated([{**size, "N": P * ratio, **setting} for ratio in RATIOS], draws, (SEED, i))
        points.append(Table(**{key: values[key] for key in keys}, draws=draws, **found))
        shown = {key: setting[key] for key in ("beta", "mu", "gamma_source", "gamma")}
        both = compare({**size, "N": P * ratios, **setting})
        del both["reference_source_norm2"]
        curves.append(Table(**shown, N_over_p=ratios, **both))
    return Numbers(
        main=Table(
            **cases,
            draws=10 * draws,
            **simulated(list(CASES), 10 * draws, (SEED, len(SETTINGS))),
            reference_accuracy_3=[reference_curve(**case).accuracy(3.0) for case in CASES],
        ),
        points=tuple(points),
        curves=tuple(curves),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One row per setting: accuracy at alpha = 1, alpha*, and the accuracy that either alpha* gets."""
    figure, axes = style.panels(3, len(SETTINGS), size=(3.3, 2.35), sharex=True)
    wrong: dict[str, Any] = {"color": style.VERMILLION, "linestyle": style.DASHES[1], "zorder": 3}
    right: dict[str, Any] = {"color": style.BLUE}
    for k, setting in enumerate(SETTINGS):
        curve, found, ratio = result.curves[k], result.points[k], np.array(RATIOS)
        first, second, third = axes[k]
        first.plot(curve.N_over_p, curve.reference_accuracy_1, label="reference implementation", **wrong)
        first.plot(curve.N_over_p, curve.right_accuracy_1, label="right formula", **right)
        error = 2 * found.standard_error_accuracy_1
        style.points(first, ratio, found.simulated_accuracy_1, error, label=style.SIMULATION)
        second.plot(curve.N_over_p, _cut_at_poles(curve.reference_alpha), **wrong)
        second.plot(curve.N_over_p, curve.right_alpha, **right)
        style.points(second, ratio, found.simulated_alpha, 2 * found.standard_error_alpha)
        got = _cut_at_poles(curve.right_formula_at_reference_alpha, curve.reference_alpha)
        third.plot(curve.N_over_p, got, **wrong)
        third.plot(curve.N_over_p, curve.right_formula_at_right_alpha, **right)
        error = 2 * found.standard_error_at_reference_alpha
        style.points(third, ratio, found.simulated_at_reference_alpha, error)
        style.points(third, ratio, found.simulated_at_right_alpha, 2 * found.standard_error_at_right_alpha)
        first.set_ylabel(
            rf"$\beta = {setting['beta']:g}$, $\Vert\mu\Vert = {setting['mu']:g}$" + "\n"
            rf"$\tilde\gamma = {setting['gamma_source']:g}$, $\gamma = {setting['gamma']:g}$"
        )
        low, high = second.get_ylim()
        second.set_ylim(max(low, SHOWN[0]), min(high, SHOWN[1]))
    axes[0, 0].set_title(r"accuracy at $\alpha = 1$")
    axes[0, 1].set_title(r"$\alpha^*$")
    axes[0, 2].set_title(r"accuracy obtained with that $\alpha^*$")
    for ax in axes[-1]:
        ax.set(xscale="log", xlabel=r"source samples per dimension, $N/p$", xlim=(0.45, 56))
        ax.set_xticks([0.5, 1, 2, 5, 10, 20, 50], minor=False)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_xticks([], minor=True)
    style.legend(figure, axes[0], columns=3)
    return figure


def _cut_at_poles(values: FloatArray, alpha: FloatArray | None = None) -> FloatArray:
    """``values`` with a gap wherever alpha* jumps through infinity: no line joins the two sides."""
    alpha = values if alpha is None else alpha
    jumps = np.flatnonzero((alpha[1:] * alpha[:-1] < 0) & (np.abs(np.diff(alpha)) > SHOWN[1] - SHOWN[0]))
    result = values.copy()
    result[jumps] = np.nan
    return result
