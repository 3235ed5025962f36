"""The best target ridge: infinite without correlations, finite with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from half_size import half_size_z_scores
from scipy.special import ndtr
from size_bias import z_scores

import rmt_alpha as ra
from rmt_alpha.experiments.figures import best_ridge as module
from rmt_alpha.experiments.figures.best_ridge import SPECTRA, P, problem

SIGMAS = 4.0
"""45 accuracies are compared: chance exceeds it once in 350 such runs."""


def test_the_isotropic_column_is_the_general_model_with_variances_of_one(quick):
    result = quick("best_ridge")
    for k in (0, 15, 30):
        curve = problem(np.ones(P), result.main.gamma[k]).curve()
        best = curve.optimal_alpha()
        np.testing.assert_allclose(result.main.optimal_alpha[0, k], best, rtol=1e-9)
        expected = curve.accuracy(np.array([0.0, 1.0, best]))
        np.testing.assert_allclose(result.accuracy[0, :, k], expected, rtol=1e-10)


def test_best_ridge_is_infinite_without_correlations_and_finite_with_them(quick):
    result = quick("best_ridge")
    np.testing.assert_array_equal(np.isfinite(result.best[0]), [False, True, False])
    assert np.isfinite(result.best[1:]).all()
    assert (np.diff(result.accuracy[0, [0, 2]], axis=1) > 0).all()
    assert ((result.best[1:] > 0.1) & (result.best[1:] < 30)).all()
    # Some points are at stake, also at alpha*.
    assert (result.optima.accuracy[1:, 2] - result.optima.accuracy_infinite[1:, 2] > 0.01).all()
    assert (result.optima.accuracy[..., None] >= result.accuracy - 1e-12).all()


def test_the_limit_of_infinite_ridge_is_the_direction_of_the_data_plus_the_source(quick):
    result = quick("best_ridge")
    for i, (_, variances) in enumerate(SPECTRA):
        if variances is None:
            continue
        correlated = problem(variances, 1.0)
        assert isinstance(correlated, ra.FineTuning)
        target = correlated.target.means[1]
        # At alpha = 0, w = X y / n is Gaussian with mean m and covariance C / n.
        noise = target @ (variances * target) + (variances**2).sum() / module.SAMPLES
        margin = target @ target / np.sqrt(noise)
        assert abs(result.optima.accuracy_infinite[i, 0] - ndtr(margin)) < 1e-6
    # The product gamma alpha* has come to rest at the right margin.
    product = result.main.gamma * result.main.optimal_alpha
    assert (np.abs(product[:, -1] / product[:, -3] - 1) < 0.05).all()


def test_simulation_agrees_with_theory(quick):
    result = quick("best_ridge")
    wrong = 0
    for i, (label, variances) in enumerate(SPECTRA):
        for j, gamma in enumerate(module.POINTS):
            right = problem(variances, gamma)
            alphas = np.array([0.0, 1.0, right.curve().optimal_alpha()])
            found = result.simulated.simulated[i, :, j], result.simulated.standard_error[i, :, j]
            # The same problem with uncorrelated features, or with correlated ones: a wrong covariance.
            other = problem(SPECTRA[i - 1][1], gamma).curve().accuracy(alphas)
            theories = np.stack([result.simulated.theory[i, :, j], other])
            judge: Any = z_scores if variances is None else half_size_z_scores
            # At half the size the error counts half.
            draws = 60 if variances is not None else 150
            z = judge(right, alphas, theories, found, draws=draws, seed=500 + 10 * i + j)
            assert (np.abs(z[0]) < SIGMAS).all(), (label, gamma, z)
            wrong += int((np.abs(z[1]) > SIGMAS).sum())
    assert wrong > 30


def test_fields_of_the_problems():
    isotropic, spiked = problem(None, 0.5), problem(SPECTRA[1][1], 0.5)
    assert isinstance(isotropic, ra.TransferProblem)
    assert isinstance(spiked, ra.FineTuning)
    assert isinstance(spiked.source, ra.RidgeSource)
    source, target = spiked.source.mixture.means[1], spiked.target.means[1]
    lengths = np.linalg.norm(source), np.linalg.norm(target)
    np.testing.assert_allclose(lengths, module.LENGTH)
    np.testing.assert_allclose(source @ target, module.BETA * module.LENGTH**2)
