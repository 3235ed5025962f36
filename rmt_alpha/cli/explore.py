"""``rmt-alpha explore``: the theory as an application in the browser."""

from __future__ import annotations

import argparse

from rmt_alpha.cli.common import Parser, say

DESCRIPTION = """\
An application in the browser: accuracy, risk and the law of the score as the parameters are moved, phase
diagrams, mixtures and losses, your own samples, sweeps. It is served by this machine to this machine alone,
on 127.0.0.1; files that are dropped on it stay here. Ctrl-C ends it. The URL holds what is shown: send it to
a colleague, or keep it. Needs the extra [explore].

example:
  rmt-alpha explore --port 5006"""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    port = "port of 127.0.0.1 (default: 5006, or another if it is taken)"
    parser.value("--port", int, "PORT", port)
    parser.flag("--no-browser", "open no browser: print the URL, which is printed anyway")
    parser.value(
        "--url", str, "QUERY", "what to show at first: the part from ? on of a URL of the application"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    if arguments.port is not None and not 1 <= arguments.port <= 65535:
        raise ValueError(f"--port must be a number from 1 to 65535, got {arguments.port}")
    from rmt_alpha.explore.address import listen, open_browser, url_of

    query = arguments.url or ""
    search = f"?{query.partition('?')[2]}" if "?" in query else query
    listener = listen(arguments.port)
    url = url_of(listener, search)
    say("explore", f"{url} (Ctrl-C ends it)")
    if not arguments.no_browser:
        open_browser(url)  # it starts while the libraries are imported, and its question waits
    from rmt_alpha.explore.server import Explorer

    Explorer(search, listener=listener).run()  # Ctrl-C lets it return
    say("explore", "ended")
    return 0
