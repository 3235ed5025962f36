"""Serving the application on this machine, to this machine alone."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import panel as pn

from rmt_alpha.explore.address import HOST, listen, open_browser, port_of, url_of
from rmt_alpha.explore.fields import Values, WindowState
from rmt_alpha.explore.tab import Given
from rmt_alpha.explore.window import Window, known_fields
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.transfer import TransferProblem

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

    def __init__(
        self,
        search: str = "",
        port: int | None = None,
        given: Given = None,
        listener: socket.socket | None = None,
    ) -> None:
        self._listener = listener or listen(port)
        self.url = url_of(self._listener, search)
        self._given = given
        self._ready = threading.Event()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until Ctrl-C or `stop`."""
        # A page of another origin may not talk to the application, whatever name it has for this machine.
        origins = [f"{name}:{port_of(self._listener)}" for name in (HOST, "localhost")]
        self._server = pn.serve(
            {"/": self._window},
            port=0,
            address=HOST,
            websocket_origin=origins,
            title=TITLE,
            show=False,
            start=False,
            verbose=False,
            location=False,
            websocket_max_message_size=LARGEST_MESSAGE,
        )
        http = self._server._http
        http.stop()  # Bokeh listens at a port of its own choice, and takes no socket that listens already
        self._listener.setblocking(False)
        http.add_sockets([self._listener])
        for name in ("bokeh", "panel", "tornado.access"):  # that a window was closed is no news
            logging.getLogger(name).setLevel(logging.ERROR)
        self._server.io_loop.asyncio_loop.set_exception_handler(_unless_closed)
        self._server.start()
        self._server.io_loop.add_callback(self._ready.set)
        try:
            self._server.io_loop.start()
        finally:
            with suppress(Exception):  # whatever was under way ends with the process
                self._server.stop()
            self._listener.close()

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
    explorer = Explorer(search_of(problem), port, problem).start()
    if browser:
        open_browser(explorer.url)
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
