"""Figures with the colours and marks of all others, on light and on dark, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, Range1d, Whisker
from bokeh.plotting import figure
from numpy.typing import ArrayLike

from rmt_alpha._core.pictures.html import number
from rmt_alpha.explore.form import style as style_sheet
from rmt_alpha.plotting import style

Figure = Any
"""Bokeh's `figure`, whose glyph methods have no types."""


class Shape(NamedTuple):
    """A special alpha: Bokeh's marker, its colour, its name, and the same shape as a path of SVG."""

    marker: str
    color: str
    label: str
    path: str


SHAPES = {
    "zero": Shape(
        "circle", style.SHAPES["zero"]["color"], "α = 0, no source", "M1,7a6,6 0 1,0 12,0a6,6 0 1,0 -12,0z"
    ),
    "one": Shape("square", style.SHAPES["one"]["color"], "α = 1, plain fine-tuning", "M2,2h10v10h-10z"),
    "best": Shape("diamond", style.SHAPES["best"]["color"], "α*, the best", "M7,0L13,7L7,14L1,7z"),
    "neutral": Shape(
        "x",
        style.SHAPES["neutral"]["color"],
        "neutral α: accuracy 1/2",
        "M2,0L7,5L12,0L14,2L9,7L14,12L12,14L7,9L2,14L0,12L5,7L0,2z",
    ),
}
"""As `rmt_alpha.plotting.style.SHAPES`."""

SIZES = {"diamond": 18}
"""Of markers that would look smaller than the others."""

INK = {
    "ink": (style.BLACK, "#EDEFF1"),
    "soft": ("#5A636B", "#A9B1B8"),
    "grid": ("#E3E3E3", "#343A40"),
    "line": (style.BLUE, style.SKY),
    "band": (style.SKY, style.BLUE),
}
"""Colours on light and on dark; all others are the same on both."""

NARROW = "@media (max-width: 760px) { :host { max-height: max(38vh, 240px); } }"
"""In a narrow window the controls are below the pictures, which are seen whole beside them (page.css)."""


def plain_figure(
    label: str, axes: tuple[str, str], *, height: int = 330, tools: str = "", words: bool = False
) -> Figure:
    """An empty figure; ``label`` says what it shows; ``words``: both its axes have names for numbers."""
    ranges = [FactorRange() if words else Range1d(0, 1) for _ in range(2)]
    fig = figure(
        height=height,
        sizing_mode="stretch_width",
        min_width=260,
        x_axis_label=axes[0],
        y_axis_label=axes[1],
        x_range=ranges[0],
        y_range=ranges[1],
        tools=tools or "pan,wheel_zoom,reset,save",
        active_scroll=None,
        toolbar_location="above",
        output_backend="canvas",
        stylesheets=[NARROW],
        name=label,
    )
    fig.toolbar.logo = None
    fig.toolbar.autohide = True
    fig.min_border_left, fig.min_border_right = (
        62,
        16,
    )  # the picture stays where it is when its numbers change
    fig.outline_line_color = None
    fig.background_fill_alpha = fig.border_fill_alpha = 0.0
    for axis in (*fig.xaxis, *fig.yaxis):
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size, axis.major_label_text_font_size = "13px", "12px"
        axis.minor_tick_line_color = None
    paint(fig, False)
    return fig


