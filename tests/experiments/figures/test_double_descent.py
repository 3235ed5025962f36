"""Double descent: the peak at n = p, what a ridge and alpha* do about it, and the simulation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from size_bias import z_scores

import rmt_alpha as ra
from rmt_alpha.experiments.figures import double_descent

P = 1000
SIGMAS = 4.5
"""174 numbers are compared: chance exceeds it once in 800 such runs."""


def test_lines_are_the_one_line_functions(quick):
    result = quick("double_descent")
    fields: dict[str, Any] = {"N": 5000, "gamma_source": 5.0}
    for i, gamma in enumerate(double_descent.GAMMAS):
        for j in (3, 100, 250, 400):
            n, best = result.main.n[j], result.main.optimal_alpha[i, j]
            if gamma > 0 or n < P:
                assert best == pytest.approx(ra.optimal_alpha(0.8, P, n, gamma=gamma, **fields), rel=1e-12)
            for k, alpha in enumerate((0.0, 1.0, best)):
                expected = ra.accuracy(alpha, 0.8, P, n, gamma=gamma, **fields)
                assert result.accuracy[i, k, j] == pytest.approx(expected, rel=1e-12)
            expected = ra.risk(result.main.optimal_alpha_risk[i, j], 0.8, P, n, gamma=gamma, **fields)
            assert result.risk[i, 2, j] == pytest.approx(expected, rel=1e-12)


def test_without_ridge_accuracy_falls_to_one_half_at_n_equal_p(quick):
    result = quick("double_descent")
    assert double_descent.GAMMAS[0] == 0
    gap = np.abs(result.main.n / P - 1)
    assert gap.min() == pytest.approx(1e-4)
    # At alpha = 0 with kappa = 0: mean 1/2, variance (1/4 + 1/4)/h, so the margin is sqrt(h/2), and h = gap.
    expected = 0.5 + np.sqrt(gap[gap < 2e-4] / (2 * np.pi) / 2)
    np.testing.assert_allclose(result.accuracy[0, 0, gap < 2e-4], expected, atol=0.001)
    assert (result.accuracy[0, :, gap < 2e-4] < 0.515).all()
    assert (result.risk[0, :, gap < 2e-4] > 1000).all()


def test_the_dip_is_at_n_equal_p_without_and_with_a_small_ridge(quick):
    result = quick("double_descent")
    for i in (0, 1):
        for k in range(3):
            dip = np.argmin(np.where(np.abs(np.log(result.main.n / P)) < 1.5, result.accuracy[i, k], 1))
            assert abs(result.main.n[dip] / P - 1) < 0.1  # kappa has its bend within sqrt(gamma)
            peak = np.argmax(result.risk[i, k])
            assert abs(result.main.n[peak] / P - 1) < 0.1
    # With the larger ridge more data never harm who ignores the source ...
    assert (np.diff(result.accuracy[2, 0]) > 0).all()
    # ... but they do harm, somewhere, at the best alpha: there the source alone did better.
    assert (np.diff(result.accuracy[2, 2]) < 0).any()


def test_the_best_alpha_is_best_and_beyond_p_no_alpha_matters_without_ridge(quick):
    result = quick("double_descent")
    assert (result.accuracy[:, 2] >= result.accuracy[:, :2].max(axis=1) - 1e-15).all()
    assert (result.risk[:, 2] <= result.risk[:, :2].min(axis=1) * (1 + 1e-14)).all()
    beyond = result.main.n > P
    np.testing.assert_array_equal(result.accuracy[0, 0, beyond], result.accuracy[0, 1, beyond])
    assert (result.accuracy[1, 2, beyond] - result.accuracy[1, 1, beyond] > 0).all()
    below = result.main.n < 0.8 * P
    assert (result.accuracy[:, 2, below] - result.accuracy[:, 0, below] > 0.02).all()


def accuracy_and_risk(run):
    """Accuracy at alpha = 0, 1 and its best, then the risk at 0, 1 and its best."""
    pick = [0, 1, 2, 0, 1, 3]
    means = np.where(np.arange(6) < 3, run.accuracy[pick], run.risk[pick])
    return means, np.where(np.arange(6) < 3, run.accuracy_stderr[pick], run.risk_stderr[pick])


def predictions(problem, alphas):
    curve = problem.curve()
    return np.concatenate([curve.accuracy(alphas[:3]), curve.risk(alphas[[0, 1, 3]])])


def test_simulation_agrees_with_theory(quick):
    result = quick("double_descent")
    wrong = np.zeros(6)
    for i, gamma in enumerate(double_descent.GAMMAS):
        for j, n in enumerate(double_descent.POINTS):
            if gamma == 0 and n == P:
                assert np.isnan(result.simulated.accuracy_simulated[i, :, j]).all()
                continue
            problem = double_descent.problem(gamma, int(n))
            alphas = np.array([0.0, 1.0, *double_descent.predict(gamma, np.array([n]))[0][:, 0]])
            found = np.concatenate(
                [result.simulated.accuracy_simulated[i, :, j], result.simulated.risk_simulated[i, :, j]]
            )
            errors = np.concatenate(
                [
                    result.simulated.accuracy_standard_error[i, :, j],
                    result.simulated.risk_standard_error[i, :, j],
                ]
            )
            right = np.concatenate(
                [result.simulated.accuracy_theory[i, :, j], result.simulated.risk_theory[i, :, j]]
            )
            # A theory that forgets the noise in the source's weights would be seen.
            forgetful = predictions(dataclasses.replace(problem, N=np.inf), alphas)
            z = z_scores(
                problem,
                alphas,
                np.stack([right, forgetful]),
                (found, errors),
                draws=150,
                seed=200 + 20 * i + j,
                quantity=accuracy_and_risk,
            )
            assert (np.abs(z[0]) < SIGMAS).all(), (gamma, n, z[0])
            wrong = np.maximum(wrong, np.abs(z[1]))
    assert (wrong[[1, 2, 4, 5]] > 1.5 * SIGMAS).all()  # at alpha = 0 there is no source to forget
