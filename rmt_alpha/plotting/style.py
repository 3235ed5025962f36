"""The look that all figures share: colours for the colour-blind, one marker per special alpha.

Colours are those of Okabe and Ito (2008).  Meaning is never carried by colour alone: theory is a line,
simulation is points with error bars, and every special alpha has a shape of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from rmt_alpha._core.types import FloatArray

if TYPE_CHECKING:  # at run time where it draws: the colours are for those who draw without Matplotlib, too
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

P = ParamSpec("P")
Drawing = TypeVar("Drawing")

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#7F7F7F"
SERIES = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)
"""Colours of curves, in order."""
DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 2)),
    (0, (4, 1.5, 1, 1.5)),
    (0, (2, 1.2)),
    (0, (8, 1.5, 1, 1.5, 1, 1.5)),
)
"""Line styles of curves, in order, for readers without colours."""

SHAPES = {
    "best": {"marker": "D", "color": VERMILLION, "label": r"$\alpha^*$, the best"},
    "neutral": {"marker": "X", "color": PURPLE, "label": r"neutral $\alpha$: accuracy 1/2"},
    "one": {"marker": "s", "color": ORANGE, "label": r"$\alpha = 1$, plain fine-tuning"},
    "zero": {"marker": "o", "color": GREEN, "label": r"$\alpha = 0$, no source"},
}
"""How a special alpha is marked, in every figure."""
SOURCE: dict[str, Any] = {"color": GREY, "linestyle": (0, (2, 1.2)), "label": "source as it is"}
"""How the level of the source alone, untrained, is drawn."""
SIMULATION = "simulation, ± 2 standard errors"

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "axes.prop_cycle": f"cycler('color', {list(SERIES)})",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # letters as letters: text in the PDF can be searched
}
_KEPT = ("backend", "interactive", "toolbar")


def settings() -> Any:
    """Matplotlib's defaults with `SETTINGS` on top: the reader's own configuration does not interfere."""
    import matplotlib as mpl

    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith(_KEPT)}
    return {**defaults, **SETTINGS}


def styled(draw: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Decorate a ``draw`` function so that it draws with `settings`, wherever it is called."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        import matplotlib as mpl

        with mpl.rc_context(settings()):
            return draw(*args, **kwargs)

    return wrapper


def panels(
    columns: int, rows: int = 1, *, size: tuple[float, float] = (3.1, 2.7), **options: Any
) -> tuple[Figure, Any]:
    """A figure with a grid of axes: ``(figure, axes)`` with axes an array of shape (rows, columns).

    ``size`` is that of one panel in inches; ``options``, such as ``sharey=True``, are those of
    `matplotlib.figure.Figure.subplots`.  Inside of `drawn_in` the figure is the one that was given.
    """
    from matplotlib.figure import Figure

    if (home := _home.get()) is not None:
        return home, home.subplots(rows, columns, squeeze=False, **options)
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


_home: ContextVar[Any] = ContextVar("home", default=None)


@contextmanager
def drawn_in(figure: Figure | SubFigure) -> Iterator[None]:
    """Draw what has several panels into a figure of yours, or a part of one, in place of a new one.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from rmt_alpha.experiments.figures.registry import load
    >>> from rmt_alpha.plotting import style
    >>> mine = Figure(layout="constrained")
    >>> left, right = mine.subfigures(1, 2)
    >>> theirs = load("alpha_overlap")
    >>> with style.drawn_in(right):
    ...     theirs.draw(theirs.compute(quick=True)) is right
    True
    """
    before = _home.set(figure)
    try:
        yield
    finally:
        _home.reset(before)


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes in a new figure of pyplot, which notebooks show and ``plt.show()`` opens."""
    from matplotlib import pyplot as plt

    return plt.figure(figsize=size, layout="constrained").subplots()


def series(k: int, **options: Any) -> dict[str, Any]:
    """Options of the k-th curve of a panel: its colour and its dashes."""
    return {"color": SERIES[k], "linestyle": DASHES[k], **options}


def at_alpha(kind: str, **options: Any) -> dict[str, Any]:
    """Options of a curve at a special alpha: colour and label of its shape in `SHAPES`, and dashes."""
    shape, dash = SHAPES[kind], DASHES[("best", "one", "zero").index(kind)]
    return {"color": shape["color"], "linestyle": dash, "label": shape["label"], **options}


def bell(x: FloatArray, mean: float, std: float) -> FloatArray:
    """The Gaussian density; `scipy.stats` would take half a second to import."""
    density: FloatArray = np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    return density


def mark(axes: Axes, kind: str, x: float, y: float, **options: Any) -> None:
    """Mark a special alpha of the theory with its shape from `SHAPES`."""
    look: dict[str, Any] = {
        "linestyle": "none",
        "markersize": 7.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.9,
        "zorder": 6,
        "clip_on": False,
    }
    axes.plot([x], [y], **(look | SHAPES[kind] | options))


def points(axes: Axes, x: Any, y: Any, spread: Any, *, color: str = BLACK, **options: Any) -> None:
    """Simulated points with error bars."""
    look: dict[str, Any] = {
        "linestyle": "none",
        "marker": "o",
        "markersize": 3.2,
        "elinewidth": 0.9,
        "capsize": 2.0,
        "color": color,
        "zorder": 4,
    }
    axes.errorbar(x, y, yerr=spread, **(look | options))


def simulation_entry(axes: Axes, **options: Any) -> None:
    """Put "simulation, ± 2 standard errors" into the legend, in black, and draw nothing."""
    look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.2, "color": BLACK}
    axes.errorbar([], [], yerr=[], **({"label": SIMULATION} | look | options))


def figure_of(axes: Axes) -> Figure:
    """The whole figure, of which axes may be in a part."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # it was made for them
    return figure


def legend_of(axes: Axes, *, own: bool, columns: int = 4) -> None:
    """The legend of one panel: above it in a figure of our own, inside of somebody else's."""
    if own:
        legend(figure_of(axes), [axes], columns=columns)
    else:
        axes.legend()


def legend(figure: Figure, axes: Iterable[Axes], *, columns: int = 4) -> None:
    """One legend above the panels, outside the data, with every label once."""
    found: dict[str, Artist] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(list(found.values()), list(found), loc="outside upper center", ncols=columns)
