"""Standard errors of alpha and of the estimated problem against their spread over simulated data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import ndtr
from spread_worlds import samples, world

from rmt_alpha import AlphaRidge, AlphaRidgeClassifier, estimate_problem
from rmt_alpha.from_data.plug_in.sample_geometry import _contrasts, spectral_moments

REPLICATES = 300

# Ratios of the median standard error to the standard deviation over draws.  The evidence jackknife is
# exact, so its bias is that of any jackknife: upward, by less than a half here.  Those over leave-one-out
# lines ignore that a sample also shapes the other lines.
RATIOS = {"consensus": (0.75, 1.5), "evidence": (0.85, 1.5), "loo_mse": (0.75, 2.0), "theory": (0.75, 1.5)}


@pytest.mark.parametrize("criterion", RATIOS)
@pytest.mark.parametrize("n", [40, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("gamma", [0.3, pytest.param(3.0, marks=pytest.mark.slow)])
def test_standard_error_of_alpha(criterion, n, gamma):
    spectrum, mean, source, rng = world(80)
    fits = [
        AlphaRidgeClassifier(gamma, coef_source=source, criterion=criterion).fit(X, y)
        for X, y in samples(n, spectrum, mean, rng, count=75)
    ]
    spread = np.std(np.array([fit.alpha_ for fit in fits]))
    low, high = RATIOS[criterion]
    # The standard deviation of 75 draws is itself known to 8 %.
    assert low < np.median([fit.alpha_stderr_ for fit in fits]) / spread < high


@pytest.mark.parametrize("criterion", ["loo_accuracy", pytest.param("loo_snr", marks=pytest.mark.slow)])
def test_standard_error_of_heavy_tailed_alphas(criterion):
    # These alphas have no variance to speak of: what counts is how often the middle lies within one error.
    spectrum, mean, source, rng = world(80)
    fits = [
        AlphaRidgeClassifier(1.0, coef_source=source, criterion=criterion).fit(X, y)
        for X, y in samples(150, spectrum, mean, rng, count=150)
    ]
    alphas, errors = (np.array([getattr(fit, name) for fit in fits]) for name in ("alpha_", "alpha_stderr_"))
    assert 0.6 < np.mean(np.abs(alphas - np.median(alphas)) < errors) < 0.92


def test_standard_error_in_regression():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((3, 60))
    source = 0.5 * truth + 0.2 * rng.standard_normal((3, 60))
    fits = []
    for _ in range(150):
        X = rng.standard_normal((40, 60))
        fits.append(AlphaRidge(1.0, coef_source=source).fit(X, X @ truth.T + rng.standard_normal((40, 3))))
    ratio = np.median([fit.alpha_stderr_ for fit in fits]) / np.std(np.array([fit.alpha_ for fit in fits]))
    assert 0.85 < ratio < 1.5


@pytest.mark.parametrize(
    ("n", "p", "intercept"),
    [
        (40, 100, True),
        (40, 100, False),
        pytest.param(150, 200, True, marks=pytest.mark.slow),
        pytest.param(100, 50, True, marks=pytest.mark.slow),
    ],
)
def test_estimates_are_unbiased_and_their_errors_right(n, p, intercept):
    spectrum, mean, source, rng = world(p)
    truth = {
        "mean_norm2": mean @ mean,
        "overlap": source @ mean,
        "source_variance": source @ (spectrum * source),
        "source_accuracy": ndtr(source @ mean / np.sqrt(source @ (spectrum * source))),
        "alignment": source @ mean / np.linalg.norm(source) / np.linalg.norm(mean),
    }
    shift = 3.0 if intercept else 0.0
    estimates = [
        estimate_problem(X, y, source, fit_intercept=intercept)
        for X, y in samples(n, spectrum, mean, rng, shift=shift)
    ]
    table = {name: np.array([getattr(one, name) for one in estimates]) for name in truth}
    moments = np.array([one.spectral_moments for one in estimates])
    for order in (1, 2, 3):
        truth[f"moment {order}"] = np.mean(spectrum**order)
        table[f"moment {order}"] = moments[:, order - 1]
    for name, values in table.items():
        found, errors = values.T
        z = (found.mean() - truth[name]) / (found.std() / np.sqrt(REPLICATES))
        # A ratio and a clipped one are only consistent: their bias is of order 1/n, a fraction of one error.
        exact = name not in ("source_accuracy", "alignment")
        assert abs(z) < (4 if exact else 4 + 0.25 * np.sqrt(REPLICATES)), name
        covered = np.mean(np.abs(found - truth[name]) < 1.96 * errors)
        # Coverage of 95 % nominal is known to 1.3 %; skewed laws (third moment) miss on one side.
        assert 0.86 < covered < 0.99, name
        if name in ("mean_norm2", "overlap"):  # closed forms; the spread of 300 draws is known to 4 %
            assert np.median(errors) / found.std() == pytest.approx(1, abs=0.16), name


@pytest.mark.parametrize("intercept", [True, False])
def test_squared_length_is_the_mean_over_pairs_of_distinct_samples(intercept):
    spectrum, mean, source, rng = world(30)
    X, y = next(samples(12, spectrum, mean, rng))
    X, y = X[:11], y[:11]
    products, n = y[:, None] * y * (X @ X.T), len(y)
    off = ~np.eye(n, dtype=bool)
    if intercept:
        # (1/4) (mean over pairs within + plus that within - plus twice that between, with its sign)
        blocks = [np.outer(y == a, y == b) & off for a, b in ((1, 1), (-1, -1), (1, -1), (-1, 1))]
        expected = sum(products[block].mean() for block in blocks) / 4
    else:
        expected = products[off].mean()
    found = estimate_problem(X, y, source, fit_intercept=intercept).mean_norm2.value
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("n", "noise"), [(20, 0.1), (40, 0.0), (40, 1.0)])
def test_the_error_of_the_alignment_is_never_nothing(n, noise):
    # At noise 0 the source points exactly along the mean, and half of the estimates must exceed 1.
    spectrum, mean, source, rng = world(100, noise=noise)
    truth = source @ mean / np.linalg.norm(source) / np.linalg.norm(mean)
    draws = samples(n, spectrum, mean, rng, shift=3.0, count=150)
    found, errors = np.array([estimate_problem(X, y, source).alignment for X, y in draws]).T
    assert errors.min() > 0
    assert np.mean(np.abs(found) == 1) == 0
    # 95 % of 150 is known to 1.8 %; the ratio is skewed where the length is barely told from 0.
    assert np.mean(np.abs(found - truth) < 1.96 * errors) > 0.95 - 3 * 0.018
    assert 0.5 - 3 * 0.041 < np.mean(found > truth) < 0.5 + 3 * 0.041 + 0.1


@pytest.mark.parametrize(("n", "p"), [(9, 30), (30, 9)])
def test_spectral_moments_are_means_over_distinct_samples(n, p):
    rng = np.random.default_rng(0)
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    X = rng.standard_normal((n, p)) + 2.0 * y[:, None]
    geometry = estimate_problem(X, y, np.ones(p), fit_intercept=False).geometry
    rows = _contrasts(geometry.deviations)
    gram, size = rows @ rows.T, n - 1
    pairs = [gram[i, j] ** 2 for i in range(size) for j in range(size) if i != j]
    triples = [
        gram[i, j] * gram[j, k] * gram[k, i]
        for i, j, k in itertools.permutations(range(size), 3)
    ]  # fmt: skip
    expected = [np.trace(gram) / size / p, np.mean(pairs) / p, np.mean(triples) / p]
    assert spectral_moments(geometry)[0] == pytest.approx(expected, rel=1e-10)


def test_standard_error_of_the_length_of_a_clear_mean():
    # Here the variance 4 v mu.C mu + 2 v^2 tr C^2 is all first term; above, the two are of one size.
    spectrum, mean, source, rng = world(100)
    estimates = [estimate_problem(X, y, source).mean_norm2 for X, y in samples(40, spectrum, 4 * mean, rng)]
    found, errors = np.array(estimates).T
    assert np.median(errors) / found.std() == pytest.approx(1, abs=0.16)


def test_the_plain_squared_length_would_fail():
    # |mu_hat|^2 without the correction is too long by tr C v: far outside the errors above.
    spectrum, mean, source, rng = world(100)
    X, y = next(samples(40, spectrum, mean, rng))
    estimate = estimate_problem(X, y, source)
    plain = estimate.geometry.mean @ estimate.geometry.mean
    assert plain - mean @ mean > 2 * estimate.mean_norm2.stderr


def test_predicted_accuracy_against_simulation():
    spectrum, mean, source, rng = world(200)
    n, gamma, alphas = 100, 0.5, np.array([0.0, 0.3, 1.0])
    predictions, results = [], []
    for X, y in samples(n, spectrum, mean, rng, count=40):
        estimate = estimate_problem(X, y, source, fit_intercept=False)
        predictions.append(estimate.curve(gamma).accuracy(alphas))
        row = []
        for alpha in alphas:
            w = AlphaRidgeClassifier(gamma, alpha, source, fit_intercept=False).fit(X, y).coef_[0]
            row.append(ndtr(w @ mean / np.sqrt(w @ (spectrum * w))))
        results.append(row)
    predicted, reached = np.array(predictions), np.array(results)
    error = np.std(predicted - reached, axis=0) / np.sqrt(40)
    # 4 standard errors, and 1 % for |mu|^2 being raised to what the overlap requires, and for 1/n.
    assert np.all(np.abs((predicted - reached).mean(axis=0)) < 4 * error + 0.01)
