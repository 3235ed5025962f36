"""``rmt-alpha glue``: fine-tuning methods compared on GLUE, recorded run by run, resumable."""

from __future__ import annotations

import argparse
import shlex
from functools import partial
from pathlib import Path

from rmt_alpha.cli.common import Parser, ProgressBar, as_typed, say, short_name
from rmt_alpha.cli.outputs import check_output

DESCRIPTION = """\
Fine-tune a pretrained encoder on GLUE with LoRA, alpha-LoRA and their relatives: the same
training rows, steps and number of tuning trials for every method. The learning rate (four trials) and the
checkpoint are chosen on rows cut from the training file; the development file is the test, looked at once per
run.

Every finished run is one row of the record, written at once. The same command, after whatever stopped it,
does only what is missing. The last thing it prints is the report; --report prints it without training.

example, without a network when both are folders:
  rmt-alpha glue --model path/to/encoder --data path/to/data --task rte --size 100 full \\
      --method lora alpha-lora head --seeds 1 2 3 --out runs.sqlite
  rmt-alpha glue --out runs.sqlite --report

needs pip install '.[peft]' in a clone (not --report); with HF_HUB_OFFLINE=1 the hub is never asked.
exit status: 0 done, 2 bad input, 130 interrupted"""

TASKS = ("mnli", "qnli", "mrpc", "rte", "sst2", "qqp")
METHODS = (
    "head", "lora", "lora-fewer-rows", "alpha-lora", "alpha-lora-paper", "lora-all", "alpha-lora-all",
    "ia3+lora", "ia3", "dora", "full",
)  # fmt: skip
REPEATED = (
    "task", "method", "size", "seeds", "steps", "batch_size", "max_length", "validation_rows", "evaluations",
    "rank", "dropout", "alpha_every", "alpha_ratio", "alpha_holdout", "tuning_sizes", "precision", "device",
    "alpha_map", "curves",
)  # fmt: skip
"""Options that the command of a record repeats, in this order."""
DEFAULT_OUT = Path("glue.sqlite")
_say = partial(say, "glue")


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.value("--model", str, "NAME_OR_FOLDER", "pretrained encoder: on the hub, or a folder")
    parser.add_argument("--task", nargs="+", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--method", nargs="+", choices=METHODS, metavar="METHOD", help=", ".join(METHODS))
    parser.value("--seeds", int, "S", "default 1 2 3", nargs="+", default=[1, 2, 3])
    sizes = "training rows, or full: all but the validation rows (default)"
    parser.value("--size", _size, "N", sizes, nargs="+", default=["full"])
    parser.value("--data", Path, "DIR", "folder with GLUE's tsv files (default: see docs)")
    parser.value("--out", Path, "FILE", f"record ({DEFAULT_OUT})", default=DEFAULT_OUT)
    steps = "adapter steps, or steps by rows (100:60,400:100,1600:150,240: 60 up to 100 rows, ...)"
    parser.value("--steps", str, "X", steps)
    parser.value("--batch-size", int, "N", "rows per step (16)")
    parser.value("--max-length", int, "N", "tokens per row (128)")
    rows = "rows cut from the training file for tuning and checkpoints (300)"
    parser.value("--validation-rows", int, "N", rows)
    parser.value("--evaluations", int, "N", "validations per run (3)")
    parser.value("--rank", int, "N", "rank of LoRA (8)")
    parser.value("--dropout", float, "X", "dropout of the encoder (0)")
    parser.value("--alpha-every", int, "N", "adapter steps per step on alpha (5)")
    parser.value("--alpha-ratio", float, "X", "learning rate of alpha over that of the adapter (10)")
    parser.value("--alpha-holdout", float, "X", "share of the training rows held out for alpha (0.2)")
    parser.value("--tuning-sizes", int, "N", "training rows of the tuning runs (400 1600)", nargs="+")
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="bf16: autocast (default fp32)")
    parser.value("--device", str, "D", "cpu, cuda, ... (default: a GPU if there is one)")
    parser.flag("--report", "print the report of the record, train nothing")
    parser.flag(
        "--alpha-map",
        "instead: train alpha-lora with the first seed, then record its accuracy with alpha replaced by "
        "a * alpha + b",
    )
    curves = "the first size again, with its tuned rates; record validation accuracy at 20 steps"
    parser.flag("--curves", f"instead: {curves}")
    parser.value("--csv", Path, "FILE", "with --report: write its table as CSV")
    parser.value("--figures", Path, "DIR", "with --report: draw its figures into DIR")


