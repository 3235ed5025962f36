"""The tab of sweeps: the store of `rmt-alpha sweep`, finished or still running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper
from bokeh.palettes import Cividis256

from rmt_alpha.explore import look, snippets
from rmt_alpha.explore.fields import Field, Values, choice
from rmt_alpha.explore.form import Snippet
from rmt_alpha.explore.tab import Tab
from rmt_alpha.plotting.style import GREY

if TYPE_CHECKING:
    from rmt_alpha.explore.tabs.stored_sweep import StoredPart

LINES = "-"
"""The axis that is none: curves in place of a map."""
EVERY = 2000
"""Milliseconds between two looks at a store that is still being filled."""
MOST_RESTS = 300


class SweepsTab(Tab):
    """One picture of what is recorded so far."""

    name = "sweeps"
    title = "Sweeps"
    fields = (
        Field(
            "s_store",
            "store, a path on this machine",
            "",
            "text",
            group="Store",
            help="What --out of rmt-alpha sweep names",
        ),
        Field("s_open", "Open", False, "button", group="Store", kept=False),
        Field("s_follow", "follow while it is running", True, "switch", group="Store"),
        choice("s_part", "which grid", {}, group="Picture", default="0"),
        choice("s_c", "quantity", {}, group="Picture", default="accuracy"),
        choice("s_x", "across", {}, group="Picture"),
        choice("s_y", "up", {}, group="Picture", default=LINES),
        choice("s_alpha", "α", {}, group="Picture", default="optimal"),
        choice("s_rest", "other fields", {}, group="Picture"),
    )

    def build(self) -> pn.viewable.Viewable:
        """A map and curves; one of them is shown."""
        self.parts: list[StoredPart] = []
        self._seen: tuple[Any, ...] = ()
        self.line_data = ColumnDataSource({"x": [], "y": [], "text": []})
        self.lines = look.plain_figure("sweep as a curve", ("", ""), height=420)
        look.line(self.lines, self.line_data, "x", "y")
        dots = self.lines.scatter("x", "y", source=self.line_data, size=6, tags=["line fill", "line line"])
        self.points = look.simulated(self.lines)
        look.hover(self.lines, dots, [("", "@text")])
        self.cells = ColumnDataSource({name: [] for name in ("x", "y", "value", "text")})
        self.map = look.plain_figure("sweep as a map", ("", ""), height=480, tools="save", words=True)
        self.map.xgrid.visible = self.map.ygrid.visible = False
        self.colors = LinearColorMapper(palette=Cividis256, low=0, high=1, nan_color=GREY)
        fill = {"field": "value", "transform": self.colors}
        drawn = self.map.rect("x", "y", 1, 1, source=self.cells, fill_color=fill, line_color=fill, name="map")
        look.hover(self.map, drawn, [("", "@text")])
        self.map.add_layout(ColorBar(color_mapper=self.colors, width=14, bar_line_color=None), "right")
        self.figures += [self.lines, self.map]
        self.code = Snippet(of="sweep", sizing_mode="stretch_width")
        self.note = look.html()
        self.pictures = look.column(self.lines, self.map, self.note, self.code, visible=False)
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            pn.state.add_periodic_callback(self._look_again, period=EVERY)
        self._values: Values | None = None
        return self.pictures

    def asked(self, changes: dict[str, Any], values: Values) -> Values:
        """The button reads the store again."""
        if changes.get("s_open"):
            self._seen = ()
            self.update(values)
        return {}

    def _look_again(self) -> None:
        """While the tab is open: show what was recorded since the last look."""
        if self._values is None or not self.view.visible or not self._values["s_follow"]:
            return
        if self._stamp() != self._seen:
            self.change({})

    def _stamp(self) -> tuple[Any, ...]:
        assert self._values is not None
        path = Path(str(self._values["s_store"])).expanduser()
        try:
            found = path.stat()
        except OSError:
            return (path,)
        return path, found.st_mtime_ns, found.st_size

    # --- what is shown -------------------------------------------------------------------------------

    def show(self, values: Values) -> None:
        """Read what is new, and draw what is chosen."""
        self._values = values
        if not values["s_store"]:
            self.pictures.visible = False
            self.say(
                "Give the path of a store: the file that <code>rmt-alpha sweep --out</code> writes, finished "
                "or not."
            )
            return
        from rmt_alpha.explore.tabs.stored_sweep import read_store

        if (stamp := self._stamp()) != self._seen:
            self.parts = read_store(Path(str(values["s_store"])).expanduser())
            self._seen = stamp
        if not self.parts:
            self.pictures.visible = False
            self.say("Nothing is recorded in this store yet.")
            return
        part = self.parts[self._place(values)]
        if not part.rows:
            raise ValueError(f"all {part.cells} cells failed: {part.failures[0]}")
        chosen = self._offer(part, values)
        self._draw(part, chosen)
        self.pictures.visible = True
        failed = f" {len(part.failures)} failed: {part.failures[0]}." if part.failures else ""
        self.say(f"<b>{part.cells} cells</b> are recorded, with {part.replicates} draws each.{failed}")

    def _place(self, values: Values) -> int:
        text = str(values["s_part"])
        return int(text) if text.isdecimal() and int(text) < len(self.parts) else 0

    def _offer(self, part: StoredPart, values: Values) -> dict[str, str]:
        """Offer what can be chosen of this part; what was chosen, or the first where it is not there."""
        axes = {name: found for name, found in part.axes.items() if len(found) > 1} or part.axes
        names = [(name, name) for name in axes]
        self.options = {
            "s_part": [(str(place), each.title) for place, each in enumerate(self.parts)],
            "s_c": [(name, name.replace("_", " ")) for name in part.quantities],
            "s_x": names,
            "s_y": [(LINES, "nothing: a curve"), *names],
            "s_alpha": [(alpha, alpha) for alpha in part.alphas],
        }
        chosen = {name: _first(options, str(values[name])) for name, options in self.options.items()}
        shown = {chosen["s_x"], chosen["s_y"]}
        others = [name for name in axes if name not in shown]
        rests = dict.fromkeys(tuple(row[name] for name in others) for row in part.rows)
        texts = [", ".join(f"{n} = {_word(v)}" for n, v in zip(others, rest, strict=True)) for rest in rests]
        self.options["s_rest"] = [(text, text or "none") for text in texts[:MOST_RESTS]]
        chosen["s_rest"] = _first(self.options["s_rest"], str(values["s_rest"]))
        values.update(chosen)  # so that the controls show what is drawn
        self._others = others
        return chosen

    def _draw(self, part: StoredPart, chosen: dict[str, str]) -> None:
        x, y, c = chosen["s_x"], chosen["s_y"], chosen["s_c"]
        rows = [
            row
            for row in part.rows
            if str(row["alpha_label"]) == chosen["s_alpha"]
            and ", ".join(f"{name} = {_word(row[name])}" for name in self._others) == chosen["s_rest"]
        ]
        curve = y in {LINES, x}
        self.lines.visible, self.map.visible = curve, not curve
        if curve:
            self._draw_curve(rows, x, c)
        else:
            self._draw_map(part, rows, x, y, c)
        store = snippets.shell(str(self._seen[0]))
        swept = f"--plot x={x},y={y},c={c},alpha={chosen['s_alpha']} map.png"
        rest = "".join(f".query({f'`{n}` == {v!r}'!r})" for n, v in self._rest_values(rows))
        self.code.texts = {
            "Python": "import sqlite3\nimport pandas as pd\n\n"
            f"rows = pd.read_sql('SELECT * FROM results', sqlite3.connect({str(self._seen[0])!r}))\n"
            f"rows = rows[rows.alpha_label == {chosen['s_alpha']!r}]{rest}\n"
            f"rows.plot.scatter({x!r}, {c!r})\n",
            "command": f"rmt-alpha sweep GRID.toml --out {store} --csv results.csv"
            + ("" if curve else f" {swept}"),
        }

    def _rest_values(self, rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        return (
            [(name, rows[0][name]) for name in self._others if isinstance(rows[0][name], float)]
            if rows
            else []
        )

    def _draw_curve(self, rows: list[dict[str, Any]], x: str, c: str) -> None:
        numbers = [row for row in rows if isinstance(row[x], float) and np.isfinite(row[x])]
        numbers.sort(key=lambda row: row[x])
        theory, simulated = c.removeprefix("simulated_"), f"simulated_{c.removeprefix('simulated_')}"
        line = [(row[x], row[theory]) for row in numbers if row.get(theory) is not None]
        at, values = (np.array([pair[i] for pair in line], float) for i in (0, 1))
        self.line_data.data = {
            "x": at,
            "y": values,
            "text": [f"{x} = {a:.4g}: {look.shown(v)}" for a, v in zip(at, values, strict=True)],
        }
        dots = [
            (row[x], row[simulated], row[f"{simulated}_stderr"])
            for row in numbers
            if row.get(simulated) is not None and row.get(f"{simulated}_stderr") is not None
        ]
        a, v, e = (np.array([dot[i] for dot in dots], float) for i in range(3))
        self.points.data = {"x": a, "y": v, "low": v - 2 * e, "high": v + 2 * e}
        span = np.concatenate([at, a])
        if span.size:
            room = 0.03 * np.ptp(span) or 0.5  # so that the first and the last bars are seen whole
            look.window(self.lines, (span.min() - room, span.max() + room), [values, v - 2 * e, v + 2 * e])
        self.lines.xaxis.axis_label, self.lines.yaxis.axis_label = x, theory.replace("_", " ")
        left = len(rows) - len(numbers)
        more = f" {left} cells have no number there." if left else ""
        entries = [("line", "theory")] + ([("points", "simulation, ± 2 standard errors")] if dots else [])
        self.note.object = f"<p>{look.key(entries)}{more}</p>"

    def _draw_map(self, part: StoredPart, rows: list[dict[str, Any]], x: str, y: str, c: str) -> None:
        axes = part.axes
        self.map.x_range.factors = [_word(value) for value in axes[x]]
        self.map.y_range.factors = [_word(value) for value in axes[y]]
        # Many names would overlap.
        self.map.xaxis.major_label_orientation = 0.0 if len(axes[x]) <= 6 else 0.9
        values = np.array([np.nan if row.get(c) is None else row[c] for row in rows], float)
        values[~np.isfinite(values)] = np.nan
        self.cells.data = {
            "x": [_word(row[x]) for row in rows],
            "y": [_word(row[y]) for row in rows],
            "value": values,
            "text": [
                f"{x} = {_word(row[x])}, {y} = {_word(row[y])}: {look.shown(row.get(c))}" for row in rows
            ],
        }
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            self.colors.update(low=low, high=high if high > low else low + 1.0)
        self.map.xaxis.axis_label, self.map.yaxis.axis_label = x, y
        self.note.object = (
            f'<p class="note">Colour: {c.replace("_", " ")}. Empty cells are not recorded (yet).</p>'
        )


def _word(value: Any) -> str:
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _first(options: list[tuple[str, str]], wanted: str) -> str:
    """What was wanted if it is there, else the first."""
    known = [value for value, _ in options]
    return wanted if wanted in known else (known[0] if known else "")
