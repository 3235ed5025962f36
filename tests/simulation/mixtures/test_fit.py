"""Ridge fits with prior and intercept, against least squares for every alpha anew, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from rmt_alpha.simulation.mixtures import fit as mixture_fit
from rmt_alpha.simulation.mixtures.fit import ridge

SIZES = [(1, 1), (1, 4), (3, 2), (7, 7), (8, 9), (9, 8), (6, 25), (25, 6)]
GAMMAS = [0.0, 1e-12, 1e-3, 1.0, 1e12]
OUTPUTS, SOURCES = 2, 3


def random_problem(p, n, seed=0):
    rng = np.random.default_rng([seed, p, n])
    x = rng.standard_normal((p, n)) + 0.5
    return x, rng.standard_normal((n, OUTPUTS)) + 1.0, rng.standard_normal((SOURCES, p, OUTPUTS)), rng


def least_squares(x, t, gamma, prior, intercept):
    """argmin of (1/n) |T - X'W - b|^2 + gamma |W - prior|^2: the shortest step away from the prior."""
    p, n = x.shape
    x_mean, t_mean = x.mean(axis=1) * intercept, t.mean(axis=0) * intercept
    centred = x - x_mean[:, None]
    stacked = np.vstack([centred.T / np.sqrt(n), np.sqrt(gamma) * np.eye(p)])
    residual = np.vstack([(t - t_mean - centred.T @ prior) / np.sqrt(n), np.zeros_like(prior)])
    w = prior + np.linalg.lstsq(stacked, residual, rcond=1e-14)[0]
    return w, t_mean - x_mean @ w


def at(fit, alpha, outputs=OUTPUTS):
    slopes = fit.slopes.reshape(len(fit.slopes), len(alpha), outputs)
    intercepts = fit.slopes_intercept.reshape(len(alpha), outputs)
    return fit.base + np.tensordot(slopes, alpha, (1, 0)), fit.base_intercept + alpha @ intercepts


def fitted(x, t, gamma, sources, intercept):
    return ridge(x.copy(), t, gamma, np.hstack(sources), intercept)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize(("p", "n"), SIZES)
def test_one_factorisation_serves_every_alpha(p, n, gamma, intercept):
    x, t, sources, rng = random_problem(p, n)
    fit = fitted(x, t, gamma, sources, intercept)
    for alpha in [np.zeros(SOURCES), np.ones(SOURCES), rng.standard_normal(SOURCES)]:
        w, b = at(fit, alpha)
        expected_w, expected_b = least_squares(x, t, gamma, np.tensordot(alpha, sources, 1), intercept)
        # Condition of the normal equations at most 1e7, machine epsilon 2e-16: 2e-9 of the solution's size.
        scale = max(1.0, np.abs(expected_w).max())
        assert np.allclose(w, expected_w, rtol=0, atol=3e-9 * scale)
        assert np.allclose(b, expected_b, rtol=0, atol=3e-9 * scale * max(1.0, np.abs(x).sum(axis=0).max()))


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("p", "n"), [(30, 12), (12, 30)])
def test_scikit_learn_trains_the_same_classifier(p, n, intercept):
    x, t, sources, _ = random_problem(p, n)
    gamma, alpha = 0.3, np.array([0.7, -1.0, 2.0])
    w, b = at(fitted(x, t, gamma, sources, intercept), alpha)
    # Ridge pulls to 0: fit what the prior leaves over.
    prior = np.tensordot(alpha, sources, 1)
    model = Ridge(alpha=n * gamma, fit_intercept=intercept, solver="svd").fit(x.T, t - x.T @ prior)
    assert np.allclose(w, model.coef_.T + prior, rtol=1e-11, atol=1e-12)
    assert np.allclose(b, model.intercept_, rtol=1e-11, atol=1e-12)


def test_without_ridge_few_dimensions_are_ordinary_least_squares():
    x, t, sources, _ = random_problem(5, 40)
    fit = fitted(x, t, 0.0, sources, True)
    model = LinearRegression().fit(x.T, t)
    assert np.allclose(fit.base, model.coef_.T, rtol=1e-11, atol=1e-12)
    assert np.allclose(fit.base_intercept, model.intercept_, rtol=1e-11, atol=1e-12)
    assert np.abs(fit.slopes).max() < 1e-14  # the source is forgotten


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("p", "n"), [(20, 30), (30, 20)])
@pytest.mark.parametrize("gamma", [0.0, 1e-12, 1e-6])
def test_singular_data_and_tiny_ridges(p, n, gamma, intercept):
    # Data of rank 4, in four coordinates and turned: both Gram matrices are singular.
    _, t, sources, rng = random_problem(p, n)
    small = rng.standard_normal((4, n))
    basis = np.linalg.qr(rng.standard_normal((p, 4)))[0]
    fit = fitted(basis @ small, t, gamma, sources, intercept)
    alpha = np.array([0.7, -1.0, 2.0])
    prior = np.tensordot(alpha, sources, 1)
    w, b = at(fit, alpha)
    seen, expected_b = least_squares(small, t, gamma, basis.T @ prior, intercept)
    # What no sample sees stays as the source has it.
    expected_w = basis @ seen + prior - basis @ (basis.T @ prior)
    # Singular values lose nothing; normal equations are kept up to a condition number of 1e7.
    slack = 1e-12 if gamma < 1e-7 else 1e7 * np.finfo(float).eps
    assert np.allclose(w, expected_w, rtol=0, atol=slack)
    assert np.allclose(b, expected_b, rtol=0, atol=10 * slack)  # the mean has length about 4


@pytest.mark.parametrize(("p", "n"), [(6, 9), (9, 6)])
@pytest.mark.parametrize("intercept", [False, True])
def test_singular_values_and_normal_equations_agree(p, n, intercept, monkeypatch):
    x, t, sources, _ = random_problem(p, n)
    direct = fitted(x, t, 0.2, sources, intercept)
    monkeypatch.setattr(mixture_fit, "WORST_CONDITION", 1.0)
    for one, other in zip(direct, fitted(x, t, 0.2, sources, intercept), strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-13)


def test_a_penalised_intercept_is_another_classifier():
    x, t, sources, _ = random_problem(6, 20)
    w, b = at(fitted(x, t, 0.3, sources, True), np.ones(SOURCES))
    prior = np.vstack([sources.sum(axis=0), np.zeros((1, OUTPUTS))])
    wrong, _ = least_squares(np.vstack([x, np.ones(20)]), t, 0.3, prior, False)
    assert np.abs(wrong[:-1] - w).max() > 1e-3
    assert np.abs(wrong[-1] - b).max() > 1e-3
