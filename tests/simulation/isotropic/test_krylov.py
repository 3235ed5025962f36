"""Truncation, memory and limits of the Krylov simulation, and its agreement with theory at large sizes."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy.special import ndtr

from rmt_alpha import TransferProblem
from rmt_alpha.simulation import TransferDraws, simulate
from rmt_alpha.simulation.isotropic import krylov
from rmt_alpha.simulation.isotropic.chain import Chain
from rmt_alpha.simulation.isotropic.elimination import solve
from rmt_alpha.simulation.setting import transfer_setting

ALPHAS = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])
LARGE = [
    TransferProblem(0.8, 2_000_000, 1_000_000, 3_000_000),
    TransferProblem(0.8, 200_000_000, 100_000_000, None, gamma=0.1),
    TransferProblem(-0.5, 1_000_000, 2_000_000, 500_000, gamma=0.01, gamma_source=0.001, mu=2.0),
    TransferProblem(0.3, 1_000_000, 2_000_000, 500_000, gamma=0.0, gamma_source=0.0, mu=2.0),
    TransferProblem(0.3, 2_000_000, 1_000_000, 5_000_000, gamma=0.0, gamma_source=0.0, mu_orth=0.2),
    TransferProblem(1.0, 1_000_000, 1_000_000, 1_000_000, gamma=0.01, gamma_source=0.01),
    TransferProblem(0.7, 1_000_000, 3_000_000, math.inf, gamma=1e-6, gamma_source=0.4),
    TransferProblem(0.5, 1_000_000, 400_000, 2_000_000, gamma=1e5, gamma_source=1e5, target_scale=3.0),
]


def asymptotic(problem, alpha, wrong_source_norm=False):
    """Mean, variance and accuracy as n grows, from the closed forms; written here so as to share nothing."""

    def effective_ridge(p, n, gamma):
        excess = (p - n) / n + gamma
        root = math.hypot(excess, 2 * math.sqrt(gamma))
        return (excess + root) / 2 if excess >= 0 else 2 * gamma / (root - excess)

    def stage(n, gamma, m, along, across2, alpha):
        kappa = effective_ridge(problem.p, n, gamma)
        left = 1 - problem.p / n / (1 + kappa) ** 2
        mean = m * (m + alpha * kappa * along) / (1 + kappa + m * m)
        variance = (
            (mean / m) ** 2 + (alpha * kappa / (1 + kappa)) ** 2 * across2 + (1 - left) * (1 - mean) ** 2
        )
        return mean, variance / left

    mu, m = problem.mu, problem.target_norm
    if problem.N is None or math.isinf(problem.N):
        length = mu if problem.N is None else mu / (1 + problem.gamma_source + mu * mu)
        norm2 = length**2
    else:
        mean, norm2 = stage(problem.N, problem.gamma_source, mu, 0.0, 0.0, 0.0)
        length = mean / mu
        if wrong_source_norm:
            kappa = effective_ridge(problem.p, problem.N, problem.gamma_source)
            total = 1 + kappa + mu * mu
            used = problem.p / problem.N / (1 + kappa) ** 2
            norm2 = (mu / total) ** 2 + used * (1 - 2 * mu * mu / total)
    along = problem.along * length / m
    across2 = norm2 - length**2 + (length * problem.across / m) ** 2
    mean, variance = stage(problem.n, problem.gamma, m, along, across2, alpha)
    return {"mean": mean, "variance": variance, "accuracy": ndtr(mean / np.sqrt(variance))}


def z_scores(problem, **wrong):
    simulation = simulate(problem, ALPHAS, replicates=200, rng=5)
    theory = asymptotic(problem, ALPHAS, **wrong)
    return np.array(
        [
            (getattr(simulation, name) - value) / getattr(simulation, f"{name}_stderr")
            for name, value in theory.items()
        ]
    )


@pytest.mark.parametrize("problem", LARGE, ids=[f"large{i}" for i in range(len(LARGE))])
def test_agreement_with_theory_where_it_is_exact(problem):
    # The bias is O(1/n), below the standard error O(1/sqrt(200 n)) by a factor of sqrt(n/200) > 40.
    # 8 problems x 15 scores: a right program stays below 4.9 with probability 0.9999.
    assert np.abs(z_scores(problem)).max() < 4.9


def test_a_wrong_source_norm_is_noticed():
    problem = TransferProblem(0.5, 400_000, 100_000, 480_000, gamma_source=0.01)
    assert np.abs(z_scores(problem)).max() < 4.9
    assert np.abs(z_scores(problem, wrong_source_norm=True)).max() > 50


@pytest.mark.parametrize("gamma", [0.0, 0.01, 1.0, 1e3])
@pytest.mark.parametrize(("p", "n"), [(3000, 2000), (2000, 3000), (2500, 2450)])
@pytest.mark.parametrize("mean", [(1.0,), (0.5, 0.0), (30.0, 0.0)], ids=["source", "target", "strong"])
def test_truncation_error_stays_within_its_estimate(p, n, gamma, mean):
    chain, seed, replicates = Chain(p, n, mean), np.random.SeedSequence(6), 20
    prior = None if len(mean) == 1 else (np.linspace(-1, 1, replicates), np.full(replicates, 0.7))
    exact = solve(chain, gamma, prior, replicates, seed, chain.length)
    rounding = 16 * np.finfo(float).eps * krylov._condition(chain, gamma)
    lengths = []
    for tolerance in (1e-3, 1e-6, 1e-12):
        along, across, estimate, length = krylov._solve_to_tolerance(
            chain, gamma, prior, replicates, seed, tolerance
        )
        assert estimate <= max(tolerance, rounding)
        assert krylov._difference(exact, (along, across)) <= estimate + rounding
        lengths.append(length)
    assert lengths[0] <= lengths[1] <= lengths[2]
    if gamma > 0.01:
        assert lengths[2] < chain.length / 10


def test_truncated_and_exact_runs_share_their_random_numbers():
    problem = TransferProblem(0.6, 3000, 2000, 2500, gamma=0.1, gamma_source=0.1)
    cut = simulate(problem, ALPHAS, replicates=20, rng=6)
    exact = simulate(problem, ALPHAS, replicates=20, rng=6, truncate=None)
    assert exact.truncation_error == 0 < cut.truncation_error <= 1e-12
    assert exact.chain_length == 2500 > cut.chain_length
    assert np.allclose(cut.draws.accuracy, exact.draws.accuracy, rtol=1e-10, atol=0)
    assert np.allclose(cut.draws.variance, exact.draws.variance, rtol=1e-10, atol=0)


def test_a_guess_that_is_too_short_is_corrected(monkeypatch):
    problem = TransferProblem(0.6, 3000, 2000, gamma=0.01)
    good = simulate(problem, 1.0, replicates=20, rng=6)
    monkeypatch.setattr(krylov, "planned_length", lambda chain, gamma, truncate: 9)
    corrected = simulate(problem, 1.0, replicates=20, rng=6)
    assert corrected.truncation_error <= 1e-12
    assert isinstance(good.draws, TransferDraws)
    assert isinstance(corrected.draws, TransferDraws)
    assert np.allclose(corrected.draws.across, good.draws.across, rtol=1e-11, atol=0)


def test_short_chains_are_never_cut():
    simulation = simulate(TransferProblem(0.8, 12, 9, 30), 1.0, rng=0)
    assert simulation.truncation_error == 0
    assert simulation.chain_length == 12


def traced_peak(*args, **kwargs):
    simulate(*args, **kwargs)  # imports and caches
    tracemalloc.start()
    try:
        simulate(*args, **kwargs)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_of_truncated_runs_is_replicates_times_blocks():
    problem = TransferProblem(0.8, 200_000_000, 100_000_000)
    # A batch of 128 replicates x about 80 unknowns x some 20 numbers for each, not p or n numbers.
    assert traced_peak(problem, 1.0, replicates=1000, rng=0) < 32 * 2**20


def test_memory_of_exact_runs_does_not_grow_with_size():
    n = 1 << 19
    problem = TransferProblem(0.8, 2 * n, n)
    # Less than two vectors of length n.
    assert traced_peak(problem, 1.0, replicates=2, rng=0, truncate=None) < 2 * 8 * n


def draws_of(problem: TransferProblem) -> TransferDraws:
    draws = simulate(problem, 1.0, rng=8).draws
    assert isinstance(draws, TransferDraws)
    return draws


@pytest.mark.parametrize("gamma", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize(("p", "n"), [(60, 30), (30, 60), (40, 40)])
def test_extreme_ridges_agree_with_their_limits(p, n, gamma):
    draws = draws_of(TransferProblem(0.6, p, n, gamma=gamma))
    (a0, a1), (c00, c01, c11) = draws.along.T, draws.across.T
    if gamma > 1:
        # w_0 -> X y / (n gamma) and w_1 -> w~, with corrections of relative size (1 + sqrt(eta))^2 / gamma.
        assert np.allclose(a1, 0.6, rtol=1e-8, atol=0)
        assert np.allclose(c11, 0.64, rtol=1e-8, atol=0)
        norm2 = gamma**2 * (a0**2 + c00)
        assert abs(norm2.mean() - (1 + p / n)) < 5 * norm2.std() / 10
    elif p > n:
        ridgeless = draws_of(TransferProblem(0.6, p, n, gamma=0.0))
        assert np.allclose(draws.along, ridgeless.along, rtol=1e-8, atol=1e-9)
        assert np.allclose(draws.across, ridgeless.across, rtol=1e-8, atol=1e-9)
    else:
        # w_1 = gamma (X X^T/n)^-1 w~ keeps its digits however small gamma is: doubling gamma doubles it.
        double = draws_of(TransferProblem(0.6, p, n, gamma=2 * gamma))
        # Corrections are gamma/lambda_min(X X^T/n) and rounding eps/lambda_min.  For p = n the smallest of
        # 100 values of n^2 lambda_min is about 1e-4: then both are below 1e-4.
        tolerance = 1e-3 if p == n else 1e-9
        assert np.allclose(double.along[:, 1], 2 * a1, rtol=tolerance, atol=tolerance * np.abs(a1).max())
        assert np.allclose(double.across[:, 2], 4 * c11, rtol=tolerance, atol=0)
        assert np.isfinite(draws.optimal_alpha()[c01 != 0]).any()


@pytest.mark.parametrize(
    "shape",
    [(1e30, 10), (10, 1e30), (1e30, 1e30), (1e30, 1e20), (1e20, 1e30)],
    ids=lambda shape: "x".join(map(str, shape)),
)
def test_absurd_sizes_still_work(shape):
    simulation = simulate(TransferProblem(0.6, *shape), ALPHAS, rng=8)
    assert np.isfinite(simulation.variance).all()
    assert np.all((simulation.accuracy > 0) & (simulation.accuracy < 1))


def test_chain_that_would_never_end_is_refused():
    setting = transfer_setting(TransferProblem(0.6, 10**12 + 1, 10**12, gamma=0.0))
    with pytest.raises(ValueError, match=r"Krylov chain of 1e\+12 vectors.*allow a tolerance"):
        krylov.batch_size(setting, None)
