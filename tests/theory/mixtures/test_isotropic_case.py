"""`TransferProblem` is the special case of identity covariance and means +-m."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from strategies import log_uniform, problems

import rmt_alpha as ra
from rmt_alpha.problems.fine_tuning import FineTuning

ALPHAS = np.array([-3.0, -0.5, 0.0, 1.0, 4.0])
NORMS = log_uniform(-3, 2)
"""Here residuals come from a linear system of condition 1 + m^2 <= 1e4, and are right to 1e-12."""


def written_out(problem: ra.TransferProblem) -> tuple[ra.TransferProblem, FineTuning]:
    """The same aspect ratios and norms in six dimensions, which is as good as in a million."""
    size = 6 / problem.p
    N = None if problem.N is None else problem.N * size
    small = replace(problem, p=6.0, n=problem.n * size, N=N)
    return small, FineTuning.from_transfer(small)


@given(problems(norm=NORMS))
def test_scores_and_accuracy_agree(problem):
    problem, mixture = written_out(problem)
    expected, curve = problem.curve(), mixture.curve()
    for name in ("mean", "variance", "std", "second", "risk", "error", "accuracy"):
        # An error of the margin is magnified by its square, up to 1500, in the tail of the normal law.
        rtol = 1e-9 if name == "error" else 1e-10
        found, right = getattr(curve, name)(ALPHAS), getattr(expected, name)(ALPHAS)
        np.testing.assert_allclose(found, right, rtol=rtol, atol=1e-300, err_msg=name)
    np.testing.assert_allclose(curve.class_accuracy(ALPHAS)[:, 0], expected.accuracy(ALPHAS), rtol=1e-10)
    infinite = np.array([np.inf, -np.inf])
    np.testing.assert_allclose(curve.accuracy(infinite), expected.accuracy(infinite), rtol=1e-10)


def condition_of_the_optimum(problem):
    """By how much alpha* magnifies rounding of the source weights' part across the target mean.

    alpha* = eta L s / (kappa D), D = (L + m^2) m^2 c2 + eta s^2.  Written out as vectors, c2 is known to a
    rounding of |w|^2 = c2 + s^2 / m^2, which is (D - eta s^2 + (L + m^2) s^2) / D roundings of D.
    """
    curve, ridge = problem.curve(), ra.effective_ridge(problem.p, problem.n, problem.gamma)
    reach = ridge.lift + problem.target_norm**2
    s = (curve.mean(1.0) - curve.mean(0.0)) * reach / ridge.kappa
    eta = problem.p / problem.n
    whole = eta * ridge.lift * s / (ridge.kappa * curve.optimal_alpha()) if s else 1.0
    return 1 + (reach - eta) * s * s / whole


@example(ra.TransferProblem(beta=-1.0, p=2.0, n=2.0, N=2.0, gamma=1e8, gamma_source=1e5))
@example(ra.TransferProblem(beta=-0.99999, p=2.0, n=2.0, mu=10.0, gamma=1e6))
@given(problems(norm=NORMS))
def test_optima_and_intervals_agree(problem):
    problem, mixture = written_out(problem)
    expected, curve = problem.curve(), mixture.curve()
    best = expected.optimal_alpha()
    # A hundred roundings, of the solver of the effective ridge and of sums of two to a dozen terms.
    rtol = 1e-10 + 100 * np.finfo(float).eps * condition_of_the_optimum(problem)
    assert curve.optimal_alpha() == pytest.approx(best, rel=rtol, abs=1e-300)
    assert curve.optimal_alpha("risk") == pytest.approx(expected.optimal_alpha("risk"), rel=1e-10, abs=1e-300)
    assert curve.optimum().value == pytest.approx(expected.accuracy(best), rel=1e-10)
    assert curve.neutral_alpha() == pytest.approx(expected.neutral_alpha(), rel=1e-10)
    for found, end in zip(curve.transfer_interval(), expected.transfer_interval(), strict=True):
        # Far from alpha* accuracy comes back to that of alpha = 0 so slowly that rounding counts for more.
        farther = abs(end / best) if best and np.isfinite(end) else 0.0
        assert found == pytest.approx(end, rel=1e-8 + 10 * np.finfo(float).eps * farther)
    assert curve.gain() == pytest.approx(expected.gain(), abs=1e-11)


@pytest.mark.parametrize("n", [3.0, 12.0])
def test_ridgeless_limits_agree(n):
    problem = ra.TransferProblem(beta=0.6, p=6, n=n, N=20, gamma=0, gamma_source=0.1)
    expected, curve = problem.curve(), FineTuning.from_transfer(problem).curve()
    np.testing.assert_allclose(curve.accuracy(ALPHAS), expected.accuracy(ALPHAS), rtol=1e-12)
    np.testing.assert_allclose(curve.risk(ALPHAS), expected.risk(ALPHAS), rtol=1e-12)
    assert curve.optimal_alpha() == pytest.approx(expected.optimal_alpha(), rel=1e-12)
    assert curve.optimal_alpha("risk") == pytest.approx(expected.optimal_alpha("risk"), rel=1e-12)
    assert curve.accuracy(np.inf) == pytest.approx(expected.accuracy(np.inf), rel=1e-12)


def test_high_precision_agrees_to_all_digits():
    problem = ra.TransferProblem(beta=0.6, p=5, n=7, N=9, gamma=0.01, gamma_source=0.1, mu=1.5)
    mixture = FineTuning.from_transfer(problem)
    assert isinstance(mixture.source, ra.RidgeSource)
    # The vectors are rounded to float64; a problem made of exact vectors has exact answers.
    exact = ra.TransferProblem.from_means(
        mixture.source.mixture.means[1], mixture.target.means[1], n=7, N=9, gamma=0.01, gamma_source=0.1
    )
    assert float(mixture.curve(dps=40).accuracy(1) - exact.curve(dps=40).accuracy(1)) == pytest.approx(
        0, abs=1e-15
    )
    simple = ra.TransferProblem(beta=0, p=4, n=8, mu=2, mu_orth=1, gamma=0.5)
    for alpha in (0, 1, 2.5):
        difference = FineTuning.from_transfer(simple).curve(dps=50).error(alpha) - simple.curve(dps=50).error(
            alpha
        )
        assert np.abs(difference) < 1e-48


def test_problems_that_are_no_vectors_are_refused():
    with pytest.raises(ValueError, match="scalar fields and an integer p >= 2"):
        FineTuning.from_transfer(ra.TransferProblem(beta=[0.1, 0.2], p=10, n=5))
    with pytest.raises(ValueError, match="scalar fields and an integer p >= 2"):
        FineTuning.from_transfer(ra.TransferProblem(beta=0.1, p=2.5, n=5))
