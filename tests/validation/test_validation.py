"""Theory against exact simulation over random problems: calibrated z-scores, and a wrong formula that fails.

One z-score per problem, (average of the draws - theory) / (predicted standard deviation /
sqrt(replicates)): it judges the prediction and its error bar together.  The size keeps the bias, of order
1/n, far below the standard error.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from strategies import log_uniform

import rmt_alpha as ra
from rmt_alpha.experiments.reference_formula import reference_curve

SIZE = 200_000
QUANTITIES = ("accuracy", "mean", "variance", "risk")
REPLICATES = 8


def random_problem(rng: np.random.Generator, size: int = SIZE) -> ra.TransferProblem:
    """All regimes: N, n above and below p, eta = 1, small and large ridges, both signs of beta."""
    eta, eta_source = (
        rng.choice([1.0, 10 ** rng.uniform(-1, 1)], p=[0.2, 0.8], size=2) if rng.random() < 0.5 else
        10 ** rng.uniform(-1, 1, size=2)
    )  # fmt: skip
    gamma, gamma_source = 10 ** rng.uniform(-2, 2, size=2)
    p = max(2, round(size * eta))
    return ra.TransferProblem(
        beta=rng.uniform(-1, 1),
        p=p,
        n=size,
        N=None if rng.random() < 0.15 else max(2, round(p / eta_source)),
        mu=10 ** rng.uniform(-0.5, 0.5),
        mu_orth=10 ** rng.uniform(-0.5, 0.5),
        gamma=gamma,
        gamma_source=gamma_source,
    )


def z_score(problem, curve, quantity, alpha, seed, replicates=REPLICATES):
    simulation = ra.simulate(problem, alpha, replicates=replicates, rng=seed)
    std = getattr(problem.curve(), f"{quantity}_std")(alpha)
    return (getattr(simulation, quantity) - getattr(curve, quantity)(alpha)) / (std / math.sqrt(replicates))


@given(
    st.floats(-1, 1),
    log_uniform(-1.5, 1.5),
    log_uniform(-1.5, 1.5),
    log_uniform(-6, 6),
    log_uniform(-6, 6),
    st.sampled_from(["accuracy", "mean", "variance", "risk"]),
    st.floats(-3, 3),
    st.integers(0, 2**31),
)
def test_every_regime_agrees(beta, eta, eta_source, gamma, gamma_source, quantity, alpha, seed):
    n = 20_000
    p = max(2, round(n * eta))
    N = max(2, round(p / eta_source))
    problem = ra.TransferProblem(beta, p, n, N=N, gamma=gamma, gamma_source=gamma_source)
    # Where h -> 0 the effective number of samples is n h: keep the bias 1/(n h) small.
    assume(ra.effective_ridge(p, n, gamma).freedom > 0.02)
    assume(ra.effective_ridge(p, N, gamma_source).freedom > 0.02)
    curve = problem.curve()
    best = float(curve.optimal_alpha())
    at = alpha * best if 0 < abs(best) < 1e6 else alpha
    z = z_score(problem, curve, quantity, at, seed, replicates=20)
    # Bias over standard error: (b / n) / sqrt(v / (20 n)) with b^2 of the order v / h^2.
    freedom = min(ra.effective_ridge(p, n, gamma).freedom, ra.effective_ridge(p, N, gamma_source).freedom)
    bias = 10 * math.sqrt(20 / min(n, N, p)) / freedom
    assert abs(z) < 5 + bias


def z_scores(count, seed, curve_of=lambda problem: problem.curve(), quantities=QUANTITIES) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scores = []
    for index in range(count):
        problem = random_problem(rng)
        quantity = quantities[index % len(quantities)]
        alpha = rng.uniform(-1.5, 1.5) * np.abs(problem.curve().optimal_alpha())
        scores.append(z_score(problem, curve_of(problem), quantity, alpha, seed=[seed, index]))
    return np.array(scores)


def test_z_scores_are_standard_normal():
    scores = z_scores(300, seed=2024)
    assert np.abs(scores).max() < 4.5
    assert stats.kstest(scores, "norm").pvalue > 0.01


class FourMoments:
    """The reference implementation's law of the score, with the names of a curve."""

    def __init__(self, problem):
        fields = {k: getattr(problem, k) for k in ("N", "mu", "mu_orth", "gamma", "gamma_source")}
        law = reference_curve(problem.beta, problem.p, problem.n, **fields)
        self.mean, self.variance = law.mean, law.variance

    def accuracy(self, alpha):
        variance = float(self.variance(alpha))
        return stats.norm.cdf(float(self.mean(alpha)) / math.sqrt(variance)) if variance > 0 else 0.0

    def risk(self, alpha):
        return self.variance(alpha) + (1 - self.mean(alpha)) ** 2


def test_the_reference_formula_fails_the_same_check():
    def wrong(problem):
        return problem.curve() if problem.N is None else FourMoments(problem)

    # Its mean is right; its variance, and all that depends on it, is not.
    scores = z_scores(100, seed=2024, curve_of=wrong, quantities=("variance",))
    assert np.abs(scores).max() > 50
    assert stats.kstest(scores, "norm").pvalue < 1e-10
    assert stats.kstest(z_scores(100, seed=2024, quantities=("variance",)), "norm").pvalue > 0.01


@pytest.mark.parametrize("error", [1e-3, -1e-3])
def test_a_small_error_is_seen(error):
    # One part in a thousand in the mean: the check above resolves it.
    problem = ra.TransferProblem(0.6, p=300_000, n=200_000, N=500_000, mu=2.0, gamma=0.3)
    curve = problem.curve()

    class Off:
        def mean(self, alpha):
            return curve.mean(alpha) * (1 + error)

    assert abs(z_score(problem, Off(), "mean", 1.0, seed=1, replicates=400)) > 5


@pytest.mark.slow
def test_z_scores_of_many_problems_are_standard_normal():
    scores = z_scores(3000, seed=7)
    assert stats.kstest(scores, "norm").pvalue > 0.01
