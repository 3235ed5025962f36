"""Problems read from TOML files, and every way in which a file can be wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.cli.problem_file import load_problem

SYMMETRIC = """
n = 30
gamma = 0.4

[target]
mean = [0.6, 0.8, 0.0, 0.0]

[source]
weights = [1.0, 0.0, 0.0, 0.0]
"""
GENERAL = """
n = 40
gamma = 0.2
intercept = true
label_noise = [0.1, 0.0]

[target]
means = "arrays.npz:means"
covariances = [[1.0, 2.0, 1.0], "arrays.npz:dense"]
priors = [0.3, 0.7]

[source]
n = 90
gamma = 0.5
means = [[-1.0, 0.0, 0.0], [1.0, 0.2, 0.0]]
covariance = 1.5
"""


@pytest.fixture
def write(tmp_path):
    def put(text, name="problem.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 3))
    np.savez(tmp_path / "arrays.npz", means=rng.standard_normal((2, 3)), dense=root @ root.T)
    return put


def test_transfer_problem(write):
    problem = load_problem(write("beta = 0.5\np = 100\nn = 40\nN = inf\ngamma = 0.1\n"))
    assert problem == ra.TransferProblem(0.5, p=100, n=40, N=np.inf, gamma=0.1)


@pytest.mark.parametrize("several", [False, True])
def test_optimal_says_what_the_source_is_worth_in_samples(write, capsys, several):
    path = write(
        SYMMETRIC.replace("[source]", "[[source]]") + "\n[[source]]\nweights = [0, 1.0, 0, 0]" * several
    )
    assert main(["optimal", "--problem", str(path), "--json"]) == 0
    values, problem = json.loads(capsys.readouterr().out), load_problem(path)
    assert isinstance(problem, ra.FineTuning)
    assert float(values["equivalent_samples"]) == pytest.approx(problem.equivalent_samples(), rel=1e-9)
    assert main(["optimal", "--problem", str(path)]) == 0
    assert "more target samples" in capsys.readouterr().out or values["equivalent_samples"] == "inf"


def test_symmetric_mixture_is_the_isotropic_model(write):
    loaded = load_problem(write(SYMMETRIC))
    assert isinstance(loaded, ra.FineTuning)
    curve = loaded.curve()
    expected = ra.TransferProblem.from_source([1, 0, 0, 0], [0.6, 0.8, 0, 0], n=30, gamma=0.4).curve()
    assert curve.accuracy(1.0) == pytest.approx(expected.accuracy(1.0), rel=1e-12)
    assert curve.optimal_alpha() == pytest.approx(expected.optimal_alpha(), rel=1e-12)


def test_general_mixture_with_arrays_beside_the_file(write, tmp_path):
    problem = load_problem(write(GENERAL))
    assert isinstance(problem, ra.FineTuning)
    arrays = np.load(tmp_path / "arrays.npz")
    target = ra.GaussianMixture(arrays["means"], [np.array([1.0, 2.0, 1.0]), arrays["dense"]], [0.3, 0.7])
    source = ra.RidgeSource(ra.GaussianMixture([[-1.0, 0.0, 0.0], [1.0, 0.2, 0.0]], 1.5), 90, 0.5)
    expected = ra.FineTuning(target, source, 40, 0.2, intercept=True, label_noise=[0.1, 0.0])
    alphas = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(problem.curve().accuracy(alphas), expected.curve().accuracy(alphas))


def fine_tuning(path: Path) -> ra.FineTuning:
    problem = load_problem(path)
    assert isinstance(problem, ra.FineTuning)
    return problem


SQUARE = """
n = 40
gamma = 0.2

[target]
means = MEANS
covariances = VALUE

