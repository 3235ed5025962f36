"""The tab of the reader's own data: samples and a source from files, which stay on this machine."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from bokeh.models import BoxAnnotation, ColumnDataSource, Span

from rmt_alpha.explore import look
from rmt_alpha.explore.fields import Field, Values, choice
from rmt_alpha.explore.form import Snippet
from rmt_alpha.explore.tab import Tab
from rmt_alpha.explore.tabs import sample_texts
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT
from rmt_alpha.from_data.reading.memory_file import MemoryFile
from rmt_alpha.from_data.reading.sample_file import SampleFile, read_sample
from rmt_alpha.from_data.reading.text import TextFormat
from rmt_alpha.plotting import style

if TYPE_CHECKING:
    from rmt_alpha.estimators.fit_report import FitReport

POINTS = 1201
WIDEST = 20.0
"""Best alphas beyond this do not stretch the picture."""
PRIVATE = (
    "The file goes from the browser to the program on this machine, into its memory, and nowhere else. "
    "Nothing is written, nothing is kept when the window is closed."
)
HOW = (
    "Give an .npz file with the arrays X, y and coef_source, or a table (.csv, .tsv, .parquet, .feather) "
    "with a column of labels, and the source's weights in another with the same columns; several sources "
    "are several such files, given together. Files may be dropped on the fields."
)


class MyDataTab(Tab):
    """What `rmt-alpha fit` says about files, with pictures."""

    name = "data"
    title = "My data"
    fields = (
        Field("d_samples", "samples (files)", False, "files", group="Files", kept=False),
        Field(
            "d_source", "source or sources, if not in them (files)", False, "files", group="Files", kept=False
        ),
        Field("d_label", "column of labels", "y", "text", group="How they are written", help="--label"),
        Field(
            "d_delimiter",
            "delimiter",
            "",
            "text",
            group="How they are written",
            help="--delimiter; empty: found out",
        ),
        Field(
            "d_decimal",
            "decimals",
            "",
            "text",
            group="How they are written",
            help="--decimal . or ,; empty: found out",
        ),
        Field(
            "d_encoding",
            "encoding",
            "",
            "text",
            group="How they are written",
            help="--encoding; empty: found out",
        ),
        Field(
            "d_na",
            "missing values",
            "",
            "text",
            group="How they are written",
            help="--na: what stands for a missing value, such as NA; its rows are left out",
        ),
        choice(
            "d_criterion",
            "alpha chosen by",
            {name: name.replace("_", " ") for name in CRITERIA},
            group="Fit",
            default=DEFAULT,
        ),
        choice(
            "d_intercept",
            "intercept",
            {"auto": "auto", "shrunk": "shrunk", "free": "free", "none": "none"},
            group="Fit",
            help="How its change is trained",
        ),
        choice("d_ridge", "ridge", {"auto": "chosen", "fixed": "as below"}, group="Fit"),
        Field(
            "d_gamma", "ridge γ", 1.0, low=1e-4, high=1e3, log=True, group="Fit", when=("d_ridge", ("fixed",))
        ),
    )

    def build(self) -> pn.viewable.Viewable:
        """The path, the numbers, and what is said about the file."""
        self.sample: SampleFile | None = None
        self.files: dict[str, list[MemoryFile]] = {"d_samples": [], "d_source": []}
        self.pieces: dict[str, list[tuple[str, bytearray]]] = {}
        names = ("alpha", "exact", "gaussian", "theory", "risk")
        self.path_data = ColumnDataSource({name: [] for name in names})
        self.path = look.plain_figure("leave-one-out accuracy", ("α", "accuracy"), height=360)
        self.risk = look.plain_figure("leave-one-out risk", ("α", "leave-one-out squared error"), height=250)
        exact = look.line(self.path, self.path_data, "alpha", "exact", ink="ink", line_width=1.2)
        look.line(self.path, self.path_data, "alpha", "gaussian")
        look.line(self.path, self.path_data, "alpha", "theory", line_color=style.ORANGE, line_dash=[6, 3])
        drawn = look.line(self.risk, self.path_data, "alpha", "risk")
        rows = [("α", "@alpha{0.000}"), ("exact", "@exact{0.0000}"), ("theory", "@theory{0.0000}")]
        look.hover(self.path, exact, rows, mode="vline")
        look.hover(self.risk, drawn, [("α", "@alpha{0.000}"), ("error", "@risk{0.0000}")], mode="vline")
        self.marks = look.marks(self.path), look.marks(self.risk)
        self.chosen = [
            Span(dimension="height", line_color=style.PURPLE, line_width=2, visible=False) for _ in range(2)
        ]
        self.error = [
            BoxAnnotation(fill_color=style.PURPLE, fill_alpha=0.16, visible=False) for _ in range(2)
        ]
        for fig, line, box in zip((self.path, self.risk), self.chosen, self.error, strict=True):
            fig.add_layout(line)
            fig.add_layout(box)
        self.figures += [self.path, self.risk]
        self.numbers, self.key = look.html(), look.html()
        self.code = Snippet(of="fit", sizing_mode="stretch_width")
        self.pictures = look.column(
            self.path, self.key, self.code, look.side_by_side(self.risk, self.numbers), visible=False
        )
        return look.column(look.html(f'<p class="note">{PRIVATE}</p>'), self.pictures)

    def asked(self, changes: dict[str, Any], values: Values) -> Values:
        """Pieces of files become files; with the last one they are read."""
        for role in self.files:
            if role in changes and self._piece(role, changes[role]):
                self.update(values)
        return {}

    def _piece(self, role: str, piece: dict[str, Any]) -> bool:
        """Take one piece; whether all of the files are there."""
        if piece["first"]:
            self.pieces[role] = []
        parts = self.pieces.setdefault(role, [])
        if piece["start"] == 0:
            parts.append((str(piece["name"]), bytearray()))
        parts[-1][1].extend(base64.b64decode(piece["data"]))
        if piece["more"]:
            return False
        self.files[role] = [MemoryFile(name, bytes(content)) for name, content in self.pieces.pop(role)]
        if role == "d_samples" and self.files[role][0].suffix.lower() == ".npz":
            self.files["d_source"] = []  # it holds the source itself
        return True

    # --- what is shown -------------------------------------------------------------------------------

    def show(self, values: Values) -> None:
        """Read, fit, draw."""
        samples = self.files["d_samples"]
        if not samples:
            self.pictures.visible = False
            self.say(HOW)
            return
        if len(samples) > 1:
            raise ValueError(f"one file of samples is needed, got {', '.join(file.name for file in samples)}")
        table = samples[0].suffix.lower() != ".npz"
        if table and not self.files["d_source"]:
            self.pictures.visible = False
            self.say(
                f"{samples[0].name} is here. Now give the weights of the source: a table with the same "
                "columns."
            )
            return
        self.sample = self._sample(values)
        self._fit(values, self.sample)
        self.pictures.visible = True

    def _sample(self, values: Values) -> SampleFile:
        names = ("d_delimiter", "d_decimal", "d_encoding")
        given = [str(values[name]) or None for name in names]
        absent = tuple(part.strip() for part in str(values["d_na"]).split(",")) if values["d_na"] else ()
        form = TextFormat(given[0], given[1], given[2], absent)
        samples, sources = (
            [file.as_path() for file in self.files[role]] for role in ("d_samples", "d_source")
        )
        return read_sample(samples[0], sources, str(values["d_label"]), form)

    def _fit(self, values: Values, sample: SampleFile) -> None:
        from rmt_alpha.estimators.fit_report import fit_report

        gamma = None if values["d_ridge"] == "auto" else float(values["d_gamma"])
        report = fit_report(
            sample, gamma=gamma, criterion=str(values["d_criterion"]), intercept=str(values["d_intercept"])
        )
        self._draw(report)
        self.numbers.object, sentence = sample_texts.numbers(report)
        self.say(sentence)
        self.code.texts = sample_texts.code(
            self.files["d_samples"][0].name,
            [file.name for file in self.files["d_source"]],
            self.fields,
            values,
        )

    def _draw(self, report: FitReport) -> None:
        """Of several sources along the alphas that were chosen: 0 is none of them, 1 what was chosen."""
        direction, best = report.chosen
        path, estimate, several = report.path, report.estimate, direction is not None
        stderr = np.nan if several else float(np.asarray(report.one.alpha_stderr_))
        reach = 2 * stderr if np.isfinite(stderr) else 0.0
        near = abs(best) + reach < WIDEST
        ends = [0.0, 1.0, *([best - reach, best + reach] if near else [])]
        margin = 0.4 * (max(ends) - min(ends))
        at = np.linspace(min(ends) - margin, max(ends) + margin, POINTS)
        exact, gaussian, risk = (
            np.asarray(f(at)) for f in (path.loo_accuracy, path.gaussian_accuracy, path.loo_risk)
        )
        theory = np.full(POINTS, np.nan)
        if estimate is not None and np.isfinite(path.gamma):
            theory = np.asarray(estimate.curve(path.gamma).accuracy(at))
        columns = {"alpha": at, "exact": exact, "gaussian": gaussian, "theory": theory, "risk": risk}
        self.path_data.data = columns
        for marks, curve in zip(self.marks, (path.gaussian_accuracy, path.loo_risk), strict=True):
            ones = {} if several else {"one": (1.0, float(curve(1.0)))}
            look.put_marks(marks, {"zero": (0.0, float(curve(0.0))), **ones})
        for line, box in zip(self.chosen, self.error, strict=True):
            line.update(location=best, visible=bool(near))
            box.update(left=best - stderr, right=best + stderr, visible=bool(near and np.isfinite(stderr)))
        span = float(at[0]), float(at[-1])
        look.window(self.path, span, [exact, gaussian, theory])
        look.window(self.risk, span, [risk])
        for fig in (self.path, self.risk):
            fig.xaxis.axis_label = "share of the chosen alphas" if several else "α"
        entries = [("steps", "leave-one-out, exact"), ("line", "of Gaussian scores")]
        entries += [("dashed", "random matrix theory")] if np.isfinite(theory).any() else []
        said = "chosen alphas" if several else "chosen α, ± one standard error"
        self.key.object = look.key([*entries, ("chosen", said)])
