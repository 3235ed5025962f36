"""The figures of convex losses: what they claim, and the simulation."""

from __future__ import annotations

import numpy as np

from rmt_alpha.experiments.figures import losses as losses_module
from rmt_alpha.experiments.figures.published_losses import LOSSES, problem

SIGMAS = 4.0
"""8 to 24 numbers are compared in each test: chance exceeds it once in 600 such runs or less."""
BIAS = 0.01
"""Of order 1/n, n >= 100, times numbers of order 1."""


def test_a_large_ridge_makes_losses_equal_and_a_small_one_does_not(quick):
    result = quick("losses")
    isotropic = result.best[0]
    assert np.ptp(isotropic[:, -1]) < 0.005
    assert (isotropic[1:, 0] > isotropic[0, 0] + 0.1).all()
    # The slope of the logistic loss at 0 is half that of the others.
    squared, logistic, hinge = result.optimal_alpha[0][:, -1]
    assert logistic < squared
    assert logistic < hinge
    assert (result.best >= result.plain - 1e-12).all()


def test_simulated_losses_agree(quick):
    result = quick("losses")
    assert result.simulated.shape == (2, len(losses_module.LOSSES), 1, 2)
    excess = abs(result.simulated - result.theory) - BIAS
    assert (excess <= SIGMAS * result.stderr).all()


def test_simulated_calibration_agrees(quick):
    result = quick("calibration")
    for q in range(2):
        excess = abs(result.simulated[q] / result.theory[q] - 1) - 2 * BIAS
        assert (excess <= SIGMAS * result.stderr[q] / result.theory[q]).all()


def test_least_loss_calibrates_better_than_highest_accuracy(quick):
    result = quick("calibration")
    accuracy, _, error = result.at_best.T
    other_accuracy, _, other_error = result.at_best_loss.T
    assert (accuracy >= other_accuracy).all()
    assert (error > other_error).all()
    # Overconfident in the end, whatever the ridge.
    assert (np.diff(result.slope[:, -3:], axis=1) < 0).all()
    assert (result.slope[:, -1] < 1).all()


def test_separable_data_have_no_training_error_and_squared_loss_is_best(quick):
    result = quick("published_losses")
    separable = result.ratio < 3
    assert (result.training[separable] < 1e-3).all()
    assert (result.training[result.ratio > 4] > 0.05).all()
    assert (np.diff(result.test) < 0).all()
    assert (result.test > result.bayes).all()
    assert (result.best[0] <= result.best[1:]).all()
    excess = abs(result.simulated - result.theory) - BIAS
    assert (excess <= SIGMAS * result.stderr).all()


def test_the_published_objective_has_the_stated_ridge():
    """sum log(1 + exp(-t w.x / sqrt(p))) + (lambda / 4) |w|^2, the two rows of weights being opposite."""
    ratio, penalty = 2.0, 1e-4
    one = problem(LOSSES[1], ratio, penalty / (2 * ratio))
    n, p = one.n, one.target.p
    # In weights v = w / sqrt(p): (1/n) sum + (lambda p / (4 n)) |v|^2 = (1/n) sum + (gamma / 2) |v|^2.
    assert np.isclose(one.gamma, penalty * p / (2 * n), rtol=1e-12)
    difference = one.target.means[1] - one.target.means[0]
    assert np.isclose(difference @ difference, 2.0)
