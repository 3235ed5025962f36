"""``rmt-alpha glue``: fine-tuning methods compared on GLUE, recorded run by run, resumable."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

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

needs pip install 'rmt-alpha[peft]' (not --report); with HF_HUB_OFFLINE=1 the hub is never asked.
exit status: 0 done, 2 bad input, 130 interrupted"""

TASKS = ("mnli", "qnli", "mrpc", "rte", "sst2", "qqp")
METHODS = (
    "head", "lora", "lora-fewer-rows", "alpha-lora", "alpha-lora-paper", "ia3+lora", "ia3", "dora", "full"
)  # fmt: skip
DEFAULT_OUT = Path("glue.sqlite")


def add_parser(subparsers: Any) -> None:
    """Add the verb."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "glue",
        help="fine-tuning methods on real networks and GLUE tasks, resumable",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", metavar="NAME_OR_FOLDER", help="pretrained encoder: on the hub, or a folder"
    )
    parser.add_argument("--task", nargs="+", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--method", nargs="+", choices=METHODS, metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="S", help="default 1 2 3")
    parser.add_argument(
        "--size",
        nargs="+",
        type=_size,
        default=["full"],
        metavar="N",
        help="training rows, or full: all but the validation rows (default)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder with GLUE's tsv files (default: see docs)"
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="FILE", help=f"record ({DEFAULT_OUT})"
    )
    for flag, kind, text in (
        (
            "--steps",
            str,
            "adapter steps, or steps by rows (100:60,400:100,1600:150,240: 60 up to 100 rows, ...)",
        ),
        ("--batch-size", int, "rows per step (16)"),
        ("--max-length", int, "tokens per row (128)"),
        ("--validation-rows", int, "rows cut from the training file for tuning and checkpoints (300)"),
        ("--evaluations", int, "validations per run (3)"),
        ("--rank", int, "rank of LoRA (8)"),
        ("--dropout", float, "dropout of the encoder (0)"),
        ("--alpha-every", int, "adapter steps per step on alpha (5)"),
        ("--alpha-ratio", float, "learning rate of alpha over that of the adapter (10)"),
        ("--alpha-holdout", float, "share of the training rows held out for alpha (0.2)"),
    ):
        parser.add_argument(flag, type=kind, metavar="N" if kind is int else "X", help=text)
    parser.add_argument(
        "--tuning-sizes", nargs="+", type=int, metavar="N", help="training rows of the tuning runs (400 1600)"
    )
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="bf16: autocast (default fp32)")
    parser.add_argument("--device", metavar="D", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--report", action="store_true", help="print the report of the record, train nothing")
    parser.add_argument(
        "--alpha-map",
        action="store_true",
        help="instead: train alpha-lora with the first seed, then record its accuracy with alpha replaced by "
        "a * alpha + b",
    )
    parser.add_argument(
        "--curves",
        action="store_true",
        help="instead: the first size again, with its tuned rates; record validation accuracy at 20 steps",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="with --report: write its table as CSV")
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="with --report: draw its figures into DIR"
    )
    parser.set_defaults(run=run)


def _size(text: str) -> int | str:
    return text if text == "full" else int(text)


def run(arguments: argparse.Namespace) -> int:
    """Train what is missing; print the report."""
    from rmt_alpha.experiments.networks.results.runs import RunRecord

    if arguments.report:
        from rmt_alpha.experiments.networks.results.report import as_csv, report, summarise

        if not arguments.out.exists():
            raise FileNotFoundError(f"there is no record {arguments.out}: name one with --out")
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
        bar = _Bar()
        run_experiment(
            trainer, record, sizes, arguments.method, arguments.seeds, announce=bar.write, progress=bar.update
        )
        bar.close()
    print(report(record))
    return 0


class _Bar:
    """One progress bar on standard error for the steps of the current run; none where nobody watches."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm
        self._bar: Any = None
        self._title = ""

    def update(self, title: str, step: int, steps: int) -> None:
        if title != self._title:
            self.close()
            self._title = title
            self._bar = self._tqdm(total=steps, desc=title, unit="step", leave=False, disable=None)
        self._bar.update(step - self._bar.n)

    def write(self, text: str) -> None:
        self.close()
        _say(text)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._title = None, ""


def short_name(model: str) -> str:
    """A name for the record: that of the hub, or the last two parts of a path."""
    path = Path(model)
    return "/".join(path.resolve().parts[-2:]) if path.is_dir() else model


def command(arguments: argparse.Namespace, *, short: bool = False) -> str:
    """The command that goes on with these runs; ``short``: for the record, without a machine's folders."""
    words = ["rmt-alpha", "glue", "--model", short_name(arguments.model) if short else str(arguments.model)]
    if arguments.data is not None and not short:
        words += ["--data", str(arguments.data)]
    words += ["--task", *arguments.task, "--method", *arguments.method]
    words += ["--size", *map(str, arguments.size), "--seeds", *map(str, arguments.seeds)]
    for name in ("steps", "batch_size", "max_length", "validation_rows", "evaluations", "rank", "dropout"):
        words += _flag(arguments, name)
    for name in ("alpha_every", "alpha_ratio", "alpha_holdout", "tuning_sizes", "precision", "device"):
        words += _flag(arguments, name)
    words += [f"--{name.replace('_', '-')}" for name in ("alpha_map", "curves") if getattr(arguments, name)]
    return shlex.join([*words, "--out", arguments.out.name if short else str(arguments.out)])


def _flag(arguments: argparse.Namespace, name: str) -> list[str]:
    value = getattr(arguments, name)
    values = value if isinstance(value, list) else [value]
    return [] if value is None else [f"--{name.replace('_', '-')}", *map(str, values)]


def _say(text: object) -> None:
    print(f"rmt-alpha glue: {text}", file=sys.stderr)
