"""The command: what a person types, sees, interrupts, and gets told."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rmt_alpha.cli import glue as verb
from rmt_alpha.cli import main
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.networks.tasks import TASK_NAMES
from rmt_alpha.experiments.networks.training.methods import METHOD_NAMES

SMALL = ["--steps", "2", "--batch-size", "4", "--validation-rows", "12", "--evaluations", "1", "--rank", "2"]
SMALL += ["--tuning-sizes", "8"]


def arguments(encoder, data_folder, out, *more):
    place = ["--model", encoder, "--data", data_folder, "--out", out, "--device", "cpu"]
    return [str(word) for word in ["glue", *place, *SMALL, *more]]


def test_it_trains_records_and_reports(encoder, data_folder, tmp_path, capsys):
    out = tmp_path / "runs.sqlite"
    words = [
        "--task",
        "sst2",
        "mrpc",
        "--method",
        "lora",
        "alpha-lora",
        "--seeds",
        "1",
        "2",
        "--size",
        "8",
        "full",
    ]
    assert main(arguments(encoder, data_folder, out, *words)) == 0
    printed, progress = capsys.readouterr()
    assert printed.startswith("| task | rows | method |")
    for start in ("| mrpc | 8 | LoRA", "| sst2 | 48 | alpha-LoRA, held-out"):
        assert f"\n{start}" in printed
    assert "sst2: 60 training rows, 20 dev rows, of which the largest class has 50.0 %; tsv files" in printed
    assert "rmt-alpha glue: sst2: 16 runs, 0 of them recorded already" in progress
    assert "left" in progress
    record = RunRecord(out)
    assert len(record.runs) == 2 * (8 + 8)
    (command,) = record.commands
    assert command.startswith("rmt-alpha glue --model org")
    assert str(tmp_path.parent).encode() not in out.read_bytes(), "the record names folders of this machine"

    assert main(arguments(encoder, data_folder, out, *words)) == 0  # nothing left to do
    again, progress = capsys.readouterr()
    assert again == printed
    assert "sst2: 16 runs, 16 of them recorded already" in progress

    figures = tmp_path / "figures"
    table = tmp_path / "table.csv"
    options = ["--figures", str(figures), "--csv", str(table)]
    assert main(["glue", "--report", "--out", str(out), *options]) == 0
    assert capsys.readouterr().out == printed
    rows = printed.split("\n\n")[0].count("\n| ")
    assert len(table.read_text(encoding="utf-8").splitlines()) == 1 + rows
    names = {path.name for path in figures.iterdir()}
    assert names == {"glue_rows.png", "glue_alphas.png", "glue_steps.png"}

    extra = ["--task", "sst2", "--method", "lora", "alpha-lora", "--seeds", "1", "--size", "8"]
    for flag in ("--curves", "--alpha-map"):
        assert main(arguments(encoder, data_folder, out, *extra, flag)) == 0
    assert main(["glue", "--report", "--out", str(out), "--figures", str(figures)]) == 0
    assert "glue_alpha_map_sst2_8.png" in {path.name for path in figures.iterdir()}


def test_ctrl_c_names_the_command_that_goes_on(encoder, data_folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "runs.sqlite"

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("rmt_alpha.experiments.networks.experiment.run_experiment", stop)
    words = arguments(encoder, data_folder, out, "--task", "sst2", "--method", "lora", "--seeds", "1", "2")
    assert main(words) == 130
    error = capsys.readouterr().err
    parsed = verb_arguments(error.strip().splitlines()[-1].split())
    assert vars(parsed) == vars(verb_arguments(["rmt-alpha", *words]))


def verb_arguments(words):
    from rmt_alpha.cli import build_parser

    return build_parser().parse_args(words[1:])


def without_the_extra(words):
    """The command in a process that cannot find the packages of the extra."""
    program = (
        "import importlib.util as util, sys\n"
        "names = ('torch', 'transformers', 'peft', 'datasets')\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in names: raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "real = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name in names else real(name, *rest)\n"
        "sys.meta_path.insert(0, Hide())\n"
        "from rmt_alpha.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )


def test_reports_do_without_the_extra(tmp_path):
    record = RunRecord(tmp_path / "runs.sqlite")
    record.add_task("sst2", {"train": 1, "dev": 1, "majority": 1, "origin": ""})
    done = without_the_extra(["glue", "--report", "--out", str(record.path)])
    assert (done.returncode, done.stdout) == (0, "no tested run in runs.sqlite yet\n")


def test_without_the_extra_training_says_what_to_install(encoder, data_folder, tmp_path):
    words = arguments(encoder, data_folder, tmp_path / "x", "--task", "sst2", "--method", "lora")
    done = without_the_extra(words)
    assert done.returncode == 2
    assert "pip install '.[peft]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--model is needed, unless --report prints a record"),
        (["--model", "x", "--task", "sst2"], "--method is needed"),
        (["--report", "--out", "no/such.sqlite"], "there is no record no/such.sqlite"),
    ],
)
def test_missing_arguments(words, message, capsys):
    assert main(["glue", *words]) == 2
    assert message in capsys.readouterr().err


def test_bad_values(encoder, data_folder, tmp_path, capsys):
    out = tmp_path / "runs.sqlite"
    base = ["--task", "sst2", "--method", "lora"]
    for more, message in (
        (["--size", "49"], "size must be between 2 and 48"),
        (["--size", "8", "--seeds", "0"], "seeds must be at least 1"),
        (["--steps", "many"], "steps must be a number of at least 1"),
        (["--data", str(tmp_path)], "there is no SST-2/dev.tsv"),
    ):
        assert main(arguments(encoder, data_folder, out, *base, *more)) == 2
        assert message in capsys.readouterr().err
    junk = tmp_path / "junk.sqlite"
    junk.write_text(json.dumps({"kind": "other"}) + "\n", encoding="utf-8")
    assert main(arguments(encoder, data_folder, junk, *base)) == 2
    assert "name another file with --out" in capsys.readouterr().err


def test_the_help_names_what_there_is():
    assert verb.TASKS == TASK_NAMES
    assert verb.METHODS == METHOD_NAMES
