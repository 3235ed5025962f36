"""The tab of phase diagrams: two parameters as axes, an answer as colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import panel as pn
from bokeh.events import Tap
from bokeh.models import ColorBar, ColumnDataSource, FixedTicker, LinearColorMapper, LogColorMapper
from bokeh.palettes import Cividis256, PuOr, interp_palette

from rmt_alpha._core.types import FloatArray
from rmt_alpha.explore import look, snippets
from rmt_alpha.explore.fields import Values, choice
from rmt_alpha.explore.form import Snippet
from rmt_alpha.explore.tab import Tab
from rmt_alpha.explore.tabs.transfer import FIELDS, TRAINED, problem_of
from rmt_alpha.plotting.style import GREY
from rmt_alpha.problems.transfer import TransferProblem

SIZE = 61
"""Points along each axis."""
SHARP = 30.0
"""From this ratio of the largest to the smallest on, colours are logarithmic."""
AXES = {field.name: field for field in FIELDS if field.kind == "number"}
DIVERGING = interp_palette(PuOr[11][::-1], 255)
"""Of what has a sign; Cividis for the rest, as in the heat maps of sweeps."""


class PhaseAnswer(NamedTuple):
    """What can be shown as colour."""

    title: str
    text: str
    """Of Python, with ``problem`` and ``curve``."""
    compute: Callable[[TransferProblem], Any]
    signed: bool = False
    """Whether 0 is the middle of the colours."""


ANSWERS = {
    "best": PhaseAnswer("α*", "curve.optimal_alpha()", lambda problem: problem.curve().optimal_alpha(), True),
    "gain": PhaseAnswer(
        "gain of α* over α = 1", "curve.gain(1.0)", lambda problem: problem.curve().gain(1.0)
    ),
    "negative": PhaseAnswer(
        "gain of α = 1 over α = 0 (below 0: negative transfer)",
        "curve.accuracy(1.0) - curve.accuracy(0.0)",
        lambda problem: problem.curve().accuracy(1.0) - problem.curve().accuracy(0.0),
        True,
    ),
    "accuracy": PhaseAnswer(
        "accuracy at α*",
        "curve.accuracy(curve.optimal_alpha())",
        lambda problem: (curve := problem.curve()).accuracy(curve.optimal_alpha()),
    ),
    "worth": PhaseAnswer(
        "worth in target samples",
        "problem.equivalent_samples()",
        lambda problem: problem.equivalent_samples(),
    ),
    "spread": PhaseAnswer(
        "spread of one run at α*",
        "curve.accuracy_std(curve.optimal_alpha())",
        lambda problem: (curve := problem.curve()).accuracy_std(curve.optimal_alpha()),
    ),
}
"""By the name in the URL."""


class Axis:
    """Values of one field along an axis, which is drawn in their logarithms if its slider is logarithmic."""

    def __init__(self, name: str) -> None:
        self.name, self.field = name, AXES[name]
        space = np.geomspace if self.field.log else np.linspace
        self.values: FloatArray = space(self.field.low, self.field.high, SIZE)
        self.at = self.place(self.values)

    def place(self, value: Any) -> Any:
        """Where a value is drawn."""
        return np.log10(value) if self.field.log else value

    @property
    def edges(self) -> FloatArray:
        """Of the cells, one more than there are values."""
        half = (self.at[1] - self.at[0]) / 2
        return np.append(self.at - half, self.at[-1] + half)

    def put_on(self, axis: Any, span: Any) -> None:
        """Label an axis of a figure."""
        span.update(start=float(self.edges[0]), end=float(self.edges[-1]))
        low, high = self.at[[0, -1]]
        ticks = np.arange(np.ceil(low), np.floor(high) + 1) if self.field.log else np.linspace(low, high, 5)
        texts = [(f"{10**tick:g}" if self.field.log else f"{tick:g}").replace("-", "−") for tick in ticks]
        axis.update(
            axis_label=self.field.label,
            ticker=FixedTicker(ticks=ticks.tolist()),
            major_label_overrides=dict(zip(ticks.tolist(), texts, strict=True)),
        )

    def nearest(self, place: float) -> float:
        """The value of the cell at a place, with as many digits as one sets by hand."""
        value = float(self.values[int(np.argmin(abs(self.at - place)))])
        return float(round(value)) if self.field.whole else float(f"{value:.3g}")

    @property
    def code(self) -> str:
        """The values, in Python."""
        space = "geomspace" if self.field.log else "linspace"
        return f"np.{space}({self.field.low:g}, {self.field.high:g}, {SIZE})"

    @property
    def swept(self) -> str:
        """The values, in the file of a sweep."""
        space = "geomspace" if self.field.log else "linspace"
        return f"{{ {space} = [{self.field.low:g}, {self.field.high:g}, {SIZE}] }}"


class PhaseTab(Tab):
    """All problems of a plane at once."""

    name = "phase"
    title = "Phase diagrams"
    fields = (
        choice(
            "x", "across", {name: field.label for name, field in AXES.items()}, group="Axes", default="beta"
        ),
        choice("y", "up", {name: field.label for name, field in AXES.items()}, group="Axes", default="n"),
        choice("c", "colour", {name: answer.title for name, answer in ANSWERS.items()}, group="Axes"),
        *FIELDS,
    )

    def build(self) -> pn.viewable.Viewable:
        """The map, its code, and how to read it."""
        self.cells = ColumnDataSource(
            {name: [] for name in ("left", "right", "bottom", "top", "x", "y", "shown")}
        )
        self.here = ColumnDataSource({"x": [], "y": []})
        self.map = look.plain_figure("phase diagram", ("", ""), height=520, tools="save,tap")
        self.map.xgrid.visible = self.map.ygrid.visible = False
        self.linear = LinearColorMapper(palette=Cividis256, low=0, high=1, nan_color=GREY)
        self.logarithmic = LogColorMapper(palette=Cividis256, low=1, high=10, nan_color=GREY)
        self.image_data = ColumnDataSource({name: [] for name in ("image", "x", "y", "dw", "dh")})
        self.image = self.map.image(
            "image", "x", "y", "dw", "dh", source=self.image_data, color_mapper=self.linear, name="map"
        )
        # Not to be seen: for the mouse, which it tells the values.
        cells = self.map.quad(
            "left",
            "right",
            "bottom",
            "top",
            source=self.cells,
            fill_alpha=0,
            line_alpha=0,
            nonselection_fill_alpha=0,
            nonselection_line_alpha=0,
        )
        for color, width in (("black", 4), ("white", 1.6)):  # seen on any ground
            ring = {"fill_alpha": 0, "line_color": color, "line_width": width}
            self.map.scatter("x", "y", source=self.here, marker="circle", size=13, **ring)
        self.bar = ColorBar(color_mapper=self.linear, width=14, title="", bar_line_color=None)
        self.map.add_layout(self.bar, "right")
        look.hover(self.map, cells, [("", "@x"), ("", "@y"), ("", "@shown")])
        self.map.on_event(Tap, self._tapped)
        self.figures.append(self.map)
        self.code = Snippet(of="phase diagram", sizing_mode="stretch_width")
        self.legend = look.html()
        return look.column(self.map, self.legend, self.code)

    def show(self, values: Values) -> None:
        """The answer at all points, as arrays."""
        names = str(values["x"]), str(values["y"])
        if names[0] == names[1]:
            raise ValueError(f"the axes must be two parameters, got {AXES[names[0]].label} twice")
        x, y = self.x, self.y = Axis(names[0]), Axis(names[1])
        answer = ANSWERS[str(values["c"])]
        swept = {names[0]: x.values[None, :], names[1]: y.values[:, None]}
        if "N" in names:
            values = values | {"source": TRAINED}
        found = np.asarray(answer.compute(problem_of(values, **swept)), float) + np.zeros((SIZE, SIZE))
        self._put_cells(x, y, found)
        self._put_colors(answer, found[np.isfinite(found)])
        for axis, fig_axis, span in (
            (x, self.map.xaxis[0], self.map.x_range),
            (y, self.map.yaxis[0], self.map.y_range),
        ):
            axis.put_on(fig_axis, span)
        here = [
            axis.place(np.clip(float(values[axis.name]), axis.values[0], axis.values[-1])) for axis in (x, y)
        ]
        self.here.data = {"x": [here[0]], "y": [here[1]]}
        self._put_words(answer, found, values)

    def _put_cells(self, x: Axis, y: Axis, found: FloatArray) -> None:
        left, bottom = (grid.ravel() for grid in np.meshgrid(x.edges[:-1], y.edges[:-1]))
        right, top = (grid.ravel() for grid in np.meshgrid(x.edges[1:], y.edges[1:]))
        across, up = (grid.ravel() for grid in np.meshgrid(x.values, y.values))
        self.cells.data = {
            "left": left,
            "right": right,
            "bottom": bottom,
            "top": top,
            "x": [f"{x.field.label} = {value:.4g}" for value in across],
            "y": [f"{y.field.label} = {value:.4g}" for value in up],
            "shown": [look.shown(value) for value in found.ravel().tolist()],
        }

        (left, right), (bottom, top) = (axis.edges[[0, -1]] for axis in (x, y))
        image = np.where(np.isfinite(found), found, np.nan)
        self.image_data.data = {
            "image": [image],
            "x": [left],
            "y": [bottom],
            "dw": [right - left],
            "dh": [top - bottom],
        }

    def _put_colors(self, answer: PhaseAnswer, finite: FloatArray) -> None:
        """Logarithmic where sizes differ much, centred at 0 where there is a sign; without few extremes."""
        if not finite.size:
            return
        low, high = (float(end) for end in np.quantile(finite, [0.01, 0.99]))
        mapper: Any = self.linear
        if answer.signed:
            end = max(abs(low), abs(high)) or 1.0
            self.linear.update(palette=DIVERGING, low=-end, high=end)
        elif low > 0 and high > SHARP * low:
            mapper = self.logarithmic
            mapper.update(low=low, high=high)
        else:
            self.linear.update(palette=Cividis256, low=low, high=high if high > low else low + 1.0)
        self.image.glyph.color_mapper = mapper
        self.bar.color_mapper = mapper

    def _put_words(self, answer: PhaseAnswer, found: FloatArray, values: Values) -> None:
        problem = problem_of(values)
        here = look.shown(float(np.asarray(answer.compute(problem))))
        blank = int((~np.isfinite(found)).sum())
        grey = f" Grey: {blank} points where it is infinite." if blank else ""
        self.say(
            f"<b>{answer.title}</b>: {here} at the ring, the present problem. Click anywhere for its curve."
            f"{grey}"
        )
        self.legend.object = (
            '<p class="note">Under the mouse: both parameters and the value. The other parameters are those '
            "of the controls; from the keyboard, set them there and open the tab Theory.</p>"
        )
        x, y = self.x, self.y
        swept = {x.name: "x", y.name: "y[:, None]"}
        given = snippets.arguments(problem, swept)
        scales = "".join(f"plt.{n}scale('log')\n" for n, axis in (("x", x), ("y", y)) if axis.field.log)
        fixed = {name: value for name, value in problem._given().items() if name not in swept}
        grid = {name: f"{name} = {snippets.number(value)}" for name, value in fixed.items()}
        grid |= {axis.name: f"{axis.name} = {axis.swept}" for axis in (x, y)}
        lines = "\n".join(grid.values())
        self.code.texts = {
            "Python": f"{snippets.IMPORTS}\nx, y = {x.code}, {y.code}\n"
            f"problem = ra.TransferProblem({given})\ncurve = problem.curve()\n"
            f"plt.pcolormesh(x, y, {answer.text})\n{scales}plt.colorbar()\nplt.show()\n",
            "command": f"cat > grid.toml <<'END'\n{lines}\nalpha = [0, 1, \"optimal\"]\nreplicates = 0\nEND\n"
            "rmt-alpha sweep grid.toml --out results.sqlite --csv results.csv "
            f"--plot x={x.name},y={y.name},c=optimal_alpha map.png",
        }

    def _tapped(self, event: Any) -> None:
        if event.x is not None:
            point = {axis.name: axis.nearest(place) for axis, place in ((self.x, event.x), (self.y, event.y))}
            trained = {"source": TRAINED} if "N" in point else {}
            self.change({**point, **trained, "tab": "theory"})
