"""The pictures of a curve and of a comparison: theory as a line, the alphas that matter marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import as_real, check_choice
from rmt_alpha._core.types import FloatArray
from rmt_alpha.plotting import style
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory.curve import Curve
from rmt_alpha.theory.pictures import alphas_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rmt_alpha.validation.comparison import Comparison

SIZE = (5.2, 3.4)


@style.styled
def plot_curve(
    curve: Curve,
    alpha: ArrayLike | None = None,
    *,
    quantity: str | None = None,
    band: bool = True,
    source: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one quantity against alpha; see `Curve.plot`."""
    axis = style.new_axes(SIZE) if ax is None else ax
    _draw(
        curve,
        axis,
        alphas_around(curve.landmarks().values()) if alpha is None else _range(alpha),
        quantity,
        band,
    )
    if source is not None:
        axis.axhline(source, **style.SOURCE)
    style.legend_of(axis, own=ax is None, columns=2)
    return axis


@style.styled
def draw_curve(
    curve: Curve, alpha: FloatArray, *, band: bool = False, spread: FloatArray | None = None
) -> Figure:
    """The same as a figure of its own, without pyplot; ``spread`` at every alpha where theory has none."""
    figure, axes = style.panels(1, size=SIZE)
    _draw(curve, axes.flat[0], alpha, None, band, spread)
    style.legend(figure, axes.flat, columns=2)
    return figure


def _range(alpha: ArrayLike) -> FloatArray:
    values = np.atleast_1d(np.asarray(as_real("alpha", alpha), dtype=float))
    if not -np.inf < values.min(initial=np.inf) < values.max(initial=-np.inf) < np.inf:
        raise ValueError(f"alpha must span a finite range, such as (-1, 3), got {alpha!r}")
    return values


def _draw(
    curve: Curve,
    axis: Axes,
    alpha: FloatArray,
    quantity: str | None,
    band: bool,
    spread: FloatArray | None = None,
) -> None:
    """Special alphas outside the range are not marked; the band is drawn where it is known."""
    fine = np.linspace(alpha.min(), alpha.max(), 121 if curve.costly else 601)
    quantity = curve.criteria[0] if quantity is None else quantity
    check_choice("quantity", quantity, tuple(name for name in QUANTITIES if name in curve.answers))
    drawn = getattr(curve, quantity)
    axis.plot(fine, drawn(fine), color=style.BLUE, label=quantity.replace("_", " "))
    known = f"{quantity}_std" in curve.answers
    if band and (known or spread is not None):
        at = fine if known else alpha
        middle, std = np.asarray(drawn(at)), getattr(curve, f"{quantity}_std")(at) if known else spread
        label = "one standard deviation of a single run"
        axis.fill_between(
            at, middle - std, middle + std, color=style.SKY, alpha=0.35, linewidth=0, label=label
        )
    if (
        quantity == "accuracy"
        and "class_accuracy" in curve.answers
        and curve.class_accuracy(0.0).shape[-1] == 2
    ):
        axis.axhline(0.5, color=style.GREY, linewidth=0.8)
    marks = curve.landmarks()
    if quantity in curve.criteria[1:]:
        marks["best"] = float(curve.optimal_alpha(quantity))
    if quantity != "accuracy":
        marks.pop("neutral", None)  # it says something of the accuracy
    for kind, value in marks.items():
        if alpha.min() <= value <= alpha.max():
            style.mark(axis, kind, value, float(drawn(value)))
    name = quantity.replace("_", " ")
    axis.set(xlabel=r"$\alpha$", ylabel=f"test {name}", xlim=(alpha.min(), alpha.max()))


QUANTITIES = ("accuracy", "risk", "excess_risk", "mean", "variance", "std", "second", "margin", "error")
"""What a curve can be drawn of."""


@style.styled
def plot_comparison(comparison: Comparison, quantity: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw one quantity of a comparison; see `Comparison.plot`."""
    names = _quantities(comparison)
    if quantity is None:
        quantity = "accuracy" if "accuracy" in names else names[0]
    check_choice("quantity", quantity, tuple(names))
    axis = style.new_axes(SIZE) if ax is None else ax
    _draw_compared(comparison, axis, quantity)
    style.legend_of(axis, own=ax is None)
    return axis


@style.styled
def draw_comparison(comparison: Comparison) -> Figure:
    """Theory as lines, simulation as points with error bars, one panel for each quantity.

    The comparison is one with the problem's own theory.
    """
    names = _quantities(comparison)
    figure, axes = style.panels(len(names))
    for axis, name in zip(axes.flat, names, strict=True):
        _draw_compared(comparison, axis, name)
    style.legend(figure, axes.flat)
    return figure


def _quantities(comparison: Comparison) -> list[str]:
    """All but those of single classes, such as class_mean[0], which stay in the table."""
    if comparison.alpha.ndim != 1:
        raise ValueError("only a comparison along one alpha can be drawn, not one of several sources")
    return [name for name in dict.fromkeys(row.quantity for row in comparison.rows) if "[" not in name]


def _draw_compared(comparison: Comparison, axis: Axes, name: str) -> None:
    problem, rank = comparison.problem, comparison.rank
    curve: Curve = problem.curve() if not isinstance(problem, LowRankTransfer) else problem.curve(rank or 0)
    low, high = float(comparison.alpha.min()), float(comparison.alpha.max())
    if low < high:
        fine = np.linspace(low, high, 81 if curve.costly else 401)
        axis.plot(fine, getattr(curve, name)(fine), color=style.BLUE, label="theory")
    else:
        axis.plot([low], [getattr(curve, name)(low)], "_", color=style.BLUE, markersize=14, label="theory")
    stderr, simulated = comparison.column("stderr", name), comparison.column("simulation", name)
    style.points(axis, comparison.alpha, simulated, stderr, label="simulation, one standard error")
    axis.set(xlabel=r"$\alpha$", ylabel=name)
