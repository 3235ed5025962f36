"""The figures of convex losses: what they claim, and the simulation."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from rmt_alpha.experiments.figures import losses as losses_module
from rmt_alpha.experiments.figures.published_losses import LOSSES, problem

SIGMAS = 4.0
"""8 to 24 numbers are compared in each test: chance exceeds it once in 600 such runs or less."""
BIAS = 0.01
"""Of order 1/n, n >= 100, times numbers of order 1."""


def test_a_large_ridge_makes_losses_equal_and_a_small_one_does_not(quick):
    result = quick("losses")
    isotropic = result.main.accuracy_optimal[0]
    assert np.ptp(isotropic[:, -1]) < 0.005
    assert (isotropic[1:, 0] > isotropic[0, 0] + 0.1).all()
    # The slope of the logistic loss at 0 is half that of the others.
    squared, logistic, hinge = result.main.optimal_alpha[0][:, -1]
    assert logistic < squared
    assert logistic < hinge
    assert (result.main.accuracy_optimal >= result.main.accuracy_1 - 1e-12).all()


def difference(table, name):
    """Simulated minus predicted, its standard error, and the prediction."""
    theory = getattr(table, f"{name}_theory")
    return getattr(table, f"{name}_simulated") - theory, getattr(table, f"{name}_standard_error"), theory


def test_simulated_losses_agree(quick):
    for name in ("accuracy_optimal", "accuracy_1"):
        found, error, _ = difference(quick("losses").simulated, name)
        assert found.shape == (2, len(losses_module.LOSSES), 1)
        assert (abs(found) - BIAS <= SIGMAS * error).all()


def test_softmax_is_ahead_of_squared_loss_where_classes_stand_in_a_row(quick):
    result = quick("softmax")
    for name in ("accuracy_0", "accuracy_1"):
        found, error, _ = difference(result.simulated, name)
        assert (abs(found) - BIAS <= SIGMAS * error).all()
    squared, softmax = result.best.best_accuracy_1.T
    row, equilateral = softmax - squared
    assert row > equilateral > 0
    assert (result.best.best_accuracy_optimal >= result.best.best_accuracy_1 - 1e-6).all()


def test_simulated_calibration_agrees(quick):
    for name in ("accuracy", "slope"):
        found, error, theory = difference(quick("calibration").simulated, name)
        assert (abs(found / theory) - 2 * BIAS <= SIGMAS * error / theory).all()


def test_least_loss_calibrates_better_than_highest_accuracy(quick):
    result = quick("calibration")
    accuracy, other_accuracy = result.best.accuracy.T
    error, other_error = result.best.calibration_error.T
    assert (accuracy >= other_accuracy).all()
    assert (error > other_error).all()
    # Overconfident in the end, whatever the ridge.
    assert (np.diff(result.main.calibration_slope[:, -3:], axis=1) < 0).all()
    assert (result.main.calibration_slope[:, -1] < 1).all()


def test_separable_data_have_no_training_error_and_squared_loss_is_best(quick):
    result = quick("published_losses")
    ratio, test, training = vars(result.main).values()
    assert (training[ratio < 3] < 1e-3).all()
    assert (training[ratio > 4] > 0.05).all()
    assert (np.diff(test) < 0).all()
    assert (test > ndtr(-1.0)).all()  # the Bayes error: half the distance is one standard deviation
    assert (result.best.squared <= np.minimum(result.best.logistic, result.best.hinge)).all()
    for name in ("test", "training"):
        found, error, _ = difference(result.simulated, name)
        assert (abs(found) - BIAS <= SIGMAS * error).all()


def test_a_source_counts_for_the_hinge_loss_and_below_the_threshold_only(quick):
    result = quick("separability")
    hinge, logistic = zip(
        *(getattr(result.accuracy, f"accuracy_{a}") for a in ("0", "1", "optimal")), strict=True
    )
    below = result.accuracy.ratio.ravel() < result.edge
    assert (np.diff(np.array(hinge)[:, below], axis=0) > 1e-3).any(axis=1).all()
    assert np.ptp(np.array(hinge)[:, ~below], axis=0).max() < 1e-12
    assert np.ptp(np.array(logistic), axis=0).max() < 1e-12
    share = result.separable.separable_share
    assert share[0, 0] == 1
    assert share[0, -1] == 0
    for name in ("accuracy_0", "accuracy_1", "accuracy_optimal"):
        found, error, _ = difference(result.simulated, name)
        assert (abs(found) - BIAS <= SIGMAS * error).all()


def test_the_published_objective_has_the_stated_ridge():
    """sum log(1 + exp(-t w.x / sqrt(p))) + (lambda / 4) |w|^2, the two rows of weights being opposite."""
    ratio, penalty = 2.0, 1e-4
    one = problem(LOSSES[1], ratio, penalty / (2 * ratio))
    n, p = one.n, one.target.p
    # In weights v = w / sqrt(p): (1/n) sum + (lambda p / (4 n)) |v|^2 = (1/n) sum + (gamma / 2) |v|^2.
    assert np.isclose(one.gamma, penalty * p / (2 * n), rtol=1e-12)
    difference = one.target.means[1] - one.target.means[0]
    assert np.isclose(difference @ difference, 2.0)
