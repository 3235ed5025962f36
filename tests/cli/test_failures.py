"""Whatever goes wrong on the command line is one line and an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main

PROBLEM = ["--beta", "0.8", "-p", "400", "-n", "40"]
MIXTURE = "n = 30\ngamma = 0.4\n{top}\n[target]\nmean = [0.6, 0.8]\n{target}\n[source]\nweights = {weights}\n"


def mixture(top="", target="", weights="[1.0, 0.0]"):
    return MIXTURE.format(top=top, target=target, weights=weights)


@pytest.fixture
def failed(capsys, tmp_path, monkeypatch):
    """The only line that a command writes, and its exit status."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            status: object = main([str(each) for each in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        shown = capsys.readouterr()
        assert len(shown.err.splitlines()) == 1, shown.err
        assert shown.err.startswith("rmt-alpha")
        return status, shown.err

    return run


@pytest.mark.filterwarnings("default")  # of numpy, which are not told beside the error
@pytest.mark.parametrize("verb", ["curve", "optimal", "compare"])
@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("beta = 0.5\np = 10\nn = 5\ngamma = [1, 2]\n", 2, "p.toml: gamma must be one number, got [1, 2]"),
        ("beta = [0.8]\np = 10\nn = 5\n", 2, "p.toml: beta must be one number, got [0.8]"),
        (mixture().replace("30", "[30, 40]"), 2, "p.toml: n must be one number, got [30, 40]"),
        (mixture(target="covariance = 1e308"), 2, "p.toml: covariances must be 0 or have a largest entry"),
        (mixture(weights="[1e300, 0.0]"), 2, "p.toml: weights must be 0 or have a largest entry"),
        (
            "x = " + 500 * "[" + 500 * "]",
            2,
            "p.toml is no valid TOML file: its lists or tables are nested too",
        ),
        ("p = " + 5000 * "1", 2, "p.toml is no valid TOML file"),
        ("x = " + 90 * "[" + 90 * "]", 2, "p.toml: unknown key 'x'"),
        (mixture(weights=90 * "[" + "1.0" + 90 * "]"), 2, "p.toml: weights must"),
        (mixture(weights="[[1.0, 2.0], [3.0]]"), 2, "p.toml: weights must be a real number or an array"),
        (mixture(target="covariance = [[1.0, 2.0], [3.0]]"), 2, "p.toml: covariances"),
    ],
    ids=[
        "gamma",
        "beta",
        "n",
        "covariance",
        "weights",
        "nested",
        "digits",
        "nested less",
        "nested numbers",
        "rows",
        "covariances",
    ],
)
def test_problem_files(failed, tmp_path, verb, text, status, message):
    (tmp_path / "p.toml").write_text(text)
    found, line = failed(verb, "--problem", "p.toml", *(["--replicates", "9"] if verb == "compare" else []))
    assert message in line
    assert found == status


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(tmp_path, encoding, capsys):
    (tmp_path / "p.toml").write_text("beta = 0.5\np = 10\nn = 5\n", encoding=encoding, newline="\r\n")
    assert main(["optimal", "--problem", str(tmp_path / "p.toml")]) == 0
    (tmp_path / "g.toml").write_text(
        "beta = 0.5\np = 10\nn = 5\nalpha = 1\nreplicates = 0\n", encoding=encoding
    )
    out = str(tmp_path / "r.sqlite")
    assert main(["sweep", str(tmp_path / "g.toml"), "--dry-run", "--out", out]) == 0
    capsys.readouterr()


def test_grids(failed, tmp_path):
    (tmp_path / "g.toml").write_text("beta = " + 500 * "[" + 500 * "]")
    assert failed("sweep", "g.toml")[0] == 2
    (tmp_path / "g.toml").write_bytes(b"\xff\x00b")
    assert "g.toml is no valid TOML file: save it as UTF-8" in failed("sweep", "g.toml")[1]


def test_computations_that_fail(failed, tmp_path, monkeypatch):
    status, line = failed("curve", *PROBLEM, "--alpha=0:1:99999999999")
    assert status == 2
    assert "argument --alpha: takes at most 1000000 values, got '0:1:99999999999'" in line
    for error, expected, message in (
        (MemoryError("9 GiB; take less"), 1, "not enough memory: 9 GiB; take less"),
        (type("ArrayMemoryError", (MemoryError,), {})("9 GiB"), 1, "not enough memory: 9 GiB; ask for less"),
        (RecursionError("maximum"), 1, "nested too deeply"),
        (OverflowError("too large"), 1, "leave the range of float64: too large"),
        (ra.errors.ConvergenceError("no convergence", None), 1, "rmt-alpha curve: no convergence"),
        (
            AttributeError("no gamma"),
            1,
            "AttributeError: no gamma; this is a fault of rmt-alpha, and --debug",
        ),
        (ValueError("two\nlines"), 2, "rmt-alpha curve: two lines"),
        (ValueError(""), 2, "rmt-alpha curve: ValueError"),
    ):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr("rmt_alpha.cli.curve.problem_from", fail)
        status, line = failed("curve", *PROBLEM)
        assert status == expected
        assert message in line


