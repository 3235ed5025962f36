"""The picture of a sweep: lines over one field, colours over two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rmt_alpha.plotting import style
from rmt_alpha.plotting.heat_map import SIZE, SYMBOLS, heatmap, places_of, select
from rmt_alpha.validation.sweeps.axes import AxisValue, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rmt_alpha.validation.sweeps.result import SweepResult

SPECIAL: dict[float | str | None, str] = {0.0: "zero", 1.0: "one", "optimal": "best"}
"""Alphas of a sweep that have a look of their own."""
SPREADS = (("_stderr",), ("_low", "_high"))
"""How the columns end that say how far simulated ones scatter."""
QUARTILES = "simulation, median and quartiles"


def plot_sweep(
    result: SweepResult,
    x: str | None = None,
    y: str | None = None,
    c: str = "optimal_alpha",
    *,
    alpha: float | str | None = None,
    at: Mapping[str, AxisValue] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a sweep; see `SweepResult.plot`."""
    free = [name for name in result.axes if name not in (at or {}) and name not in (x, y)]
    free = [name for name in free if len(result.axes[name]) > 1] or free
    if x is None and y is None and len(free) > 1:
        y = free.pop(0)
    if x is None:
        if not free:
            raise ValueError("nothing was swept: there is one cell, whose numbers are in result.data")
        x = free.pop(0)
    elif y is None and free and not at:
        y = free.pop(0)
    if y is None:
        return _plot_lines(result, x, c, alpha, at, ax)
    return heatmap(result, x=x, y=y, c=c, alpha=alpha, at=at, ax=ax)


@style.styled
def _plot_lines(
    result: SweepResult,
    x: str,
    c: str,
    alpha: float | str | None,
    at: Mapping[str, AxisValue] | None,
    ax: Axes | None,
) -> Axes:
    axes = style.new_axes(SIZE) if ax is None else ax
    values = result.axes[x]
    several = alpha is None and result.data.get(c, np.empty(0)).ndim > len(result.axes)
    where = places_of(axes.xaxis, x, values)
    ends = next((kinds for kinds in SPREADS if f"simulated_{c}{kinds[-1]}" in result.data), ())
    for k, one in enumerate(result.alpha if several else (alpha,)):
        look = style.at_alpha(SPECIAL[one]) if one in SPECIAL else style.series(k % len(style.DASHES))
        look = {"label": SYMBOLS.get(c, c) if one is None else rf"$\alpha$ = {label(one)}"} | look
        axes.plot(where, select(result, x, None, c, one, at), **look)
        if ends:
            middle, *spread = (select(result, x, None, f"simulated_{c}{end}", one, at) for end in ("", *ends))
            bars = 2 * spread[0] if len(spread) == 1 else (middle - spread[0], spread[1] - middle)
            style.points(axes, where, middle, bars, color=look["color"])
    if ends:
        style.simulation_entry(axes, **({"label": QUARTILES} if len(ends) == 2 else {}))
    axes.set_ylabel(SYMBOLS.get(c, c.replace("_", " ")))
    if len(axes.get_legend_handles_labels()[1]) > 1:
        style.legend_of(axes, own=ax is None, columns=2)
    return axes
