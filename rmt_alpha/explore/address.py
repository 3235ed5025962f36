"""Where the application is: a socket listens, and the browser starts, while the libraries are imported.

That takes longer than all else until the first picture, and a browser takes about as long to start. What it
asks for waits in the queue of the socket until it is served.
"""

from __future__ import annotations

import socket
import threading
import webbrowser

HOST = "127.0.0.1"
PORT = 5006
"""Unless it is taken, or another is asked for: a URL is worth more if it is the same tomorrow."""


def listen(port: int | None = None) -> socket.socket:
    """A socket that listens at the port that is asked for; else at the usual one, or any that is free.

    Raises
    ------
    OSError
        If it is taken.
    """
    wanted = [PORT, 0] if port is None else [port]
    for number in wanted:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen()
        except OSError as error:
            listener.close()
            if number == wanted[-1]:
                raise OSError(
                    f"port {number} of {HOST} cannot be used ({error.strerror}): give another"
                ) from None
            continue
        return listener
    raise AssertionError


def port_of(listener: socket.socket) -> int:
    """The port at which it listens."""
    return int(listener.getsockname()[1])


def url_of(listener: socket.socket, search: str = "") -> str:
    """The address of the application; ``search`` says what it shows."""
    return f"http://{HOST}:{port_of(listener)}/{search}"


def open_browser(url: str) -> None:
    """Open the URL, and do not wait: some browsers return only when they are closed, others after seconds."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
