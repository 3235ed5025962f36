"""What ends a command early, as one line and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from rmt_alpha._core.machine.processes import ENDING
from rmt_alpha.errors import ConvergenceError, RecordError, SweepError

BAD_INPUT = (ValueError, TypeError, OSError, ImportError, RecordError)
FAILED = (ConvergenceError, SweepError)
"""Their messages say all that is to be said."""
LONGEST = 1000
"""Characters of a message: a value in it may be a whole file."""


def fail(who: str, message: str, status: int = 2) -> int:
    """Say what went wrong, and return the exit status."""
    text = " ".join(message.split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    with contextlib.suppress(AttributeError, OSError):  # standard error may be closed too
        sys.stderr.write(f"{who}: {text}\n")
    return status


def explained(error: Exception) -> tuple[str, int]:
    """A message and an exit status: 2 for bad input, 1 for a computation that failed."""
    text = str(error) or type(error).__name__
    if isinstance(error, BAD_INPUT):
        forget_output(error)
        return text, 2
    if isinstance(error, FAILED):
        return text, 1
    if isinstance(error, MemoryError):
        # Ours say what to do; those of numpy are of a class of its own.
        return f"not enough memory: {text}" + ("" if type(error) is MemoryError else "; ask for less"), 1
    if isinstance(error, RecursionError):
        return f"something is nested too deeply: {text}", 1
    if type(error) is ArithmeticError:  # ours; subclasses are Python's own, of few words
        return text, 1
    if isinstance(error, ArithmeticError):
        return f"the numbers leave the range of float64: {text}", 1
    return f"{type(error).__name__}: {text}; this is a fault of rmt-alpha, and --debug shows where", 1


def located(text: str, arguments: argparse.Namespace) -> str:
    """A message with the name of the file that was read, if it has neither that nor an option's name."""
    files = [getattr(arguments, name, None) for name in ("problem", "samples", "grid")]
    given = next((file for file in files if file is not None), None)
    if given is None or given.name in text or "--" in text or "this is a fault" in text:
        return text
    return f"{given.name}: {text}"


def forget_output(error: Exception | None = None) -> None:
    """Drop what could not be written to standard output, which Python would try again at its end."""
    if error is not None and not isinstance(error, OSError):
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass
class Interruption:
    """How a command that was interrupted exits."""

    status: int = 130


@contextlib.contextmanager
def signals_interrupt() -> Iterator[Interruption]:
    """SIGTERM and SIGHUP do what Ctrl-C does, and exit with 143 and 129; those that are ignored stay so."""
    found = Interruption()

    def interrupt(number: int, _: object) -> None:
        found.status = 128 + number
        for each in handled:
            signal.signal(each, signal.SIG_IGN)  # once is enough: what was finished is being kept
        _let_go_of_dead_terminals()
        raise KeyboardInterrupt

    handled: dict[signal.Signals, object] = {}
    if threading.current_thread() is threading.main_thread():
        handled = {each: signal.getsignal(each) for each in ENDING}
        handled = {each: before for each, before in handled.items() if before != signal.SIG_IGN}  # nohup
    for each in handled:
        signal.signal(each, interrupt)
    try:
        yield found
    finally:
        for each, before in handled.items():
            signal.signal(each, before)  # type: ignore[arg-type]  # what `getsignal` returned


def _let_go_of_dead_terminals() -> None:
    """Send to nowhere what would go to a terminal that is gone: writing there fails."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            poll = select.poll()
            poll.register(stream.fileno(), select.POLLOUT)
            if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def warnings_as_lines(who: str) -> Iterator[None]:
    """A warning is one line; those of arithmetic are told together, and not beside an error."""
    arithmetic: dict[str, None] = {}

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, RuntimeWarning):
            arithmetic[str(message)] = None
        else:
            print(f"{who}: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
    if arithmetic:
        print(f"{who}: warning: {', '.join(arithmetic)}: doubt the results", file=sys.stderr)


@contextlib.contextmanager
def drawn_by_agg() -> Iterator[None]:
    """Files are drawn without a window, also where the environment names the backend of a notebook."""
    before = os.environ.get("MPLBACKEND")
    os.environ["MPLBACKEND"] = "agg"
    try:
        yield
    finally:
        if before is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = before
