"""``rmt-alpha compare``: theory against simulation."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from rmt_alpha.cli.problem import add_problem_options, alphas, problem_from

DESCRIPTION = """\
Train classifiers on random data and hold the theory against them: theory, simulation, standard error and
z-score for every alpha, and a verdict that takes out the bias of order 1/n (by also simulating at twice the
size).

example:
  rmt-alpha compare --beta 0.6 --p 300 --n 200 --N 500 --gamma 0.3 --alpha=-1:3:9 --plot compare.png

Exit status 0 if they agree, 1 if not."""


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "compare",
        help="theory against simulation, with z-scores and a verdict",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_problem_options(parser, file=True)
    parser.add_argument(
        "--alpha",
        type=alphas,
        default="0,1,2",
        metavar="LOW:HIGH:COUNT",
        help="values of alpha, or a list (0,1,2)",
    )
    parser.add_argument("--replicates", type=int, default=400, metavar="R", help="draws of the data (400)")
    parser.add_argument("--doublings", type=int, default=1, metavar="K", help="sizes beyond the first (1)")
    parser.add_argument(
        "--method", default="auto", choices=("auto", "dense", "krylov"), help="how to simulate (auto)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the simulation (0)")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="J", help="processes; the numbers do not depend on it"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="also draw theory and simulation (png, pdf, svg)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table and the verdict."""
    from rmt_alpha.validation.compare import compare

    problem = problem_from(arguments)
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
        print(json.dumps(values, indent=1))
    else:
        print(comparison)
    if arguments.plot is not None:
        from rmt_alpha.plotting.curve import draw_comparison

        draw_comparison(comparison).savefig(arguments.plot)
    return 0 if comparison.agrees else 1
