"""The source's ridge: what is best for itself, what for transfer, and the simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from half_size import half_size_z_scores
from size_bias import z_scores

import rmt_alpha as ra
from rmt_alpha.experiments.figures import source_ridge
from rmt_alpha.experiments.figures._optimum import best_ridge
from rmt_alpha.experiments.figures.source_ridge import CASES, N, P

SIGMAS = 4.0
"""30 accuracies are compared: chance exceeds it once in 500 such runs."""


def test_curves_are_those_of_the_models(quick):
    result = quick("source_ridge")
    k = 20
    ridge = result.main.gamma_source[k]
    fields: dict[str, Any] = {"N": N, "gamma": 1.0, "gamma_source": ridge}
    best = ra.optimal_alpha(0.9, P, 50, **fields)
    expected = [ra.accuracy(0.0, 1.0, P, N, gamma=ridge), ra.risk(0.0, 1.0, P, N, gamma=ridge)]
    expected += [ra.accuracy(alpha, 0.9, P, 50, **fields) for alpha in (1.0, best)]
    np.testing.assert_allclose(result.values[0, :, k], np.array(expected), rtol=1e-12)
    # With hardly any target data w = alpha w~, whose accuracy on the source's own task is its own.
    alone = CASES[1]._replace(beta=1.0, n=1e-9, gamma=1.0).problem(ridge).curve()
    assert alone.accuracy(1e9) == pytest.approx(result.values[1, 0, k], abs=1e-6)


def test_means_have_the_stated_geometry():
    for beta in (0.5, 0.9, 1.0):
        source, target = source_ridge.means(beta)
        assert source @ source == pytest.approx(1)
        assert target @ target == pytest.approx(1)
        assert source @ target == pytest.approx(beta)
    assert source_ridge.VARIANCES.mean() == pytest.approx(1)


def test_best_ridges_are_best(quick):
    result = quick("source_ridge")
    signs = np.array([1, -1, 1, 1])[:, None]
    for i in range(len(CASES)):
        at_own = np.diagonal(result.at_best[i])[:, None]
        assert (signs * at_own >= signs * result.values[i] - 1e-12).all()


def test_uncorrelated_features_want_an_infinite_ridge_except_at_alpha_1(quick):
    result = quick("source_ridge")
    own, own_risk, one, tuned = result.best_ridge[0]
    assert (own, tuned) == (np.inf, np.inf)
    assert 0.1 < own_risk < 1
    assert 0.1 < one < 1
    assert (np.diff(result.values[0, [0, 3]], axis=1) > -1e-12).all()
    # Trained for its own accuracy, the source leaves nothing at alpha = 1 but the fit without it.
    nothing = ra.accuracy(0.0, 0.9, P, 50, gamma=1.0)
    assert result.at_best[0, 0, 2] == pytest.approx(nothing, abs=1e-3)
    assert result.at_best[0, 2, 2] - result.at_best[0, 0, 2] > 0.1


def test_correlated_features_have_three_different_finite_best_ridges(quick):
    result = quick("source_ridge")
    close, remote = result.best_ridge[1], result.best_ridge[2]
    assert np.isfinite(result.best_ridge[1:]).all()
    assert close[1] < close[0]
    assert close[2] < close[0] / 3  # alpha = 1 wants longer weights
    assert close[3] > close[0] * 3
    assert remote[2] > remote[0] * 3  # alpha = 1 wants shorter ones
    assert remote[3] < remote[0]
    # Tuning alpha makes the choice of the source's ridge nearly harmless.
    lost = result.at_best[:, 3, 3] - result.at_best[:, 0, 3]
    assert (lost >= 0).all()
    assert lost.max() < 0.002


def test_simulation_agrees_with_theory(quick):
    result = quick("source_ridge")
    wrong = 0.0
    for i, case in enumerate(CASES):
        for j, ridge in enumerate(source_ridge.POINTS):
            problem = case.problem(ridge)
            alphas = np.array([1.0, problem.curve().optimal_alpha()])
            found = result.simulated.simulated[i, :, j], result.simulated.standard_error[i, :, j]
            # A theory with the next ridge of the list must fail somewhere, and often.
            other = case.problem(source_ridge.POINTS[j - 1]).curve().accuracy(alphas)
            theories = np.stack([result.simulated.theory[i, :, j], other])
            judge: Any = half_size_z_scores if case.correlated else z_scores
            # At half the size the error counts half.
            draws = 50 if case.correlated else 150
            z = judge(problem, alphas, theories, found, draws=draws, seed=100 + 10 * i + j)
            assert (np.abs(z[0]) < SIGMAS).all(), (case.label, ridge, z)
            wrong += (np.abs(z[1]) > SIGMAS).mean()
    assert wrong > 7


def test_best_ridge_refines_the_grid_and_knows_infinity():
    grid = np.logspace(-2, 2, 21)
    peak = best_ridge(lambda g: -((np.log(g) - 1.3) ** 2), grid, -((np.log(grid) - 1.3) ** 2))
    assert np.log(peak) == pytest.approx(1.3, abs=1e-5)
    assert best_ridge(lambda g: g, grid, grid) == np.inf
