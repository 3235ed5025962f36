"""The tab of the theory: accuracy, risk and the law of the score of the isotropic problem."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import BoxAnnotation, ColumnDataSource, Span

from rmt_alpha._core.types import FloatArray
from rmt_alpha.explore import look
from rmt_alpha.explore.fields import Field, Values, choice
from rmt_alpha.explore.form import Snippet
from rmt_alpha.explore.tab import Tab
from rmt_alpha.explore.tabs import simulated, theory_texts
from rmt_alpha.explore.tabs.transfer import FIELDS, NORMS, PRESETS, problem_of, values_of
from rmt_alpha.plotting import style
from rmt_alpha.theory.isotropic.curve import AlphaCurve
from rmt_alpha.theory.pictures import alphas_around

POINTS, LAW_POINTS = 401, 161
AUTOMATIC = "auto"
_WINDOW = ("view", ("fixed",))


class TheoryTab(Tab):
    """The isotropic problem: every number in closed form."""

    name = "theory"
    title = "Theory"
    fields = (
        choice(
            "preset",
            "settings of",
            {"": "choose a figure ..."} | {name: title for name, (title, _) in PRESETS.items()},
            kept=False,
        ),
        *(field for field in FIELDS if field.group != NORMS),
        Field("alpha", "law of the score at α", 1.0, low=-10, high=10, group="Alpha"),
        Field(
            "tolerance", "tolerated loss of accuracy", 0.01, low=0.001, high=0.2, step=0.001, group="Alpha"
        ),
        choice("view", "range of α", {AUTOMATIC: "automatic", "fixed": "as below"}, group="Alpha"),
        Field("low", "from", -2.0, low=-20, high=20, group="Alpha", when=_WINDOW),
        Field("high", "to", 4.0, low=-20, high=20, group="Alpha", when=_WINDOW),
        choice(
            "draws", "draws of the data", {"200": "200", "1000": "1000", "5000": "5000"}, group="Simulation"
        ),
        Field("simulate", "Simulate", False, "button", group="Simulation", kept=False),
        *(field for field in FIELDS if field.group == NORMS),
    )

    def build(self) -> pn.viewable.Viewable:
        """Three pictures, each with its code, and the numbers."""
        self.curve_data = ColumnDataSource({"alpha": [], "accuracy": [], "low": [], "high": [], "risk": []})
        self.accuracy, self.accuracy_marks, self.accuracy_points = self._along_alpha("accuracy")
        self.risk, self.risk_marks, self.risk_points = self._along_alpha("risk")
        self.helps = BoxAnnotation(fill_color=style.GREEN, fill_alpha=0.1, level="underlay", visible=False)
        self.accuracy.add_layout(self.helps)
        self.within = ColumnDataSource({"x": [], "y": []})
        self.accuracy.line("x", "y", source=self.within, line_color=style.VERMILLION, line_width=2)
        self.accuracy.scatter(
            "x",
            "y",
            source=self.within,
            marker="dash",
            angle=np.pi / 2,
            size=12,
            line_color=style.VERMILLION,
            line_width=2,
        )
        half = Span(location=0.5, dimension="width", line_color=style.GREY, line_width=1)
        self.accuracy.add_layout(half)
        self.own = Span(dimension="width", line_color=style.GREY, line_width=1.6, line_dash=[6, 4])
        self.accuracy.add_layout(self.own)
        self.law_data = ColumnDataSource({"x": [], "minus": [], "plus": []})
        self.law = look.plain_figure("law of the score", ("score", "density"), height=250)
        self.law.varea("x", 0, "minus", source=self.law_data, fill_color=style.VERMILLION, fill_alpha=0.18)
        self.law.varea(
            "x", 0, "plus", source=self.law_data, fill_alpha=0.18, tags=["line fill"], fill_color=style.BLUE
        )
        look.line(self.law, self.law_data, "x", "minus", line_color=style.VERMILLION, line_dash=[6, 3])
        look.line(self.law, self.law_data, "x", "plus")
        self.law.add_layout(Span(location=0, dimension="height", line_color=style.GREY, line_width=1))
        self.figures += [self.accuracy, self.risk, self.law]
        for fig in (self.accuracy, self.risk):
            fig.on_event("rangesupdate", self._zoomed)
            fig.on_event("reset", lambda: self.change({"view": AUTOMATIC}))
        self.numbers, self.law_text, self.progress = look.html(), look.html(), look.html()
        self.code = {
            name: Snippet(of=name, sizing_mode="stretch_width") for name in ("accuracy", "risk", "law")
        }
        key = look.key(
            [
                ("line", "theory"),
                ("band", "one run: ± one standard deviation"),
                ("own", "the source as it is"),
                ("helps", "the source helps"),
                ("bar", "within the tolerance of the best"),
                ("points", "simulation, ± 2 standard errors"),
            ]
        )
        return look.column(
            self.accuracy,
            look.html(key),
            self.code["accuracy"],
            self.progress,
            self.numbers,
            look.side_by_side(
                look.column(self.risk, self.code["risk"]),
                look.column(self.law, self.law_text, self.code["law"]),
            ),
        )

    def _along_alpha(self, quantity: str) -> tuple[look.Figure, ColumnDataSource, ColumnDataSource]:
        main = quantity == "accuracy"
        fig = look.plain_figure(
            f"{quantity} against alpha", ("α", f"test {quantity}"), height=360 if main else 250
        )
        if main:
            look.band(fig, self.curve_data, "alpha", "low", "high")
        drawn = look.line(fig, self.curve_data, "alpha", quantity)
        points = look.simulated(fig)
        found = look.marks(fig)
        look.hover(fig, drawn, [("α", "@alpha{0.000}"), (quantity, f"@{quantity}{{0.0000}}")], mode="vline")
        return fig, found, points

    # --- what the reader does ------------------------------------------------------------------------

    def asked(self, changes: dict[str, Any], values: Values) -> Values:
        """A preset sets the problem, a button starts the simulation."""
        if preset := changes.get("preset"):
            return values_of(PRESETS[str(preset)][1]()) | {"preset": ""}
        if changes.get("simulate"):
            self._simulate(values)
        return {}

    def _zoomed(self, event: Any) -> None:
        low, high = sorted((float(event.x0), float(event.x1)))
        digits = 2 - int(np.floor(np.log10(max(high - low, 1e-9))))
        self.change({"view": "fixed", "low": round(low, digits), "high": round(high, digits)})

    # --- what is shown -------------------------------------------------------------------------------

    def show(self, values: Values) -> None:
        """All of it, from the curve of the problem."""
        problem = problem_of(values)
        curve = problem.curve()
        marks = curve.landmarks()
        at = self._alphas(values, marks)
        accuracy, risk, std = (np.asarray(f(at)) for f in (curve.accuracy, curve.risk, curve.accuracy_std))
        self.curve_data.data = {
            "alpha": at,
            "accuracy": accuracy,
            "risk": risk,
            "low": accuracy - std,
            "high": accuracy + std,
        }
        seen = {kind: alpha for kind, alpha in marks.items() if at[0] <= alpha <= at[-1]}
        look.put_marks(self.accuracy_marks, {kind: (a, float(curve.accuracy(a))) for kind, a in seen.items()})
        look.put_marks(self.risk_marks, {kind: (a, float(curve.risk(a))) for kind, a in seen.items()})
        self._show_intervals(curve, values, at)
        span = float(at[0]), float(at[-1])
        self.own.location = float(problem.source_accuracy())
        look.window(self.accuracy, span, [accuracy - std, accuracy + std, [self.own.location]])
        look.window(self.risk, span, [risk])
        for points in (self.accuracy_points, self.risk_points):
            points.data = {"x": [], "y": [], "low": [], "high": []}
        self.progress.object = ""
        self._show_law(curve, float(values["alpha"]))
        self.numbers.object, sentence = theory_texts.numbers(
            problem, curve, marks, float(values["tolerance"])
        )
        self.say(sentence)
        for name, texts in theory_texts.code(problem, at, values).items():
            self.code[name].texts = texts

    def _alphas(self, values: Values, marks: dict[str, float]) -> FloatArray:
        if values["view"] == AUTOMATIC:
            return alphas_around(marks.values(), POINTS)
        low, high = float(values["low"]), float(values["high"])
        if not low < high:
            raise ValueError(f"the range of α must go up, got from {low:g} to {high:g}")
        return np.linspace(low, high, POINTS)

    def _show_intervals(self, curve: AlphaCurve, values: Values, at: FloatArray) -> None:
        low, high = (float(end) for end in curve.transfer_interval())
        self.helps.update(
            left=max(low, float(at[0])),
            right=min(high, float(at[-1])),
            visible=bool(low < high and low < at[-1] and high > at[0]),
        )
        tolerance = float(values["tolerance"])
        ends = np.clip([float(end) for end in curve.tolerance_interval(tolerance)], at[0], at[-1])
        level = float(curve.accuracy(curve.optimal_alpha())) - tolerance
        self.within.data = {"x": ends, "y": [level, level]} if ends[0] < ends[1] else {"x": [], "y": []}

    def _show_law(self, curve: AlphaCurve, alpha: float) -> None:
        mean, std = float(curve.mean(alpha)), float(curve.std(alpha))
        if std == 0:  # all scores are 0
            self.law_data.data = {"x": [], "minus": [], "plus": []}
            self.law_text.object = "<p>Every score is 0 at this α.</p>"
            return
        x = np.linspace(-abs(mean) - 4 * std, abs(mean) + 4 * std, LAW_POINTS)
        minus, plus = style.bell(x, -mean, std), style.bell(x, mean, std)
        self.law_data.data = {"x": x, "minus": minus, "plus": plus}
        look.window(self.law, (x[0], x[-1]), [[0.0], plus, minus])
        self.law_text.object = theory_texts.law(curve, alpha, mean, std)

    # --- simulation ----------------------------------------------------------------------------------

    def _simulate(self, values: Values) -> None:
        problem = problem_of(values)
        at = self._alphas(values, problem.curve().landmarks())
        spread = np.linspace(at[0], at[-1], simulated.ALPHAS + 2)[1:-1]
        self.progress.object = simulated.progress(0, int(values["draws"]))
        self.work.start(simulated.batches(problem, spread, int(values["draws"])), self._show_simulated)

    def _show_simulated(self, found: dict[str, Any]) -> None:
        for points, name in ((self.accuracy_points, "accuracy"), (self.risk_points, "risk")):
            y, error = found[name], found[f"{name}_stderr"]
            points.data = {"x": found["alpha"], "y": y, "low": y - 2 * error, "high": y + 2 * error}
        self.progress.object = simulated.progress(found["done"], found["draws"])
