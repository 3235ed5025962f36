"""Options that describe a problem, shared by the verbs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

import mpmath
import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.cli.common import Parser, shown_while_working
from rmt_alpha.cli.problem_file import load_problem
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import as_loss
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.theory.curve import Curve

AnyProblem: TypeAlias = TransferProblem | FineTuning | RidgeRegressionTransfer | LowRankTransfer
FIELDS = {
    "beta": "alignment of the target mean with the source mean, in [-1, 1]",
    "p": "dimension",
    "n": "number of target samples",
    "N": "number of source samples (inf allowed); without it the source direction is known exactly",
    "mu": "norm of the source mean (default 1)",
    "mu_orth": "norm of the part of the target mean orthogonal to it (default 1)",
    "gamma": "ridge penalty of the target fit, per sample (default 1)",
    "gamma_source": "ridge penalty of the source fit, per sample (default 1)",
}
REQUIRED = ("beta", "p", "n")
SHORT = ("p", "n")
"""Fields that are a letter, of which a shell expects one dash; not N, which differs from n by a shift key."""
MOST_ALPHAS = 1_000_000
"""Of a range: a table of more is some hundred megabytes of text."""


def number(text: str) -> str:
    """A decimal number, kept as it was written so that high precision sees every digit."""
    try:
        float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None
    return text


def add_problem_options(parser: argparse.ArgumentParser, *, file: bool = False) -> None:
    """Add ``--beta --p --n ...``, and ``--problem FILE`` instead of them if ``file``."""
    group = parser.add_argument_group("the problem")
    if file:
        group.add_argument(
            "--problem",
            type=Path,
            metavar="FILE",
            help="read the problem, also a general mixture, from a TOML file instead of the options below",
        )
    for name, text in FIELDS.items():
        flags = [f"--{name.replace('_', '-')}"] + ([f"--{name}"] if "_" in name else [])
        flags = [f"-{name}", *flags] if name in SHORT else flags
        group.add_argument(
            *flags, dest=name, type=number, metavar="X", required=name in REQUIRED and not file, help=text
        )


def problem_from(arguments: argparse.Namespace, dps: int | None = None) -> AnyProblem:
    """The problem of the command line; with ``dps`` its numbers are read to that many digits and more."""
    file = getattr(arguments, "problem", None)
    missing = [name for name in REQUIRED if getattr(arguments, name) is None]
    if file is not None:
        extra = [name for name in FIELDS if getattr(arguments, name) is not None]
        if extra:
            raise ValueError(f"--{extra[0]} cannot be given beside --problem: write it into {file}")
        with shown_while_working(arguments.verb, f"reading and checking {file.name}"):
            return load_problem(file)
    if missing:
        raise ValueError(f"needs --{missing[0]}, or a file with --problem")
    given = {name: getattr(arguments, name) for name in FIELDS if getattr(arguments, name) is not None}
    if dps is None:
        return TransferProblem(**{name: float(text) for name, text in given.items()})
    with mpmath.workdps(dps + 15):
        return TransferProblem(**{name: mpmath.mpf(text) for name, text in given.items()})


def add_rank_option(parser: Parser) -> None:
    """Add ``--rank``."""
    parser.value("--rank", int, "R", "rank of the correction, for a file with spikes (a LowRankTransfer)")


def check_rank_option(problem: object, rank: int | None, *, needed: bool = True) -> None:
    """ValueError unless a rank is given for a correction of low rank, and for nothing else."""
    if isinstance(problem, LowRankTransfer):
        if rank is None and needed:
            raise ValueError(f"needs --rank, from 0 to {problem.largest_rank}: the file has spikes")
    elif rank is not None:
        raise ValueError("--rank is for a file with spikes (a LowRankTransfer); leave it out")


def curve_of(problem: AnyProblem, rank: int | None) -> Curve:
    """The curve of a problem, of a `LowRankTransfer` at that rank."""
    if isinstance(problem, LowRankTransfer):
        assert rank is not None  # checked
        return problem.curve(rank)
    return problem.curve()


def task_of(problem: AnyProblem) -> str:
    """What the theory has to do, for those who wait."""
    if isinstance(problem, LowRankTransfer):
        return f"a correction of low rank in dimension {problem.d} x {problem.p}"
    if isinstance(problem, TransferProblem):
        return "the law of the scores"
    if isinstance(problem, RidgeRegressionTransfer):
        return f"the risk of a regression in dimension {problem.p}"
    full = sum(each.ndim == 2 for each in problem.target.members)
    p = problem.target.p
    parts = [f"effective ridges of {full} covariance{'s' * (full > 1)} of {p} x {p}"] if full else []
    parts += [] if problem.squared else [f"the {as_loss(problem.loss).name} loss"]
    return " and ".join(parts) or f"the law of the scores in dimension {p}"


def alphas(text: str) -> FloatArray:
    """Values of alpha: ``-3:3:61`` is 61 values from -3 to 3, ``0,1,2.5`` a list."""
    try:
        if ":" in text:
            low, high, count = text.split(":")
            if int(count) < 2:
                raise argparse.ArgumentTypeError(f"needs at least 2 values in LOW:HIGH:COUNT, got {text!r}")
            if int(count) > MOST_ALPHAS:
                raise argparse.ArgumentTypeError(f"takes at most {MOST_ALPHAS} values, got {text!r}")
            values = np.linspace(float(low), float(high), int(count))
        else:
            values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be LOW:HIGH:COUNT or a comma-separated list, got {text!r}"
        ) from None
    if np.isnan(values).any():
        raise argparse.ArgumentTypeError(f"must not contain NaN, got {text!r}")
    return values
