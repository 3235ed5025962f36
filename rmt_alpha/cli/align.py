"""``rmt-alpha align``: what fine-tuning has done to the weights of a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmt_alpha._core.tables import csv_text
from rmt_alpha.cli.common import Parser, json_text, say
from rmt_alpha.cli.outputs import check_output, check_picture

if TYPE_CHECKING:
    from rmt_alpha.lora.weight_change import Alignment

DESCRIPTION = """\
Compare the weights of a network before and after fine-tuning, matrix by matrix: beta = <W_ft, W_0>/|W_0|^2
with its noise level, how much of the change is rescaling, of the matrix and of its rows, how many singular
values stand out of the noise, how much of the change a correction of low rank holds, and what alpha would
gain beside it.
Where beta is 1 within noise, fine-tuning has had no use for an alpha.

examples:
  rmt-alpha align base/model.safetensors tuned/model.safetensors --plot align.png
  rmt-alpha align path/to/encoder --task sst2 --size 1600     fine-tune it first, all weights
  rmt-alpha align --digits                                    a small network, from digits to other digits
  rmt-alpha align path/to/encoder --survey FILE.csv           tasks, ranks and learning rates, one table

needs pip install '.[peft]' in a clone"""
TASKS = ("mnli", "qnli", "mrpc", "rte", "sst2", "qqp")
FILES = ("model.safetensors", "pytorch_model.bin")
"""What a folder is looked through for, in this order."""


def add_options(parser: Parser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        "base", nargs="?", help="weights before: a .safetensors, .bin or .pt file, or a folder with one"
    )
    parser.add_argument("tuned", nargs="?", help="weights after")
    parser.value("--rank", int, "R", "rank of the correction that the table is about (8)", default=8)
    parser.add_argument(
        "--task", choices=TASKS, metavar="TASK", help="fine-tune base on it: " + ", ".join(TASKS)
    )
    parser.value("--size", int, "N", "with --task or --digits: training rows (1600; 500)")
    parser.value("--seed", int, "S", "with --task or --digits: seed (1)", default=1)
    parser.value("--data", Path, "DIR", "with --task or --digits: data folder")
    parser.flag("--digits", "train a small network on MNIST's digits 0 to 4, fine-tune it on 5 to 9")
    parser.value(
        "--survey",
        Path,
        "FILE",
        "fine-tune base on SST-2, MRPC and RTE (or --task), in full at four learning rates and by LoRA at "
        "two ranks, and the digits; what this CSV has is not done again",
    )
    parser.json()
    parser.value("--csv", Path, "FILE", "also write the table as CSV")
    parser.value("--plot", Path, "FILE", "also draw it (png, pdf, svg)")


def run(arguments: argparse.Namespace) -> int:
    """Compare; print the table."""
    check_output(arguments.csv)
    check_picture(arguments.plot)
    if arguments.rank < 0:
        raise ValueError(f"--rank must be at least 0, got {arguments.rank}")
    if arguments.survey is not None:
        return _survey(arguments)
    found = _found(arguments)
    rows = found.rows(arguments.rank)
    if arguments.json:
        print(json_text({"layers": rows, "left_out": found.left_out}))
    else:
        print(found.table(arguments.rank))
    if arguments.csv is not None:
        text = csv_text(list(rows[0]), [list(row.values()) for row in rows])
        arguments.csv.write_text(text, encoding="utf-8")
    if arguments.plot is not None:
        from rmt_alpha.plotting.weight_change import draw_alignment

        draw_alignment(found).savefig(arguments.plot)
    return 0


def _survey(arguments: argparse.Namespace) -> int:
    from rmt_alpha.experiments.networks.results.weight_changes import summary, survey

    if arguments.base is None or arguments.tuned is not None or arguments.digits:
        raise ValueError("--survey needs BASE alone, a pretrained encoder")
    tasks = [arguments.task] if arguments.task else ["sst2", "mrpc", "rte", "digits"]
    rows = survey(
        arguments.survey,
        arguments.base,
        tasks,
        size=arguments.size or 1600,
        seed=arguments.seed,
        data=arguments.data,
        announce=lambda text: say("align", text),
    )
    print(summary(rows))
    return 0


def _found(arguments: argparse.Namespace) -> Alignment:
    trained = bool(arguments.task) + arguments.digits + (arguments.tuned is not None)
    if trained != 1 or (arguments.base is None) != arguments.digits:
        raise ValueError("needs BASE and TUNED, or BASE and --task, or --digits alone")
    from rmt_alpha.lora import alignment

    if arguments.tuned is not None:
        return alignment(load_weights(Path(arguments.base)), load_weights(Path(arguments.tuned)))
    from rmt_alpha.experiments.networks.trained_pairs import digits_pair, glue_pair

    options: dict[str, Any] = {"seed": arguments.seed, "data": arguments.data}
    if arguments.digits:
        pair = digits_pair(size=arguments.size or 500, **options)
    else:
        pair = glue_pair(arguments.base, arguments.task, arguments.size or 1600, **options)
    say("align", f"accuracy of the fine-tuned network on rows it has not seen: {pair.accuracy:.4f}")
    return alignment(pair.base, pair.tuned)


def load_weights(path: Path) -> dict[str, Any]:
    """The tensors of a file, or of the file in a folder, by name; OSError or ValueError if there are none."""
    if path.is_dir():
        inside = [path / name for name in FILES if (path / name).is_file()]
        if not inside:
            raise FileNotFoundError(f"{path} has none of {', '.join(FILES)}: name the file with the weights")
        path = inside[0]
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            tensors: dict[str, Any] = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is no safetensors file: {error}") from None
        return tensors
    import pickle

    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is no file of PyTorch weights: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded, dict):
        raise ValueError(f"{path} must hold tensors by name, holds {type(loaded).__name__}")
    return {name: value for name, value in loaded.items() if hasattr(value, "shape")}
