"""``rmt-alpha compare``: theory against simulation."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from rmt_alpha.cli.common import Parser, check_numbers, jobs_of, json_text, shown_while_working
from rmt_alpha.cli.outputs import check_picture
from rmt_alpha.cli.problem import (
    add_problem_options,
    add_rank_option,
    alphas,
    check_rank_option,
    curve_of,
    problem_from,
    task_of,
)
from rmt_alpha.problems.transfer import TransferProblem

DESCRIPTION = """\
Train classifiers on random data and hold the theory against them: theory, simulation, standard error and
z-score for every alpha, and a verdict that takes out the bias of order 1/n (by also simulating at twice the
size).

example:
  rmt-alpha compare --beta 0.6 --p 300 --n 200 --N 500 --gamma 0.3 --alpha=-1:3:9 --plot compare.png

Exit status 0 if they agree, 1 if not."""

SHORT = 20_000
"""Draws of a Krylov chain that take less time than to start a second process."""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    add_problem_options(parser, file=True)
    add_rank_option(parser)
    parser.value("--alpha", alphas, "LOW:HIGH:COUNT", "values of alpha, or a list (0,1,2)", default="0,1,2")
    parser.value("--replicates", int, "R", "draws of the data (400)", default=400)
    parser.value("--doublings", int, "K", "sizes beyond the first (1)", default=1)
    methods = ("auto", "dense", "krylov")
    parser.add_argument("--method", default="auto", choices=methods, help="how to simulate (auto)")
    parser.value("--seed", int, "S", "seed of the simulation (0)", default=0)
    parser.jobs()
    parser.json()
    parser.value("--plot", Path, "FILE", "also draw theory and simulation (png, pdf, svg)")


def run(arguments: argparse.Namespace) -> int:
    """Print the table and the verdict."""
    from rmt_alpha.validation.compare import compare

    check_picture(arguments.plot)
    problem = problem_from(arguments)
    check_rank_option(problem, arguments.rank)
    with shown_while_working("compare", task_of(problem)):
        curve_of(problem, arguments.rank)  # what takes long is kept; the simulation shows its own progress
    chain = isinstance(problem, TransferProblem) and arguments.method != "dense"
    comparison = compare(
        problem,
        arguments.alpha,
        rank=arguments.rank,
        replicates=arguments.replicates,
        doublings=arguments.doublings,
        method=arguments.method,
        rng=arguments.seed,
        n_jobs=jobs_of(arguments, short=chain and arguments.replicates <= SHORT),
        progress=True,
    )
    check_numbers({"theory": [row.theory for row in comparison.rows]})
    check_numbers({"simulation": [row.simulation for row in comparison.rows]})
    if arguments.json:
        values = {
            "problem": str(arguments.problem) if arguments.problem else dataclasses.asdict(problem),
            "seed": arguments.seed,
            "replicates": comparison.replicates,
            "sizes": comparison.sizes,
            "rows": [row._asdict() for row in comparison.rows],
            "agrees": comparison.agrees,
            "threshold": comparison.threshold,
            "verdict": comparison.verdict(),
        }
        print(json_text(values))
    else:
        print(comparison)
    if arguments.plot is not None:
        from rmt_alpha.plotting.curve import draw_comparison

        draw_comparison(comparison).savefig(arguments.plot)
    return 0 if comparison.agrees else 1
