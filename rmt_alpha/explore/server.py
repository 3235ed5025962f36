"""Serving the application on this machine, to this machine alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import panel as pn

from rmt_alpha.explore.window import Window

HOST = "127.0.0.1"
PORT = 5006
"""Unless it is taken, or another is asked for; a URL is worth more if it is the same tomorrow."""
TITLE = "rmt_alpha"
LARGEST_MESSAGE = 64 << 20
"""Bytes; files come in smaller pieces."""


class Explorer:
    """A running application; `stop` ends it, as does the end of the program.

    Attributes
    ----------
    url : str
        Where it is.
    """

    def __init__(self, search: str = "", port: int | None = None) -> None:
        self.port = free_port(port)
        self.url = f"http://{HOST}:{self.port}/{search}"
        # A page of another origin may not talk to the application, whatever name it has for this machine.
        origins = [f"{name}:{self.port}" for name in (HOST, "localhost")]
        self._server: Any = pn.serve(
            {"/": new_window},
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
        self._thread: threading.Thread | None = None

    def when_ready(self, action: Callable[[], object]) -> None:
        """Do something as soon as it serves."""
        self._server.io_loop.add_callback(action)

    def run(self) -> None:
        """Serve until Ctrl-C, which ends it cleanly."""
        self._server.start()
        try:
            self._server.io_loop.start()
        finally:
            with suppress(Exception):  # whatever was under way ends with the process
                self._server.stop()


def new_window() -> pn.Template:
    """What a browser window is given: a state of its own, from its URL."""
    arguments = pn.state.session_args
    search = urlencode([(name, text.decode()) for name, texts in arguments.items() for text in texts])
    window = Window(search)
    pn.state.on_session_destroyed(lambda _: window.close())
    return window.servable()


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
                    raise OSError(f"port {number} cannot be used ({error.strerror}): give another") from None
                continue
            return int(probe.getsockname()[1])
    raise AssertionError
