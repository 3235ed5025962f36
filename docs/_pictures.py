"""Pictures that are made while the documentation is built, and the pages of the gallery that show them."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

from rmt_alpha.experiments.data.datasets import AMAZON_FILES, data_folder
from rmt_alpha.experiments.figures.registry import NAMES, NEED_DATA, TITLES, load
from rmt_alpha.experiments.networks.results.drawing import draw_all
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.networks.results.transfer_drawing import draw_transfers
from rmt_alpha.experiments.networks.results.transfer_results import TransferResults
from rmt_alpha.experiments.reproduce import reproduce
from rmt_alpha.experiments.study.report import draw, read_summary
from rmt_alpha.experiments.study.transfers import cell_report
from rmt_alpha.plotting import style

HERE = Path(__file__).parent
FIGURES = HERE / "generated" / "figures"

PAGE = '''r"""
{title}
{line}

{text}

.. image:: /generated/figures/{name}.png
   :alt: {title}

What one learns from it is said `in the guide <../../../experiments/figures.html#{anchor}>`__. The command
``rmt-alpha reproduce {name}`` makes it, too, and writes every number in it as CSV.
"""

# sphinx_gallery_thumbnail_path = 'generated/figures/{name}.png'

from rmt_alpha.experiments.figures.registry import load

figure = load("{name}")
numbers = figure.compute(quick=True)  # quick: a tenth of the simulated draws
figure.draw(numbers).savefig("{name}.png")

# %%
# The numbers come from these lines of ``rmt_alpha.experiments.figures.{name}``:
#
# .. literalinclude:: /../rmt_alpha/experiments/figures/{name}.py
#    :pyobject: compute
'''


def drawn_names() -> tuple[str, ...]:
    """The figures that can be drawn here: those that need no data, and all where the data already lie."""
    ready = all((data_folder() / file.path).is_file() for file in AMAZON_FILES.values())
    return tuple(name for name in NAMES if ready or name not in NEED_DATA)


def draw_figures() -> None:
    """Make the figures, with small simulations, where figures.md and the gallery look for them.

    Files that exist are kept: delete docs/generated/figures to draw them again.
    """
    missing = [name for name in drawn_names() if not (FIGURES / f"{name}.png").exists()]
    reproduce(missing, FIGURES, quick=True)


def draw_records() -> None:
    """Draw the figures of glue.md, transfer.md and study.md from the results, which are committed."""
    draw_all(RunRecord(HERE / "results" / "glue_minilm.jsonl"), FIGURES)
    draw_transfers(TransferResults.read(HERE / "results" / "transfer"), FIGURES)
    for name in ("amazon", "embeddings", "mnist"):
        summary = read_summary(HERE / "results" / f"{name}_summary.csv")
        draw(summary, name).savefig(FIGURES / f"study_{name}.png", dpi=150)
    cells = cell_report.read_cells(HERE / "results" / "transfers_cells.csv")
    cell_report.draw(cells).savefig(FIGURES / "study_transfers.png", dpi=150)


def write_figure_pages() -> None:
    """A script of the gallery for each figure, beside the picture that `draw_figures` made with it."""
    folder = HERE / "gallery" / "figures"
    wanted = {f"figure_{name}.py": _page(name) for name in drawn_names()}
    for place in (folder, HERE / "generated" / "gallery" / "figures"):  # scripts, and what was made of them
        for stale in place.glob("figure_*.*"):
            if f"{stale.name.partition('.')[0]}.py" not in wanted:
                stale.unlink()
    for file, text in wanted.items():
        path = folder / file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _page(name: str) -> str:
    title = TITLES[name].partition(":")[0].rstrip(".")
    text = (load(name).__doc__ or "").strip()
    if ":math:" not in text:
        text = text.replace("|", r"\|")  # else the start of a substitution
    line, anchor = "=" * len(title), name.replace("_", "-")
    return PAGE.format(name=name, anchor=anchor, title=title, line=line, text=text)


def house_style(_config: object, _script: str) -> None:
    """The look of the package's own figures for every script of the gallery."""
    mpl.rcParams.update(style.settings())
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=style.SERIES)
    mpl.rcParams["figure.constrained_layout.use"] = True
