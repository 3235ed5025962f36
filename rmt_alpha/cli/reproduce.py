"""``rmt-alpha reproduce``: every figure and table of the paper's linear part."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rmt_alpha.cli.common import Parser, as_typed, say

DESCRIPTION = """\
Write the figures and tables of the linear part of alpha-LoRA (arXiv 2510.21345), as PNG and PDF, and their
numbers as CSV, with the error of the reference implementation corrected and shown.

The figures on real data need the Amazon review files (see --data); without them, and without a network to
download them, they are skipped, and everything else is made.

examples:
  rmt-alpha reproduce --quick                 everything, with small simulations
  rmt-alpha reproduce accuracy erratum        two of them, in full
  rmt-alpha reproduce table1 --data FOLDER    Table 1 from files in FOLDER/amazon_review_400/"""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones (default: all; see --list)")
    parser.value("--out", Path, "DIR", "folder to write into (./reproduced)", default=Path("reproduced"))
    parser.value(
        "--data", Path, "DIR",
        "folder with data files (default: the environment variable RMT_ALPHA_DATA, then a cache that is "
        "filled by downloading)",
    )  # fmt: skip
    parser.flag("--quick", "smaller simulations: larger error bars")
    parser.flag("--list", "list the names and stop")


def run(arguments: argparse.Namespace) -> int:
    """Make them; figures without data files are skipped, which is no failure."""
    from rmt_alpha.experiments.figures.registry import NEED_DATA, TITLES
    from rmt_alpha.experiments.reproduce import reproduce

    if arguments.list:
        for name, title in TITLES.items():
            print(f"{name:16}{'needs data  ' if name in NEED_DATA else '            '}{title}")
        return 0
    begun: list[str] = []  # names

    def told(line: str) -> None:
        print(line, file=sys.stderr, flush=True)
        if line.startswith("["):
            begun.append(line.split()[1].rstrip(":"))

    try:
        summary = reproduce(
            arguments.names or None,
            out=arguments.out,
            data=arguments.data,
            quick=arguments.quick,
            progress=told,
        )
    except KeyboardInterrupt:
        say("reproduce", f"interrupted; what was finished is in {arguments.out}. To do the rest:")
        print(f"  {command(arguments, begun[-1:])}", file=sys.stderr)
        return 130
    print(summary)
    return 0 if summary.ok else 1


def command(arguments: argparse.Namespace, begun: Sequence[str]) -> str:
    """The command that makes what is left: the figure that was being made, and those after it."""
    from rmt_alpha.experiments.figures.registry import select

    names = list(select(arguments.names or None))
    rest = names[names.index(begun[0]) :] if begun else arguments.names
    return shlex.join(["rmt-alpha", "reproduce", *rest, *as_typed(arguments, "out", "data", "quick")])
