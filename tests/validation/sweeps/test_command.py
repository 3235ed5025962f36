"""`rmt-alpha sweep`: what it prints, writes and returns."""

from __future__ import annotations

import argparse
import csv
import io
import shlex
from pathlib import Path

import pytest

from rmt_alpha.cli import build_parser
from rmt_alpha.cli import sweep as verb
from rmt_alpha.errors import SweepError, SweepInterrupted
from rmt_alpha.validation.sweeps import sweep

GRID = """
beta = { linspace = [0.1, 0.9, 3] }
gamma = { logspace = [-1, 1, 3] }
p = 40
n = [20, 40]
alpha = [0, "optimal"]
replicates = 4
"""


def parse(*words: object) -> argparse.Namespace:
    return build_parser().parse_args(["sweep", *map(str, words)])


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the verb in an empty folder with grid.toml; status, stdout and the lines of stderr."""
    monkeypatch.chdir(tmp_path)
    Path("grid.toml").write_text(GRID)

    def run(*words: object) -> tuple[int, str, list[str]]:
        arguments = parse(*words)
        status = arguments.run(arguments)
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return run


def test_sweep_writes_the_store_and_says_first_how_much_there_is_to_do(command, contents):
    status, out, err = command("grid.toml")
    assert (status, out) == (0, "")
    assert err == ["rmt-alpha sweep: 18 of 18 cells to do, 4 replicates (72 in all); 1 worker"]
    sweep("grid.toml", store="api.sqlite")
    assert contents(Path("results.sqlite")) == contents(Path("api.sqlite"))
    status, _, err = command("grid.toml", "--jobs", 2)
    assert status == 0
    [line] = err
    assert line.endswith(
        "0 of 18 cells to do, 4 replicates (0 in all); 18 recorded in results.sqlite; 2 workers"
    )


def test_dry_run_only_speaks(command):
    status, out, err = command("grid.toml", "--dry-run", "--jobs", 2)
    assert (status, err) == (0, [])
    assert out.startswith(
        "18 of 18 cells to do, 4 replicates (72 in all); 2 workers\n  beta: 0.1, 0.5, 0.9\n"
    )
    assert "estimated time: less than a second" in out
    assert [path.name for path in Path().iterdir()] == ["grid.toml"]


def test_exports(command):
    plot = "x=gamma,y=beta,c=simulated_accuracy,alpha=optimal,n=40"
    status, _, _ = command(
        "grid.toml", "--csv", "a.csv", "--plot", plot, "a.png", "--plot", "x=n,y=beta,gamma=1", "b.pdf"
    )
    assert status == 0
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert Path("b.pdf").read_bytes().startswith(b"%PDF")
    assert len(list(csv.reader(Path("a.csv").read_text().splitlines()))) == 1 + 18 * 2
    _, out, _ = command("grid.toml", "--csv", "-")
    assert out == Path("a.csv").read_text()


def test_seed_is_that_of_the_sweep(command):
    tables = [command("grid.toml", "--seed", seed, "--csv", "-")[1] for seed in (0, 1)]
    first, second = (list(csv.DictReader(io.StringIO(table))) for table in tables)
    assert [row["accuracy"] for row in first] == [row["accuracy"] for row in second]
    assert all(a["simulated_mean"] != b["simulated_mean"] for a, b in zip(first, second, strict=True))


def test_failed_cells_are_named_and_make_status_1(command):
    Path("grid.toml").write_text(GRID.replace("logspace = [-1, 1, 3]", "linspace = [0, 1, 2]"))
    expected = [
        "rmt-alpha sweep: failed at beta=0.1, gamma=0.0, n=40.0: ValueError: ",
        "rmt-alpha sweep: 3 cells failed; --retry-failed tries them again",
    ]
    for words, todo in (([], 12), ([], 0), (["--retry-failed"], 3), (["--no-resume"], 12)):
        status, _, err = command("grid.toml", *words)
        assert status == 1
        assert f"{todo} of 12 cells to do" in err[0]
        assert err[1].startswith(expected[0])
        assert len(err) == 5
        assert err[-1] == expected[1]


def test_unusable_store_is_status_2(command):
    Path("results.sqlite").write_text("not a store" * 100)
    status, out, err = command("grid.toml")
    assert (status, out, len(err)) == (2, "", 1)
    assert "results.sqlite is no store of a sweep" in err[0]
    assert Path("results.sqlite").read_text() == "not a store" * 100


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["missing.toml"], FileNotFoundError, "missing.toml"),
        (["grid.toml", "--seed", "-1"], ValueError, "seed"),
        (["grid.toml", "--jobs", "0"], ValueError, "n_jobs"),
        (["grid.toml", "--plot", "x=gamma,y=beta,c=acc", "a.png"], ValueError, "c must be a result"),
        (["grid.toml", "--plot", "x=gamma,y=beta", "a.png"], ValueError, "n is swept too"),
        (["grid.toml", "--plot", "gamma", "a.png"], ValueError, "described as"),
        (["grid.toml", "--csv", "nowhere/a.csv"], FileNotFoundError, "no folder nowhere"),
        (
            ["grid.toml", "--plot", "x=n,y=beta,gamma=1", "nowhere/a.png"],
            FileNotFoundError,
            "no folder nowhere",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(command, words, error, message):
    """`main` turns these into one line and status 2."""
    with pytest.raises(error, match=message):
        command(*words)
    assert [path.name for path in Path().iterdir()] == ["grid.toml"]


def test_interruption_is_status_130_with_the_command_that_resumes(command, monkeypatch):
    def interrupted(*args, **kwargs):
        raise SweepInterrupted(3, 18)

    monkeypatch.setattr(verb, "run_sweep", interrupted)
    Path("my grid.toml").write_text(GRID)
    words = ["my grid.toml", "--out", "a b.sqlite", "--jobs", "2", "--seed", "5", "--csv", "x.csv"]
    words += ["--plot", "x=n,y=beta,gamma=1", "a.png"]
    status, out, err = command(*words, "--no-resume")
    assert (status, out) == (130, "")
    assert err[0] == "rmt-alpha sweep: interrupted: 3 of 18 cells done and recorded; to do the rest:"
    assert shlex.split(err[1])[:2] == ["rmt-alpha", "sweep"]
    again = parse(*shlex.split(err[1])[2:])
    assert vars(again) == vars(parse(*words))


def test_stopped_sweep_is_status_1_with_the_command_that_resumes(command, monkeypatch):
    def stopped(*args, **kwargs):
        raise SweepError("the sweep stopped: a worker died")

    monkeypatch.setattr(verb, "run_sweep", stopped)
    status, _, err = command("grid.toml")
    assert status == 1
    assert err == [
        "rmt-alpha sweep: the sweep stopped: a worker died",
        "  rmt-alpha sweep grid.toml --out results.sqlite",
    ]
