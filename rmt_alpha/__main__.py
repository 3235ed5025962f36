"""``python -m rmt_alpha`` is the command ``rmt-alpha``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is still being imported is one line, too."""
    before = signal.signal(signal.SIGINT, _end)
    from rmt_alpha.cli import asked_verb, build_parser
    from rmt_alpha.cli import main as run

    build_parser(asked_verb(sys.argv[1:]))  # which imports the verb
    signal.signal(signal.SIGINT, before)
    return run()


def _end(*_: object) -> None:
    # No exception: extension modules that are half imported make something else of it.
    os.write(2, b"rmt-alpha: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
