"""Class imbalance and label noise: what moves alpha*, what does not, and the simulation."""

from __future__ import annotations

import numpy as np
import pytest
from half_size import half_size_z_scores, halved
from scipy.special import ndtr

import rmt_alpha as ra
from rmt_alpha.experiments.figures._optimum import simulated_mixture_optimum
from rmt_alpha.experiments.figures.imbalance_noise import SAMPLES, SETTINGS, SOURCE, TARGET
from rmt_alpha.simulation import simulate

SIGMAS = 4.0
"""24 optima and 72 accuracies are compared: chance exceeds it once in 160 such runs."""
ACCURACIES = ("accuracy_0", "accuracy_1", "accuracy_optimal")


def test_balanced_and_without_noise_it_is_the_isotropic_problem(quick):
    result = quick("imbalance_noise")
    for i, setting in enumerate(SETTINGS):
        curve = ra.TransferProblem.from_source(SOURCE, TARGET, n=SAMPLES, gamma=setting.gamma).curve()
        best = curve.optimal_alpha()
        assert result.main.optimal_alpha[i, 0] == pytest.approx(best, rel=1e-6)
        np.testing.assert_allclose(
            result.accuracy[i, :, 0], curve.accuracy(np.array([0, 1, best])), rtol=1e-9
        )


def test_without_intercept_imbalance_changes_nothing(quick):
    result = quick("imbalance_noise")
    (i,) = (i for i, setting in enumerate(SETTINGS) if setting.panel == 0 and not setting.intercept)
    np.testing.assert_allclose(result.main.optimal_alpha[i], result.main.optimal_alpha[i, 0], rtol=1e-6)
    np.testing.assert_allclose(result.accuracy[i] - result.accuracy[i, :, :1], 0.0, atol=1e-9)
    np.testing.assert_allclose(result.class_accuracy[i, 0], result.class_accuracy[i, 1], atol=1e-9)


def test_with_an_intercept_it_does(quick):
    result = quick("imbalance_noise")
    assert (np.diff(result.main.optimal_alpha[0]) < 0).all()
    assert (result.main.optimal_alpha[1].max() > 1.1 * result.main.optimal_alpha[1, 0]).all()
    smaller, larger = result.class_accuracy[0]
    assert (np.diff(larger) > 0).all()
    assert (np.diff(smaller) < 0).all()
    shares = np.stack([1 - result.main.value[0], result.main.value[0]])
    np.testing.assert_allclose(
        (shares * result.class_accuracy[0]).sum(axis=0), result.accuracy[0, 2], atol=1e-12
    )


def test_noise_raises_alpha_and_one_noisy_class_counts_half_without_intercept(quick):
    result = quick("imbalance_noise")
    assert (np.diff(result.main.optimal_alpha[3:], axis=1) > 0).all()
    assert (np.diff(result.accuracy[3:], axis=2) < 0).all()
    both, one = result.main.optimal_alpha[3], result.main.optimal_alpha[5]
    # Without an intercept only the average noise matters: x in one class is x/2 in both.
    np.testing.assert_allclose(one[::2], both[: both.size // 2 + 1], rtol=1e-6)
    assert (result.main.optimal_alpha[4, 1:] > one[1:]).all()


def test_label_noise_in_closed_form():
    """Targets with mean (1 - 2 eps) y instead of y, in the isotropic formulas.

    With f = 1 - 2 eps and M = f m^2 / (L + m^2), the mean score at alpha = 0, the squared residual is on
    average 1 - 2 f M + M^2 + variance, and variance = [(M / m)^2 + (1 - h)(1 - 2 f M + M^2)] / h.
    """
    setting, eps, m2 = SETTINGS[3], 0.3, TARGET @ TARGET
    e = len(TARGET) / SAMPLES - 1 + setting.gamma
    kappa = (e + np.sqrt(e * e + 4 * setting.gamma)) / 2
    big, h = 1 + kappa, 1 - len(TARGET) / SAMPLES / (1 + kappa) ** 2
    mean = (1 - 2 * eps) * m2 / (big + m2)
    variance = (mean**2 / m2 + (1 - h) * (1 - 2 * (1 - 2 * eps) * mean + mean**2)) / h
    found = setting.problem(eps).curve().accuracy(0.0)
    assert found == pytest.approx(ndtr(mean / np.sqrt(variance)), abs=1e-12)


@pytest.fixture(scope="module")
def small_runs(quick):
    """Simulations of half the size at all points of the figure.

    Their error counts half beside that of the figure's 80 draws.
    """
    there = quick("imbalance_noise").simulated
    return {
        (i, j): simulate(
            halved(setting.problem(x)), [0.0, 1.0, there.alpha_theory[i, j]], replicates=100, rng=(8, i, j)
        )
        for i, setting in enumerate(SETTINGS)
        for j, x in enumerate(there.value[i])
    }


def test_simulated_accuracies_agree_with_theory(quick, small_runs):
    result = quick("imbalance_noise")
    wrong = 0
    for i, setting in enumerate(SETTINGS):
        theory = np.stack([getattr(result.simulated, f"{name}_theory")[i] for name in ACCURACIES])
        for j, x in enumerate(result.simulated.value[i]):
            problem = setting.problem(x)
            alphas = np.array([0.0, 1.0, result.simulated.alpha_theory[i, j]])
            found = result.measured[i, :, j], result.stderr[i, :, j]
            theories = theory[:, [j, 0]].T
            z = half_size_z_scores(problem, alphas, theories, found, run=small_runs[i, j])
            assert (np.abs(z[0]) < SIGMAS).all(), (setting.label, x, z)
            wrong += int((np.abs(z[1]) > SIGMAS).sum())  # a theory without imbalance or noise
    assert wrong > 24


def test_simulated_best_alphas_agree_with_theory(quick, small_runs):
    result = quick("imbalance_noise")
    wrong = 0
    for i, setting in enumerate(SETTINGS):
        for j, x in enumerate(result.simulated.value[i]):
            small = halved(setting.problem(x))
            best = float(small.curve().optimal_alpha())
            found, error = simulated_mixture_optimum(small_runs[i, j].draws, best)
            error = np.hypot(result.simulated.alpha_standard_error[i, j], error / 2)
            bias = (found - best) / 2
            assert (
                abs(result.simulated.alpha_simulated[i, j] - result.simulated.alpha_theory[i, j] - bias)
                < SIGMAS * error
            )
            away = (
                abs(result.simulated.alpha_simulated[i, j] - result.simulated.alpha_theory[i, 0] - bias)
                / error
            )
            wrong += int(away > SIGMAS)
    assert wrong > 10


def test_a_simulated_optimum_is_the_maximum_of_the_average_accuracy():
    problem = SETTINGS[0].problem(0.7)
    draws = simulate(problem, 0.0, replicates=50, rng=1).draws
    best, error = simulated_mixture_optimum(draws, float(problem.curve().optimal_alpha()))
    grid = best + np.linspace(-0.5, 0.5, 101)
    average = draws.at(grid).accuracy.mean(axis=0)
    assert abs(grid[np.argmax(average)] - best) < 0.011
    assert 0 < error < 0.3
    assert np.isnan(simulated_mixture_optimum(draws, -best)).all()