def paint(fig: Figure, dark: bool) -> None:
    """Put a figure into the colours for light or dark: axes, and glyphs tagged with a name of `INK`."""
    ink, soft, grid = (INK[name][dark] for name in ("ink", "soft", "grid"))
    for axis in (*fig.xaxis, *fig.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = soft
        axis.axis_label_text_color = axis.major_label_text_color = ink
    fig.xgrid.grid_line_color = fig.ygrid.grid_line_color = grid
    for renderer in fig.renderers:
        for each in (renderer.glyph, renderer.nonselection_glyph, renderer.muted_glyph):
            _paint(each, dark)
    for other in (*fig.center, *fig.right):
        if isinstance(other, Whisker):
            other.line_color = other.upper_head.line_color = other.lower_head.line_color = ink
        elif hasattr(other, "major_label_text_color"):  # a bar of colours
            other.major_label_text_color = other.title_text_color = ink
            other.background_fill_alpha = 0.0


def _paint(glyph: Any, dark: bool) -> None:
    for tag in getattr(glyph, "tags", ()):
        name, _, part = tag.partition(" ")
        setattr(glyph, f"{part}_color", INK[name][dark])


def line(fig: Figure, source: ColumnDataSource, x: str, y: str, *, ink: str = "line", **look: Any) -> Any:
    """A line of the colour that is called ``ink``, or of that ``line_color``."""
    tags = [] if "line_color" in look else [f"{ink} line"]
    look = {"line_width": 2.4, "line_color": INK[ink][0], "name": "theory", **look}
    return fig.line(x, y, source=source, tags=tags, **look)


def band(fig: Figure, source: ColumnDataSource, x: str, low: str, high: str) -> Any:
    """One standard deviation of a single run."""
    options = {"fill_color": INK["band"][0], "fill_alpha": 0.35, "tags": ["band fill"]}
    return fig.varea(x, low, high, source=source, **options)


MARK_COLUMNS = ("x", "y", "kind", "marker", "color", "edge", "width", "size", "name")


def marks(fig: Figure) -> ColumnDataSource:
    """The special alphas, each with its shape: columns x, y, kind, of those that are to be shown."""
    source = ColumnDataSource({name: [] for name in MARK_COLUMNS})
    fig.scatter(
        "x",
        "y",
        source=source,
        marker="marker",
        fill_color="color",
        line_color="edge",
        line_width="width",
        size="size",
        name="marks",
    )
    return source


def put_marks(source: ColumnDataSource, places: dict[str, tuple[float, float]]) -> None:
    """Show these special alphas, by name."""
    shown = {kind: at for kind, at in places.items() if np.isfinite(at).all()}
    source.data = {
        "x": [x for x, _ in shown.values()],
        "y": [y for _, y in shown.values()],
        "kind": list(shown),
        "marker": [SHAPES[kind].marker for kind in shown],
        "color": [SHAPES[kind].color for kind in shown],
        # A cross has nothing to be filled.
        "edge": [SHAPES[kind].color if SHAPES[kind].marker == "x" else "white" for kind in shown],
        "width": [3.0 if SHAPES[kind].marker == "x" else 1.2 for kind in shown],
        "size": [SIZES.get(SHAPES[kind].marker, 13) for kind in shown],
        "name": [SHAPES[kind].label for kind in shown],
    }


def simulated(fig: Figure) -> ColumnDataSource:
    """Points with error bars: columns x, y, low, high."""
    source = ColumnDataSource({"x": [], "y": [], "low": [], "high": []})
    whisker = Whisker(base="x", lower="low", upper="high", source=source, line_width=1.3)
    whisker.upper_head.size = whisker.lower_head.size = 6
    fig.add_layout(whisker)
    fig.scatter("x", "y", source=source, size=5.5, tags=["ink fill", "ink line"], name="simulation")
    return source


def hover(fig: Figure, renderer: Any, rows: Sequence[tuple[str, str]], **more: Any) -> None:
    """What is shown under the mouse."""
    fig.add_tools(HoverTool(renderers=[renderer], tooltips=list(rows), **more))


def window(fig: Figure, x: tuple[float, float], values: Iterable[ArrayLike]) -> None:
    """Show that range of x, and of y what the finite ones of these values take."""
    fig.x_range.update(start=float(x[0]), end=float(x[1]))
    known = np.concatenate([np.ravel(np.asarray(each, float)) for each in values])
    known = known[np.isfinite(known)]
    if known.size:
        room = 0.06 * (known.max() - known.min()) or 0.05 * abs(known.max()) or 0.05
        fig.y_range.update(start=float(known.min() - room), end=float(known.max() + room))


def swatch(kind: str) -> str:
    """The shape of a special alpha in a line of text."""
    shape = SHAPES[kind]
    return (
        f'<svg width="14" height="14" aria-hidden="true"><path d="{shape.path}" fill="{shape.color}"/></svg>'
    )


def key(entries: Iterable[tuple[str, str]]) -> str:
    """What lines and areas mean: kind and text; kinds are the words of `_SAMPLES`."""
    return "".join(_entry(_SAMPLES[kind], text) for kind, text in entries)


def stroke(color: str, dash: str, text: str) -> str:
    """The entry of a line of this colour and these dashes."""
    return _entry(f'<path d="M0,6h22" stroke-width="1.8" stroke="{color}" stroke-dasharray="{dash}"/>', text)


def _entry(sample: str, text: str) -> str:
    picture = f'<svg width="22" height="12" aria-hidden="true">{sample}</svg>'
    return f'<span class="key">{picture}{escape(text)}</span>'


_SAMPLES = {
    "line": '<path d="M0,6h22" stroke="var(--accent)" stroke-width="2.4"/>',
    "dashed": f'<path d="M0,6h22" stroke="{style.ORANGE}" stroke-width="2.4" stroke-dasharray="6,3"/>',
    "steps": '<path d="M0,9h7v-6h8v4h7" stroke="currentColor" fill="none" stroke-width="1.4"/>',
    "band": f'<path d="M0,1h22v10h-22z" fill="{style.SKY}" fill-opacity=".45"/>',
    "helps": f'<path d="M0,1h22v10h-22z" fill="{style.GREEN}" fill-opacity=".2"/>',
    "bar": f'<path d="M1,6h20M1,2v8M21,2v8" stroke="{style.VERMILLION}" stroke-width="2"/>',
    "points": '<path d="M11,0v12M8,0h6M8,12h6" stroke="currentColor"/>'
    '<circle cx="11" cy="6" r="3" fill="currentColor"/>',
    "minus": f'<path d="M0,6h22" stroke="{style.VERMILLION}" stroke-width="2.4" stroke-dasharray="6,3"/>',
    "own": f'<path d="M0,6h22" stroke="{style.GREY}" stroke-width="1.6" stroke-dasharray="6,4"/>',
    "chosen": f'<path d="M11,0v12" stroke="{style.PURPLE}" stroke-width="2.4"/>',
}


def table(caption: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[object]]]) -> str:
    """Rows with a name each, which is HTML, and numbers."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f'<td class="number">{escape(shown(value))}</td>' for value in values)
        + "</tr>"
        for name, values in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def shown(value: object) -> str:
    """A number in a read-out, with four digits; an interval; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f"({', '.join(shown(end) for end in value)})"
    return number(value).replace("-", "−") if not isinstance(value, str) else value


def html(text: str = "", **more: Any) -> pn.pane.HTML:
    """A read-out."""
    return pn.pane.HTML(
        text, stylesheets=[style_sheet("form")], sizing_mode="stretch_width", margin=0, **more
    )


def side_by_side(*parts: Any, least: int = 320) -> pn.Column:
    """Next to each other if there is room, else below."""
    room = f"repeat(auto-fit, minmax(min({least}px, 100%), 1fr))"
    return column(*parts, styles={"display": "grid", "grid-template-columns": room, "gap": "0 22px"})


def column(*parts: Any, **more: Any) -> pn.Column:
    """Below each other."""
    return pn.Column(*parts, sizing_mode="stretch_width", margin=0, **more)