[source]
weights = WEIGHTS
"""


def square(k, value, key="covariances"):
    """As many classes as dimensions."""
    text = SQUARE.replace("covariances", key).replace("VALUE", str(value))
    weights = [1.0, 0.5] if k == 2 else np.eye(k).tolist()
    return text.replace("MEANS", str(np.eye(k).tolist())).replace("WEIGHTS", str(weights))


@pytest.mark.parametrize("k", [2, 3])
def test_covariances_that_could_be_read_in_two_ways(k, write, tmp_path):
    """What Python refuses is refused with the spellings of a file, and the rest is read as in Python."""
    means, scalars, nested = np.eye(k), [float(i + 1) for i in range(k)], (np.eye(k) + 1).tolist()
    for value in (scalars, nested):
        with pytest.raises(ValueError, match="could be one covariance of all classes"):
            ra.GaussianMixture(means, value)
        with pytest.raises(
            ValueError, match=r"write covariance = \.\.\. for one of all classes; for one per class"
        ):
            fine_tuning(write(square(k, value)))
        shared = fine_tuning(write(square(k, value, "covariance"))).target
        assert shared == ra.GaussianMixture(means, np.array(value))
    matrices = [(c * np.eye(k)).tolist() for c in scalars]
    assert fine_tuning(write(square(k, matrices))).target == ra.GaussianMixture(means, matrices)
    diagonals = np.arange(1.0, k * k + 1).reshape(k, k)
    arrays: dict[str, Any] = {f"c{i}": c for i, c in enumerate(diagonals)}
    np.savez(tmp_path / "diagonals.npz", matrix=np.array(nested), **arrays)
    each = [f"diagonals.npz:c{i}" for i in range(k)]
    assert fine_tuning(write(square(k, each))).target == ra.GaussianMixture(means, list(diagonals))
    # An array is an array: one matrix of all classes, in Python too.
    matrix = fine_tuning(write(square(k, '"diagonals.npz:matrix"'))).target
    assert matrix == ra.GaussianMixture(means, np.array(nested))


def test_covariances_of_a_symmetric_mixture(write):
    text = SYMMETRIC.replace("[source]", "covariances = VALUE\n\n[source]")
    target = fine_tuning(write(text.replace("VALUE", "[1.0, 2.0]"))).target
    assert [c.tolist() for c in target.covariances] == [1.0, 2.0]  # one per class, as in Python
    target = fine_tuning(write(text.replace("VALUE", "[1.0, 2.0, 3.0, 4.0]"))).target
    assert target.covariances[0].tolist() == [1.0, 2.0, 3.0, 4.0]
    short = text.replace(", 0.0, 0.0]", "]")
    with pytest.raises(ValueError, match=r"\[target\] covariances could be one covariance of all classes"):
        fine_tuning(write(short.replace("VALUE", "[1.0, 2.0]")))


def test_the_command_line_reads_it(write, capsys):
    path = write(SYMMETRIC)
    assert main(["curve", "--problem", str(path), "--alpha", "0,1"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    asked = np.asarray(fine_tuning(path).curve().accuracy([0.0, 1.0]))  # at once, as there
    assert float(rows[1]["accuracy"]) == asked[1]
    assert main(["compare", "--problem", str(path), "--alpha", "0,1", "--replicates", "200"]) == 0
    assert "agree" in capsys.readouterr().out


def table(output: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output)))


def test_the_command_line_shows_the_accuracy_of_every_class(write, capsys, tmp_path):
    picture = tmp_path / "curve.png"
    assert main(["curve", "--problem", str(write(GENERAL)), "--plot", str(picture)]) == 0
    rows = table(capsys.readouterr().out)
    curve = fine_tuning(tmp_path / "problem.toml").curve()
    for row in rows:
        each = [float(row[f"class_accuracy[{c}]"]) for c in range(2)]
        assert float(row["accuracy"]) == pytest.approx(0.3 * each[0] + 0.7 * each[1], rel=1e-12)
    best = max(rows, key=lambda row: float(row["accuracy"]))
    assert float(best["accuracy"]) <= curve.accuracy(curve.optimal_alpha())
    assert picture.stat().st_size > 1000
    assert main(["curve", "--problem", str(tmp_path / "problem.toml"), "--band", "--alpha", "0,1"]) == 0
    bars = [float(row["accuracy_std"]) for row in table(capsys.readouterr().out)]
    np.testing.assert_allclose(bars, curve.accuracy_std([0.0, 1.0]), rtol=1e-12)


def test_many_classes(write, capsys):
    path = write(
        "n = 20\ngamma = 0.1\n[target]\nmeans = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\n"
        "[source]\nweights = [[1, 0, 0], [0, 1, 0], [0.2, 0, 1]]\n"
    )
    assert fine_tuning(path).outputs == 3
    assert main(["curve", "--problem", str(path), "--alpha", "0,1"]) == 0
    rows = table(capsys.readouterr().out)
    assert list(rows[0]) == ["alpha", "accuracy", "risk", *(f"class_accuracy[{c}]" for c in range(3))]
    assert main(["compare", "--problem", str(path), "--alpha", "0,1", "--replicates", "200"]) == 0


def test_several_sources(write, capsys):
    path = write(
        "n = 20\ngamma = 0.1\n[target]\nmean = [1.0, 0.5, 0.0]\n"
        "[[source]]\nweights = [1.0, 0.0, 0.0]\n"
        "[[source]]\nmean = [0.0, 1.0, 0.3]\nn = 50\ngamma = 0.5\nlabel_noise = 0.1\nintercept = true\n"
    )
    problem = fine_tuning(path)
    trained = problem.sources[1]
    assert isinstance(trained, ra.RidgeSource)
    assert trained.intercept
    assert trained.label_noise.tolist() == [0.1, 0.1]
    best = np.asarray(problem.curve().optimal_alpha())
    assert main(["curve", "--problem", str(path), "--alpha", "0,1"]) == 0
    shown = capsys.readouterr()
    assert f"alpha multiplies ({best[0]:.6g}, {best[1]:.6g})" in shown.err
    assert float(table(shown.out)[1]["accuracy"]) == pytest.approx(problem.curve().accuracy(best), rel=1e-12)


def test_the_best_alpha_of_a_file(write, capsys, tmp_path):
    path = write(GENERAL)
    curve = fine_tuning(path).curve()
    assert main(["optimal", "--problem", str(path)]) == 0
    shown = capsys.readouterr().out
    assert f"alpha* = {curve.optimal_alpha():.6g}" in shown
    assert f"accuracy {curve.accuracy(curve.optimal_alpha()):.6g}" in shown
    assert "by class" in shown
    assert main(["optimal", "--problem", str(path), "--criterion", "risk", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["optimal_alpha"] == curve.optimal_alpha("risk")
    assert values["class_accuracy"]["1"] == curve.class_accuracy(1).tolist()
    # A source that only helps more the stronger it is: the data alone are worse than nothing.
    path = write(
        "n = 3\ngamma = 0.5\n[target]\nmean = [1.0, 0.0]\n[source]\nweights = [[1.0, 0.0], [2.0, 0.0]]\n"
    )
    assert main(["optimal", "--problem", str(path)]) == 0
    assert "alpha* = (" in capsys.readouterr().out


BAD = [
    ("beta = ", "no valid TOML"),
    ("beta = 0.5\np = 10\n", "needs 'n'"),
    ("beta = 0.5\np = 10\nn = 5\neta = 2\n", "unknown key 'eta'"),
    ("beta = 1.5\np = 10\nn = 5\n", r"beta must be a number in \[-1, 1\]"),
    (SYMMETRIC.replace("n = 30", ""), "needs 'n'"),
    (SYMMETRIC.replace("mean =", "center ="), r"unknown key 'center' in \[target\]"),
    (SYMMETRIC.replace("mean =", "priors ="), "must have either mean"),
    (SYMMETRIC.replace("[source]", "[elsewhere]"), "unknown key 'elsewhere'"),
    (SYMMETRIC.replace("weights = [1.0, 0.0, 0.0, 0.0]", "gamma = 1.0"), "needs 'n'"),
    (
        SYMMETRIC.replace("[1.0, 0.0, 0.0, 0.0]", '"arrays.npz:nothing"'),
        "has no array 'nothing'; it has means",
    ),
    (SYMMETRIC.replace("[1.0, 0.0, 0.0, 0.0]", '"arrays"'), "must be numbers or 'file.npz:name'"),
    ("target = 3\nn = 4\ngamma = 1\nsource = 2\n", r"target must be a table \[target\]"),
    (
        GENERAL.replace("covariances =", "covariance = 1.0\ncovariances ="),
        "covariance or covariances, not both",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_files_are_explained(text, message, write, capsys):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        fine_tuning(path)
    assert "problem.toml" in str(caught.value)
    assert main(["curve", "--problem", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("verb", ["optimal", "curve", "compare"])
def test_a_problem_is_needed(verb, capsys):
    assert main([verb]) == 2
    assert "needs --beta, or a file with --problem" in capsys.readouterr().err


def test_options_cannot_contradict_the_file(write, capsys):
    assert main(["curve", "--problem", str(write(SYMMETRIC)), "--beta", "0.3"]) == 2
    assert "--beta cannot be given beside --problem" in capsys.readouterr().err
    assert main(["curve", "--problem", "no_such_file.toml"]) == 2
    assert "no_such_file.toml" in capsys.readouterr().err
