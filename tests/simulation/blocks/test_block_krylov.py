"""Krylov draws of mixtures and regressions: the law of the dense ones; the theory where no matrix fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import rmt_alpha as ra
from rmt_alpha.simulation.blocks import orbit

RNG = np.random.default_rng(5)
LEVEL = 1e-3
"""Probability that a right program fails at one of its statistics, all problems together."""
ALPHAS = np.array([-1.0, 0.0, 0.7])


def symmetric(p, n, gamma, variances, **options):
    mean, variance = RNG.normal(size=p) / p**0.5, np.resize(variances, p)
    source = ra.FixedSource(mean + RNG.normal(size=p) / p**0.5)
    return ra.FineTuning(ra.GaussianMixture.symmetric(mean, variance), source, n=n, gamma=gamma, **options)


def trained(n, gamma, **options):
    """Three classes; the blocks of the source cross those of the target."""
    means, p = RNG.normal(size=(3, 6)) / 2, 6
    target = ra.GaussianMixture(means, [0.3, 0.3, 2.0, 2.0, 2.0, 0.3], priors=[0.2, 0.3, 0.5])
    own = ra.GaussianMixture(means + RNG.normal(size=(3, p)) / 3, np.array([1.0, 1.0, 1.0, 0.4, 0.4, 0.4]))
    source = ra.RidgeSource(own, n=8, gamma=0.2, intercept=True, label_noise=0.2)
    return ra.FineTuning(target, source, n=n, gamma=gamma, **options)


def two_sources(n):
    target = ra.GaussianMixture(RNG.normal(size=(2, 8)) / 2, np.repeat([0.5, 2.0], 4), priors=[0.3, 0.7])
    own = ra.GaussianMixture.symmetric(RNG.normal(size=8) / 2)
    sources = [ra.RidgeSource(own, n=5, gamma=0.1), ra.RidgeSource(own, n=9, gamma=0.3)]
    return ra.FineTuning(target, sources, n=n, gamma=0.2, label_noise=0.1)


def regression(p, n, outputs, noise, gamma):
    target, source = RNG.normal(size=(2, outputs, p))
    return ra.RidgeRegressionTransfer(np.resize([0.2, 1.0, 3.0], p), target, source, noise, n=n, gamma=gamma)


PROBLEMS = {
    "more dimensions": (symmetric(9, 5, 0.3, [0.3, 1.0, 2.5]), {}),
    "more samples": (symmetric(6, 11, 0.05, [0.3, 2.0]), {}),
    "least squares": (symmetric(6, 11, 0.0, [0.3, 2.0]), {}),
    "interpolation": (symmetric(9, 4, 0.0, [0.3, 1.0, 2.5]), {}),
    "no variance in a block": (symmetric(6, 5, 0.2, [0.0, 1.0, 2.0], intercept=True), {}),
    "all different": (symmetric(5, 8, 0.1, np.arange(1.0, 6.0), label_noise=0.1), {}),
    "one sample": (symmetric(3, 1, 0.1, [0.5, 2.0], intercept=True), {}),
    "one dimension": (symmetric(1, 4, 0.1, [0.5]), {}),
    "three classes": (trained(10, 0.3, intercept=True, label_noise=0.1), {}),
    "random counts": (trained(5, 0.3, intercept=True), {"class_counts": "random"}),
    "two sources": (two_sources(7), {}),
    "regression": (regression(7, 4, 1, 0.5, 0.1), {}),
    "two outputs": (regression(4, 9, 2, [0.5, 1.0], 0.0), {}),
    "no noise": (regression(8, 3, 1, 0.0, 0.1), {}),
}


def statistics(problem, method, replicates, **options):
    """Every number that is kept of a draw, shape (numbers, replicates)."""
    alpha = ALPHAS if getattr(problem, "components", None) is None else np.ones((1, 2))
    draws = ra.simulate(
        problem, alpha, replicates=replicates, method=method, rng=len(method), **options
    ).draws
    of_mixtures = "score_mean", "score_gram", "class_accuracy"
    names = ("error_gram",) if hasattr(draws, "error_gram") else of_mixtures
    columns = [getattr(draws, name).reshape(replicates, -1) for name in names]
    # Ridgeless fits forget the source or keep all of it: the product is rounding, which follows no law.
    return np.round(np.hstack([*columns, draws.risk.reshape(replicates, -1)]).T, 9)


def smallest_p_value(problem, replicates, **options):
    """Bonferroni's, of all statistics."""
    pairs = zip(
        *(statistics(problem, method, replicates, **options) for method in ("dense", "krylov")), strict=True
    )
    values = [stats.ks_2samp(a, b, method="asymp").pvalue for a, b in pairs]
    return min(values) * len(values) * len(PROBLEMS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_same_law_as_dense(name):
    problem, options = PROBLEMS[name]
    assert smallest_p_value(problem, 150, **options) > LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_same_law_as_dense_with_many_draws(name):
    problem, options = PROBLEMS[name]
    assert smallest_p_value(problem, 2_000, **options) > LEVEL


def test_one_degree_of_freedom_too_many_is_noticed(monkeypatch):
    right = orbit.triangle

    def wrong(freedom, columns, rng):
        factor = right(freedom, columns, rng)
        diagonal = np.arange(len(factor))
        factor[diagonal, diagonal] = np.sqrt(rng.chisquare(freedom + 1 - diagonal)) if len(factor) else 0.0
        return factor

    monkeypatch.setattr(orbit, "triangle", wrong)
    assert smallest_p_value(PROBLEMS["more dimensions"][0], 150) < LEVEL


@pytest.mark.parametrize(
    ("p", "n", "gamma", "options"),
    [
        (600_000, 400_000, 1.0, {}),
        (200_000, 800_000, 0.3, {"intercept": True, "label_noise": 0.1}),
    ],
)
def test_theory_at_sizes_that_no_matrix_has(p, n, gamma, options):
    """Errors of order 1/n are far below the standard errors there; no chain sees p or n."""
    problem = symmetric(p, n, gamma, np.array([0.3, 1.0, 2.5]), **options)
    run = ra.simulate(problem, ALPHAS, replicates=6, method="krylov", rng=1)
    z = (run.accuracy - problem.curve().accuracy(ALPHAS)) / run.accuracy_stderr
    assert np.all(abs(z) < stats.t.isf(LEVEL / 6, 5))
    assert np.all(run.accuracy_stderr < 1e-3)
    assert run.truncation_error < 1e-12
    assert run.chain_length < 400


def test_isotropic_problems_are_those_of_the_chain():
    problem = ra.TransferProblem(0.6, p=9, n=6, N=5, gamma=0.2, gamma_source=0.1)
    chain = ra.simulate(problem, ALPHAS, replicates=300, rng=3).draws
    blocks = ra.simulate(
        ra.FineTuning.from_transfer(problem), ALPHAS, replicates=300, method="krylov", rng=4
    ).draws
    for name in ("mean", "variance", "accuracy", "risk"):
        for a, b in zip(getattr(chain, name).T, getattr(blocks, name).T, strict=True):
            assert stats.ks_2samp(a, b).pvalue > LEVEL / 12


def test_cutting_changes_nothing_that_is_seen():
    problem = symmetric(450, 300, 1.0, [0.3, 1.0])
    cut, whole = (
        ra.simulate(problem, ALPHAS, replicates=1, method="krylov", rng=1, truncate=truncate)
        for truncate in (1e-9, None)
    )
    assert whole.chain_length == 300
    assert cut.chain_length < 200
    assert np.abs(np.subtract(cut.accuracy, whole.accuracy)).max() < cut.truncation_error < 1e-9


def test_compare_and_jobs():
    problem = symmetric(24, 16, 0.5, [0.5, 1.5])
    assert ra.compare(problem, [0.0, 1.0], replicates=60, method="krylov", rng=0).agrees
    one, two = (
        ra.simulate(problem, 1.0, replicates=6, method="krylov", rng=1, n_jobs=jobs) for jobs in (1, 2)
    )
    assert np.array_equal(one.draws.accuracy, two.draws.accuracy)
    assert one.method == "krylov"


def test_what_has_no_blocks_is_refused():
    p = 4
    problem = symmetric(p, 3, 0.1, [1.0, 2.0])
    means = problem.target.means
    for covariances in ([np.ones(p), np.full(p, 2.0)], np.eye(p) + 0.1):
        other = replace(problem, target=ra.GaussianMixture(means, covariances))
        with pytest.raises(ValueError, match="one covariance for all classes, a number or a diagonal"):
            ra.simulate(other, 0.0, method="krylov")
    own = ra.LossSource(ra.GaussianMixture(means), 8, 0.1, "logistic")
    with pytest.raises(ValueError, match="got a LossSource"):
        ra.simulate(replace(problem, source=own), 0.0, method="krylov")
    for other in (
        replace(problem, loss="logistic"),
        ra.LowRankTransfer(0.5, [2.0], 3.0, 1.0, n=20, p=8, d=6),
    ):
        rank: dict[str, Any] = {"rank": 2} if isinstance(other, ra.LowRankTransfer) else {}
        with pytest.raises(ValueError, match=r"linear in the targets.*method='dense'"):
            ra.simulate(other, 0.0, method="krylov", **rank)
