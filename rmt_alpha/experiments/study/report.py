"""Files and bars from the results of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmt_alpha._core.tables import csv_text
from rmt_alpha.experiments.study.drawing import draw
from rmt_alpha.experiments.study.store import Block, Results
from rmt_alpha.experiments.study.summary import FLOORS, Bar, check_bars, gather, tables
from rmt_alpha.experiments.study.tasks import TransferStudy
from rmt_alpha.from_data.criteria import DEFAULT

SHRUNK = f"{DEFAULT}_shrunk"


def report(
    study: TransferStudy, results: Sequence[tuple[Block, Results]], out: Path
) -> tuple[list[Path], list[Bar]]:
    """Write the tables as ``NAME_*.csv``, the bars as ``NAME_bars.txt``, and the picture ``NAME.png``.

    ``NAME_bars_shrunk.txt`` has the same bars for the default with a shrunk intercept, as it comes.

    Parameters
    ----------
    results : list of (Block, results)
        As `run_study` returns them.
    out : Path
        Folder, which exists.

    Returns
    -------
    bars : list of Bar
        Under the paper's protocol; the accuracies to be reached are those of the Amazon reviews.
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
    for name, lines in (("bars", bars), ("bars_shrunk", check_bars(cells, floors, method=SHRUNK))):
        files.append(out / f"{study.name}_{name}.txt")
        files[-1].write_text("".join(f"{bar}\n" for bar in lines), encoding="utf-8")
    return files, bars
