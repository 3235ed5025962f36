"""The command line as a stranger uses it: answers, files, and bad input in one line."""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
import time

import mpmath
import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha._core.machine.progress import progress_bar
from rmt_alpha.cli import VERBS, main
from rmt_alpha.cli.common import jobs_of, shown_while_working
from rmt_alpha.cli.problem import task_of

PROBLEM = ["--beta", "0.8", "--p", "400", "--n", "40", "--N", "2000", "--gamma", "0.1"]
CURVE = ra.TransferProblem(0.8, p=400, n=40, N=2000, gamma=0.1).curve()


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_help_teaches_the_job(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for verb in VERBS:
        assert f"\n    {verb}" in text
    for word in ("beta", "gamma", "alpha*", "rmt-alpha optimal --beta", "Exit status"):
        assert word in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"rmt-alpha {verb}" in text
    assert max(map(len, text.splitlines())) <= 120


def test_optimal_prints_a_readable_answer(capsys):
    status, out, err = run(capsys, "optimal", *PROBLEM)
    assert (status, err) == (0, "")
    assert f"alpha* = {CURVE.optimal_alpha():.6g}" in out
    assert f"accuracy {CURVE.accuracy(CURVE.optimal_alpha()):.6g}" in out


def test_optimal_json_is_the_library(capsys):
    _, out, _ = run(capsys, "optimal", *PROBLEM, "--json")
    values = json.loads(out)
    assert values["optimal_alpha"] == CURVE.optimal_alpha()
    assert values["accuracy"]["1"] == CURVE.accuracy(1)
    assert values["transfer_interval"] == [0.0, "inf"]
    assert values["problem"]["N"] == 2000.0
    _, out, _ = run(capsys, "optimal", *PROBLEM, "--json", "--criterion", "risk")
    assert json.loads(out)["optimal_alpha"] == CURVE.optimal_alpha("risk")


def test_optimal_in_high_precision_reads_decimals_exactly(capsys):
    _, out, _ = run(capsys, "optimal", *PROBLEM, "--dps", 40, "--json")
    exact = ra.optimal_alpha("0.8", 400, 40, N=2000, gamma="0.1", dps=40)
    assert json.loads(out)["optimal_alpha"] == mpmath.nstr(exact, 40)


def test_curve_is_csv(capsys):
    status, out, _ = run(capsys, "curve", *PROBLEM, "--alpha=-1:1:5")
    rows = table(out)
    assert status == 0
    assert [float(row["alpha"]) for row in rows] == [-1, -0.5, 0, 0.5, 1]
    assert float(rows[4]["accuracy"]) == CURVE.accuracy(1.0)
    assert float(rows[1]["risk"]) == CURVE.risk(-0.5)


def test_curve_json_band_and_plot(capsys, tmp_path):
    picture, numbers = tmp_path / "curve.png", tmp_path / "curve.json"
    options = ["--alpha", "0,1,inf", "--format", "json", "--out", numbers]
    status, out, _ = run(capsys, "curve", *PROBLEM, *options)
    assert (status, out) == (0, "")
    values = json.loads(numbers.read_text())
    assert values["alpha"] == [0, 1, "inf"]
    assert values["accuracy"][2] == CURVE.accuracy(np.inf)
    _, out, _ = run(capsys, "curve", *PROBLEM, "--band", "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = table(out)
    assert len(rows) == 61
    assert float(rows[30]["accuracy_std"]) == pytest.approx(CURVE.accuracy_std(float(rows[30]["alpha"])))


def test_compare_judges(capsys, tmp_path):
    picture = tmp_path / "compare.png"
    options = ["--alpha", "0,1", "--replicates", 60, "--plot", picture]
    status, out, _ = run(capsys, "compare", *PROBLEM, *options)
    assert status == 0
    assert "theory and simulation agree" in out
    assert picture.stat().st_size > 5000
    status, out, _ = run(capsys, "compare", *PROBLEM, "--alpha", "0,1", "--replicates", 60, "--json")
    values = json.loads(out)
    assert values["agrees"] is True
    assert len(values["rows"]) == 8


def test_reproduce_lists_and_writes(capsys, tmp_path):
    status, out, _ = run(capsys, "reproduce", "--list")
    assert status == 0
    assert "table1" in out
    status, out, err = run(capsys, "reproduce", "alpha_overlap", "--quick", "--out", tmp_path)
    assert status == 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".pdf", ".csv"}
    assert "1 of 1" in out
    assert "alpha_overlap" in err


BAD = [
    (
        ["optimal", "--beta", "1.5", "--p", "4", "--n", "4"],
        "rmt-alpha optimal: beta must be a number in [-1, 1]",
    ),
    (["optimal", "--beta", "0.5", "--p", "-4", "--n", "4"], "p must be a positive finite number, got -4"),
    (["optimal", "--beta", "nan", "--p", "4", "--n", "4"], "beta must be"),
    (["optimal", "--beta", "0.5", "--p", "4", "--n", "4", "--gamma", "0"], "infinite variance"),
    (["optimal", *PROBLEM, "--dps", "0"], "dps must be between"),
    (["curve", *PROBLEM, "--band", "--alpha", "0,inf"], "alpha must be a finite number, got inf"),
    (["curve", *PROBLEM, "--plot", "picture.unknown"], "unknown"),
    (["curve", *PROBLEM, "--out", "no/such/folder/file.csv"], "no/such/folder"),
    (["compare", *PROBLEM, "--replicates", "1"], "replicates must be at least 2"),
    (["reproduce", "no_such_figure"], "no_such_figure"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_one_line_and_exit_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: VERB"),
        (["optimal", "--beta", "x", "--p", "4", "--n", "4"], "must be a number, got 'x'"),
        (["curve", *PROBLEM, "--alpha", "1:2"], "must be LOW:HIGH:COUNT"),
        (["curve", *PROBLEM, "--alpha", "1:2:1"], "at least 2 values"),
        (["curve", *PROBLEM, "--alpha", "1,nan"], "NaN"),
        (["fly"], "invalid choice"),
    ],
    ids=str,
)
def test_unparsable_commands_exit_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_module_runs_and_a_closed_pipe_is_no_error():
    command = [sys.executable, "-m", "rmt_alpha", "curve", *PROBLEM, "--alpha=0:1:20000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"alpha,")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_interruption_is_130(monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("rmt_alpha.validation.compare.compare", stop)
    status, _, err = run(capsys, "compare", *PROBLEM)
    assert status == 130
    assert "interrupted" in err


def test_what_takes_long_is_shown_on_a_terminal_and_nowhere_else(monkeypatch):
    for terminal in (True, False):
        shown = io.StringIO()
        monkeypatch.setattr(shown, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr("sys.stderr", shown)
        with shown_while_working("curve", "effective ridges"):
            time.sleep(1.3 if terminal else 0.1)
        text = shown.getvalue()
        if terminal:
            assert text.startswith("\rrmt-alpha curve: effective ridges, 1 s\r")
            assert text.endswith(" \r")  # and wiped out
        else:
            assert text == ""


def test_what_there_is_to_do_is_named():
    means = [[-1.0, 0.0], [1.0, 0.0]]
    source = ra.FixedSource([1.0, 0.0])
    full = ra.GaussianMixture(means, [np.eye(2), np.diag([1.0, 2.0]) + 0.1])
    assert task_of(ra.FineTuning(full, source, 5, 0.1)) == "effective ridges of 2 covariances of 2 x 2"
    plain = ra.FineTuning(ra.GaussianMixture(means), source, 5, 0.1, loss="logistic")
    assert task_of(plain) == "the logistic loss"


def test_all_processors_and_a_bar_where_a_person_watches(monkeypatch):
    for terminal in (True, False):
        shown = io.StringIO()
        monkeypatch.setattr(shown, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr("sys.stderr", shown)
        for given, jobs in ((None, -1 if terminal else 1), (2, 2)):
            assert jobs_of(argparse.Namespace(jobs=given)) == jobs
        assert jobs_of(argparse.Namespace(jobs=None), short=True) == 1
        for wanted in (True, False):
            with progress_bar(wanted, 4, "draw", file=shown) as bar:
                bar.update(4)
            assert ("4/4" in shown.getvalue()) is terminal or not wanted


def test_no_verb_needs_an_extra_to_be_offered():
    """Only running one does: `rmt-alpha reproduce` is promised to whoever has the core."""
    extras = ("bokeh", "dask", "distributed", "pandas", "panel", "peft", "sklearn", "torch", "xarray")
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {extras!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from rmt_alpha.cli import build_parser\n"
        "build_parser()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
