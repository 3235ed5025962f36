"""One progress bar for all that takes long: on a terminal, and in notebooks."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Step = TypeVar("Step")
PATIENCE = 2.0
"""Seconds before `long_steps` draws a bar: most of what may take long does not."""
_asked: ContextVar[bool] = ContextVar("progress bars asked for", default=False)
_drawn: list[object] = []
"""Bars of `long_steps` that are on the screen."""


def watched() -> bool:
    """Whether a person looks at standard error: a terminal."""
    return bool(sys.stderr is not None and sys.stderr.isatty())


@contextmanager
def show_progress() -> Iterator[None]:
    """Show a bar with the time left for whatever takes more than two seconds inside.

    Fits of the estimators, best alphas that are searched, what a source is worth in samples, many alphas or
    curves of a loss without a closed form: in notebooks, and on stderr if that is a terminal.  Without it the
    library is silent, but for what is called with ``progress=True``.

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_alpha as ra
    >>> mean = np.full(50, 0.2)
    >>> target = ra.GaussianMixture.symmetric(mean)
    >>> problem = ra.FineTuning(
    ...     target, ra.FixedSource(mean), n=40, gamma=0.1, loss="logistic"
    ... )
    >>> with ra.show_progress():
    ...     worth = problem.equivalent_samples()
    """
    before = _asked.set(True)
    try:
        yield
    finally:
        _asked.reset(before)


def progress_bar(
    wanted: bool, total: int | None, unit: str, *, steps: Iterable[Any] | None = None, **options: Any
) -> Any:
    """A bar of tqdm with the time left, for ``total`` units, or around ``steps``.

    It is drawn if it is wanted and somebody can see it: in a notebook, or where standard error is a terminal.
    """
    if not (wanted or _asked.get()):
        from tqdm import std  # not needed to start a command

        return std.tqdm(steps, total=total, unit=unit, disable=True, **options)
    from tqdm.auto import tqdm  # in notebooks a bar of widgets; it takes a tenth of a second to import

    seen = watched() or any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
    return tqdm(steps, total=total, unit=unit, disable=not seen, **options)


def long_steps(steps: Iterable[Step], unit: str, total: int | None = None) -> Iterable[Step]:
    """The steps, with a bar if `show_progress` asks for one and they take long.

    ``total`` says how many there are where ``steps`` has no length, or at most.
    """
    if not _asked.get():
        return steps
    return _shown(steps, unit, len(steps) if isinstance(steps, Collection) else total)


def drawn() -> bool:
    """Whether a bar of `long_steps` is on the screen."""
    return bool(_drawn)


def _shown(steps: Iterable[Step], unit: str, total: int | None) -> Iterator[Step]:
    start, mark = time.monotonic(), object()
    with progress_bar(True, total, unit, leave=False, delay=PATIENCE) as bar:
        try:
            for step in steps:
                yield step
                bar.update()
                if mark not in _drawn and time.monotonic() - start > PATIENCE:
                    _drawn.append(mark)
        finally:
            if mark in _drawn:
                _drawn.remove(mark)
