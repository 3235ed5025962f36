r"""The erratum: what the reference implementation predicts, what is right, and what a simulation finds.

The public code of alpha-LoRA (arXiv 2510.21345) takes a wrong squared norm of the ridge-trained source
classifier (`rmt_alpha.experiments.reference_formula`).  Here its predictions stand beside the right ones and
beside trained classifiers, for N/p from 0.5 to 50 in three settings, and in a table of single cases.  The
error fades as N/p or the source ridge grows; with a small source ridge and N near p it reverses conclusions.
Where the reference's "variance" is negative it predicts nothing, and the curves have gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rmt_alpha.experiments.figures._formulas import COLUMNS, Comparison, Simulated, compare, row, run
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.plotting import style

NAME = "erratum"
TITLE = "The error in the reference implementation: its formula, the right one, and simulation."
NEEDS_DATA = False

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


@dataclass(frozen=True, eq=False)
class Erratum:
    """All numbers.

    Attributes
    ----------
    ratios : ndarray of shape (n_ratios,)
        N/p of the curves.
    curves : tuple of Comparison
        One per setting, over ``ratios``.
    points : ndarray of shape (n_points,)
        N/p of the simulated points.
    at_points : tuple of Comparison
    simulated : tuple of Simulated
        One per setting, over ``points``.
    cases : Comparison
    cases_simulated : Simulated
        The table.
    reference_3 : ndarray of shape (n_cases,)
        The reference's accuracy at alpha = 3.
    draws : int
    """

    ratios: NDArray[np.float64]
    curves: tuple[Comparison, ...]
    points: NDArray[np.float64]
    at_points: tuple[Comparison, ...]
    simulated: tuple[Simulated, ...]
    cases: Comparison
    cases_simulated: Simulated
    reference_3: NDArray[np.float64]
    draws: int


def compute(quick: bool = False, data: Any = None) -> Erratum:
    """Evaluate both formulas and simulate.

    Parameters
    ----------
    quick : bool
        100 draws for each point instead of 1000.
    data
        Not used: no data files are needed.
    """
    draws = 100 if quick else 1000
    ratios, points = np.logspace(np.log10(0.5), np.log10(50), 201), np.array(RATIOS)
    size = {"p": P, "n": N_TARGET}

    def over(grid: NDArray[np.float64]) -> tuple[Comparison, ...]:
        return tuple(compare({**size, "N": P * grid, **setting}) for setting in SETTINGS)

    reference_3 = [reference_curve(**case).accuracy(3.0) for case in CASES]
    return Erratum(
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


def tables(result: Erratum) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Single cases, the simulated points of the figure, and its curves; nan where a formula gives nothing."""
    keys = ["N", "n", "p", "mu", "mu_orth", "beta", "gamma_source", "gamma"]
    cases = [
        [
            *(case[key] for key in keys),
            10 * result.draws,
            *row(result.cases, result.cases_simulated, i),
            result.reference_3[i],
        ]
        for i, case in enumerate(CASES)
    ]
    points = [
        [
            *({"N": P * ratio, "n": N_TARGET, "p": P, **setting}[key] for key in keys),
            result.draws,
            *row(result.at_points[k], result.simulated[k], i),
        ]
        for k, setting in enumerate(SETTINGS)
        for i, ratio in enumerate(result.points)
    ]
    curve_names = ("reference_1", "right_1", "reference_alpha", "right_alpha", "got_reference", "got_right")
    curves = [
        [setting["beta"], setting["mu"], setting["gamma_source"], setting["gamma"], ratio]
        + [getattr(result.curves[k], name)[i] for name in curve_names]
        for k, setting in enumerate(SETTINGS)
        for i, ratio in enumerate(result.ratios)
    ]
    curve_header = ["beta", "mu", "gamma_source", "gamma", "N_over_p", "reference_accuracy_1"]
    curve_header += ["right_accuracy_1", "reference_alpha", "right_alpha"]
    curve_header += ["right_formula_at_reference_alpha", "right_formula_at_right_alpha"]
    return {
        "erratum": ([*keys, "draws", *COLUMNS, "reference_accuracy_3"], cases),
        "erratum_points": ([*keys, "draws", *COLUMNS], points),
        "erratum_curves": (curve_header, curves),
    }


@style.styled
def draw(result: Erratum) -> Figure:
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


def _cut_at_poles(
    values: NDArray[np.float64], alpha: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """``values`` with a gap wherever alpha* jumps through infinity: no line joins the two sides."""
    alpha = values if alpha is None else alpha
    jumps = np.flatnonzero((alpha[1:] * alpha[:-1] < 0) & (np.abs(np.diff(alpha)) > SHOWN[1] - SHOWN[0]))
    result = values.copy()
    result[jumps] = np.nan
    return result
