"""Serving the application on this machine, to this machine alone."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import panel as pn

from rmt_alpha.explore.fields import Values, WindowState
from rmt_alpha.explore.tab import Given
from rmt_alpha.explore.window import Window, known_fields
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.transfer import TransferProblem

HOST = "127.0.0.1"
PORT = 5006
"""Unless it is taken, or another is asked for: a URL is worth more if it is the same tomorrow."""
TITLE = "rmt_alpha"
LARGEST_MESSAGE = 64 << 20
"""Bytes; files come in smaller pieces."""


class Explorer:
    """The application, served to this machine.

    Made by `TransferProblem.explore` and `FineTuning.explore`, which start it; it ends with `stop` or with
    the program.  In a script, `wait` keeps it.

    Attributes
    ----------
    url : str
        Where it is.
    """

    def __init__(self, search: str = "", port: int | None = None, given: Given = None) -> None:
        self.port = free_port(port)
        self.url = f"http://{HOST}:{self.port}/{search}"
        self._given = given
        self._ready = threading.Event()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def run(self, ready: Callable[[], object] = lambda: None) -> None:
        """Serve until Ctrl-C or `stop`; ``ready`` is called as soon as it serves."""
        # A page of another origin may not talk to the application, whatever name it has for this machine.
        origins = [f"{name}:{self.port}" for name in (HOST, "localhost")]
        self._server = pn.serve(
            {"/": self._window},
            port=self.port,
            address=HOST,
            websocket_origin=origins,
            title=TITLE,
            show=False,
            start=False,
            verbose=False,
            location=False,
            websocket_max_message_size=LARGEST_MESSAGE,
        )
        for name in ("bokeh", "panel", "tornado.access"):  # that a window was closed is no news
            logging.getLogger(name).setLevel(logging.ERROR)
        self._server.io_loop.asyncio_loop.set_exception_handler(_unless_closed)
        self._server.start()
        self._server.io_loop.add_callback(self._ready.set)
        self._server.io_loop.add_callback(ready)
        try:
            self._server.io_loop.start()
        finally:
            with suppress(Exception):  # whatever was under way ends with the process
                self._server.stop()

    def start(self) -> Explorer:
        """Serve beside the program, until it ends or `stop`."""
        self._thread = threading.Thread(target=self._run_here, daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def wait(self) -> None:
        """Stay until Ctrl-C."""
        if self._thread is not None:
            with suppress(KeyboardInterrupt):
                self._thread.join()

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.io_loop.add_callback(self._server.io_loop.stop)
        if self._thread is not None:
            self._thread.join()

    def _run_here(self) -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            self.run()
        finally:
            self._ready.set()

    def _window(self) -> pn.Template:
        """What a browser window is given: a state of its own, from its URL."""
        given = [(name, text.decode()) for name, texts in pn.state.session_args.items() for text in texts]
        window = Window(urlencode(given), self._given)
        pn.state.on_session_destroyed(lambda _: window.close())
        return window.servable()

    def __repr__(self) -> str:
        return f"Explorer({self.url})"


def _unless_closed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell what went wrong in the loop, but not that an answer found its window closed or loaded anew."""
    from tornado.iostream import StreamClosedError
    from tornado.websocket import WebSocketClosedError

    if not isinstance(context.get("exception"), StreamClosedError | WebSocketClosedError):
        loop.default_exception_handler(context)


def explore(problem: TransferProblem | FineTuning, port: int | None, browser: bool) -> Explorer:
    """See `TransferProblem.explore`."""
    import webbrowser

    explorer = Explorer(search_of(problem), port, problem).start()
    if browser:
        webbrowser.open(explorer.url)
    return explorer


def search_of(problem: TransferProblem | FineTuning) -> str:
    """The query of the URL that shows a problem.

    Raises
    ------
    ValueError
        If its fields are arrays.
    """
    state = WindowState(known_fields())
    values: Values
    if isinstance(problem, TransferProblem):
        from rmt_alpha.explore.tabs.transfer import values_of

        if problem.shape:
            raise ValueError(f"explore needs a scalar problem, this is an array of shape {problem.shape}")
        values = values_of(problem)
    else:
        from rmt_alpha.explore.tabs.mixture_problem import values_of as training_of

        values = {"tab": "mixtures", **training_of(problem)}
    state.values.update(values)
    return state.search


def free_port(port: int | None) -> int:
    """The port that is asked for; else the usual one, or any that is free.

    Raises
    ------
    OSError
        If it is taken.
    """
    wanted = [PORT, 0] if port is None else [port]
    for number in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError as error:
                if number == wanted[-1]:
                    raise OSError(
                        f"port {number} of {HOST} cannot be used ({error.strerror}): give another"
                    ) from None
                continue
            return int(probe.getsockname()[1])
    raise AssertionError
