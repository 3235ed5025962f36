"""``rmt-alpha compare``: theory against simulation."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from rmt_alpha.cli.common import Parser, check_numbers, json_text, shown_while_working
from rmt_alpha.cli.outputs import check_picture
from rmt_alpha.cli.problem import add_problem_options, alphas, problem_from, task_of

HELP = "theory against simulation, with z-scores and a verdict"
DESCRIPTION = """\
Train classifiers on random data and hold the theory against them: theory, simulation, standard error and
z-score for every alpha, and a verdict that takes out the bias of order 1/n (by also simulating at twice the
size).

example:
  rmt-alpha compare --beta 0.6 --p 300 --n 200 --N 500 --gamma 0.3 --alpha=-1:3:9 --plot compare.png

Exit status 0 if they agree, 1 if not."""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    add_problem_options(parser, file=True)
    parser.value("--alpha", alphas, "LOW:HIGH:COUNT", "values of alpha, or a list (0,1,2)", default="0,1,2")
    parser.value("--replicates", int, "R", "draws of the data (400)", default=400)
    parser.value("--doublings", int, "K", "sizes beyond the first (1)", default=1)
    methods = ("auto", "dense", "krylov")
    parser.add_argument("--method", default="auto", choices=methods, help="how to simulate (auto)")
    parser.value("--seed", int, "S", "seed of the simulation (0)", default=0)
    parser.value("--jobs", int, "J", "processes; the numbers do not depend on it", default=1)
    parser.json()
    parser.value("--plot", Path, "FILE", "also draw theory and simulation (png, pdf, svg)")


def run(arguments: argparse.Namespace) -> int:
    """Print the table and the verdict."""
    from rmt_alpha.validation.compare import compare

    check_picture(arguments.plot)
    problem = problem_from(arguments)
    with shown_while_working("compare", task_of(problem)):
        problem.curve()  # what takes long is kept; the simulation shows its own progress
    comparison = compare(
        problem,
        arguments.alpha,
        replicates=arguments.replicates,
        doublings=arguments.doublings,
        method=arguments.method,
        rng=arguments.seed,
        n_jobs=arguments.jobs,
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
