"""Alpha and the rank from samples: estimates, standard errors, trained weights."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra

N, P, D, BETA, SPIKES, NORM = 240, 40, 30, 0.6, np.array([3.0, 1.5]), 5.0


def samples(rng, rest=0.0, scale=1.0, beta=BETA, spikes=SPIKES):
    """(X, Y, W_s, W_t); features of standard deviation ``scale``."""
    left, right = (np.linalg.qr(rng.standard_normal((size, 2)))[0] for size in (D, P))
    source, other = rng.standard_normal((2, D, P))
    source *= NORM / np.linalg.norm(source)
    target = beta * source + (left * spikes) @ right.T + rest * other / np.linalg.norm(other)
    x = rng.standard_normal((N, P))
    return scale * x, x @ target.T + rng.standard_normal((N, D)), source / scale, target / scale


@pytest.fixture(scope="module", params=[(0.0, 1.0), (1.5, 0.2)], ids=["low rank", "rest, other units"])
def fits(request):
    rng = np.random.default_rng(1)
    drawn = [samples(rng, *request.param) for _ in range(50)]
    return [(ra.rank_and_alpha(*each[:3]), each[3]) for each in drawn], *request.param


def test_estimates_are_right_within_their_standard_errors(fits):
    found, rest, scale = fits
    spikes = SPIKES / scale
    z = {
        "beta": [(fit.beta - BETA) / fit.beta_stderr for fit, _ in found],
        "noise": [(fit.noise - 1) / fit.noise_stderr for fit, _ in found],
        "spike": [(fit.spikes[0] - spikes[0]) / fit.spikes_stderr[0] for fit, _ in found],
        "row": [(fit.beta_rows[3] - BETA) / fit.beta_rows_stderr[3] for fit, _ in found],
    }
    for name, values in z.items():
        # 50 standard normal numbers, and a bias of order 1/n that is small beside the standard error.
        assert abs(np.mean(values)) < 0.6, name
        assert 0.7 < np.std(values) < 1.3, name
    seen = np.mean([fit.spikes.size for fit, _ in found])
    assert 1.9 < seen < 2.15  # noise counts as a spike once in 100
    assert np.mean([fit.rest for fit, _ in found]) == pytest.approx(rest / scale, abs=0.25 / scale)
    assert np.mean([fit.whiteness for fit, _ in found]) == pytest.approx(1, abs=0.01)


def test_the_gain_is_that_of_the_true_problem(fits):
    found, rest, _ = fits
    problem = ra.LowRankTransfer(BETA, SPIKES, NORM, 1.0, n=N, p=P, d=D, rest=rest)
    expected = problem.curve(problem.optimal_rank()).gain()
    gains = np.array([fit.gain for fit, _ in found])
    errors = np.array([fit.gain_stderr for fit, _ in found])
    assert abs(gains.mean() - expected) < 4 * gains.std() / np.sqrt(50) + 0.02 * expected
    assert 0.6 < gains.std() / errors.mean() < 1.5


def test_trained_weights(fits):
    found, rest, scale = fits

    def risk(make):
        return np.mean([np.sum((make(fit) - target) ** 2) for fit, target in found]) * scale**2

    best, shrunk = risk(lambda fit: fit.weights()), risk(lambda fit: fit.weights(shrink=True))
    problem = ra.LowRankTransfer(BETA, SPIKES, NORM, 1.0, n=N, p=P, d=D, rest=rest)
    rank = problem.optimal_rank()
    assert best == pytest.approx(problem.excess_risk(BETA, rank), rel=0.06)
    assert shrunk < best
    assert best < risk(lambda fit: fit.weights(1.0)) - 0.8 * problem.curve(rank).gain()
    assert best < risk(lambda fit: fit.coef)
    assert best < risk(lambda fit: fit.weights(rank=0))


def test_shrinkage_is_that_of_gavish_and_donoho_for_many_samples():
    rng = np.random.default_rng(2)
    d, p, n = 30, 20, 20_000
    theta = 2 * (d * p) ** 0.25 / np.sqrt(n)
    target = theta * np.outer(np.eye(d)[0], np.eye(p)[0])
    x = rng.standard_normal((n, p))
    source = rng.standard_normal((d, p))
    fit = ra.rank_and_alpha(x, x @ target.T + rng.standard_normal((n, d)), source)
    assert fit.spikes.size == 1
    residual = (fit.coef - fit.alpha * source) @ fit.root
    t = n * np.linalg.svd(residual)[1][0] ** 2 / fit.noise**2
    optimal = np.sqrt((t - d - p) ** 2 - 4 * d * p) / np.sqrt(t) * fit.noise / np.sqrt(n)
    shrunk = np.linalg.norm(fit.weights(shrink=True) - fit.alpha * source)
    assert shrunk == pytest.approx(optimal, rel=0.01)  # S is 1 up to sqrt(p/n)
    assert shrunk < 0.9 * np.linalg.norm(fit.weights() - fit.alpha * source)


def test_where_beta_is_one_there_is_nothing_to_gain():
    rng = np.random.default_rng(3)
    fits = [ra.rank_and_alpha(*samples(rng, beta=1.0)[:3]) for _ in range(20)]
    true = ra.LowRankTransfer(1.0, SPIKES, NORM, 1.0, n=N, p=P, d=D).curve(2).gain()
    assert true == 0
    assert np.mean([fit.gain == 0 for fit in fits]) > 0.7  # |z| < sqrt 2: 84 %
    assert max(fit.gain / fit.gain_stderr for fit in fits) < 3


def test_noise_alone_has_no_spike():
    rng = np.random.default_rng(4)
    fits = [ra.rank_and_alpha(*samples(rng, spikes=np.zeros(2))[:3]) for _ in range(40)]
    assert sum(fit.spikes.size for fit in fits) <= 3  # once in 100
    assert {fit.rank for fit in fits} <= {0, 1}


def test_correlated_features_are_told():
    rng = np.random.default_rng(5)
    x, y, source, _ = samples(rng)
    assert ra.rank_and_alpha(x * np.linspace(0.2, 2, P), y, source).whiteness > 1.15


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, y, w: (x[:-1], y, w), ValueError, r"X must have shape \(n, p\), Y \(n, d\)"),
        (lambda x, y, w: (x, y, w.T), ValueError, "and W_source"),
        (lambda x, y, w: (x[:P], y[:P], w), ValueError, "more samples than features, got 40 x 40"),
        (lambda x, y, w: (x, y, 0 * w), ValueError, "W_source must not be 0"),
        (lambda x, y, w: (x, x @ w.T, w), ValueError, "Y must have noise"),
        (lambda x, y, w: (x, y[:, 0], w), ValueError, "Y must be a two-dimensional array"),
        (lambda x, y, w: (x * np.nan, y, w), ValueError, "X must have finite entries"),
        (lambda x, y, w: ("x", y, w), TypeError, "X must be a real number"),
    ],
)
def test_refusals(change, error, message):
    x, y, source, _ = samples(np.random.default_rng(0))
    with pytest.raises(error, match=message):
        ra.rank_and_alpha(*change(x, y, source))


def test_options_of_weights_that_do_not_fit():
    fit = ra.rank_and_alpha(*samples(np.random.default_rng(0))[:3])
    with pytest.raises(ValueError, match="rank is found by shrinkage"):
        fit.weights(rank=2, shrink=True)
    with pytest.raises(ValueError, match="rank must be from 0 to"):
        fit.weights(rank=31)
    np.testing.assert_allclose(fit.weights(rank=30), fit.coef, rtol=1e-9, atol=1e-12)
