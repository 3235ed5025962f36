"""Finite-size error bars against the spread of simulated draws."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.theory.isotropic.fluctuations import Fluctuations

ALPHAS = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])
PROBLEMS = {
    "known source": {"beta": 0.6, "p": 1500, "n": 1000, "gamma": 0.3},
    "trained source": {"beta": 0.6, "p": 1500, "n": 1000, "gamma": 0.3, "N": 2500, "gamma_source": 0.2},
    "source with N < p, negative beta": {
        "beta": -0.4,
        "p": 1000,
        "n": 3000,
        "gamma": 0.05,
        "N": 700,
        "gamma_source": 0.5,
        "mu": 2.0,
        "mu_orth": 0.7,
    },
    "n < p": {"beta": 0.7, "p": 1000, "n": 300, "gamma": 2.0, "N": 900, "gamma_source": 0.05, "mu": 1.5},
    "n = p": {"beta": 0.5, "p": 800, "n": 800, "gamma": 0.05, "N": 800, "gamma_source": 0.1},
    "interpolation": {"beta": 0.5, "p": 1200, "n": 800, "gamma": 0.0, "N": 3000},
    "scaled target": {"beta": 0.5, "p": 900, "n": 600, "gamma": 0.5, "N": 1200, "target_scale": 1.7},
}
REPLICATES = 2000


def ratios(problem: ra.TransferProblem, replicates: int, seed: int) -> dict[str, np.ndarray]:
    """Spread of the draws over predicted spread."""
    curve = problem.curve()
    simulation = ra.simulate(problem, ALPHAS, replicates=replicates, rng=seed)
    found = {
        name: getattr(simulation.draws, name).std(axis=0, ddof=1) / getattr(curve, f"{name}_std")(ALPHAS)
        for name in ("accuracy", "mean", "variance", "risk")
    }
    best = simulation.draws.optimal_alpha()
    found["optimal_alpha"] = np.atleast_1d(best.std(ddof=1) / curve.optimal_alpha_std())
    return found


def allowed(replicates: int, n: float, sigmas: float = 4.5) -> float:
    """Sampling error of a standard deviation, 1/sqrt(2R), and its bias of order 1/n (constants up to 20)."""
    return sigmas / math.sqrt(2 * replicates) + 20 / n


@pytest.mark.parametrize("name", PROBLEMS)
def test_predicted_spread_is_the_simulated_spread(name):
    problem = ra.TransferProblem(**PROBLEMS[name])
    for quantity, ratio in ratios(problem, REPLICATES, seed=11).items():
        # alpha* is a ratio and has heavier tails: its second-order terms are several times larger.
        slack = 3 if quantity == "optimal_alpha" else 1
        assert np.abs(ratio - 1).max() < slack * allowed(REPLICATES, float(problem.n)), quantity


def test_a_spread_without_the_source_would_fail():
    problem = ra.TransferProblem(**PROBLEMS["trained source"])
    curve = problem.curve()
    assert curve.fluctuations is not None
    full = curve.fluctuations()
    without = dataclasses.replace(curve, fluctuations=lambda: Fluctuations(full.chain, None))
    simulated = ra.simulate(problem, ALPHAS, replicates=REPLICATES, rng=3).draws.accuracy.std(axis=0)
    assert np.abs(simulated / without.accuracy_std(ALPHAS) - 1).max() > 2 * allowed(
        REPLICATES, float(problem.n)
    )


@pytest.mark.parametrize("n", [50, 400, 3200, pytest.param(10**6, marks=pytest.mark.slow)])
def test_spread_falls_like_the_root_of_n(n):
    problem = ra.TransferProblem(0.6, p=3 * n // 2, n=n, N=5 * n // 2, gamma=0.3)
    replicates = 2000 if n < 10**5 else 400
    simulated = ra.simulate(problem, 1.0, replicates=replicates, rng=5).draws.accuracy.std(ddof=1)
    assert simulated / problem.curve().accuracy_std(1.0) == pytest.approx(1, abs=allowed(replicates, n))
    larger = ra.TransferProblem(0.6, p=6 * n, n=4 * n, N=10 * n, gamma=0.3).curve()
    assert larger.accuracy_std(1.0) == pytest.approx(problem.curve().accuracy_std(1.0) / 2, rel=1e-12)


def test_limits_of_the_spread():
    assert ra.TransferProblem(0.5, p=100, n=math.inf, N=math.inf).curve().accuracy_std(1.0) == 0
    least_squares = ra.TransferProblem(0.5, p=100, n=200, N=50, gamma=0).curve()
    assert least_squares.optimal_alpha_std() == 0
    spread = np.asarray(least_squares.accuracy_std([0.0, 1.0, 5.0]))
    assert spread[0] > 0
    np.testing.assert_allclose(spread, spread[0], rtol=1e-12)
    without_signal = ra.TransferProblem(0.5, p=100, n=50, N=50, mu=0, mu_orth=0).curve()
    assert without_signal.accuracy_std(1.0) == 0
    stacked = ra.TransferProblem([[0.2], [0.9]], p=100, n=[50, 60, 70], N=300).curve()
    assert np.shape(stacked.accuracy_std(1.0)) == np.shape(stacked.optimal_alpha_std()) == (2, 3)
    single = ra.TransferProblem(0.9, p=100, n=60, N=300).curve()
    assert np.asarray(stacked.risk_std(1.0))[1, 1] == pytest.approx(single.risk_std(1.0), rel=1e-13)
    assert type(single.mean_std(1)) is float


@pytest.mark.parametrize(
    ("fields", "power"),
    [
        ({"beta": 0.5, "N": 100, "gamma": 0}, 1),
        ({"beta": 0.5, "gamma": 1.0}, 1),
        ({"beta": 1, "gamma": 0}, 2),
    ],
)
def test_spread_of_the_best_alpha_falls_like_a_power_of_a_huge_source(fields, power):
    """Its terms cancel to nothing at mu = 1e10 (before: NaN), unless they are summed as squares."""

    def std(mu):
        return ra.TransferProblem(p=50, n=20, mu=mu, **fields).curve().optimal_alpha_std()

    # The relative correction is of order 1/mu, the rounding of the parts 1e-16 mu before 1e8 at worst.
    assert std(1e10) > 0
    assert std(1e10) == pytest.approx(std(1e5) * 1e-5**power, rel=1e-4)


def test_bad_input():
    curve = ra.TransferProblem(0.5, p=100, n=50).curve()
    with pytest.raises(ValueError, match="alpha must be a finite number, got inf"):
        curve.accuracy_std(math.inf)
    with pytest.raises(TypeError, match="alpha must be a real number"):
        curve.mean_std("1")
    with pytest.raises(ValueError, match="no finite-size error bars"):
        ra.TransferProblem(0.5, p=100, n=50).curve(dps=30).accuracy_std(1)
