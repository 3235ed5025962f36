"""The best alpha of a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from rmt_alpha import TransferProblem
from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.simulation import TransferDraws, simulate

PROBLEM = TransferProblem(beta=0.6, p=200, n=50, N=800, gamma=0.5)


def test_it_maximises_the_average_accuracy():
    run = simulate(PROBLEM, 0.0, replicates=300, rng=1)
    best, error = simulated_optimum(run.draws)
    found = optimize.minimize_scalar(lambda a: -run.at(a).accuracy, bounds=(0, 5), options={"xatol": 1e-9})
    assert best == pytest.approx(found.x, abs=1e-6)  # the maximum is flat: sqrt(eps) is all a search can see
    assert 0 < error < 0.1


def test_its_standard_error_is_the_spread_over_repetitions():
    repeats, errors = np.array(
        [simulated_optimum(simulate(PROBLEM, 0.0, replicates=100, rng=(2, i)).draws) for i in range(200)]
    ).T
    # The standard deviation of 200 values is known to 1/sqrt(2 * 199) = 5 %; four of these are 20 %.
    assert repeats.std(ddof=1) / errors.mean() == pytest.approx(1, abs=0.2)


def test_it_agrees_with_theory_and_not_with_the_best_risk():
    curve = PROBLEM.curve()
    best, error = simulated_optimum(simulate(PROBLEM, 0.0, replicates=2000, rng=3).draws)
    bigger = TransferProblem(beta=0.6, p=800, n=200, N=3200, gamma=0.5)
    big, big_error = simulated_optimum(simulate(bigger, 0.0, replicates=2000, rng=4).draws)
    limit, limit_error = (4 * big - best) / 3, np.hypot(4 * big_error, error) / 3
    assert abs(limit - curve.optimal_alpha()) < 4 * limit_error
    assert abs(limit - curve.optimal_alpha("risk")) > 10 * limit_error


def test_it_says_when_it_cannot_tell():
    # One draw whose accuracy rises with alpha for ever, one whose best alpha is infinite as well.
    rising = TransferDraws(
        np.array(0.0), 1.0, np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0, 0], [1.0, 0, 0]])
    )
    assert np.isnan(simulated_optimum(rising)).all()
