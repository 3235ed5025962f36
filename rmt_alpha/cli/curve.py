"""``rmt-alpha curve``: accuracy and risk as functions of alpha."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from rmt_alpha._core.machine.progress import progress_bar
from rmt_alpha._core.tables import csv_text
from rmt_alpha._core.types import FloatArray
from rmt_alpha.cli.common import Parser, check_numbers, json_text, shown_while_working
from rmt_alpha.cli.outputs import check_output, check_picture
from rmt_alpha.cli.problem import (
    AnyProblem,
    add_problem_options,
    add_rank_option,
    alphas,
    check_rank_option,
    curve_of,
    problem_from,
    task_of,
)
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory.curve import Curve
from rmt_alpha.theory.pictures import alphas_around

COLUMNS = ("mean", "variance", "accuracy", "risk", "excess_risk", "test_loss", "training_loss")
REPLICATES = 100
"""Draws from which a spread that theory does not know is estimated."""
DESCRIPTION = """\
Mean and variance of the score, accuracy and risk for many alphas: CSV (or JSON) on standard output, or in a
file.

example:
  rmt-alpha curve --beta 0.5 --p 400 --n 40 --N 2000 --alpha=-4:4:81 --out curve.csv --plot curve.png"""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    add_problem_options(parser, file=True)
    add_rank_option(parser)
    parser.value(
        "--alpha", alphas, "LOW:HIGH:COUNT",
        "values of alpha, or a list such as 0,1,2.5 (default: a range around alpha*); "
        "write --alpha=-4:4:81 if the first number is negative",
    )  # fmt: skip
    parser.add_argument("--format", choices=("csv", "json"), default="csv", help="format of the numbers")
    parser.value("--out", Path, "FILE", "write the numbers here, not to standard output")
    parser.value("--plot", Path, "FILE", "also draw the curve (png, pdf, svg)")
    parser.flag(
        "--band",
        "add the standard deviation over draws of the data of the accuracy, or the risk",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table, draw the picture."""
    check_output(arguments.out)
    check_picture(arguments.plot)
    problem = problem_from(arguments)
    check_rank_option(problem, arguments.rank)
    with shown_while_working("curve", task_of(problem)):
        curve, alpha = _asked(problem, arguments)
    for value in progress_bar(curve.costly, len(alpha), "alpha", steps=alpha):
        curve.risk(value)  # the curve keeps its solutions
    columns = _columns(problem, curve, alpha, arguments.rank, band=arguments.band)
    if arguments.format == "csv":
        text = csv_text(list(columns), zip(*columns.values(), strict=True))
    else:
        text = json_text(columns) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text, encoding="utf-8")
    if arguments.plot is not None:
        from rmt_alpha.plotting.curve import draw_curve

        spread = columns.get(f"{curve.criteria[0]}_std")
        draw_curve(curve, columns["alpha"], band=arguments.band, spread=spread).savefig(arguments.plot)
    return 0


def _asked(problem: AnyProblem, arguments: argparse.Namespace) -> tuple[Curve, FloatArray]:
    """The curve of one alpha, and the alphas of its table."""
    curve = curve_of(problem, arguments.rank)
    if "landmarks" not in curve.answers:  # several sources
        curve = along_the_best(curve)
    asked = arguments.alpha
    return curve, asked if asked is not None else alphas_around(curve.landmarks().values())


def _columns(
    problem: AnyProblem, curve: Curve, alpha: FloatArray, rank: int | None, *, band: bool
) -> dict[str, FloatArray]:
    """The table."""
    names = [name for name in COLUMNS if name in curve.answers]
    columns = {"alpha": alpha} | {name: getattr(curve, name)(alpha) for name in names}
    if isinstance(problem, FineTuning):  # else classes are mirror images, or there are none
        each = curve.class_accuracy(alpha)
        columns |= {f"class_accuracy[{c}]": each[:, c] for c in range(each.shape[1])}
    if band:
        quantity = curve.criteria[0]
        columns[f"{quantity}_std"] = (
            _simulated_std(problem, alpha, rank)
            if isinstance(problem, LowRankTransfer)
            else getattr(curve, f"{quantity}_std")(alpha)
        )
    check_numbers(columns)
    return columns


def _simulated_std(problem: LowRankTransfer, alpha: FloatArray, rank: int | None) -> FloatArray:
    """Where theory has no spread, that of simulated draws; told on standard error."""
    from rmt_alpha.simulation.engine import simulate

    error = 100 / np.sqrt(2 * (REPLICATES - 1))
    print(
        f"the spread of a correction of low rank is not derived: risk_std is that of {REPLICATES} simulated "
        f"draws, known to {error:.0f} %",
        file=sys.stderr,
    )
    run = simulate(problem, alpha, rank=rank, replicates=REPLICATES, rng=0, progress=True)
    return np.asarray(run.draws.risk.std(axis=0, ddof=1))


def along_the_best(curve: Curve) -> Curve:
    """The curve of several sources along its best alphas if known, told on standard error."""
    direction = np.ones(curve.sources)
    if "optimum" in curve.answers:
        best = curve.optimum()
        found = np.asarray(best.alpha if best.finite else best.direction, dtype=float)
        direction = found if found.any() else direction
    numbers = ", ".join(f"{x:.6g}" for x in direction)
    print(f"several sources: alpha multiplies ({numbers})", file=sys.stderr)
    return curve.along(direction)
