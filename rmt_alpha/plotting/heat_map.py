"""A quick look at a sweep: one quantity over two axes, as colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rmt_alpha.plotting import style
from rmt_alpha.validation.sweeps.axes import NO_SAMPLE, AxisValue, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rmt_alpha._core.types import FloatArray
    from rmt_alpha.validation.sweeps.result import SweepResult

SYMBOLS = {
    "beta": r"alignment $\beta$",
    "p": "dimension $p$",
    "n": "target samples $n$",
    "N": "source samples $N$",
    "mu": r"$\|\mu\|$",
    "mu_orth": r"$\|\mu_\perp\|$",
    "gamma": r"target ridge $\gamma$",
    "gamma_source": r"source ridge $\tilde\gamma$",
    "target_scale": "target scale",
    "optimal_alpha": r"$\alpha^*$",
    "simulated_optimal_alpha": r"simulated $\alpha^*$, median",
}
MISSING = "#D0D0D0"
LOG_RATIO = 30.0
"""From this ratio of the largest to the smallest on, colours are logarithmic."""
SIZE = (5.0, 3.8)


@style.styled
def heatmap(
    result: SweepResult,
    *,
    x: str,
    y: str,
    c: str = "optimal_alpha",
    alpha: float | str | None = None,
    at: Mapping[str, AxisValue] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the quantity ``c`` as colours over the axes ``x`` and ``y`` of a sweep.

    Parameters
    ----------
    result : SweepResult
        From `sweep`.
    x, y : str
        Two swept fields.  Each value gets a rectangle; an axis is logarithmic if its values are spaced so.
    c : str
        A name in ``result.data``, such as "optimal_alpha" or "accuracy".
    alpha : float, "optimal" or None
        Which of the sweep's alphas, if ``c`` depends on alpha.  None if there is only one.
    at : dict or None
        The values of all other swept fields, ``{"n": 40}``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure, which notebooks show.

    Returns
    -------
    matplotlib.axes.Axes
        Cells without a finite number (failed ones, a neutral alpha that does not exist) are grey, and counted
        in the title.

    Raises
    ------
    ValueError
        If ``x``, ``y`` or ``c`` is not in the sweep, or another axis or alpha is not said.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> grid = {
    ...     "beta": [0.2, 0.5, 0.8],
    ...     "p": 400,
    ...     "n": 40,
    ...     "gamma": {"geomspace": [0.01, 100, 5]},
    ... }
    >>> result = ra.sweep(grid, alpha="optimal", replicates=0, store=None)
    >>> ra.heatmap(result, x="gamma", y="beta", c="optimal_alpha").get_xscale()
    'log'
    """
    table = select(result, x, y, c, alpha, at)
    axes = style.new_axes(SIZE) if ax is None else ax
    places_x, places_y = (_places(result.axes[name]) for name in (x, y))
    finite = np.isfinite(table)
    colors, norm = _colors(table[finite])
    axes.set_facecolor(MISSING)
    mesh = axes.pcolormesh(
        places_x[1], places_y[1], np.ma.masked_array(table, ~finite), cmap=colors, norm=norm, rasterized=True
    )
    _label(axes.xaxis, x, places_x[0], result.axes[x])
    _label(axes.yaxis, y, places_y[0], result.axes[y])
    axes.grid(False)
    title = SYMBOLS.get(c, c.replace("_", " "))
    if alpha is not None and _depends_on_alpha(result, c):
        title += rf" at $\alpha$ = {_shown((alpha,))}"
    if finite.any():
        axes.figure.colorbar(mesh, ax=axes, label=title)
    if blank := int((~finite).sum()):
        axes.set_title(f"grey: {blank} without a finite number")
    return axes


def parse_plot(text: str, result: SweepResult) -> dict[str, Any]:
    """Arguments of `heatmap` from "x=beta,y=gamma,c=accuracy,alpha=1,n=40"."""
    form = "x=FIELD,y=FIELD,c=RESULT[,alpha=NUMBER or optimal][,FIELD=NUMBER...]"
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip() or name.strip() in found:
            raise ValueError(f"a plot is described as {form}, got {text!r}")
        found[name.strip()] = value.strip()
    options: dict[str, Any] = {key: found.pop(key) for key in ("x", "y", "c") if key in found}
    if not {"x", "y"} <= options.keys():
        raise ValueError(f"a plot is described as {form}, got {text!r}")
    if "alpha" in found:
        chosen = found.pop("alpha")
        options["alpha"] = chosen if chosen in result.alpha else _number("alpha", chosen)
    options["at"] = {name: _value(name, value, result.axes.get(name, ())) for name, value in found.items()}
    return options


