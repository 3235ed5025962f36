"""The figure of multi-output regression."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.experiments.figures import regression


def test_setting_is_the_published_one():
    assert (regression.N_TARGET, regression.P, regression.OUTPUTS) == (20, 40, 10)
    assert (regression.SIGMA, regression.GAMMA, regression.FACTORS) == (0.5, 0.01, (-2, 0.5, 2))


@pytest.mark.parametrize("row", range(3))
def test_best_alpha_is_the_factor_and_the_minimiser(quick, row):
    result = quick("regression")
    target, source = regression.weights(regression.FACTORS[row])
    assert target.shape == source.shape == (10, 40)
    assert np.sum((target - regression.FACTORS[row] * source) * source) == pytest.approx(0, abs=1e-10)
    # tr(W_t W_s^T) / tr(W_s W_s^T) = b because the rest is orthogonal.
    assert result.optimum.optimal_alpha[row] == pytest.approx(regression.FACTORS[row], rel=1e-13)
    assert result.optimum.risk_optimal[row] <= result.main.risk[row].min()
    step = result.main.alpha[1] - result.main.alpha[0]
    assert abs(result.main.alpha[result.main.risk[row].argmin()] - result.optimum.optimal_alpha[row]) < step
    z = (
        result.optimum.simulated_optimum[row] - result.optimum.optimal_alpha[row]
    ) / result.optimum.standard_error[row]
    assert abs(z) < 4  # exact at any size: no bias
    assert result.optimum.standard_error[row] < 0.02


@pytest.mark.parametrize("row", range(3))
def test_simulated_risk_agrees_up_to_the_stated_bias(quick, row):
    result = quick("regression")
    # The prior's term has no bias for a vanishing ridge, the noise term is sigma^2 d n/(p - n - 1) and not
    # sigma^2 d n/(p - n): 0.13 more.  The small ridge makes it smaller.
    noise = 0.5**2 * 10
    bias = noise * (20 / (40 - 20 - 1) - 20 / (40 - 20))
    difference = result.simulated.simulated[row] - result.simulated.theory[row]
    assert (np.abs(difference) < 4 * result.simulated.standard_error[row] + bias).all()
    # The same risk without the division by h, the degrees of freedom left, would be seen.
    target, source = regression.weights(regression.FACTORS[row])
    ridge = ra.effective_ridge(40, 20, 0.01)
    missed = np.array([np.sum((target - alpha * source) ** 2) for alpha in result.simulated.alpha])
    wrong = noise + (ridge.kappa / ridge.lift) ** 2 * missed
    assert (
        np.abs(result.simulated.simulated[row] - wrong) > 20 * result.simulated.standard_error[row] + bias
    ).all()


def test_training_in_the_figure_minimises_the_loss():
    rng = np.random.default_rng(3)
    target, source = rng.standard_normal((2, 3, 7))
    coefficients = regression.simulated_risk(target, source, 5, sigma=0.3, gamma=0.2, draws=4, rng=9)
    assert coefficients.shape == (4, 3)
    # The same data again, and the minimiser by least squares on stacked data.
    again = np.random.default_rng(9)
    x = again.standard_normal((4, 7, 5))
    y = target @ x + 0.3 * again.standard_normal((4, 3, 5))
    for alpha in (-1.0, 0.0, 2.0):
        for draw in range(4):
            rows = np.vstack([x[draw].T / np.sqrt(5), np.sqrt(0.2) * np.eye(7)])
            right = np.vstack([y[draw].T / np.sqrt(5), np.sqrt(0.2) * alpha * source.T])
            trained = np.linalg.lstsq(rows, right, rcond=None)[0].T
            risk = np.sum((trained - target) ** 2) + 0.3**2 * 3
            assert coefficients[draw] @ [1, alpha, alpha**2] == pytest.approx(risk, rel=1e-12)
