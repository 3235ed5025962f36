"""The tab of mixtures and losses: correlated features, uneven classes, noise, several classes and sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper
from bokeh.palettes import Cividis256

from rmt_alpha.explore import look, snippets
from rmt_alpha.explore.fields import Field, Values, choice
from rmt_alpha.explore.form import Snippet
from rmt_alpha.explore.tab import Tab
from rmt_alpha.explore.tabs.mixture_problem import FIELDS, changed, problem_of
from rmt_alpha.explore.tabs.mixture_steps import (
    CHOICES,
    COSTLY,
    FIRST,
    MAPS,
    UNTRAINED,
    curve_steps,
    map_steps,
)
from rmt_alpha.explore.tabs.theory_texts import untrained
from rmt_alpha.plotting import style
from rmt_alpha.problems.fine_tuning import FineTuning

AUTOMATIC = "auto"
_WINDOW = ("m_view", ("fixed",))
OF_GIVEN = ("m_loss", "m_n", "m_gamma", "m_view", "m_low", "m_high")
"""The fields that stay where the problem itself is given."""


class MixturesTab(Tab):
    """Any loss of `FineTuning`: the picture appears at once, roughly, and becomes finer."""

    name = "mixtures"
    title = "Mixtures and losses"
    fields = (
        *FIELDS,
        choice("m_view", "range of α", {AUTOMATIC: "automatic", "fixed": "as below"}, group="Alpha"),
        Field("m_low", "from", -1.0, low=-20, high=20, group="Alpha", when=_WINDOW),
        Field("m_high", "to", 3.0, low=-20, high=20, group="Alpha", when=_WINDOW),
    )

    @property
    def shown_fields(self) -> tuple[Field, ...]:
        """Of a given problem only its training can be changed."""
        given = isinstance(self.given, FineTuning)
        return tuple(field for field in self.fields if not given or field.name in OF_GIVEN)

    def build(self) -> pn.viewable.Viewable:
        """Curves for one source, a map for two; only one of them is shown."""
        names = ("alpha", "accuracy", "risk", *(f"class{k}" for k in range(4)))
        self.curve_data = ColumnDataSource({name: [] for name in names})
        self.band_data = ColumnDataSource({"alpha": [], "low": [], "high": []})
        self.accuracy = look.plain_figure(
            "accuracy of the mixture against alpha", ("α", "test accuracy"), height=360
        )
        look.band(self.accuracy, self.band_data, "alpha", "low", "high")
        self.class_lines = [
            look.line(
                self.accuracy,
                self.curve_data,
                "alpha",
                f"class{k}",
                line_color=style.SERIES[k + 1],
                line_dash=["dashed", "dotdash", "dotted", "dashdot"][k],
                line_width=1.6,
            )
            for k in range(4)
        ]
        drawn = look.line(self.accuracy, self.curve_data, "alpha", "accuracy")
        look.hover(
            self.accuracy, drawn, [("α", "@alpha{0.000}"), ("accuracy", "@accuracy{0.0000}")], mode="vline"
        )
        self.risk = look.plain_figure("risk of the mixture against alpha", ("α", "test risk"), height=250)
        drawn = look.line(self.risk, self.curve_data, "alpha", "risk")
        look.hover(self.risk, drawn, [("α", "@alpha{0.000}"), ("risk", "@risk{0.0000}")], mode="vline")
        self.accuracy_marks, self.risk_marks = look.marks(self.accuracy), look.marks(self.risk)
        self.spectrum_data = ColumnDataSource({"rank": [], "variance": []})
        self.spectrum = look.plain_figure("spectrum", ("rank", "variance"), height=250)
        self.spectrum.scatter(
            "rank", "variance", source=self.spectrum_data, size=4, tags=["line fill", "line line"]
        )
        self._build_map()
        self.figures += [self.accuracy, self.risk, self.spectrum, self.map]
        self.numbers, self.key, self.busy = look.html(), look.html(), look.html()
        self.code = {
            name: Snippet(of=name, sizing_mode="stretch_width")
            for name in ("accuracy", "risk", "spectrum", "map")
        }
        self.one = look.column(
            self.accuracy,
            self.key,
            self.code["accuracy"],
            look.side_by_side(
                look.column(self.risk, self.code["risk"]), look.column(self.spectrum, self.code["spectrum"])
            ),
        )
        self.two = look.column(self.map, self.code["map"], visible=False)
        return look.column(self.one, self.two, self.busy, self.numbers)

    def _build_map(self) -> None:
        self.map_data = ColumnDataSource({"accuracy": [], "x": [], "y": [], "size": []})
        self.map = look.plain_figure(
            "accuracy over two alphas", ("α of source 1", "α of source 2"), height=470, tools="save"
        )
        self.colors = LinearColorMapper(palette=Cividis256, low=0.5, high=1.0)
        self.drawn = self.map.image(
            "accuracy", "x", "y", "size", "size", source=self.map_data, color_mapper=self.colors, name="map"
        )
        look.hover(
            self.map, self.drawn, [("α₁", "$x{0.00}"), ("α₂", "$y{0.00}"), ("accuracy", "@accuracy{0.0000}")]
        )
        self.map.add_layout(ColorBar(color_mapper=self.colors, width=14, bar_line_color=None), "right")
        self.map_marks = ColumnDataSource({name: [] for name in ("x", "y", "marker", "color", "size")})
        self.map.scatter(
            "x",
            "y",
            source=self.map_marks,
            marker="marker",
            fill_color="color",
            line_color="white",
            size="size",
        )

    # --- what is shown -------------------------------------------------------------------------------

    def show(self, values: Values) -> None:
        """Begin to compute; what comes is shown by `_put`."""
        problem = self.problem_of(values)
        several = problem.components is not None
        self.one.visible, self.two.visible = not several, several
        variances = np.sort(
            np.concatenate([np.ravel(c + 0 * problem.target.means[0]) for c in problem.target.members])
        )
        self.spectrum_data.data = {"rank": np.arange(1, len(variances) + 1), "variance": variances[::-1]}
        look.window(self.spectrum, (0, len(variances) + 1), [[0.0], variances])
        self._problem = problem
        if several:
            self.work.start(map_steps(problem, self._span(values)), self._put_map)
        else:
            self._put_code(values)
            self.work.start(curve_steps(problem, self._span(values)), self._put)

    def problem_of(self, values: Values) -> FineTuning:
        """The problem that the fields say, or the one that was given, with their training."""
        return changed(self.given, values) if isinstance(self.given, FineTuning) else problem_of(values)

    def _span(self, values: Values) -> tuple[float, float] | None:
        """The range of alpha, None for an automatic one."""
        if values["m_view"] == AUTOMATIC:
            return None
        low, high = float(values["m_low"]), float(values["m_high"])
        if not low < high:
            raise ValueError(f"the range of α must go up, got from {low:g} to {high:g}")
        return low, high

    def _put(self, found: dict[str, Any]) -> None:
        """What is known of the answer for one source."""
        at, accuracy, classes = found["alpha"], found["accuracy"], found["classes"]
        data = {"alpha": at, "accuracy": accuracy, "risk": found["risk"]}
        data |= {
            f"class{k}": classes[:, k] if k < classes.shape[1] else np.full(len(at), np.nan) for k in range(4)
        }
        self.curve_data.data = data
        alike = np.ptp(classes, axis=1).max() < 1e-12
        for k, line in enumerate(self.class_lines):
            line.visible = k < classes.shape[1] and not alike
        if "std" in found:
            where, middle, std = found["std"]
            self.band_data.data = {"alpha": where, "low": middle - std, "high": middle + std}
        else:
            self.band_data.data = {"alpha": [], "low": [], "high": []}
        shown = {kind: row for kind, row in found["marks"].items() if at[0] <= row[0] <= at[-1]}
        look.put_marks(self.accuracy_marks, {kind: (row[0], row[1]) for kind, row in shown.items()})
        look.put_marks(self.risk_marks, {kind: (row[0], row[2]) for kind, row in shown.items()})
        span = float(at[0]), float(at[-1])
        extra = [] if alike else [classes]
        look.window(
            self.accuracy, span, [accuracy, self.band_data.data["low"], self.band_data.data["high"], *extra]
        )
        look.window(self.risk, span, [found["risk"]])
        self._put_key(classes.shape[1], alike, "std" in found)
        self._put_words(found)

    def _put_key(self, classes: int, alike: bool, bars: bool) -> None:
        looks = zip(style.SERIES[1 : classes + 1], ("6,3", "6,3,2,3", "2,3", "6,2,1,2"), strict=False)
        lines = [look.stroke(*each, f"class {k}") for k, each in enumerate(looks, 1)]
        entries = [("line", "accuracy")] + ([("band", "one run: ± one standard deviation")] if bars else [])
        self.key.object = look.key(entries) + ("" if alike else "".join(lines))

    def _put_words(self, found: dict[str, Any]) -> None:
        marks = found["marks"]
        rows = [
            (look.swatch(kind) + look.SHAPES[kind].label, [alpha, accuracy, risk])
            for kind, (alpha, accuracy, risk) in marks.items()
        ]
        facts = [(name, [value]) for name, value in found.get("facts", {}).items()]
        self.numbers.object = (
            '<div style="display:flex;flex-wrap:wrap;gap:6px 40px;margin-top:8px">'
            + look.table("Special alphas", ("", "α", "accuracy", "risk"), rows)
            + (look.table("What it means", ("", ""), facts) if facts else "")
            + "</div>"
        )
        self.busy.object = "" if found["done"] else '<p class="soft" role="status">refining ...</p>'
        if "best" in marks:
            best, reached, _ = marks["best"]
            over_one, over_zero = (f"{100 * (reached - marks[kind][1]):.2g}" for kind in ("one", "zero"))
            self.say(
                f"<b>α* = {look.shown(best)}</b>: accuracy {look.shown(reached)}, {over_one} points more "
                f"than plain fine-tuning (α = 1), {over_zero} more than without the source. "
                f"{untrained(found['facts'][UNTRAINED], reached)}"
            )

    def _put_map(self, found: dict[str, Any]) -> None:
        """What is known of the answer for two sources."""
        low, high = found["range"]
        values = found["accuracy"]
        half = (high - low) / (len(values) - 1) / 2  # points are the middles of the cells
        self.map_data.data = {
            "accuracy": [values],
            "x": [low - half],
            "y": [low - half],
            "size": [high - low + 2 * half],
        }
        self.colors.update(low=max(float(values.min()), float(values.max()) - 0.3), high=float(values.max()))
        self.map.x_range.update(start=low - half, end=high + half)
        self.map.y_range.update(start=low - half, end=high + half)
        choices = found["choices"]
        looks = (
            ("circle", style.GREEN),
            ("square", style.ORANGE),
            ("triangle", style.BLUE),
            ("inverted_triangle", style.PURPLE),
        )
        shapes = dict(zip(CHOICES, (*looks, ("diamond", style.VERMILLION)), strict=True))
        inside = {
            name: at
            for name, (at, _) in choices.items()
            if (np.abs(at - (low + high) / 2) <= (high - low) / 2).all()
        }
        self.map_marks.data = {
            "x": [at[0] for at in inside.values()],
            "y": [at[1] for at in inside.values()],
            "marker": [shapes[name][0] for name in inside],
            "color": [shapes[name][1] for name in inside],
            "size": [look.SIZES.get(shapes[name][0], 13) for name in inside],
        }
        rows = [
            (_mark(*shapes[name]) + name, [*map(float, at), accuracy])
            for name, (at, accuracy) in choices.items()
        ]
        alone = found.get("alone", [])
        rows += [(f"source {i} as it is, untrained", ["", "", own]) for i, own in enumerate(alone, 1)]
        self.numbers.object = look.table(
            "Which sources, and how much of them", ("", "α₁", "α₂", "accuracy"), rows
        )
        self.busy.object = "" if found["done"] else '<p class="soft" role="status">refining ...</p>'
        if CHOICES[-1] in choices and alone:
            at, accuracy = choices[CHOICES[-1]]
            none, both = (look.shown(choices[name][1]) for name in CHOICES[:2])
            self.say(
                f"<b>α* = ({', '.join(look.shown(float(each)) for each in at)})</b>: accuracy "
                f"{look.shown(accuracy)}; both sources at 1 reach {both}, none {none}. "
                + untrained(max(alone), accuracy, "The better source as it is")
            )
        self._put_map_code(low, high)

    # --- the same as code ----------------------------------------------------------------------------

    def _put_code(self, values: Values) -> None:
        low, high = self._span(values) or FIRST
        python = f"{_python(self._problem)}alpha = np.linspace({low:g}, {high:g}, {COSTLY})\n"
        grid = f"--alpha={low:g}:{high:g}:{COSTLY}"
        for name in ("accuracy", "risk"):
            self.code[name].texts = {
                "Python": f"{python}plt.plot(alpha, curve.{name}(alpha))\nplt.show()\n",
                "command": snippets.command(
                    self._problem, "optimal {}", f"curve {{}} {grid} --out curve.csv --plot curve.png"
                ),
            }
        self.code["spectrum"].texts = {
            "Python": f"{_python(self._problem)}variances = np.concatenate(\n"
            "    [np.ravel(c + 0 * problem.target.means[0]) for c in problem.target.members]\n)\n"
            "plt.plot(np.sort(variances)[::-1], '.')\nplt.show()\n",
            "command": snippets.command(self._problem, "optimal {}"),
        }

    def _put_map_code(self, low: float, high: float) -> None:
        self.code["map"].texts = {
            "Python": f"{_python(self._problem)}alpha = np.linspace({low:g}, {high:g}, {MAPS[-1]})\n"
            "grid = np.stack(np.meshgrid(alpha, alpha), axis=-1)\n"
            "plt.pcolormesh(alpha, alpha, curve.accuracy(grid))\nplt.colorbar()\nplt.show()\n",
            "command": snippets.command(self._problem, "optimal {}"),
        }


def _mark(marker: str, color: str) -> str:
    paths = {
        "circle": look.SHAPES["zero"].path,
        "square": look.SHAPES["one"].path,
        "diamond": look.SHAPES["best"].path,
        "triangle": "M7,1L13,12H1z",
        "inverted_triangle": "M7,13L1,2H13z",
    }
    return f'<svg width="14" height="14" aria-hidden="true"><path d="{paths[marker]}" fill="{color}"/></svg>'


def _python(problem: FineTuning) -> str:
    """The problem from the content of its file."""
    content = snippets.toml(snippets.content_of(problem))
    return (
        f"import tomllib\n{snippets.IMPORTS}from rmt_alpha.problems.described import build, with_arrays\n"
        f"from pathlib import Path\n\ntext = '''\n{content}'''\n"
        "problem = build(with_arrays(tomllib.loads(text), Path()))\n"
        "curve = problem.curve()\nprint(curve.optimal_alpha())\n"
    )
