"""The picture of what fine-tuning has done to a network: beta of its layers, and their singular values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rmt_alpha.plotting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rmt_alpha.lora.weight_change import Alignment


@style.styled
def draw_alignment(found: Alignment, *, ax: Sequence[Axes] | None = None) -> Figure:
    """Left, beta - 1 of every layer against its noise level; right, singular values over the noise's edge.

    Parameters
    ----------
    found : Alignment
        From `rmt_alpha.lora.alignment`.
    ax : sequence of two matplotlib Axes, optional
        Where to draw, each with a legend of its own; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        Its figure.
    """
    figure, ((left, right),) = style.panels(2, size=(4.6, 3.4)) if ax is None else (None, (ax,))
    rows = found.rows()
    at = np.arange(len(rows))
    level = np.array([row["row_noise"] for row in rows])
    left.fill_between(
        at, -level, level, color=style.SKY, alpha=0.35, linewidth=0, label="noise of one row, ± 1 std"
    )
    scatter = np.array([row["row_scatter"] for row in rows])
    left.plot(at, scatter, "_", color=style.VERMILLION, label="scatter of the rows' $\\beta$")
    left.plot(at, -scatter, "_", color=style.VERMILLION)
    left.plot(at, [row["beta"] - 1 for row in rows], ".", color=style.BLACK, label=r"$\beta - 1$ of a matrix")
    left.set(xlabel="matrix, in the order of the network", ylabel=r"$\beta - 1$")
    for i, layer in enumerate(found.layers):
        values = layer.singular_values[: max(2 * layer.spikes, 30)] / layer.edge
        label = "a matrix" if i == 0 else None
        ranks = np.arange(1, values.size + 1)
        right.plot(ranks, values, color=style.BLUE, alpha=0.35, linewidth=0.8, label=label)
    right.axhline(1.0, color=style.BLACK, linewidth=0.9, linestyle="--", label="edge of the noise")
    right.set(xlabel="singular value of $W_{ft} - \\beta W_0$, by size", ylabel="over the edge of the noise")
    right.set(xscale="log", yscale="log")
    if figure is None:
        for axes in (left, right):
            axes.legend()
        return style.figure_of(left)
    style.legend(figure, (left, right), columns=3)
    return figure
