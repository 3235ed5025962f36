"""Multi-output regression with a rescaled source: the formula against trained weights, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

import rmt_alpha as ra
from rmt_alpha.errors import NotAvailable

RNG = np.random.default_rng(17)
SOURCE, OTHER = RNG.standard_normal((2, 3, 60))
TARGET = 0.7 * SOURCE + 0.5 * OTHER

ratios = st.floats(0.05, 20)
ridges = st.floats(1e-3, 1e3)
alphas = st.floats(-10, 10)


def risk_of(alpha, target, source, n, *, sigma=0.0, gamma=1.0):
    return ra.RidgeRegressionTransfer(None, target, source, sigma, n, gamma).risk(alpha)


def best_of(target, source):
    return ra.RidgeRegressionTransfer(None, target, source, 1.0, 40, 1.0).optimal_alpha()


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
    small = trained_risks(TARGET, SOURCE, n, draws=600, seed=(1, n), **setting)
    large = trained_risks(grown[0], grown[1], 4 * n, draws=120, seed=(2, n), **setting)
    limit = (4 * large.mean() - small.mean()) / 3
    error = np.hypot(4 * large.std(ddof=1) / np.sqrt(len(large)), small.std(ddof=1) / np.sqrt(len(small))) / 3
    theory = risk_of(alpha, TARGET, SOURCE, n, sigma=sigma, gamma=gamma)
    assert abs(limit - theory) < 4 * error
    # Formulas that forget a factor are refuted.
    ridge = ra.effective_ridge(60, n, gamma)
    for wrong in (theory * ridge.freedom, theory + sigma**2 * 3):
        assert abs(limit - wrong) > 4 * error


@pytest.mark.parametrize(("n", "p"), [(20, 60), (200, 60)])
def test_without_ridge_the_noise_term_is_known_at_every_size(n, p):
    # n < p, minimum norm: excess sigma^2 d n/(p - n - 1).  n > p, least squares: sigma^2 d p/(n - p - 1).
    risks = trained_risks(TARGET, SOURCE, n, alpha=0.7, sigma=1.0, gamma=0.0, draws=400, seed=n)
    missed = np.sum((TARGET - 0.7 * SOURCE) ** 2)
    low, high = min(n, p), max(n, p)
    prior = (1 - n / p) * missed if n < p else 0.0
    exact = prior + 3 * (1 + low / (high - low - 1))
    error = risks.std(ddof=1) / np.sqrt(len(risks))
    assert abs(risks.mean() - exact) < 4 * error
    limit = risk_of(0.7, TARGET, SOURCE, n, sigma=1.0, gamma=0.0)
    assert limit == pytest.approx(prior + 3 * (1 + low / (high - low)), rel=1e-13)


def test_small_ridge_tends_to_no_ridge():
    for n in (20, 200):
        none = risk_of(0.5, TARGET, SOURCE, n, sigma=1.0, gamma=0.0)
        small = risk_of(0.5, TARGET, SOURCE, n, sigma=1.0, gamma=1e-9)
        assert small == pytest.approx(none, rel=1e-7)


def test_infinite_sample_and_infinite_ridge():
    # n = inf: the population ridge fit, W - W_t = -gamma/(1 + gamma) (W_t - alpha W_s).
    missed = np.sum((TARGET - 2 * SOURCE) ** 2)
    found = risk_of(2.0, TARGET, SOURCE, np.inf, sigma=1.5, gamma=3.0)
    assert found == pytest.approx((3 / 4) ** 2 * missed + 1.5**2 * 3, rel=1e-14)
    # gamma = inf: nothing is learned, W = alpha W_s.
    found = risk_of(2.0, TARGET, SOURCE, 50, sigma=1.5, gamma=1e12)
    assert found == pytest.approx(missed + 1.5**2 * 3, rel=1e-10)


@given(alpha=alphas, ratio=ratios, gamma=ridges, sigma=st.floats(0, 5))
def test_best_alpha_is_the_minimiser(alpha, ratio, gamma, sigma):
    best = best_of(TARGET, SOURCE)
    at_best, here = (risk_of(a, TARGET, SOURCE, 60 / ratio, sigma=sigma, gamma=gamma) for a in (best, alpha))
    ridge = ra.effective_ridge(60, 60 / ratio, gamma)
    factor = (ridge.kappa / ridge.lift) ** 2 / ridge.freedom
    # A parabola of known curvature around the minimum.
    rise = factor * (alpha - best) ** 2 * np.sum(SOURCE**2)
    assert here - at_best == pytest.approx(rise, rel=1e-9, abs=1e-12 * here)


@given(scale=st.floats(0.1, 10), alpha=alphas)
def test_invariances(scale, alpha):
    fields = {"sigma": 0.8, "gamma": 0.4}
    risk = risk_of(alpha, TARGET, SOURCE, 40, **fields)
    # Rotations of features and of outputs.
    left, right = (
        linalg.qr(np.random.default_rng(size).standard_normal((size, size)))[0] for size in (3, 60)
    )
    turned = risk_of(alpha, left @ TARGET @ right, left @ SOURCE @ right, 40, **fields)
    assert turned == pytest.approx(risk, rel=1e-11)
    # Rescaling the source is rescaling alpha; changing both signs changes nothing.
    assert risk_of(alpha, TARGET, SOURCE / scale, 40, **fields) == pytest.approx(
        risk_of(alpha / scale, TARGET, SOURCE, 40, **fields), rel=1e-11
    )
    assert risk_of(-alpha, TARGET, -SOURCE, 40, **fields) == pytest.approx(risk, rel=1e-13)
    # Outputs add up.
    parts = [risk_of(alpha, t, s, 40, **fields) for t, s in zip(TARGET, SOURCE, strict=True)]
    assert sum(parts) == pytest.approx(risk, rel=1e-12)


def test_optimal_alpha_is_the_formula_at_any_scale():
    expected = np.trace(TARGET @ SOURCE.T) / np.trace(SOURCE @ SOURCE.T)
    assert best_of(TARGET, SOURCE) == pytest.approx(expected, rel=1e-13)
    for scale in (1e-200, 1e200):
        found = best_of(scale * TARGET, scale * SOURCE)
        assert found == pytest.approx(expected, rel=1e-13)
    assert best_of(TARGET, 0 * SOURCE) == 0.0
    assert isinstance(best_of(TARGET, SOURCE), float)


def test_arrays_of_alpha_and_scalars():
    assert isinstance(risk_of(1, TARGET, SOURCE, 40), float)
    grid = risk_of(np.linspace(-1, 1, 5)[:, None], TARGET, SOURCE, np.inf, sigma=1, gamma=0.3)
    assert grid.shape == (5, 1)
    assert grid[1, 0] == risk_of(-0.5, TARGET, SOURCE, np.inf, sigma=1, gamma=0.3)
    assert risk_of(1.0, [1.0, 2.0], [2.0, 1.0], 5) == risk_of(1.0, [[1.0, 2.0]], [[2.0, 1.0]], 5)


def test_identity_covariance_is_the_scalar_formula():
    for n, gamma in ((20, 0.0), (40, 0.4), (200, 2.0), (np.inf, 1.0)):
        ridge = ra.effective_ridge(60, n, gamma)
        missed = np.sum((TARGET - 0.3 * SOURCE) ** 2)
        expected = (3 * 0.7**2 + (ridge.kappa / ridge.lift) ** 2 * missed) / ridge.freedom
        assert risk_of(0.3, TARGET, SOURCE, n, sigma=0.7, gamma=gamma) == pytest.approx(expected, rel=1e-12)


def test_the_curve_knows_its_parabola():
    curve = ra.RidgeRegressionTransfer(None, TARGET, SOURCE, 0.5, 40, 0.1).curve()
    best = curve.optimum()
    assert best == curve.optimum("risk")
    assert (best.alpha, best.value) == (curve.optimal_alpha("risk"), curve.risk(curve.optimal_alpha()))
    assert curve.gain(0.0) == curve.risk(0.0) - best.value
    low, high = curve.transfer_interval()
    assert low == 0
    assert curve.risk(high) == pytest.approx(curve.risk(0.0), rel=1e-13)
    lows, highs = curve.tolerance_interval([0.01, 0.1])
    for end in (lows, highs):
        np.testing.assert_allclose(curve.risk(end), best.value * np.array([1.01, 1.1]), rtol=1e-13)
    assert curve.landmarks() == {"zero": 0.0, "one": 1.0, "best": best.alpha}
    twice = curve.along(-2.0)
    assert twice.risk(0.4) == pytest.approx(curve.risk(-0.8), rel=1e-13)
    assert curve.along(0.0).risk(7.0) == pytest.approx(curve.risk(0.0), rel=1e-13)
    assert curve.along(0.0).tolerance_interval(0.1) == (-np.inf, np.inf)
    assert curve.along(0.0).transfer_interval() == (0.0, 0.0)
    with pytest.raises(NotAvailable, match="a regression has no classes"):
        curve.accuracy(1.0)
    with pytest.raises(NotAvailable, match="no criterion 'accuracy', only 'risk'"):
        curve.optimal_alpha("accuracy")
    with pytest.raises(ValueError, match="criterion must be one of 'risk', got 'speed'"):
        curve.optimal_alpha("speed")


def test_a_risk_beyond_float64_is_refused():
    curve = ra.RidgeRegressionTransfer(None, 1e200 * TARGET, 1e200 * SOURCE, 1.0, 40, 0.1).curve()
    with pytest.raises(ValueError, match="overflows float64"):
        curve.risk(1.0)
    assert repr(curve).startswith("RegressionCurve(least at alpha=0.")


def test_high_precision_agrees():
    problem = ra.RidgeRegressionTransfer(0.7, TARGET, SOURCE, 0.5, 40, 0.1)
    exact, curve = problem.curve(dps=40), problem.curve()
    assert curve.optimal_alpha() == pytest.approx(float(exact.optimal_alpha()), rel=1e-13)
    for ask in ("transfer_interval", "gain"):
        np.testing.assert_allclose(
            getattr(curve, ask)(), np.array(getattr(exact, ask)(), dtype=float), rtol=1e-12
        )
    ends = np.array(exact.tolerance_interval(0.01), dtype=float)
    np.testing.assert_allclose(np.array(curve.tolerance_interval(0.01)), ends, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": np.inf}, "alpha must be a finite number, got inf"),
        ({"sigma": -1}, "noise must be a finite number >= 0, or one per output, got -1"),
        ({"n": 60, "gamma": 0}, "gamma = 0 with n equal to the rank"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        risk_of(**({"alpha": 1.0, "target": TARGET, "source": SOURCE, "n": 40} | arguments))