def _value(name: str, text: str, values: tuple[AxisValue, ...]) -> AxisValue:
    """The value of an axis that ``text`` says: a word of it, else a number."""
    if name == "N" and text.lower() == NO_SAMPLE:
        return None
    matching = [value for value in values if label(value) == text]
    return matching[0] if matching else _number(name, text)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number in the description of the plot, got {text!r}") from None


def select(
    result: SweepResult,
    x: str,
    y: str | None,
    c: str = "optimal_alpha",
    alpha: float | str | None = None,
    at: Mapping[str, AxisValue] | None = None,
) -> FloatArray:
    """The matrix that `heatmap` draws, one row per value of ``y``, or the vector without y; same errors."""
    at = dict(at or {})
    swept = ", ".join(result.axes) or "none"
    for role, name in (("x", x), ("y", y)):
        if name not in result.axes and not (role == "y" and name is None):
            raise ValueError(f"{role} must be a swept field, one of {swept}; got {name!r}")
    if x == y:
        raise ValueError(f"x and y must be two fields, got {x!r} twice")
    if c not in result.data:
        raise ValueError(f"c must be a result, one of {', '.join(result.data)}; got {c!r}")
    if unknown := [name for name in at if name not in result.axes or name in {x, y}]:
        raise ValueError(f"{unknown[0]} is no other swept field; swept are {swept}")
    index: list[Any] = []
    for name, values in result.axes.items():
        if name in {x, y}:
            index.append(slice(None))
        elif name not in at and len(values) > 1:
            raise ValueError(f"{name} is swept too: choose one of its values {_shown(values)}")
        else:
            index.append(_position(name, at.get(name, values[0]), values))
    if _depends_on_alpha(result, c):
        if alpha is None and len(result.alpha) > 1:
            raise ValueError(f"{c} depends on alpha: choose one of {_shown(result.alpha)}")
        index.append(_position("alpha", result.alpha[0] if alpha is None else alpha, result.alpha))
    table: FloatArray = result.data[c][tuple(index)]
    order = list(result.axes)
    if y is None:
        return table
    return table.T if order.index(x) < order.index(y) else table


def _depends_on_alpha(result: SweepResult, c: str) -> bool:
    return result.data[c].ndim > len(result.axes)


def _position(name: str, value: Any, values: tuple[Any, ...]) -> int:
    for index, candidate in enumerate(values):
        if candidate == value:
            return index
    raise ValueError(f"{name} must be one of the values of the sweep, {_shown(values)}; got {value!r}")


def _shown(values: tuple[Any, ...]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else _word(value) for value in values)


def _word(value: Any) -> str:
    return label(value) if isinstance(value, tuple) else str(value)


def _places(values: tuple[AxisValue, ...]) -> tuple[str, FloatArray]:
    """The scale of an axis ("linear", "log", or "words" if in no order), and the edges of its rectangles."""
    numbers: FloatArray = np.array(
        [value if isinstance(value, float) else np.nan for value in values], dtype=np.float64
    )
    if len(numbers) < 2 or not np.isfinite(numbers).all() or not (np.diff(numbers) > 0).all():
        return "words", np.arange(len(numbers) + 1.0) - 0.5
    if numbers[0] > 0 and _uneven(np.log(numbers)) < _uneven(numbers):
        return "log", 10.0 ** _edges(np.log10(numbers))
    return "linear", _edges(numbers)


def _uneven(numbers: FloatArray) -> float:
    steps: FloatArray = np.diff(numbers)
    return float(steps.max() / steps.min())


def _edges(centres: FloatArray) -> FloatArray:
    middle = (centres[1:] + centres[:-1]) / 2
    ends = 2 * centres[[0, -1]] - middle[[0, -1]]
    return np.concatenate([ends[:1], middle, ends[1:]])


def places_of(axis: Any, name: str, values: tuple[AxisValue, ...]) -> FloatArray:
    """Where the values of a swept field are on an axis that gets its label, scale and ticks."""
    kind, _ = _places(values)
    _label(axis, name, kind, values)
    return np.array(range(len(values)) if kind == "words" else values, dtype=float)


def _label(axis: Any, name: str, kind: str, values: tuple[AxisValue, ...]) -> None:
    axis.set_label_text(SYMBOLS.get(name, name))
    if kind == "words":
        axis.set_ticks(
            range(len(values)), ["known" if value is None else _shown((value,)) for value in values]
        )
    else:
        axis.axes.set(**{f"{axis.axis_name}scale": kind})


def _colors(values: FloatArray) -> tuple[str, Any]:
    from matplotlib.colors import CenteredNorm, LogNorm, Normalize

    if values.size and values.min() < 0 < values.max():
        return "PuOr_r", CenteredNorm(0.0)
    if values.size and values.min() > 0 and values.max() > LOG_RATIO * values.min():
        return "cividis", LogNorm(values.min(), values.max())
    return "cividis", Normalize(values.min(), values.max()) if values.size else Normalize(0, 1)
