"""Problem files of a correction of low rank."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.cli import main
from rmt_alpha.cli.problem_file import load_problem

TEXT = """beta = 0.6
spikes = [3, 2]
source_norm = 4.0
noise = 1.0
n = 120
p = 50
d = 40
"""
PROBLEM = ra.LowRankTransfer(0.6, [3, 2], 4.0, 1.0, n=120, p=50, d=40)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "lora.toml"
    path.write_text(TEXT)
    return path


def test_a_file_with_spikes_is_one(file):
    assert load_problem(file) == PROBLEM
    file.write_text(TEXT + "gamma = 0.1\nrest = 2\n")
    assert load_problem(file).gamma == 0.1


def test_optimal(file, capsys):
    assert main(["optimal", "--problem", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["optimal_alpha"], shown["rank"], shown["spikes_seen"]) == (0.6, 2, 2)
    assert shown["excess_risk"]["1"] == pytest.approx(PROBLEM.excess_risk(1.0, 2))
    assert main(["optimal", "--problem", str(file), "--rank", "0"]) == 0
    shown = capsys.readouterr().out
    assert "alpha* = 0.6 with a correction of rank 0" in shown
    assert f"gain of alpha* over alpha = 1: {0.16 * 16:.4g}" in shown
    assert "2 of 2 spikes seen with 120 samples" in shown


def test_curve_and_compare(file, capsys, tmp_path):
    picture = tmp_path / "curve.png"
    words = ["--problem", str(file), "--rank", "1", "--alpha", "0,0.6"]
    assert main(["curve", *words, "--plot", str(picture)]) == 0
    header, first, _ = capsys.readouterr().out.splitlines()
    assert header == "alpha,risk,excess_risk"
    assert float(first.split(",")[2]) == pytest.approx(PROBLEM.excess_risk(0.0, 1))
    assert picture.stat().st_size > 1000
    assert main(["compare", *words, "--replicates", "20", "--plot", str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agrees"]


def test_the_band_is_simulated(file, capsys, tmp_path):
    picture = tmp_path / "band.png"
    words = ["--problem", str(file), "--rank", "1", "--alpha", "0,0.6,1"]
    assert main(["curve", *words, "--band", "--plot", str(picture)]) == 0
    out, err = capsys.readouterr()
    header, *rows = out.splitlines()
    assert header == "alpha,risk,excess_risk,risk_std"
    assert "is not derived: risk_std is that of 100 simulated draws, known to 7 %" in err
    run = ra.simulate(PROBLEM, [0, 0.6, 1], rank=1, replicates=100, rng=0)
    found = [float(row.split(",")[3]) for row in rows]
    np.testing.assert_array_equal(found, run.draws.risk.std(axis=0, ddof=1))
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["curve"], "needs --rank, from 0 to 40: the file has spikes"),
        (["compare"], "needs --rank, from 0 to 40"),
        (["curve", "--rank", "41"], "rank must be from 0 to min(d, p) = 40, got 41"),
        (["optimal", "--dps", "30"], "is not for a correction of low rank"),
    ],
)
def test_refusals(words, message, file, capsys):
    assert main([words[0], "--problem", str(file), *words[1:]]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rank = 3", "unknown key 'rank' in a LowRankTransfer"),
        ("gamma = [1, 2]", "gamma must be one number"),
        ("rest = -1", "rest must be a number from 0 to 1e30, got -1"),
    ],
)
def test_a_wrong_file(change, message, file, capsys):
    file.write_text(TEXT + change + "\n")
    assert main(["optimal", "--problem", str(file)]) == 2
    assert message in capsys.readouterr().err


def test_a_rank_is_for_low_rank_only(capsys):
    assert main(["curve", "--beta", "0.5", "-p", "10", "-n", "20", "--rank", "2"]) == 2
    assert "--rank is for a file with spikes" in capsys.readouterr().err
