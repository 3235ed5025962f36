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
from rmt_alpha.experiments.figures._numbers import Numbers, Table, joined, table
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
CASES: tuple[dict[str, float], ...] = (
    {"N": 480, "n": 100, "p": 400, **SETTINGS[0]},
    {"N": 400, "n": 100, "p": 400, **SETTINGS[0], "beta": 0.7, "gamma": 0.1, "gamma_source": 0.1},
    {"N": 800, "n": 100, "p": 400, **SETTINGS[1]},
    # The setting of the figure "accuracy", where the error is small:
    {
        "N": 5000,
        "n": 40,
        "p": 1000,
        "beta": 0.5,
        "mu": 0.8,
        "mu_orth": 0.8,
        "gamma": 0.1,
        "gamma_source": 5.0,
    },
)
"""The rows of the table."""
SEED = 2515
SHOWN = (-4.0, 6.0)
"""Range of the axis of alpha*: the reference's values leave it where they have a pole."""


def compare(values: dict[str, Any]) -> Numbers:
    """Both formulas for arrays of problems; ``got`` is the right accuracy at either formula's alpha*."""
    reference, right = reference_curve(**values), TransferProblem(**values).curve()
    alpha, best = reference.optimal_alpha(), right.optimal_alpha()
    return Numbers(
        reference_norm2=reference.source_norm2,
        reference_1=reference.accuracy(1.0),
        right_1=right.accuracy(1.0),
        reference_alpha=alpha,
        right_alpha=best,
        got_reference=right.accuracy(alpha),
        got_right=right.accuracy(best),
    )


def run(problems: list[dict[str, float]], draws: int, seed: tuple[int, ...]) -> Numbers:
    """Train classifiers for every problem: pairs of value and standard error in the last axis.

    ``alpha``, the one of highest average accuracy, is nan where the simulation cannot tell.
    """
    rows = []
    both = compare({key: np.array([values[key] for values in problems]) for key in problems[0]})
    for i, values in enumerate(problems):
        alphas = [1.0, both.reference_alpha[i], both.right_alpha[i]]
        found = simulate(TransferProblem(**values), alphas, replicates=draws, rng=(*seed, i))
        pairs = np.transpose([found.accuracy, found.accuracy_stderr])
        rows.append([*pairs, simulated_optimum(found.draws)])
    at_1, at_reference, at_right, alpha = np.array(rows).swapaxes(0, 1)
    return Numbers(at_1=at_1, at_reference=at_reference, at_right=at_right, alpha=alpha)


def columns(theory: Numbers, found: Numbers) -> dict[str, FloatArray]:
    """Everything about some problems, as columns of a table."""
    return {
        "reference_source_norm2": theory.reference_norm2,
        "simulated_accuracy_1": found.at_1[:, 0],
        "standard_error_accuracy_1": found.at_1[:, 1],
        "reference_accuracy_1": theory.reference_1,
        "right_accuracy_1": theory.right_1,
        "simulated_alpha": found.alpha[:, 0],
        "standard_error_alpha": found.alpha[:, 1],
        "reference_alpha": theory.reference_alpha,
        "right_alpha": theory.right_alpha,
        "simulated_at_reference_alpha": found.at_reference[:, 0],
        "standard_error_at_reference_alpha": found.at_reference[:, 1],
        "right_formula_at_reference_alpha": theory.got_reference,
        "simulated_at_right_alpha": found.at_right[:, 0],
        "standard_error_at_right_alpha": found.at_right[:, 1],
        "right_formula_at_right_alpha": theory.got_right,
    }


