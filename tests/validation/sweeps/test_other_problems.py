"""Sweeps over several sources, regressions and corrections of low rank: the numbers of their curves."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha import sweep
from rmt_alpha.cli import main

ONE, TWO = np.array([0.5, 0.5, 0.0, 0.3]), np.array([0.0, 0.6, 0.3, 0.1])
TRAINED = ra.RidgeSource(ra.GaussianMixture.symmetric(TWO), n=20, gamma=0.1)
SEVERAL = ra.FineTuning(
    ra.GaussianMixture.symmetric(ONE + TWO), [ra.FixedSource(ONE), TRAINED], n=12, gamma=0.2
)
REGRESSION = ra.RidgeRegressionTransfer(None, ONE, TWO, 0.5, n=12, gamma=0.2)
LOW_RANK = ra.LowRankTransfer(0.6, [3, 2], 4.0, 1.0, n=60, p=20, d=15, gamma=0.1)


def same(array, expected):
    """To rounding: sums over several alphas may be in another order than of one."""
    assert array == pytest.approx(np.array(expected), rel=1e-12)


def test_several_sources_move_along_a_direction(tmp_path):
    directions = [[1.0, 1.0], [1.0, 0.0], "optimal"]
    axes = {"direction": directions, "source.2.n": [20, 40]}
    store = tmp_path / "several.sqlite"
    swept = sweep(SEVERAL, axes=axes, alpha=[0, 1, "optimal"], replicates=15, store=store)
    curve = SEVERAL.curve()
    best = curve.optimal_alpha()
    for row, direction in enumerate([[1.0, 1.0], [1.0, 0.0], best]):
        along = curve.along(direction)
        same(swept["accuracy"][row, 0, :2], along.accuracy([0.0, 1.0]))
        same(swept["optimal_alpha"][row, 0], along.optimal_alpha())
    assert swept["optimal_alpha"][2] == pytest.approx(1.0, abs=1e-9)
    assert "simulated_optimal_alpha" not in swept.data
    assert (abs(swept["simulated_accuracy"] - swept["accuracy"]) < 0.2).all()
    # Without a direction all alphas are the same.
    plain = sweep(SEVERAL, axes={"n": [12]}, alpha=[1], replicates=0, store=None)
    same(plain["accuracy"][0, 0], curve.accuracy([1.0, 1.0]))
    again = sweep(SEVERAL, axes=axes, alpha=[0, 1, "optimal"], replicates=15, store=store)
    assert again.computed == 0
    assert again == swept


def test_a_direction_is_what_is_simulated():
    """Other proportions give other draws: with the wrong ones this risk is off by tens of standard errors."""
    far = sweep(
        SEVERAL, axes={"direction": [[4.0, 0.0], [-4.0, 0.0]]}, alpha=[1], replicates=150, store=None, rng=3
    )
    error = far["simulated_risk_stderr"]
    assert (abs(far["simulated_risk"] - far["risk"]) < 5 * error + 0.2 * far["risk"]).all()
    assert (abs(far["simulated_risk"] - far["risk"][::-1]) > 5 * error).all()


def test_regressions(tmp_path):
    axes = {"exponent": [0, 1], "gamma": [0.1, 1.0], "noise": [0.5]}
    store = tmp_path / "regression.sqlite"
    swept = sweep(REGRESSION, axes=axes, alpha=[0, "optimal"], replicates=12, store=store, method="krylov")
    assert {"accuracy", "mean", "neutral_alpha"}.isdisjoint(swept.data)
    curve = ra.RidgeRegressionTransfer(
        ra.problems.covariances.power_law(1, 4), ONE, TWO, 0.5, n=12, gamma=0.1
    ).curve()
    same(swept["risk"][1, 0, 0], [curve.risk(0.0), curve.risk(curve.optimal_alpha())])
    same(swept["optimal_alpha"][1, 0, 0], curve.optimal_alpha())
    assert np.isfinite(swept["simulated_optimal_alpha"]).all()
    again = sweep(REGRESSION, axes=axes, alpha=[0, "optimal"], replicates=12, store=store, method="krylov")
    assert again.computed == 0
    assert again == swept


def test_low_rank(tmp_path):
    axes = {"rank": [0, 2], "spikes": [[3.0, 2.0], [1.0]], "p": [20]}
    store = tmp_path / "low_rank.sqlite"
    swept = sweep(LOW_RANK, axes=axes, alpha=[0, 0.6], replicates=3, store=store)
    same(swept["risk"][1, 0, 0], LOW_RANK.curve(2).risk([0.0, 0.6]))
    assert "simulated_optimal_alpha" not in swept.data
    assert sweep(LOW_RANK, axes=axes, alpha=[0, 0.6], replicates=3, store=store).computed == 0


@pytest.mark.parametrize(
    ("problem", "axes", "message"),
    [
        (LOW_RANK, {"n": [60]}, "rank is needed, from 0 to 15"),
        (LOW_RANK, {"rank": [16]}, "rank must be from 0 to min"),
        (LOW_RANK, {"rank": [0.5]}, "rank must be a whole number"),
        (LOW_RANK, {"noise": [1], "coef_target": [1]}, "coef_target is no axis"),
        (REGRESSION, {"rank": [1]}, "rank is no axis; axes are coef_target"),
        (REGRESSION, {"n": [2.5]}, "n must be a whole number"),
        (REGRESSION, {"noise": [-1]}, "axis noise, value -1: noise must be"),
    ],
)
def test_refusals(problem, axes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sweep(problem, axes=axes, alpha=[0], store=None)


def test_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("low.toml").write_text(
        "beta = 0.6\nspikes = [3, 2]\nsource_norm = 4\nnoise = 1\nn = 60\np = 20\nd = 15\nrank = 2\n"
        'alpha = [0, "optimal"]\nreplicates = 0\n[axes]\ngamma = [0.1, 1]\n'
    )
    assert main(["sweep", "low.toml", "--csv", "-"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.startswith("gamma,beta,source_norm,noise,n,p,d,rank,replicates,alpha_label,alpha,risk")
    assert float(first.split(",")[11]) == pytest.approx(LOW_RANK.curve(2).risk(0.0))
    several = "[target]\nmean = [1, 1]\n[[source]]\nweights = [1, 0]\n[[source]]\nweights = [0, 1]\n"
    tmp_path.joinpath("several.toml").write_text(
        f"n = 4\ngamma = 1\nalpha = 1\nreplicates = 0\n{several}[axes]\ndirection = [[1, 2], [1, 0]]\n"
    )
    assert main(["sweep", "several.toml", "--csv", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("1 2,4.0,1.0,")
