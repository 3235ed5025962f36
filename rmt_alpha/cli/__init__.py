"""The command ``rmt-alpha``: parse, call, print.

One module per verb; open `problem` first, the options that describe a problem, or `problem_file`, the format
of problems in files.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import traceback
from collections.abc import Sequence

from rmt_alpha._core.version import __version__
from rmt_alpha.cli.common import Parser
from rmt_alpha.cli.failures import (
    drawn_by_agg,
    explained,
    fail,
    forget_output,
    located,
    signals_interrupt,
    warnings_as_lines,
)

VERBS = {
    "optimal": "the best alpha, and what it is worth",
    "curve": "accuracy and risk as functions of alpha (CSV, JSON, picture)",
    "compare": "theory against simulation, with z-scores and a verdict",
    "explore": "move the parameters and watch the curves, in the browser",
    "sweep": "theory and simulation over a grid of problems, in parallel, resumable",
    "fit": "choose alpha and the ridge from target samples, and fine-tune",
    "study": "compare ways to choose alpha on real data",
    "networks": "comparisons on real networks: task transfer, and GLUE (the same as glue)",
    "glue": "fine-tuning methods on real networks and GLUE tasks, resumable",
    "align": "what fine-tuning has done to a network's weights: rescaling, rank, noise",
    "reproduce": "make the paper's figures and tables",
    "completion": "a script that lets your shell complete this command: bash, zsh, fish",
    "doctor": "versions, extras, data folders, threads: what is missing, and how to get it",
}
"""Modules of this package and what they are for, in the order of the help: DESCRIPTION, `add_options` and
`run` in each.  They are imported when they are asked for, and the help asks for none."""

DESCRIPTION = """\
How much should fine-tuning trust the model it starts from?

A source model gives weights w~. Fine-tuning freezes alpha * w~ and trains a ridge correction on n samples of
the target task. rmt-alpha predicts the test accuracy for every alpha, and the best alpha, exactly in high
dimension."""

EPILOG = """\
a first session:
  rmt-alpha optimal --beta 0.6 --p 200 --n 100 --N 1000    alpha* and its gain, beside the source as it is
  rmt-alpha curve --beta 0.6 --p 200 --n 100 --plot a.png  accuracy against alpha, as CSV and picture
  rmt-alpha compare --beta 0.6 --p 200 --n 100 --N 1000    the same theory held against simulation
  rmt-alpha explore                                        all of it in the browser: move and watch
  rmt-alpha sweep grid.toml --out results.sqlite           a grid of problems, in parallel, resumable
  rmt-alpha fit target.npz --plot path.png                 alpha and the ridge from your own samples
  rmt-alpha study amazon --quick                           how well alpha is chosen, on real data
  rmt-alpha reproduce --quick                              the paper's figures and tables, into ./reproduced

words:
  beta    alignment of the target task with the source task, from -1 to 1
  p, n    dimension, number of target samples (eta = p/n decides how much the source matters)
  N       number of source samples; leave it out if the source direction is known exactly
  gamma   ridge penalty, per sample: (1/n) sum of squared errors + gamma ||w - alpha w~||^2
  alpha   0 ignores the source, 1 is standard fine-tuning, alpha* is the best

rmt-alpha VERB --help explains one verb.
Exit status: 0 done, 1 failed, wholly or in part, 2 bad input, 130 interrupted, 143 and 129 ended by SIGTERM
and SIGHUP. An error is one line; --debug shows where it comes from."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of the texts; a little wider than the default."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=112)


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The whole command line, or all verbs with the options of one of them; none, if it is called ``""``."""
    parser = Parser("rmt-alpha", description=DESCRIPTION, epilog=EPILOG, formatter_class=HelpFormatter)
    parser.add_argument("--version", action="version", version=f"rmt-alpha {__version__}")
    subparsers = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True)
    for verb, help_text in VERBS.items():
        own = subparsers.add_parser(
            verb, help=help_text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if only in {None, verb}:
            module = importlib.import_module(f"rmt_alpha.cli.{verb}")
            own.description = module.DESCRIPTION
            module.add_options(own)
            own.flag("--debug", "show the traceback of an error")
            own.set_defaults(run=module.run)
    return parser


def asked_verb(argv: Sequence[str]) -> str:
    """The verb of a command line, which comes first; nothing if there is none."""
    return argv[0] if argv and argv[0] in VERBS else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status; whatever goes wrong is one line on stderr."""
    if sys.stdout is None:  # closed by the shell: the first file opened would take its place
        return fail("rmt-alpha", "standard output is closed; send it to a file, or to /dev/null")
    if sys.stderr is None:  # else `print` would write messages to standard output
        sys.stderr = io.StringIO()
    with signals_interrupt() as interruption:
        status = _run(argv)
        return interruption.status if status == 130 else status


def _run(argv: Sequence[str] | None) -> int:
    arguments = argparse.Namespace(verb="", debug=False)
    try:
        with drawn_by_agg(), warnings_as_lines("rmt-alpha"):
            argv = sys.argv[1:] if argv is None else argv
            build_parser(asked_verb(argv)).parse_args(argv, arguments)
            status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        forget_output()
        return 0
    except KeyboardInterrupt:
        return fail("rmt-alpha", "interrupted", 130)
    except SystemExit:  # argparse has said what is wrong, or has printed help
        try:
            sys.stdout.flush()
        except OSError:
            forget_output()
        raise
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        text, status = explained(error)
        return fail(f"rmt-alpha {arguments.verb}".strip(), located(text, arguments), status)
    return status
