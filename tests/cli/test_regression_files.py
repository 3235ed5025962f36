"""Problem files of a regression."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.cli.problem_file import load_problem
from rmt_alpha.problems.covariances import power_law

TEXT = """coef_target = [1.0, 2.0, 0.5]
coef_source = "arrays.npz:source"
noise = 0.5
n = 40
gamma = 0.1
exponent = 1
"""
SOURCE = np.array([0.8, 1.0, 0.5])
PROBLEM = ra.RidgeRegressionTransfer(power_law(1, 3), [1.0, 2.0, 0.5], SOURCE, 0.5, n=40, gamma=0.1)


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / "arrays.npz", source=SOURCE)
    path = tmp_path / "regression.toml"
    path.write_text(TEXT)
    return path


def test_a_file_with_coefficients_is_one(file):
    assert load_problem(file) == PROBLEM
    file.write_text(TEXT.replace("exponent = 1", "covariance = [1, 2, 3]"))
    assert vars(load_problem(file))["covariance"].tolist() == [1, 2, 3]


def test_optimal(file, capsys):
    assert main(["optimal", "--problem", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    curve = PROBLEM.curve()
    assert shown["optimal_alpha"] == curve.optimal_alpha()
    assert shown["risk"] == {
        "optimal": curve.risk(shown["optimal_alpha"]),
        "0": curve.risk(0),
        "1": curve.risk(1),
    }
    assert float(shown["equivalent_samples"]) == PROBLEM.equivalent_samples()
    assert main(["optimal", "--problem", str(file), "--dps", "30"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"alpha* = {float(curve.optimal_alpha()):.12g}"[:20])
    assert "within one percent of the least risk" in text
    assert "the source helps for alpha in (0, " in text


def test_curve_and_compare(file, capsys, tmp_path):
    picture, words = tmp_path / "curve.png", ["--problem", str(file), "--alpha", "0,1"]
    assert main(["curve", *words, "--band", "--plot", str(picture)]) == 0
    header, first, _ = capsys.readouterr().out.splitlines()
    assert header == "alpha,risk,risk_std"
    assert [float(x) for x in first.split(",")] == [0.0, PROBLEM.risk(0.0), PROBLEM.curve().risk_std(0.0)]
    assert picture.stat().st_size > 1000
    assert main(["compare", *words, "--replicates", "100", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agrees"]


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        (TEXT, ["--criterion", "loss"], "--criterion loss is not for a regression"),
        (TEXT, ["--rank", "1"], "--rank is for a file with spikes"),
        (TEXT.replace("noise = 0.5\n", ""), [], "describes, needs 'noise'"),
        (TEXT + "beta = 1\n", [], "unknown key 'beta' in a RidgeRegressionTransfer"),
        (TEXT + "covariance = [1, 2, 3]\n", [], "beside it covariance may only be a number"),
        (TEXT.replace("n = 40", "n = [40]"), [], "n must be one number"),
    ],
)
def test_refusals(file, text, words, message, capsys):
    file.write_text(text)
    assert main(["optimal", "--problem", str(file), *words]) == 2
    assert message in capsys.readouterr().err
