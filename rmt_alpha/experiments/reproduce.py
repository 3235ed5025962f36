"""Make the paper's figures and tables, as files.

The same call writes the same bytes: simulations are seeded, files carry no date and no version of the
software, and numbers in CSV files are rounded to ten digits, so that the last bits of a BLAS library do not
show.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from rmt_alpha._core.tables import csv_text
from rmt_alpha._core.types import FilePath
from rmt_alpha.errors import DatasetCorrupted, DatasetUnavailable
from rmt_alpha.experiments.figures.registry import COSTS, NEED_DATA, TITLES, load, select
from rmt_alpha.plotting import style

DIGITS = 10
"""Significant digits of the numbers in CSV files."""


@dataclass(frozen=True)
class Summary:
    """What `reproduce` did."""

    out: Path
    """The folder."""
    written: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    """Files of every figure that was made."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Why a figure was not made: its data files are not available."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why a figure could not be made although its data files are there: one is corrupted."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time that every figure took."""

    @property
    def ok(self) -> bool:
        """Whether nothing failed; figures without data files count as skipped, not as failed."""
        return not self.failed

    def __str__(self) -> str:
        files = sum(len(paths) for paths in self.written.values())
        wanted = len(self.written) + len(self.skipped) + len(self.failed)
        took = sum(self.seconds.values())
        done = f"{len(self.written)} of {wanted} figures and tables"
        lines = [f"{done} written to {self.out}: {files} files, {took:.0f} s"]
        for word, reasons in (("skipped", self.skipped), ("FAILED", self.failed)):
            for reason in dict.fromkeys(reasons.values()):
                names = ", ".join(name for name, why in reasons.items() if why == reason)
                lines.append(f"{word} {names}: {reason}")
        return "\n".join(lines)


def reproduce(
    names: str | Iterable[str] | None = None,
    out: FilePath = "reproduced",
    data: FilePath | None = None,
    quick: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Summary:
    """Write figures and tables of the paper's linear part: PNG and PDF of each, and its numbers as CSV.

    Every file appears under its name only when it is complete, and every figure is written as soon as it is
    made: an interrupted run loses no more than the figure that it was working on.

    Parameters
    ----------
    names : str, iterable of str or None
        Names of figures (`rmt_alpha.experiments.figures.registry.NAMES`); None makes all of them.
    out : path
        Folder for the files, made if it does not exist.  Files of the same names are replaced.
    data : path, optional
        Folder with data files, see `rmt_alpha.experiments.data.datasets.data_folder`.  Missing files are
        downloaded.
    quick : bool
        Fewer simulated draws: larger error bars, the same theory.
    progress : callable, optional
        Called with one line of text when a figure is begun and when it is done, such as ``print``.

    Returns
    -------
    Summary
        What was written and what was skipped: figures whose data files are neither there nor downloadable.

    Raises
    ------
    ValueError
        If a name is unknown, or ``out`` is a file.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> summary = reproduce("alpha_overlap", out=folder, quick=True)
    >>> [path.name for path in summary.written["alpha_overlap"]]
    ['alpha_overlap.png', 'alpha_overlap.pdf', 'alpha_overlap.csv']
    """
    wanted, folder = select(names), Path(out)
    say = progress or (lambda _: None)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out must name a folder, and {folder} is a file; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    summary = Summary(folder)
    for number, name in enumerate(wanted, 1):
        say(f"[{number}/{len(wanted)}] {name}: {TITLES[name]}")
        start = time.perf_counter()
        try:
            contents = render(name, data=data, quick=quick)
        except DatasetUnavailable as error:
            summary.skipped[name] = str(error)
            say("    skipped: its data files are not available")
        except DatasetCorrupted as error:
            summary.failed[name] = str(error)
            say("    FAILED: a data file is corrupted")
        else:
            summary.written[name] = tuple(
                _write(folder / file, content) for file, content in contents.items()
            )
            took = time.perf_counter() - start
            say(f"    wrote {', '.join(contents)} ({took:.1f} s)")
        summary.seconds[name] = time.perf_counter() - start
        if number < len(wanted):
            say(f"    {_left(summary.seconds, wanted[number:])}")
    return summary


def _left(seconds: Mapping[str, float], names: Iterable[str]) -> str:
    """How long the figures ``names`` will take, if they keep the pace of those before."""
    pace = sum(seconds.values()) / sum(COSTS.get(name, 1.0) for name in seconds)
    left = pace * sum(COSTS.get(name, 1.0) for name in names)
    return f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"


def render(name: str, *, data: FilePath | None = None, quick: bool = False) -> dict[str, bytes]:
    """Make one figure: the names of its files and their contents."""
    module = load(name)
    with threadpool_limits(1):  # sums must not depend on the number of threads
        result = module.compute(quick, data) if name in NEED_DATA else module.compute(quick)
    with mpl.rc_context(style.settings()):
        figure = module.draw(result)
        _lay_out(figure)
        files = {}
        # Without these entries matplotlib writes its version and, into a PDF, the date.
        for kind, anonymous in (
            ("png", {"Software": None}),
            ("pdf", {"Creator": None, "Producer": None, "CreationDate": None}),
        ):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=anonymous)
            files[f"{name}.{kind}"] = buffer.getvalue()
    for stem, (header, rows) in result.tables(name).items():
        files[f"{stem}.csv"] = csv_text(header, rows, digits=DIGITS).encode()
    return files


def _lay_out(figure: Figure) -> None:
    """Find the layout once, at the resolution of the files: else each of them draws all twice to find it."""
    figure.dpi = mpl.rcParams["savefig.dpi"]
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        figure.set_layout_engine(None)


def _write(path: Path, content: bytes) -> Path:
    """Put ``content`` under ``path`` in one step: a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
