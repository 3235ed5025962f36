"""``rmt-alpha completion``: the shell completes verbs and options."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from rmt_alpha.cli.common import Parser

SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = """\
Print a script that lets a shell complete verbs, options and their choices. Where to put it:

  bash   rmt-alpha completion bash > ~/.local/share/bash-completion/completions/rmt-alpha
  zsh    rmt-alpha completion zsh > FOLDER/_rmt-alpha, FOLDER being one of $fpath
  fish   rmt-alpha completion fish > ~/.config/fish/completions/rmt-alpha.fish

or, for this session of bash: eval "$(rmt-alpha completion bash)". It is a plain script: the shell does not
start Python to complete. Make it anew after an update. Needs shtab:
pip install '.[completion]' in a clone."""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    if find_spec("shtab") is None:
        raise ImportError("completion is written by shtab: pip install '.[completion]' in a clone")
    import shtab

    from rmt_alpha.cli import build_parser

    parser = build_parser()
    for each in _all_parsers(parser):
        for action in each._actions:
            if action.type is not None and getattr(action.type, "__name__", "") == "Path":
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # as shtab wants it
    sys.stdout.write(shtab.complete(parser, arguments.shell) + "\n")
    return 0


def _all_parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and those of its verbs."""
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                found += _all_parsers(own)
    return found
