"""``rmt-alpha networks``: comparisons on real networks, ``transfer`` and ``glue``."""

from __future__ import annotations

import argparse

from rmt_alpha.cli import glue, transfer
from rmt_alpha.cli.common import Parser

DESCRIPTION = """\
Comparisons of fine-tuning methods on real networks, recorded run by run.

  rmt-alpha networks transfer --help    from a source task to another task, alpha on the head and inside
  rmt-alpha networks glue --help        from a pretrained encoder, the same as rmt-alpha glue"""
COMPARISONS = {
    "transfer": (
        transfer,
        "task transfer: alpha on the head and inside, from a source network",
    ),
    "glue": (glue, "fine-tuning methods on real networks and GLUE tasks, resumable"),
}


def add_options(parser: Parser) -> None:
    """Add the comparisons."""
    subparsers = parser.add_subparsers(title="comparisons", dest="comparison", metavar="NAME", required=True)
    for name, (module, help_text) in COMPARISONS.items():
        own = subparsers.add_parser(
            name, help=help_text, description=module.DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_options(own)


def run(arguments: argparse.Namespace) -> int:
    """Run the one that was asked for."""
    module, _ = COMPARISONS[arguments.comparison]
    status: int = module.run(arguments)
    return status
