"""The picture of a study: gain over the source alone against the number of target samples."""

from __future__ import annotations

from matplotlib.figure import Figure

from rmt_alpha.figures import style
from rmt_alpha.from_data.criteria import DEFAULT
from rmt_alpha.study.summary import Cells

LINES = {  # color, marker, line style, label
    "alpha_1": (style.ORANGE, "s", "-", r"$\alpha = 1$, $\gamma = 1$"),
    "oracle": (style.VERMILLION, "D", "-", r"the paper's oracle $\alpha^*$, $\gamma = 1$"),
    "evidence": (style.SKY, "^", "-", "evidence"),
    "loo_mse": (style.PURPLE, "v", "-", "leave-one-out squared error"),
    "loo_snr": (style.GREEN, "<", "-", "leave-one-out signal to noise"),
    "logistic_pooled": ("#777777", "P", ":", "logistic regression, source and target pooled"),
    "ridge_target": ("#BBBBBB", "X", ":", "ridge, target alone"),
    DEFAULT: (style.BLUE, "o", "-", f"{DEFAULT} (default)"),
}
FLOOR = -6.0
"""Nothing of interest happens further below the source."""


@style.styled
def draw(cells: Cells, title: str) -> Figure:
    """One panel for each protocol; bars are one standard error of the paired difference."""
    protocols = list(dict.fromkeys(protocol for protocol, _ in cells.values))
    figure = Figure(figsize=(max(8.0, 5.2 * len(protocols)), 4.6), layout="constrained")
    panels = figure.subplots(1, len(protocols), sharey=True, squeeze=False)[0]
    top = 1.0
    for axes, protocol in zip(panels, protocols, strict=True):
        sizes = sorted(n for key, n in cells.values if key == protocol)
        axes.axhline(0, color=style.BLACK, linewidth=1, label="source alone")
        for method, (color, marker, line, label) in LINES.items():
            there = [n for n in sizes if cells.of(protocol, n, method).size]
            if not there:
                continue
            found = [cells.difference(protocol, n, method, "source")[:2] for n in there]
            means, errors = ([value[i] for value in found] for i in (0, 1))
            top = max(top, *means)
            axes.errorbar(
                there, means, yerr=errors, color=color, marker=marker, linestyle=line, markersize=5,
                label=label, linewidth=2.2 if method == DEFAULT else 1.2,
            )  # fmt: skip
        axes.set(xscale="log", xlabel="target samples n", title=f"{title}: {protocol} protocol")
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.minorticks_off()
    panels[0].set(ylabel="test accuracy minus source alone (points)", ylim=(FLOOR, top + 1))
    style.legend(figure, [panels[0]], columns=3)
    return figure
