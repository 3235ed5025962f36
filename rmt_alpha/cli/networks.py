"""``rmt-alpha networks``: comparisons on real networks, ``transfer`` and ``glue``."""

from __future__ import annotations

import argparse

from rmt_alpha.cli import glue, transfer
from rmt_alpha.cli.common import Parser

HELP = "comparisons on real networks: task transfer, and GLUE (the same as glue)"
DESCRIPTION = """\
Comparisons of fine-tuning methods on real networks, recorded run by run.

  rmt-alpha networks transfer --help    from a source task to another task, alpha on the head and inside
  rmt-alpha networks glue --help        from a pretrained encoder, the same as rmt-alpha glue"""
COMPARISONS = {"transfer": transfer, "glue": glue}


def add_options(parser: Parser) -> None:
    """Add the comparisons."""
    subparsers = parser.add_subparsers(title="comparisons", dest="comparison", metavar="NAME", required=True)
    for name, module in COMPARISONS.items():
        own = subparsers.add_parser(
            name, help=module.HELP, description=module.DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_options(own)


def run(arguments: argparse.Namespace) -> int:
    """Run the one that was asked for."""
    status: int = COMPARISONS[arguments.comparison].run(arguments)
    return status
