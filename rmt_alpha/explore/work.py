"""What takes longer than a moment: done beside the application, shown as it comes, dropped when outdated."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import panel as pn


class Work:
    """One piece of work at a time, of one window; a new one ends that before.

    The work is an iterator, of which each item is all that is known by then: it is shown in the window's own
    turn, unless a later one was.  Without a window (in a test, say) the work is done at once.

    A document is touched in the thread of its loop alone: while it holds its events to send them together, a
    callback that another thread adds may be lost with them, and the picture would wait for the next change.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._number, self._shown = 0, -1
        self._document = pn.state.curdoc

    def start(self, steps: Iterator[Any], show: Callable[[Any], None]) -> None:
        """Begin; the items of ``steps`` are computed elsewhere and shown here."""
        self.stop()
        if self._document is None or self._document.session_context is None:
            for item in steps:
                show(item)
            return
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(self._number, steps, show), daemon=True).start()

    def stop(self) -> None:
        """Nothing more of the present work is shown; it ends with its next item."""
        self._number, self._shown = self._number + 1, -1

    def _run(self, number: int, steps: Iterator[Any], show: Callable[[Any], None]) -> None:
        place = 0
        try:
            for place, item in enumerate(steps):
                if not self._later(number, place, partial(show, item)):
                    return
        except Exception as error:
            self._later(number, place + 1, partial(self._failed, error))

    def _later(self, number: int, place: int, action: Callable[[], None]) -> bool:
        """Whether the work still is the present one; then the action is done in the window's turn."""
        if number != self._number or self._document.session_context is None:
            return False
        try:
            self._loop.call_soon_threadsafe(self._add, partial(self._if_present, number, place, action))
        except RuntimeError:  # the server has ended
            return False
        return True

    def _add(self, action: Callable[[], None]) -> None:
        if self._document.session_context is not None:
            self._document.add_next_tick_callback(action)

    def _if_present(self, number: int, place: int, action: Callable[[], None]) -> None:
        if number == self._number and place > self._shown:
            self._shown = place
            try:
                with pn.io.hold(self._document):  # in one message
                    action()
            except Exception as error:
                self._failed(error)