def compute(quick: bool = False) -> Numbers:
    """Both formulas over N/p (``curves``) and at ``points``, and simulations there, one entry per setting.

    The table's ``cases`` have ten times as many draws; ``reference_3`` is the reference's accuracy at alpha =
    3. Quick: 100 draws for each point instead of 1000.
    """
    draws = 100 if quick else 1000
    ratios, points = np.logspace(np.log10(0.5), np.log10(50), 201), np.array(RATIOS)
    size = {"p": P, "n": N_TARGET}

    def over(grid: FloatArray) -> tuple[Numbers, ...]:
        return tuple(compare({**size, "N": P * grid, **setting}) for setting in SETTINGS)

    reference_3 = [reference_curve(**case).accuracy(3.0) for case in CASES]
    return Numbers(
        ratios=ratios,
        curves=over(ratios),
        points=points,
        at_points=over(points),
        simulated=tuple(
            run([{**size, "N": P * ratio, **setting} for ratio in RATIOS], draws, (SEED, i))
            for i, setting in enumerate(SETTINGS)
        ),
        cases=compare({key: np.array([case[key] for case in CASES]) for key in CASES[0]}),
        cases_simulated=run(list(CASES), 10 * draws, (SEED, len(SETTINGS))),
        reference_3=np.array(reference_3),
        draws=draws,
    )


def tables(result: Numbers) -> dict[str, Table]:
    """Single cases, the simulated points of the figure, and its curves; nan where a formula gives nothing."""
    keys = ("N", "n", "p", "mu", "mu_orth", "beta", "gamma_source", "gamma")
    points, curves = [], []
    for k, setting in enumerate(SETTINGS):
        values = {"N": P * result.points, "n": N_TARGET, "p": P, **setting}
        found = columns(result.at_points[k], result.simulated[k])
        points.append(table(**{key: values[key] for key in keys}, draws=result.draws, **found))
        curve = result.curves[k]
        curves.append(
            table(
                **{key: setting[key] for key in ("beta", "mu", "gamma_source", "gamma")},
                N_over_p=result.ratios,
                reference_accuracy_1=curve.reference_1,
                right_accuracy_1=curve.right_1,
                reference_alpha=curve.reference_alpha,
                right_alpha=curve.right_alpha,
                right_formula_at_reference_alpha=curve.got_reference,
                right_formula_at_right_alpha=curve.got_right,
            )
        )
    return {
        "erratum": table(
            **{key: [case[key] for case in CASES] for key in keys},
            draws=10 * result.draws,
            **columns(result.cases, result.cases_simulated),
            reference_accuracy_3=result.reference_3,
        ),
        "erratum_points": joined(*points),
        "erratum_curves": joined(*curves),
    }


@style.styled
def draw(result: Numbers) -> Figure:
    """One row per setting: accuracy at alpha = 1, alpha*, and the accuracy that either alpha* gets."""
    figure, axes = style.panels(3, len(SETTINGS), size=(3.3, 2.35), sharex=True)
    wrong: dict[str, Any] = {"color": style.VERMILLION, "linestyle": style.DASHES[1], "zorder": 3}
    right: dict[str, Any] = {"color": style.BLUE}
    for k, setting in enumerate(SETTINGS):
        curve, found = result.curves[k], result.simulated[k]
        first, second, third = axes[k]
        first.plot(result.ratios, curve.reference_1, label="reference implementation", **wrong)
        first.plot(result.ratios, curve.right_1, label="right formula", **right)
        bars = "simulation, ± 2 standard errors"
        style.points(first, result.points, found.at_1[:, 0], 2 * found.at_1[:, 1], label=bars)
        second.plot(result.ratios, _cut_at_poles(curve.reference_alpha), **wrong)
        second.plot(result.ratios, curve.right_alpha, **right)
        style.points(second, result.points, found.alpha[:, 0], 2 * found.alpha[:, 1])
        third.plot(result.ratios, _cut_at_poles(curve.got_reference, curve.reference_alpha), **wrong)
        third.plot(result.ratios, curve.got_right, **right)
        style.points(third, result.points, found.at_reference[:, 0], 2 * found.at_reference[:, 1])
        style.points(third, result.points, found.at_right[:, 0], 2 * found.at_right[:, 1])
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
