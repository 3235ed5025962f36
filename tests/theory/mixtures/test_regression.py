"""Multi-output regression with a rescaled source: the formula against trained weights, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

import rmt_alpha as ra
from rmt_alpha.theory.mixtures.regression import regression_optimal_alpha, regression_risk

RNG = np.random.default_rng(17)
SOURCE, OTHER = RNG.standard_normal((2, 3, 60))
TARGET = 0.7 * SOURCE + 0.5 * OTHER

ratios = st.floats(0.05, 20)
ridges = st.floats(1e-3, 1e3)
alphas = st.floats(-10, 10)


def trained_risks(target, source, n, *, alpha, sigma, gamma, draws, seed):
    """Risk of weights trained on random data, one draw after the other; gamma = 0 is the minimum-norm fit."""
    rng = np.random.default_rng(seed)
    outputs, p = target.shape
    risks = []
    for _ in range(draws):
        x = rng.standard_normal((p, n))
        residual = (target - alpha * source) @ x + sigma * rng.standard_normal((outputs, n))
        # W = alpha W_s + V, with V the ridge fit to what the prior leaves over.
        if gamma == 0:
            fitted = residual @ linalg.pinv(x)
        else:
            fitted = linalg.solve(x @ x.T / n + gamma * np.eye(p), x @ residual.T / n, assume_a="pos").T
        risks.append(np.sum((alpha * source + fitted - target) ** 2) + sigma**2 * outputs)
    return np.array(risks)


@pytest.mark.parametrize(
    ("n", "gamma", "sigma", "alpha"),
    [(30, 0.1, 1.5, 0.0), (30, 1.0, 1.5, 1.5), (90, 0.3, 2.0, 1.0), (120, 0.05, 1.0, -1.0)],
)
def test_risk_is_that_of_trained_weights(n, gamma, sigma, alpha):
    # The bias of order 1/size is removed with a second size: four times as many samples and dimensions.  The
    # weights are zero in the new dimensions, which changes nothing: features are isotropic.
    grown = [np.pad(w, ((0, 0), (0, 3 * w.shape[1]))) for w in (TARGET, SOURCE)]
    setting = {"alpha": alpha, "sigma": sigma, "gamma": gamma}
    small = trained_risks(TARGET, SOURCE, n, draws=1500, seed=(1, n), **setting)
    large = trained_risks(*grown, 4 * n, draws=250, seed=(2, n), **setting)
    limit = (4 * large.mean() - small.mean()) / 3
    error = np.hypot(4 * large.std(ddof=1) / np.sqrt(len(large)), small.std(ddof=1) / np.sqrt(len(small))) / 3
    theory = regression_risk(alpha, TARGET, SOURCE, n, sigma=sigma, gamma=gamma)
    assert abs(limit - theory) < 4 * error
    # Formulas that forget a factor are refuted.
    ridge = ra.effective_ridge(60, n, gamma)
    for wrong in (theory * ridge.freedom, theory + sigma**2 * 3):
        assert abs(limit - wrong) > 4 * error


@pytest.mark.parametrize(("n", "p"), [(20, 60), (200, 60)])
def test_without_ridge_the_noise_term_is_known_at_every_size(n, p):
    # n < p, minimum norm: excess sigma^2 d n/(p - n - 1).  n > p, least squares: sigma^2 d p/(n - p - 1).
    risks = trained_risks(TARGET, SOURCE, n, alpha=0.7, sigma=1.0, gamma=0.0, draws=1000, seed=n)
    missed = np.sum((TARGET - 0.7 * SOURCE) ** 2)
    low, high = min(n, p), max(n, p)
    prior = (1 - n / p) * missed if n < p else 0.0
    exact = prior + 3 * (1 + low / (high - low - 1))
    error = risks.std(ddof=1) / np.sqrt(len(risks))
    assert abs(risks.mean() - exact) < 4 * error
    limit = regression_risk(0.7, TARGET, SOURCE, n, sigma=1.0, gamma=0.0)
    assert limit == pytest.approx(prior + 3 * (1 + low / (high - low)), rel=1e-13)


def test_small_ridge_tends_to_no_ridge():
    for n in (20, 200):
        none = regression_risk(0.5, TARGET, SOURCE, n, sigma=1.0, gamma=0.0)
        small = regression_risk(0.5, TARGET, SOURCE, n, sigma=1.0, gamma=1e-9)
        assert small == pytest.approx(none, rel=1e-7)


def test_infinite_sample_and_infinite_ridge():
    # n = inf: the population ridge fit, W - W_t = -gamma/(1 + gamma) (W_t - alpha W_s).
    missed = np.sum((TARGET - 2 * SOURCE) ** 2)
    found = regression_risk(2.0, TARGET, SOURCE, np.inf, sigma=1.5, gamma=3.0)
    assert found == pytest.approx((3 / 4) ** 2 * missed + 1.5**2 * 3, rel=1e-14)
    # gamma = inf: nothing is learned, W = alpha W_s.
    found = regression_risk(2.0, TARGET, SOURCE, 50, sigma=1.5, gamma=1e12)
    assert found == pytest.approx(missed + 1.5**2 * 3, rel=1e-10)


@given(alpha=alphas, ratio=ratios, gamma=ridges, sigma=st.floats(0, 5))
def test_best_alpha_is_the_minimiser(alpha, ratio, gamma, sigma):
    best = regression_optimal_alpha(TARGET, SOURCE)
    at_best, here = (
        regression_risk(a, TARGET, SOURCE, 60 / ratio, sigma=sigma, gamma=gamma) for a in (best, alpha)
    )
    ridge = ra.effective_ridge(60, 60 / ratio, gamma)
    factor = (ridge.kappa / ridge.lift) ** 2 / ridge.freedom
    # A parabola of known curvature around the minimum.
    rise = factor * (alpha - best) ** 2 * np.sum(SOURCE**2)
    assert here - at_best == pytest.approx(rise, rel=1e-9, abs=1e-12 * here)


@given(scale=st.floats(0.1, 10), alpha=alphas)
def test_invariances(scale, alpha):
    fields = {"sigma": 0.8, "gamma": 0.4}
    risk = regression_risk(alpha, TARGET, SOURCE, 40, **fields)
    # Rotations of features and of outputs.
    left, right = (
        linalg.qr(np.random.default_rng(size).standard_normal((size, size)))[0] for size in (3, 60)
    )
    turned = regression_risk(alpha, left @ TARGET @ right, left @ SOURCE @ right, 40, **fields)
    assert turned == pytest.approx(risk, rel=1e-11)
    # Rescaling the source is rescaling alpha; changing both signs changes nothing.
    assert regression_risk(alpha, TARGET, SOURCE / scale, 40, **fields) == pytest.approx(
        regression_risk(alpha / scale, TARGET, SOURCE, 40, **fields), rel=1e-11
    )
    assert regression_risk(-alpha, TARGET, -SOURCE, 40, **fields) == pytest.approx(risk, rel=1e-13)
    # Outputs add up.
    parts = [regression_risk(alpha, t, s, 40, **fields) for t, s in zip(TARGET, SOURCE, strict=True)]
    assert sum(parts) == pytest.approx(risk, rel=1e-12)


def test_optimal_alpha_is_the_formula_at_any_scale():
    expected = np.trace(TARGET @ SOURCE.T) / np.trace(SOURCE @ SOURCE.T)
    assert regression_optimal_alpha(TARGET, SOURCE) == pytest.approx(expected, rel=1e-13)
    for scale in (1e-200, 1e200):
        found = regression_optimal_alpha(scale * TARGET, scale * SOURCE)
        assert found == pytest.approx(expected, rel=1e-13)
    assert regression_optimal_alpha(TARGET, 0 * SOURCE) == 0.0
    assert isinstance(regression_optimal_alpha(TARGET, SOURCE), float)


def test_arguments_broadcast_and_scalars_give_floats():
    assert isinstance(regression_risk(1, TARGET, SOURCE, 40), float)
    grid = regression_risk(
        np.linspace(-1, 1, 5)[:, None], TARGET, SOURCE, [10, 40, np.inf], sigma=1, gamma=0.3
    )
    assert grid.shape == (5, 3)
    assert grid[1, 2] == regression_risk(-0.5, TARGET, SOURCE, np.inf, sigma=1, gamma=0.3)
    assert regression_risk(1.0, [1.0, 2.0], [2.0, 1.0], 5) == regression_risk(
        1.0, [[1.0, 2.0]], [[2.0, 1.0]], 5
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"W_source": SOURCE[:2]},
            ValueError,
            r"W_target and W_source must have the same shape \(d, p\), got \(3, 60\)",
        ),
        (
            {"W_source": SOURCE * np.nan},
            ValueError,
            r"W_source must have finite entries, got nan at index \(0, 0\)",
        ),
        ({"W_target": np.ones((1, 2, 2))}, ValueError, "W_target must be a matrix of shape"),
        ({"W_target": "no"}, TypeError, "W_target must be a real number"),
        ({"alpha": np.inf}, ValueError, "alpha must be a finite number, got inf"),
        ({"sigma": -1}, ValueError, "sigma must be a finite number >= 0, got -1"),
        ({"gamma": -1}, ValueError, "gamma must be a finite number >= 0, got -1"),
        ({"n": 0}, ValueError, "n must be a positive number"),
        ({"n": 60, "gamma": 0}, ValueError, "gamma = 0 with p == n has infinite variance"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        regression_risk(**({"alpha": 1.0, "W_target": TARGET, "W_source": SOURCE, "n": 40} | arguments))
