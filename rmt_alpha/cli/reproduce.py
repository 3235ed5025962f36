"""``rmt-alpha reproduce``: every figure and table of the paper's linear part."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = Path("reproduced")
DESCRIPTION = """\
Write the figures and tables of the linear part of alpha-LoRA (arXiv 2510.21345), as PNG and PDF, and their
numbers as CSV, with the error of the reference implementation corrected and shown.

The figures on real data need the Amazon review files (see --data); without them, and without a network to
download them, they are skipped, and everything else is made.

examples:
  rmt-alpha reproduce --quick                 everything, with small simulations
  rmt-alpha reproduce accuracy erratum        two of them, in full
  rmt-alpha reproduce table1 --data FOLDER    Table 1 from files in FOLDER/amazon_review_400/"""


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "reproduce",
        help="make the paper's figures and tables",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones (default: all; see --list)")
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="folder to write into (./reproduced)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with data files (default: the environment variable RMT_ALPHA_DATA, then a cache that is "
        "filled by downloading)",
    )
    parser.add_argument("--quick", action="store_true", help="smaller simulations: larger error bars")
    parser.add_argument("--list", action="store_true", help="list the names and stop")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make them; figures without data files are skipped, which is no failure."""
    from rmt_alpha.experiments.figures.registry import NEED_DATA, TITLES
    from rmt_alpha.experiments.reproduce import reproduce

    if arguments.list:
        for name, title in TITLES.items():
            print(f"{name:16}{'needs data  ' if name in NEED_DATA else '            '}{title}")
        return 0
    try:
        summary = reproduce(
            arguments.names or None,
            out=arguments.out,
            data=arguments.data,
            quick=arguments.quick,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except KeyboardInterrupt:
        print(f"\nrmt-alpha reproduce: interrupted; what was finished is in {arguments.out}", file=sys.stderr)
        return 130
    print(summary)
    return 0 if summary.ok else 1
