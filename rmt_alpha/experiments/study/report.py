"""Files, the picture and bars from the results of a study."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rmt_alpha._core.tables import csv_text
from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.study.methods import DEFAULT
from rmt_alpha.experiments.study.summary import FLOORS, Bar, Table, check_bars, gather, tables
from rmt_alpha.experiments.study.tasks import Block, Results, TransferStudy
from rmt_alpha.plotting import style


def report(
    study: TransferStudy, results: Sequence[tuple[Block, Results]], out: Path
) -> tuple[list[Path], list[Bar]]:
    """Write the tables as ``NAME_*.csv``, the bars as ``NAME_bars.txt``, and the picture ``NAME.png``.

    The results are those of `run_study`; the bars that are returned are under the paper's protocol, with
    accuracies to be reached for the Amazon reviews.
    """
    cells = gather(results)
    files = []
    found = tables(cells)
    for stem, (header, rows) in found.items():
        files.append(out / f"{study.name}_{stem}.csv")
        files[-1].write_text(csv_text(header, rows, digits=10), encoding="utf-8")
    files.append(out / f"{study.name}.png")
    draw(found["summary"], study.name).savefig(files[-1], dpi=150)
    floors = FLOORS if study.name == "amazon" else {}
    bars = check_bars(cells, floors)
    files.append(out / f"{study.name}_bars.txt")
    files[-1].write_text("".join(f"{bar}\n" for bar in bars), encoding="utf-8")
    return files, bars


LINES = {  # color, marker, line style, label
    "alpha_1": (style.ORANGE, "s", "-", r"$\alpha = 1$, $\gamma = 1$"),
    "oracle": (style.VERMILLION, "D", "-", r"the paper's oracle $\alpha^*$, $\gamma = 1$"),
    "evidence": (style.SKY, "^", "-", "evidence"),
    "loo_mse": (style.PURPLE, "v", "-", "leave-one-out squared error"),
    "loo_snr": (style.GREEN, "<", "-", "leave-one-out signal to noise"),
    "alpha_logistic": (style.YELLOW, "*", "-", "logistic, alpha by consensus"),
    "logistic_pooled": ("#777777", "P", ":", "logistic regression, source and target pooled"),
    "ridge_target": ("#BBBBBB", "X", ":", "ridge, target alone"),
    DEFAULT: (style.BLUE, "o", "-", "default"),
}
FLOOR = -6.0
"""Nothing of interest happens further below the source."""


def read_summary(file: FilePath) -> Table:
    """The table that a study wrote as ``NAME_summary.csv``."""
    with Path(file).open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    return header, rows


@style.styled
def draw(summary: Table, title: str) -> Figure:
    """One panel for each protocol; bars are one standard error of the paired difference."""
    header, rows = summary
    records = [dict(zip(header, row, strict=True)) for row in rows]
    protocols = list(dict.fromkeys(record["protocol"] for record in records))
    figure = Figure(figsize=(max(8.0, 5.2 * len(protocols)), 4.6), layout="constrained")
    panels = figure.subplots(1, len(protocols), sharey=True, squeeze=False)[0]
    top = 1.0
    for axes, protocol in zip(panels, protocols, strict=True):
        here = [record for record in records if record["protocol"] == protocol]
        sizes = sorted({int(record["n"]) for record in here})
        axes.axhline(0, color=style.BLACK, linewidth=1, label="source alone")
        for method, (color, marker, line, label) in LINES.items():
            mine = sorted((int(r["n"]), r) for r in here if r["method"] == method)
            if not mine:
                continue
            means, errors = (
                [float(r[column]) for _, r in mine] for column in ("minus_source", "minus_source_error")
            )
            top = max(top, *means)
            axes.errorbar(
                [n for n, _ in mine], means, yerr=errors, color=color, marker=marker, linestyle=line,
                markersize=5, label=label, linewidth=2.2 if method == DEFAULT else 1.2,
            )  # fmt: skip
        axes.set(xscale="log", xlabel="target samples n", title=f"{title}: {protocol} protocol")
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.minorticks_off()
    panels[0].set(ylabel="test accuracy minus source alone (points)", ylim=(FLOOR, top + 1))
    style.legend(figure, [panels[0]], columns=3)
    return figure
