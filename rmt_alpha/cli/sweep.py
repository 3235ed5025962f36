"""``rmt-alpha sweep``: theory and simulation over a grid, in parallel, recorded and resumable."""

from __future__ import annotations

import argparse
import shlex
import sys
from functools import partial
from pathlib import Path

from rmt_alpha.cli.common import Parser, as_typed, jobs_of, say
from rmt_alpha.cli.outputs import check_output, check_picture
from rmt_alpha.errors import RecordError, SweepError, SweepInterrupted
from rmt_alpha.plotting import style
from rmt_alpha.plotting.heat_map import SIZE, heatmap, parse_plot, select
from rmt_alpha.validation.sweeps.grid import Grid
from rmt_alpha.validation.sweeps.plan import SweepPlan
from rmt_alpha.validation.sweeps.problem_grid import read_any_grid
from rmt_alpha.validation.sweeps.result import SweepResult, blank
from rmt_alpha.validation.sweeps.run import run_sweep
from rmt_alpha.validation.sweeps.workers import PATIENCE

DESCRIPTION = """\
Theory and simulation at every point of a grid of problems. What is finished is recorded at once in an SQLite
file; the same command, after whatever stopped it, computes only what is missing. The numbers do not depend on
the number of workers or on interruptions.

example, in a file grid.toml:
  beta = { linspace = [0, 1, 11] }           # also: a number, a list, geomspace = [0.01, 100, 5],
  gamma = { logspace = [-2, 2, 5] }          # logspace, which takes exponents of ten
  p = 400
  n = 40
  N = ["none", 200, 2000]                    # "none": the source direction is known exactly
  alpha = [0, 1, "optimal"]
  replicates = 200                           # 0: theory alone

Any other problem file is a grid too: in a table [axes] stand the fields with several values, such as
n = [20, 40], loss = ["squared", "logistic"], target.exponent = { linspace = [0, 2, 5] }, rank = [1, 2, 4].

  rmt-alpha sweep grid.toml --out results.sqlite --dry-run
  rmt-alpha sweep grid.toml --out results.sqlite --jobs 2 --csv results.csv
  rmt-alpha sweep grid.toml --out results.sqlite --plot x=gamma,y=beta,c=optimal_alpha,N=2000 map.png

exit status:
  0 done, 1 some cells failed or the sweep had to stop, 2 bad input or unusable store, 130 interrupted"""

SHOWN_FAILURES = 5
_say = partial(say, "sweep")


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.add_argument("grid", type=Path, metavar="GRID.toml", help="axes, alphas and replicates")
    store = Path("results.sqlite")
    parser.value("--out", Path, "FILE", f"the store (default {store})", default=store)
    parser.jobs()
    parser.cluster()
    parser.value("--seed", int, "S", "seed (default: the grid's, else 0)")
    parser.flag("--dry-run", "say what would be done, and the time")
    parser.flag("--no-resume", "compute every cell again")
    parser.flag("--retry-failed", "try failed cells again")
    parser.value("--csv", str, "FILE", "write the results as CSV (-: standard output)")
    parser.add_argument(
        "--plot", nargs=2, action="append", default=[], metavar=("x=FIELD,y=FIELD,c=RESULT", "FILE"),
        help="draw a heat map; add alpha=1 or alpha=optimal where the result depends on alpha, and "
        "FIELD=NUMBER for other swept fields; may be repeated",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Sweep; export what was asked for."""
    grid = read_any_grid(arguments.grid, seed=arguments.seed)
    _check_exports(grid, arguments)
    try:
        result = run_sweep(
            grid,
            store=arguments.out,
            n_jobs=jobs_of(arguments),
            backend=None,
            scheduler=arguments.scheduler,
            wait_for_workers=arguments.wait_for_workers,
            resume=not arguments.no_resume,
            retry_failed=arguments.retry_failed,
            progress=True,
            dry_run=arguments.dry_run,
            announce=lambda plan: _say(plan.headline),
        )
    except RecordError as error:
        _say(error)
        return 2
    except SweepInterrupted as interrupt:
        _say(f"{interrupt}; to do the rest:\n  {resume_command(arguments)}")
        return 130
    except SweepError as error:
        _say(f"{error}\n  {resume_command(arguments)}")
        return 1
    if isinstance(result, SweepPlan):
        print(result)
        return 0
    return _export(result, arguments)


def _check_exports(grid: Grid, arguments: argparse.Namespace) -> None:
    """Refuse now what could not be written or drawn in the end."""
    empty = blank(grid)
    for text, _ in arguments.plot:
        select(empty, **parse_plot(text, empty))
    check_output(arguments.csv)
    check_picture(*(path for _, path in arguments.plot))


def _export(result: SweepResult, arguments: argparse.Namespace) -> int:
    if arguments.csv == "-":
        result.to_csv(sys.stdout)
    elif arguments.csv is not None:
        result.to_csv(arguments.csv)
    for text, path in arguments.plot:
        figure, axes = style.panels(1, size=SIZE)
        heatmap(result, **parse_plot(text, result), ax=axes.flat[0])
        figure.savefig(path)
    for problem, error in result.failures[:SHOWN_FAILURES]:
        where = ", ".join(f"{name}={problem[name]}" for name in result.axes)
        _say(f"failed at {where or 'the only cell'}: {error}")
    if result.failures:
        _say(f"{len(result.failures)} cells failed; --retry-failed tries them again")
    return 0 if result.ok else 1


def resume_command(arguments: argparse.Namespace) -> str:
    """The command that does what is left; without ``--no-resume``, for the old records are gone already."""
    names = ("out", "jobs", "scheduler", "seed", "csv", "retry_failed")
    words = ["rmt-alpha", "sweep", str(arguments.grid), *as_typed(arguments, *names)]
    if arguments.wait_for_workers != PATIENCE:
        words += as_typed(arguments, "wait_for_workers")
    for text, path in arguments.plot:
        words += ["--plot", text, path]
    return shlex.join(words)