def _size(text: str) -> int | str:
    return text if text == "full" else int(text)


def run(arguments: argparse.Namespace) -> int:
    """Train what is missing; print the report."""
    from rmt_alpha.experiments.networks.results.runs import RunRecord

    if arguments.report:
        from rmt_alpha.experiments.networks.results.report import as_csv, report, summarise

        if not arguments.out.exists():
            raise FileNotFoundError(f"there is no record {arguments.out}: name one with --out")
        check_output(arguments.csv)
        record = RunRecord(arguments.out)
        print(report(record))
        if arguments.csv is not None:
            arguments.csv.write_text(as_csv(summarise(record)), encoding="utf-8")
        if arguments.figures is not None:
            from rmt_alpha.experiments.networks.results.drawing import draw_all

            for path in draw_all(record, arguments.figures):
                _say(f"wrote {path}")
        return 0
    for name in ("model", "task", "method"):
        if not getattr(arguments, name):
            raise ValueError(f"--{name} is needed, unless --report prints a record")
    try:
        return _train(arguments)
    except KeyboardInterrupt:
        _say(f"interrupted; what was finished is in {arguments.out}. To do the rest:\n  {command(arguments)}")
        return 130


def _train(arguments: argparse.Namespace) -> int:
    import rmt_alpha.lora  # noqa: F401 - says what to install, if it has to
    from rmt_alpha.experiments.networks.experiment import run_experiment
    from rmt_alpha.experiments.networks.extras import accuracy_curves, alpha_map
    from rmt_alpha.experiments.networks.loading import load_glue
    from rmt_alpha.experiments.networks.results.report import report
    from rmt_alpha.experiments.networks.results.runs import RunRecord
    from rmt_alpha.experiments.networks.settings import Settings
    from rmt_alpha.experiments.networks.training.trainer import TaskTrainer

    record = RunRecord(arguments.out)
    chosen = {
        name: getattr(arguments, name)
        for name in Settings.__dataclass_fields__
        if getattr(arguments, name, None) is not None and name not in {"model", "data"}
    }
    if "tuning_sizes" in chosen:
        chosen["tuning_sizes"] = tuple(chosen["tuning_sizes"])
    record.add_command(command(arguments, short=True))
    for task in dict.fromkeys(arguments.task):
        data = load_glue(task, arguments.data)
        settings = Settings(model=short_name(arguments.model), data=data.origin, **chosen)
        trainer = TaskTrainer(arguments.model, data, settings, arguments.device)
        sizes = [trainer.largest if size == "full" else size for size in arguments.size]
        if arguments.alpha_map:
            alpha_map(trainer, record, sizes[0], arguments.seeds[0], announce=_say)
            continue
        if arguments.curves:
            accuracy_curves(trainer, record, sizes[0], arguments.method, arguments.seeds, announce=_say)
            continue
        bar = ProgressBar("glue")
        run_experiment(
            trainer, record, sizes, arguments.method, arguments.seeds, announce=bar.write, progress=bar.update
        )
        bar.close()
    record.reload()  # what others added; and it has to be there still
    print(report(record))
    return 0


def command(arguments: argparse.Namespace, *, short: bool = False) -> str:
    """The command that goes on with these runs; ``short``: for the record, without a machine's folders."""
    words = ["rmt-alpha", "glue", "--model", short_name(arguments.model) if short else str(arguments.model)]
    if arguments.data is not None and not short:
        words += ["--data", str(arguments.data)]
    words += as_typed(arguments, *REPEATED)
    return shlex.join([*words, "--out", arguments.out.name if short else str(arguments.out)])
