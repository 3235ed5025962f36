"""Which figures there are; each is imported when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, cast

from matplotlib.figure import Figure

from rmt_alpha._core.types import FilePath

NAMES = (
    "accuracy",
    "alpha_beta",
    "alpha_overlap",
    "alpha_gamma",
    "alpha_ridges",
    "decision",
    "erratum",
    "regression",
    "convergence",
    "double_descent",
    "negative_transfer",
    "source_ridge",
    "best_ridge",
    "imbalance_noise",
    "two_sources",
    "losses",
    "calibration",
    "published_losses",
    # Those that need data files come last: whatever happens to a download, the rest is written by then.
    "amazon_decision",
    "amazon",
    "table1",
)
"""Names of all figures, in the order in which they are made."""


class FigureModule(Protocol):
    """What every figure module provides."""

    NAME: str
    TITLE: str
    NEEDS_DATA: bool

    def compute(self, quick: bool = False, data: FilePath | None = None) -> Any:
        """All numbers; a smaller simulation if ``quick``; data files from the folder ``data``."""

    def tables(self, result: Any) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """The numbers as tables: stem of the CSV file to (header, rows)."""

    def draw(self, result: Any) -> Figure:
        """The picture; computes nothing."""


class Entry(NamedTuple):
    """One line of the catalogue."""

    name: str
    title: str
    needs_data: bool


def load(name: str) -> FigureModule:
    """The figure module called ``name``; ValueError if there is none.

    Examples
    --------
    >>> load("accuracy").NEEDS_DATA
    False
    """
    (known,) = select([name])
    return cast("FigureModule", importlib.import_module(f"rmt_alpha.experiments.figures.{known}"))


def select(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Check the names of figures; hyphens count as underscores, every figure comes once, None selects all.

    Examples
    --------
    >>> select(["alpha-beta", "erratum", "alpha_beta"])
    ('alpha_beta', 'erratum')
    >>> select("eratum")
    Traceback (most recent call last):
        ...
    ValueError: no figure is called 'eratum' (did you mean 'erratum'?); there are accuracy, alpha_beta, ...
    """
    if names is None:
        return NAMES
    wanted = []
    for given in [names] if isinstance(names, str) else names:
        name = str(given).replace("-", "_")
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"no figure is called {given!r}{hint}; there are {', '.join(NAMES)}")
        wanted.append(name)
    return tuple(dict.fromkeys(wanted))


def catalogue() -> list[Entry]:
    """Name, title and need of data files of every figure.

    Examples
    --------
    >>> catalogue()[0].name
    'accuracy'
    """
    modules = [load(name) for name in NAMES]
    return [Entry(module.NAME, module.TITLE, module.NEEDS_DATA) for module in modules]
