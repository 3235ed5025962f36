"""The reference method against explicit algebra, for every alpha anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from rmt_alpha import TransferProblem
from rmt_alpha.simulation import simulate
from rmt_alpha.simulation.isotropic import dense
from rmt_alpha.simulation.setting import transfer_setting

ALPHAS = np.array([-2.0, 0.0, 0.7, 1.0, 5.0])
SHAPES = [(6, 9, 12), (9, 6, 4), (5, 5, 3), (1, 4, 2), (7, 1, 5), (2, 3, None), (8, 5, math.inf)]


def redraw(problem, replicates, seed):
    """The random matrices that `dense.draw` makes from this seed, as it makes them."""
    setting = transfer_setting(problem)
    rng = np.random.default_rng(seed)
    source = target = None
    if setting.source_samples is not None:
        source = rng.standard_normal((replicates, setting.p, setting.source_samples))
        source[:, 0] += setting.mu
    target = rng.standard_normal((replicates, setting.p, setting.n))
    target[:, 0] += setting.along
    if setting.p > 1:
        target[:, 1] += setting.across
    return source, target


def ridge_fit(data, gamma, prior):
    """argmin_w (1/n) sum (1 - w.x_i)^2 + gamma |w - prior|^2 as least squares, by the shortest step."""
    p, n = data.shape
    stacked = np.vstack([data.T / np.sqrt(n), np.sqrt(gamma) * np.eye(p)])
    residual = np.concatenate([(1 - data.T @ prior) / np.sqrt(n), np.zeros(p)])
    return prior + np.linalg.lstsq(stacked, residual, rcond=1e-13)[0]


@pytest.mark.parametrize("gamma", [0.0, 0.2, 1e3])
@pytest.mark.parametrize(("p", "n", "N"), SHAPES)
def test_one_solve_serves_every_alpha(p, n, N, gamma):
    beta = 0.6 if p > 1 else -1.0
    gamma = 0.2 if p == n else gamma
    problem = TransferProblem(beta, p, n, N, mu=1.3, mu_orth=0.8, gamma=gamma, gamma_source=0.3)
    setting = transfer_setting(problem)
    replicates = 3
    seed = np.random.SeedSequence(4)
    along, across = dense.draw(setting, replicates, seed)
    sources, targets = redraw(problem, replicates, seed)
    mean = np.zeros(p)
    mean[: min(p, 2)] = [setting.along, setting.across][: min(p, 2)]
    for r in range(replicates):
        prior = np.zeros(p)
        prior[0] = setting.source_length
        if sources is not None:
            prior = ridge_fit(sources[r], 0.3, np.zeros(p))
        for alpha in ALPHAS:
            w = ridge_fit(targets[r], gamma, alpha * prior)
            m = setting.target_norm * (along[r] @ [1, alpha])
            norm2 = (m / setting.target_norm) ** 2 + across[r] @ [1, 2 * alpha, alpha**2]
            # Well-conditioned systems of at most 12 unknowns: cond * eps * (terms that cancel) < 1e-9.
            assert math.isclose(m, mean @ w, rel_tol=1e-9, abs_tol=1e-9)
            assert math.isclose(norm2, w @ w, rel_tol=1e-9, abs_tol=1e-9)


def test_endless_source_is_the_limit_of_a_long_one():
    limit, long = (
        simulate(TransferProblem(0.8, 5, 40, N, gamma_source=0.5), 1.0, replicates=40, rng=9, method="dense")
        for N in (math.inf, 20_000)
    )
    assert np.abs(limit.mean - long.mean) < 5 * math.hypot(limit.mean_stderr, long.mean_stderr)
    setting = transfer_setting(TransferProblem(0.8, 5, 40, math.inf, gamma_source=0.5))
    data = np.random.default_rng(0).standard_normal((5, 200_000))
    data[0] += 1.0
    # sqrt(p/N) = 0.005 is the size of the sampling error.
    assert np.allclose(ridge_fit(data, 0.5, np.zeros(5)), [setting.source_length, 0, 0, 0, 0], atol=0.02)


def test_accuracy_given_the_classifier_is_what_a_test_set_measures():
    problem = TransferProblem(0.8, 10, 8)
    draws = simulate(problem, 1.0, replicates=1, rng=2, method="dense").draws
    rng = np.random.default_rng(0)
    mean, std = draws.mean[0], math.sqrt(draws.variance[0])
    margins = mean + std * rng.standard_normal(1_000_000)
    assert abs(np.mean(margins > 0) - draws.accuracy[0]) < 5 * 0.5 / 1000
    assert math.isclose(draws.accuracy[0], ndtr(mean / std), rel_tol=1e-14)
    # Squared error of the same scores: E (1 - margin)^2.
    assert abs(np.mean((1 - margins) ** 2) - draws.risk[0]) < 5 * np.std((1 - margins) ** 2) / 1000


def test_memory_that_would_be_needed_is_named_and_krylov_offered():
    problem = TransferProblem(0.8, 2_000_000, 1_000_000)
    with pytest.raises(ValueError, match=r"matrices: p=2000000, n=1000000.*GiB.*use method='krylov'"):
        simulate(problem, 1.0, method="dense")
    small = TransferProblem(0.8, 100, 50)
    with pytest.raises(ValueError, match="memory_limit="):
        simulate(small, 1.0, method="dense", memory_limit=1e4)
    need = dense.memory(transfer_setting(small))
    assert simulate(small, 1.0, method="dense", replicates=1, memory_limit=need).replicates == 1
