"""What the verbs share: a parser with short ways to add options, messages, JSON, options as typed.

The help needs none of the package: what takes long to import is imported where it is used.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rmt_alpha._core.machine.progress import drawn, progress_bar, show_progress, watched


class Parser(argparse.ArgumentParser):
    """A parser of a verb; `value` and `flag` are `add_argument` for the two usual kinds of options."""

    def error(self, message: str) -> NoReturn:
        """One line, as for every other error."""
        text = " ".join(message.split())
        if text.endswith("expected one argument"):
            text += " (write --option=VALUE if the value begins with -)"
        self.exit(2, f"{self.prog}: {text}; {self.prog} --help explains\n")

    def value(self, name: str, kind: Callable[[str], Any], metavar: str, text: str, **more: Any) -> None:
        """An option with a value."""
        self.add_argument(name, type=kind, metavar=metavar, help=text, **more)

    def flag(self, name: str, text: str) -> None:
        """An option that is there or not."""
        self.add_argument(name, action="store_true", help=text)

    def cluster(self) -> None:
        """``--scheduler`` and ``--wait-for-workers``."""
        from rmt_alpha.validation.sweeps.cluster import check_address, check_patience
        from rmt_alpha.validation.sweeps.workers import PATIENCE

        self.value(
            "--scheduler", _checked(check_address), "tcp://HOST:PORT", "run on this Dask cluster instead"
        )
        wait = f"seconds to go on while the cluster has no worker, inf: for ever (default {PATIENCE:g})"
        seconds = _checked(lambda text: check_patience(float(text)))
        self.value("--wait-for-workers", seconds, "SECONDS", wait, default=PATIENCE)

    def jobs(self) -> None:
        """``--jobs``; see `jobs_of`."""
        text = "processes, -1: all (default: all where a person watches, else 1); no number depends on it"
        self.value("--jobs", int, "K", text)

    def json(self) -> None:
        """``--json``."""
        self.flag("--json", "machine-readable output")


def _checked(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """A type of an option that says itself what is wrong."""

    def checked(text: str) -> Any:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def jobs_of(arguments: argparse.Namespace, *, short: bool = False) -> int:
    """``--jobs``; by default all processors where a person waits, at a terminal, for what is not short."""
    if arguments.jobs is not None:
        return int(arguments.jobs)
    return -1 if watched() and not short else 1


def say(verb: str, text: object) -> None:
    """A message on standard error."""
    print(f"rmt-alpha {verb}: {text}", file=sys.stderr)


@contextlib.contextmanager
def shown_while_working(verb: str, text: str) -> Iterator[None]:
    """Say on a terminal what takes so long: for how long already, or with a bar of its own, how long yet."""
    done = threading.Event()

    def show() -> None:
        start, line = time.monotonic(), ""
        while not done.wait(1.0):
            if drawn():
                continue
            line = f"rmt-alpha {verb}: {text}, {time.monotonic() - start:.0f} s"
            print(f"\r{line}", end="", file=sys.stderr, flush=True)
        print(f"\r{' ' * len(line)}\r" * bool(line), end="", file=sys.stderr, flush=True)

    watching = threading.Thread(target=show, daemon=True)
    if watched():
        watching.start()
    try:
        with show_progress():
            yield
    finally:
        done.set()
        if watching.ident is not None:
            watching.join()


class ProgressBar:
    """One progress bar on standard error for the steps of the current run; none where nobody watches."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._bar: Any = None
        self._title = ""

    def update(self, title: str, step: int, steps: int) -> None:
        """The bar of this title, at a step."""
        if title != self._title:
            self.close()
            self._title = title
            self._bar = progress_bar(True, steps, "step", desc=title, leave=False)
        self._bar.update(step - self._bar.n)

    def write(self, text: str) -> None:
        """A message instead of the bar."""
        self.close()
        say(self._verb, text)

    def close(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._title = None, ""


def short_name(model: str) -> str:
    """A name for the record: that of the hub, or the last two parts of a path."""
    path = Path(model)
    return "/".join(path.resolve().parts[-2:]) if path.is_dir() else model


def as_typed(arguments: argparse.Namespace, *names: str) -> list[str]:
    """Options as words of a command; those that were not given are left out."""
    words: list[str] = []
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value is not False:
            words.append(f"--{name.replace('_', '-')}")
            words += [] if value is True else map(str, value if isinstance(value, list) else [value])
    return words


def check_numbers(values: Mapping[str, Any]) -> None:
    """ArithmeticError if a result is not a number."""
    import numpy as np

    for name, value in values.items():
        if isinstance(value, Mapping):
            check_numbers({f"{name} at alpha = {where}": one for where, one in value.items()})
        elif np.isnan(np.asarray(value, dtype=np.float64)).any():
            raise ArithmeticError(
                f"{name} is not a number: squares of the problem's numbers leave the range of float64; "
                "change its units"
            )


def json_text(values: Any, dps: int | None = None, indent: int = 1) -> str:
    """JSON, which has no infinity, no NaN and no mpf: they become strings."""
    return json.dumps(_plain(values, dps), indent=indent, allow_nan=False)


def _plain(value: Any, dps: int | None) -> Any:
    import mpmath
    import numpy as np

    if isinstance(value, dict):
        return {key: _plain(entry, dps) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry, dps) for entry in value]
    if isinstance(value, mpmath.mpf):
        return mpmath.nstr(value, dps or 17)
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else str(float(value))
    return value