def test_debug_shows_the_traceback(capsys, tmp_path):
    assert main(["curve", "--problem", str(tmp_path / "none.toml"), "--debug"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("rmt-alpha curve: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "rmt-alpha: the following arguments are required: VERB; rmt-alpha --help explains"),
        (["fly"], "rmt-alpha: argument VERB: invalid choice: 'fly'"),
        (["curve", *PROBLEM, "--fly"], "unrecognized arguments: --fly"),
        (["curve", "--beta", "x"], "rmt-alpha curve: argument --beta: must be a number, got 'x'"),
        (["curve", *PROBLEM, "--alpha", "-4:4:9"], "(write --option=VALUE if the value begins with -)"),
        (["fit"], "rmt-alpha fit: the following arguments are required: FILE"),
        (["fit", "x.npz", "--criterion", "x"], "rmt-alpha fit: argument --criterion: invalid choice: 'x'"),
    ],
    ids=str,
)
def test_parsing_fails_in_one_line(failed, arguments, message):
    status, line = failed(*arguments)
    assert status == 2
    assert message in line


def test_short_options(capsys):
    assert main(["optimal", "--beta", ".8", "-p", "400", "-n", "40"]) == 0
    short = capsys.readouterr().out
    assert main(["optimal", "--beta", ".8", "--p", "400", "--n", "40"]) == 0
    assert capsys.readouterr().out == short


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("p.xyz", "cannot draw p.xyz: its name must end in .png, .pdf"),
        ("picture", "its name must end in .png"),
        ("none/p.png", "cannot write none/p.png: there is no folder none"),
        ("folder.png", "cannot write folder.png: it is a folder"),
    ],
)
def test_pictures_are_checked_first(failed, tmp_path, monkeypatch, path, message):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "grid.toml").write_text("beta = [0.1, 0.2]\np = [10, 20]\nn = 5\nalpha = 1\nreplicates = 0\n")
    np.savez(tmp_path / "x.npz", X=np.eye(4), y=[0, 1, 0, 1], coef_source=np.ones(4))

    def never(*_, **__):
        raise AssertionError("computed before the picture was checked")

    for name in ("curve.problem_from", "compare.problem_from", "fit.read_sample", "sweep.run_sweep"):
        monkeypatch.setattr(f"rmt_alpha.cli.{name}", never)
    for command in (["curve", *PROBLEM], ["compare", *PROBLEM], ["fit", "x.npz"], ["sweep", "grid.toml"]):
        drawn = ["x=beta,y=p,c=optimal_alpha", path] if command[0] == "sweep" else [path]
        status, line = failed(*command, "--plot", *drawn)
        assert status == 2
        assert message in line
    for command in (["curve", *PROBLEM], ["fit", "x.npz"]):
        assert "cannot write none/x: there is no folder none" in failed(*command, "--out", "none/x")[1]


def refuse(text):
    raise AssertionError(f"{text} is no JSON")


def test_json_is_strict(capsys, tmp_path):
    commands: list[list[str]] = [
        ["compare", *PROBLEM, "--N", "inf", "--alpha", "0,1", "--replicates", "20", "--json"],
        ["optimal", *PROBLEM, "--N", "inf", "--json"],
        ["curve", *PROBLEM, "--N", "inf", "--alpha", "0,inf", "--format", "json"],
    ]
    np.savez(tmp_path / "x.npz", X=np.eye(4), y=[0, 1, 0, 1], coef_source=np.ones(4))
    commands.append(["fit", str(tmp_path / "x.npz"), "--gamma", "inf", "--json"])
    for command in commands:
        assert main(command) in {0, 1}
        text = capsys.readouterr().out
        assert '"inf"' in text
        json.loads(text, parse_constant=refuse)


# --- what only a process of its own shows -------------------------------------------------------------------


def process(*arguments, shell="", **environment):
    command = [sys.executable, "-m", "rmt_alpha", *arguments]
    words = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | environment)


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param("inline", marks=pytest.mark.slow),
        "module://matplotlib_inline.backend_inline",
        pytest.param("nonsense", marks=pytest.mark.slow),
        "tkagg",
    ],
)
def test_files_are_drawn_without_a_window(tmp_path, backend):
    done = process("curve", *PROBLEM, "--plot", str(tmp_path / "x.png"), MPLBACKEND=backend)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_the_environment_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "svg")
    main(["curve", *PROBLEM, "--alpha", "0,1"])
    assert os.environ["MPLBACKEND"] == "svg"
    monkeypatch.delenv("MPLBACKEND")
    main(["curve", *PROBLEM, "--alpha", "0,1"])
    assert "MPLBACKEND" not in os.environ
    capsys.readouterr()


def test_closed_streams():
    done = process("curve", *PROBLEM, shell=">&-")
    assert done.returncode == 2
    assert done.stderr == "rmt-alpha: standard output is closed; send it to a file, or to /dev/null\n"
    done = process("curve", *PROBLEM, "--alpha", "0,1", shell="2>&-")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    done = process("fly", shell="2>&-")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk():
    done = process("curve", *PROBLEM, shell="> /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("rmt-alpha curve: [Errno 28]")
    assert len(done.stderr.splitlines()) == 1


def test_control_c_while_the_command_is_imported_is_one_line():
    code = """
import os, signal, sys
class Interrupt:  # as the import of a verb reaches numpy
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv[1:] = ["optimal"]
from rmt_alpha.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "rmt-alpha: interrupted\n")
