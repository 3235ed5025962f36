"""The picture of a study: gain over the source alone against the number of target samples."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from matplotlib.figure import Figure

from rmt_alpha.experiments.study.summary import Table
from rmt_alpha.from_data.criteria import DEFAULT
from rmt_alpha.plotting import style

LINES = {  # color, marker, line style, label
    "alpha_1": (style.ORANGE, "s", "-", r"$\alpha = 1$, $\gamma = 1$"),
    "oracle": (style.VERMILLION, "D", "-", r"the paper's oracle $\alpha^*$, $\gamma = 1$"),
    "evidence": (style.SKY, "^", "-", "evidence"),
    "loo_mse": (style.PURPLE, "v", "-", "leave-one-out squared error"),
    "loo_snr": (style.GREEN, "<", "-", "leave-one-out signal to noise"),
    "alpha_logistic": (style.YELLOW, "*", "-", "logistic, alpha by consensus"),
    "logistic_pooled": ("#777777", "P", ":", "logistic regression, source and target pooled"),
    "ridge_target": ("#BBBBBB", "X", ":", "ridge, target alone"),
    DEFAULT: (style.BLUE, "o", "-", f"{DEFAULT} (default)"),
}
FLOOR = -6.0
"""Nothing of interest happens further below the source."""


def read_summary(file: str | os.PathLike[str]) -> Table:
    """The table that a study wrote as ``NAME_summary.csv``."""
    with Path(file).open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    return header, rows


@style.styled
def draw(summary: Table, title: str) -> Figure:
    """One panel for each protocol; bars are one standard error of the paired difference.

    Parameters
    ----------
    summary : (header, rows)
        From `rmt_alpha.experiments.study.summary.tables` or `read_summary`.
    """
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
