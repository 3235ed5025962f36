"""`TransferProblem`: facts, invariances and limits of the isotropic model."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import log_uniform, moderate_problems, problems

import rmt_alpha as ra

ALPHAS = np.array([-2.0, -0.5, 0.0, 0.3, 1.0, 4.0])


def same_answers(a: ra.TransferProblem, b: ra.TransferProblem, flip: int = 1, rel: float = 1e-12) -> None:
    x, y = a.curve(), b.curve()
    np.testing.assert_allclose(x.mean(ALPHAS), y.mean(flip * ALPHAS), rtol=rel, atol=rel)
    np.testing.assert_allclose(x.variance(ALPHAS), y.variance(flip * ALPHAS), rtol=rel)
    np.testing.assert_allclose(x.accuracy(ALPHAS), y.accuracy(flip * ALPHAS), rtol=rel)
    assert x.optimal_alpha() == pytest.approx(flip * y.optimal_alpha(), rel=rel)


@given(problems())
def test_flipping_the_source_flips_alpha_exactly(problem):
    flipped = dataclasses.replace(problem, beta=-problem.beta)
    a, b = problem.curve(), flipped.curve()
    np.testing.assert_array_equal(a.accuracy(ALPHAS), b.accuracy(-ALPHAS))
    assert a.optimal_alpha() == -b.optimal_alpha()


@given(problems())
def test_only_the_aspect_ratios_matter(problem):
    # Scaling by a power of two is exact in floating point.
    N = None if problem.N is None else 8 * problem.N
    scaled = dataclasses.replace(problem, p=8 * problem.p, n=8 * problem.n, N=N)
    np.testing.assert_array_equal(problem.curve().accuracy(ALPHAS), scaled.curve().accuracy(ALPHAS))


@given(moderate_problems(beta=st.floats(-0.99, 0.99)))
def test_target_scale_is_a_change_of_norms(problem):
    c = 4.0
    scaled = dataclasses.replace(problem, target_scale=c)
    # Rescaling the known source vector instead: w~ = m_s / c relative to the target, alpha c times larger.
    if problem.N is None:
        bigger = dataclasses.replace(problem, mu=c * problem.mu, mu_orth=c * problem.mu_orth)
        np.testing.assert_allclose(
            scaled.curve().accuracy(c * ALPHAS), bigger.curve().accuracy(ALPHAS), rtol=1e-13
        )
    assert scaled.target_norm == pytest.approx(c * problem.target_norm, rel=1e-14)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 20))
def test_means_may_be_rotated_together(seed, gamma):
    rng = np.random.default_rng(seed)
    source, target = rng.standard_normal((2, 6)) / 2
    rotation, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    options = {"n": 9, "N": 20, "gamma": gamma}
    a = ra.TransferProblem.from_means(source, target, **options)
    b = ra.TransferProblem.from_means(rotation @ source, rotation @ target, **options)
    same_answers(a, b)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 20), st.floats(-0.999999, 0.999999))
def test_from_means_finds_the_geometry(seed, gamma, beta):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((7, 2)))
    mu, mu_orth = rng.uniform(0.1, 3, 2)
    source = mu * q[:, 0]
    target = beta * source + math.sqrt(1 - beta**2) * mu_orth * q[:, 1]
    from_means = ra.TransferProblem.from_means(source, target, n=5, N=11, gamma=gamma)
    direct = ra.TransferProblem(beta, p=7, n=5, N=11, mu=mu, mu_orth=mu_orth, gamma=gamma)
    assert from_means.along == pytest.approx(direct.along, rel=1e-12, abs=1e-14)
    assert from_means.across == pytest.approx(direct.across, rel=1e-9)
    same_answers(from_means, direct, rel=1e-8)


def test_from_source_is_a_known_vector_of_any_length():
    w, mean = np.array([0.3, -0.2, 0.5, 0.0]), np.array([1.0, 0.5, 0.0, 2.0])
    curve = ra.TransferProblem.from_source(w, mean, n=6, gamma=0.7).curve()
    doubled = ra.TransferProblem.from_source(2 * w, mean, n=6, gamma=0.7).curve()
    np.testing.assert_allclose(curve.accuracy(ALPHAS), doubled.accuracy(ALPHAS / 2), rtol=1e-14)
    # The closed form, written out for this vector.
    eta, gamma, m2, s = 4 / 6, 0.7, mean @ mean, w @ mean
    kappa = ra.effective_ridge(4, 6, gamma).kappa
    lift, c2 = 1 + kappa, w @ w - s * s / m2
    expected = eta * lift * s / (kappa * ((lift + m2) * m2 * c2 + eta * s * s))
    assert curve.optimal_alpha() == pytest.approx(expected, rel=1e-13)


def test_degenerate_geometries():
    zero, mean = np.zeros(3), np.array([0.0, 2.0, 0.0])
    no_source = ra.TransferProblem.from_source(zero, mean, n=4)
    assert no_source.target_norm == 2.0
    assert no_source.curve().optimal_alpha() == 0.0
    assert no_source.curve().accuracy(5.0) == no_source.curve().accuracy(0.0) > 0.5
    no_target = ra.TransferProblem.from_means(mean, zero, n=4, N=10)
    np.testing.assert_array_equal(no_target.curve().accuracy(ALPHAS), 0.5)
    opposite = ra.TransferProblem.from_means(mean, -3 * mean, n=4)
    assert opposite.beta == -1
    assert opposite.across == 0
    assert opposite.curve().optimal_alpha() < 0


# --- limits ------------------------------------------------------------------------------------------


@given(moderate_problems(beta=st.floats(0.05, 1)))
def test_large_ridge_limit_of_gamma_times_alpha(problem):
    # gamma alpha* -> eta s / (m^2 ||w~||^2 - s^2), with s = <w~, m_t>
    # The first correction is relative, of order s^2 / (gamma m^2 c2): below 1e6 / 1e18 by what is assumed.
    curve = dataclasses.replace(problem, gamma=1e18).curve()
    heavier = dataclasses.replace(problem, gamma=1e19).curve()
    product, limit = 1e18 * curve.optimal_alpha(), 1e19 * heavier.optimal_alpha()
    m2 = problem.target_norm**2
    across2 = heavier.terms[0][1] ** 2 * (1 + heavier.kappa) ** 2  # c2, as h -> 1
    inner = heavier.mean_line[1] * (1 + heavier.kappa + m2)
    assume(across2 * m2 > 1e-6 * inner**2)
    assert product == pytest.approx(limit, rel=1e-9)
    expected = problem.p / problem.n * inner / (m2 * across2)
    assert limit == pytest.approx(expected, rel=1e-6)


@given(moderate_problems(source="trained"))
def test_infinite_source_is_the_limit_of_a_large_one(problem):
    infinite = dataclasses.replace(problem, N=math.inf).curve()
    large = dataclasses.replace(problem, N=problem.p * 1e13).curve()
    assert large.optimal_alpha() == pytest.approx(infinite.optimal_alpha(), rel=1e-6, abs=1e-12)
    np.testing.assert_allclose(large.accuracy(ALPHAS), infinite.accuracy(ALPHAS), rtol=1e-6)


@given(moderate_problems(aspect=st.sampled_from([0.2, 0.9, 1.1, 5.0])))
def test_ridgeless_fits_are_the_limit_of_tiny_ridges(problem):
    zero = dataclasses.replace(problem, gamma=0, gamma_source=0).curve()
    tiny = dataclasses.replace(problem, gamma=1e-13, gamma_source=1e-13).curve()
    np.testing.assert_allclose(tiny.accuracy(ALPHAS), zero.accuracy(ALPHAS), rtol=1e-8)
    np.testing.assert_allclose(tiny.risk(ALPHAS), zero.risk(ALPHAS), rtol=1e-8)


@pytest.mark.parametrize(("beta", "expected"), [(0.5, math.inf), (-0.5, -math.inf), (0.0, 0.0)])
def test_least_squares_forgets_the_source(beta, expected):
    problem = ra.TransferProblem(beta, p=10, n=20, N=50, gamma=0)
    curve = problem.curve()
    assert curve.optimal_alpha() == expected
    tiny = dataclasses.replace(problem, gamma=1e-20).curve().optimal_alpha()
    assert tiny == (0 if expected == 0 else pytest.approx(math.copysign(tiny, expected)))
    assert np.abs(tiny) > 1e15 or expected == 0
    assert np.unique(curve.accuracy([0.0, 1.0, -7.0, math.inf, -math.inf])).size == 1
    assert curve.neutral_alpha() == math.inf
    assert curve.transfer_interval() == (0.0, 0.0)
    assert curve.tolerance_interval(0.01) == (-math.inf, math.inf)
    assert curve.gain() == 0
    assert problem.equivalent_samples() == 0


def test_orthogonal_source_is_useless():
    curve = ra.TransferProblem(0.0, p=100, n=30, N=500).curve()
    assert curve.optimal_alpha() == curve.optimal_alpha("risk") == 0.0
    assert curve.neutral_alpha() == math.inf
    assert curve.accuracy(1.0) < curve.accuracy(0.0)


@pytest.mark.parametrize("beta", [-1.0, 1.0])
def test_same_task_ignores_mu_orth(beta):
    small = ra.TransferProblem(beta, p=100, n=30, N=500, mu_orth=0.0).curve()
    large = ra.TransferProblem(beta, p=100, n=30, N=500, mu_orth=7.0).curve()
    np.testing.assert_array_equal(small.accuracy(ALPHAS), large.accuracy(ALPHAS))


def test_zero_norms():
    source_without_signal = ra.TransferProblem(0.5, p=100, n=30, N=500, mu=0.0).curve()
    assert source_without_signal.optimal_alpha() == 0.0
    assert source_without_signal.accuracy(1.0) < source_without_signal.accuracy(0.0)
    nothing = ra.TransferProblem(0.5, p=100, n=30, N=500, mu=0.0, mu_orth=0.0).curve()
    np.testing.assert_array_equal(nothing.accuracy(ALPHAS), 0.5)
    assert nothing.risk(0.0) > 1
    assert ra.TransferProblem(0.5, p=10, n=5, mu=0.0).curve().optimal_alpha() == 0.0


def test_infinite_target_sample_needs_no_source():
    problem = ra.TransferProblem(0.6, p=100, n=math.inf, N=500)
    curve = problem.curve()
    assert curve.optimal_alpha() == 0.0
    assert curve.margin(0.0) == pytest.approx(problem.target_norm, rel=1e-14)
    finite = dataclasses.replace(problem, n=1e15).curve()
    np.testing.assert_allclose(finite.accuracy(ALPHAS), curve.accuracy(ALPHAS), rtol=1e-7)


# --- equivalent samples ------------------------------------------------------------------------------


@given(moderate_problems(ridge=log_uniform(-4, 2)))
def test_equivalent_samples_reach_the_accuracy_of_the_optimum(problem):
    curve = problem.curve()
    best, extra = curve.margin(curve.optimal_alpha()), problem.equivalent_samples()
    assume(best > curve.margin(0.0) * (1 + 1e-6))
    assert extra > 0
    assume(math.isfinite(extra) and extra < 1e9 * problem.n)
    reached = dataclasses.replace(problem, n=problem.n + extra).curve().margin(0.0)
    assert reached == pytest.approx(best, rel=1e-9)
    fewer = problem.n + extra * np.linspace(0, 1 - 1e-5, 300)
    margins = dataclasses.replace(problem, n=fewer[fewer != problem.p]).curve().margin(0.0)
    assert (margins <= best * (1 + 1e-12)).all(), "fewer samples would have done"


@pytest.mark.parametrize("gamma", [1e4, 1e10, 1e16])
def test_equivalent_samples_with_a_huge_ridge(gamma):
    # As gamma grows the answer settles: accuracy then depends on gamma alpha alone.
    fields = {"N": 210, "mu": 1.9, "mu_orth": 0.6, "gamma_source": 0.3, "target_scale": 1.3}
    moderate = ra.TransferProblem(-0.35, p=300, n=5000, gamma=1e4, **fields)
    heavy = dataclasses.replace(moderate, gamma=gamma)
    assert heavy.equivalent_samples() == pytest.approx(moderate.equivalent_samples(), rel=1e-3)


def test_equivalent_samples_without_ridge():
    # Interpolating (n < p): the limit of tiny ridges, with the answer below or beyond p samples.
    for beta in (0.3, 0.9):
        problem = ra.TransferProblem(beta, p=200, n=40, N=5000, gamma=0)
        tiny = dataclasses.replace(problem, gamma=1e-12)
        assert problem.equivalent_samples() == pytest.approx(tiny.equivalent_samples(), rel=1e-5)
    # Least squares (n > p) forgets the source, so the source is worth nothing.
    assert ra.TransferProblem(0.9, p=200, n=250, N=5000, gamma=0).equivalent_samples() == 0
    stacked = np.asarray(ra.TransferProblem([0.0, 0.5, 0.9], p=200, n=40, N=5000).equivalent_samples())
    assert stacked.shape == (3,)
    assert stacked[0] == 0
    assert stacked[2] > stacked[1] > 0


# --- equality ----------------------------------------------------------------------------------------


def test_problems_are_values():
    a, b = ra.TransferProblem(0.5, 10, 5), ra.TransferProblem(beta=0.5, p=10.0, n=5)
    assert a == b
    assert hash(a) == hash(b)
    assert a != ra.TransferProblem(0.5, 10, 5, N=3)
    array = ra.TransferProblem([0.5, 0.6], 10, 5)
    assert array == ra.TransferProblem(np.array([0.5, 0.6]), 10, 5)
    assert hash(array) == hash(ra.TransferProblem((0.5, 0.6), 10, 5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        a.beta = 0.3  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(array.beta)[0] = 0.3


def test_an_array_given_by_the_user_may_change_later():
    beta = np.array([0.1, 0.2])
    problem = ra.TransferProblem(beta, 10, 5)
    beta[0] = 0.9
    assert np.asarray(problem.beta)[0] == 0.1
