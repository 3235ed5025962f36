"""The picture of one curve: accuracy against alpha, with the alphas that matter marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.plotting import style
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory.curve import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rmt_alpha.validation.comparison import Comparison


@style.styled
def draw_curve(curve: Curve, alpha: FloatArray, *, band: bool = False) -> Figure:
    """Accuracy, or the risk where there is none, of a curve with one alpha, over the range of ``alpha``.

    Special alphas outside this range are not marked.  ``band`` shades one standard deviation of it
    over draws of the training data, where it is known.
    """
    figure, axes = style.panels(1, size=(5.2, 3.4))
    (axis,) = axes.flat
    fine = np.linspace(alpha.min(), alpha.max(), 121 if curve.costly else 601)
    quantity = curve.criteria[0]
    drawn = getattr(curve, quantity)
    axis.plot(fine, drawn(fine), color=style.BLUE, label=quantity)
    if band and f"{quantity}_std" in curve.answers:
        middle, std = np.asarray(drawn(fine)), np.asarray(getattr(curve, f"{quantity}_std")(fine))
        label = "one standard deviation of a single run"
        axis.fill_between(
            fine, middle - std, middle + std, color=style.SKY, alpha=0.35, linewidth=0, label=label
        )
    if "class_accuracy" in curve.answers and curve.class_accuracy(0.0).shape[-1] == 2:
        axis.axhline(0.5, color=style.GREY, linewidth=0.8)
    for kind, value in curve.landmarks().items():
        if alpha.min() <= value <= alpha.max():
            style.mark(axis, kind, value, float(drawn(value)))
    axis.set(xlabel=r"$\alpha$", ylabel=f"test {quantity}", xlim=(alpha.min(), alpha.max()))
    style.legend(figure, [axis], columns=2)
    return figure


@style.styled
def draw_comparison(comparison: Comparison) -> Figure:
    """Theory as lines, simulation as points with error bars, one panel for each quantity.

    The comparison is one with the problem's own theory.
    """
    # Quantities of single classes, such as class_mean[0], stay in the table.
    names = [name for name in dict.fromkeys(row.quantity for row in comparison.rows) if "[" not in name]
    if comparison.alpha.ndim != 1:
        raise ValueError("only a comparison along one alpha can be drawn, not one of several sources")
    figure, axes = style.panels(len(names))
    problem, rank = comparison.problem, comparison.rank
    curve: Curve = problem.curve() if not isinstance(problem, LowRankTransfer) else problem.curve(rank or 0)
    fine = np.linspace(comparison.alpha.min(), comparison.alpha.max(), 81 if curve.costly else 401)
    for axis, name in zip(axes.flat, names, strict=True):
        axis.plot(fine, getattr(curve, name)(fine), color=style.BLUE, label="theory")
        stderr = comparison.column("stderr", name)
        simulated = comparison.column("simulation", name)
        style.points(axis, comparison.alpha, simulated, stderr, label="simulation, one standard error")
        axis.set(xlabel=r"$\alpha$", ylabel=name)
    style.legend(figure, axes.flat)
    return figure
