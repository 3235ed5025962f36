"""One progress bar for all that takes long: on a terminal, and in notebooks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import std


def watched() -> bool:
    """Whether a person looks at standard error: a terminal."""
    return bool(sys.stderr is not None and sys.stderr.isatty())


def progress_bar(
    wanted: bool, total: int | None, unit: str, *, steps: Iterable[Any] | None = None, **options: Any
) -> Any:
    """A bar of tqdm with the time left, for ``total`` units, or around ``steps``.

    It is drawn if it is wanted and somebody can see it: in a notebook, or where standard error is a terminal.
    """
    if not wanted:
        return std.tqdm(steps, total=total, unit=unit, disable=True, **options)
    from tqdm.auto import tqdm  # in notebooks a bar of widgets; it takes a tenth of a second to import

    seen = watched() or any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
    return tqdm(steps, total=total, unit=unit, disable=not seen, **options)
