"""``python -m rmt_alpha`` is the command ``rmt-alpha``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is still being imported is one line, too."""
    before = signal.signal(signal.SIGINT, _end)
    from rmt_alpha.cli import build_parser
    from rmt_alpha.cli import main as run

    build_parser()  # which imports the verbs
    signal.signal(signal.SIGINT, before)
    return run()


def _end(*_: object) -> None:
    # No exception: extension modules that are half imported make something else of it.
    os.write(2, b"rmt-alpha: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
