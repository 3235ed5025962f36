"""The curve: what alpha does, checked against its definition."""

from __future__ import annotations

import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import ndtr
from strategies import moderate_problems, problems

import rmt_alpha as ra

GRID = np.concatenate([-np.geomspace(1e-3, 1e3, 400)[::-1], [0.0], np.geomspace(1e-3, 1e3, 400)])


@given(moderate_problems())
def test_accuracy_is_phi_of_mean_over_std(problem):
    curve = problem.curve()
    alphas = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(
        curve.accuracy(alphas), ndtr(curve.mean(alphas) / curve.std(alphas)), rtol=1e-13
    )
    np.testing.assert_allclose(
        curve.second(alphas), curve.variance(alphas) + curve.mean(alphas) ** 2, rtol=1e-13
    )
    miss = curve.variance(alphas) + (1 - curve.mean(alphas)) ** 2
    np.testing.assert_allclose(curve.risk(alphas), miss, rtol=1e-11)
    np.testing.assert_allclose(curve.accuracy(alphas) + curve.error(alphas), 1, rtol=1e-14)
    np.testing.assert_allclose(np.exp(curve.log_error(alphas)), curve.error(alphas), rtol=1e-12)
    np.testing.assert_allclose(np.exp(curve.log_accuracy(alphas)), curve.accuracy(alphas), rtol=1e-12)


@given(problems())
def test_no_alpha_beats_the_optimal_one(problem):
    curve = problem.curve()
    best = curve.margin(curve.optimal_alpha())
    assert best >= 0
    around = (curve.optimal_alpha() or 1.0) * np.concatenate([GRID, 1 + np.geomspace(1e-8, 1, 50)])
    margins = curve.margin(np.append(around, [np.inf, -np.inf]))
    assert (margins <= best * (1 + 1e-14)).all()
    risks = curve.risk(curve.optimal_alpha("risk") * GRID)
    assert (risks >= curve.risk(curve.optimal_alpha("risk")) * (1 - 1e-14)).all()


@given(problems(), st.floats(1.001, 3))
def test_a_wrong_optimum_is_caught(problem, factor):
    curve = problem.curve()
    best, wrong = curve.optimal_alpha(), curve.optimal_alpha() * factor
    assume(best != 0)
    exact = problem.curve(dps=150)  # a maximum is flat: in float64 the loss would often round to nothing
    assert exact.margin(wrong) < exact.margin(exact.optimal_alpha())


@given(problems())
def test_facts_of_the_optimum(problem):
    curve = problem.curve()
    best = curve.optimal_alpha()
    assert np.isfinite(best)
    assert np.sign(best) == np.sign(curve.optimal_alpha("risk")) == np.sign(problem.beta)
    if problem.beta == 0:
        assert curve.neutral_alpha() == np.inf
    else:
        assert np.sign(curve.neutral_alpha()) == -np.sign(problem.beta)


@given(moderate_problems())
def test_neutral_alpha_is_a_coin_flip(problem):
    assume(problem.beta != 0)
    curve = problem.curve()
    neutral = curve.neutral_alpha()
    # The margin is the difference of two numbers of the size of margin(0): a few ulps of that are left.
    scale = curve.mean(0.0) / curve.std(neutral)
    assert abs(curve.accuracy(neutral) - 0.5) < 1e-15 * (1 + 4 * scale)
    assert curve.accuracy(2 * neutral) < 0.5


@given(moderate_problems(), st.floats(-5, 5))
def test_derivative_matches_the_difference_quotient(problem, alpha):
    exact = problem.curve(dps=60)
    with mpmath.workdps(80):
        step = mpmath.mpf(10) ** -20
        quotient = (exact.accuracy(alpha + step) - exact.accuracy(alpha - step)) / (2 * step)
    value = problem.curve().accuracy_derivative(alpha)
    # Near the optimum the derivative is a small difference: compare on the scale of the slope elsewhere.
    scale = abs(problem.curve().accuracy_derivative(problem.curve().neutral_alpha())) if problem.beta else 1.0
    assert value == pytest.approx(float(quotient), rel=1e-11, abs=1e-13 * scale + 1e-300)
    assert float(exact.accuracy_derivative(alpha)) == pytest.approx(float(quotient), rel=1e-15, abs=1e-18)


@given(moderate_problems())
def test_transfer_interval_separates_gain_from_loss(problem):
    curve = problem.curve()
    low, high = curve.transfer_interval()
    alone = curve.margin(0.0)
    if problem.beta == 0:
        assert (low, high) == (0.0, 0.0)
        return
    assert min(abs(low), abs(high)) == 0
    end = low if high == 0 else high
    assert np.sign(end) == np.sign(problem.beta)
    inside = np.array([1e-3, 0.5, 0.999]) * (end if np.isfinite(end) else 10 * curve.optimal_alpha())
    assert (curve.margin(inside) > alone * (1 - 1e-12)).all()
    outside = np.array([-1e-3, -1.0]) * end
    if np.isfinite(end):
        outside = np.append(outside, [1.001 * end, 10 * end])
        assert curve.margin(end) == pytest.approx(alone, rel=1e-9)
    assert (curve.margin(outside) < alone * (1 + 1e-12)).all()


@given(moderate_problems(), st.sampled_from([1e-4, 0.01, 0.1, 0.4, 0.8]))
def test_tolerance_interval_bounds_the_loss(problem, loss):
    curve = problem.curve()
    low, high = curve.tolerance_interval(loss)
    best = curve.optimal_alpha()
    accepted = curve.accuracy(best) - loss
    assert low <= best <= high
    for end, outward in ((low, -1), (high, 1)):
        if np.isfinite(end):
            assert curve.accuracy(end) == pytest.approx(accepted, abs=1e-9)
            assert curve.accuracy(end + outward * 1e-3 * max(1, abs(end))) < accepted
        else:
            assert curve.accuracy(end) >= accepted - 1e-12
    inside = np.linspace(max(low, -1e4), min(high, 1e4), 200)
    assert (curve.accuracy(inside) >= accepted - 1e-9).all()


@given(moderate_problems())
def test_gains_are_what_they_say(problem):
    curve = problem.curve()
    best = curve.accuracy(curve.optimal_alpha())
    assert curve.gain() == pytest.approx(best - curve.accuracy(1.0), abs=1e-15)
    assert curve.gain(over=0.0) == pytest.approx(best - curve.accuracy(0.0), abs=1e-15)
    assert min(curve.gain(), curve.gain(0.0)) >= -1e-16


@given(moderate_problems())
def test_infinite_alpha_is_the_limit_of_large_alpha(problem):
    curve = problem.curve()
    large = 1e12 * (1 + abs(curve.optimal_alpha()))
    for sign in (-1, 1):
        assert curve.accuracy(sign * np.inf) == pytest.approx(curve.accuracy(sign * large), abs=1e-9)
        assert curve.accuracy(sign * 1e200) == pytest.approx(curve.accuracy(sign * np.inf), abs=1e-15)
        assert curve.accuracy_derivative(sign * np.inf) == 0
        assert curve.risk(sign * np.inf) == np.inf
    assert curve.accuracy(np.inf) + curve.accuracy(-np.inf) == pytest.approx(1, rel=1e-14)
    assert curve.mean(np.inf) == (np.sign(problem.beta) * np.inf if problem.beta else curve.mean(0.0))


def test_shapes_and_types():
    scalar = ra.TransferProblem(beta=0.5, p=100, n=50).curve()
    for method in (
        "mean",
        "variance",
        "std",
        "second",
        "risk",
        "margin",
        "accuracy",
        "error",
        "accuracy_derivative",
    ):
        assert type(getattr(scalar, method)(1)) is float
        assert type(getattr(scalar, method)(np.float64(1))) is float
        assert getattr(scalar, method)([[1, 2, 3]]).shape == (1, 3)
        assert getattr(scalar, method)([]).shape == (0,)
    assert type(scalar.optimal_alpha()) is type(scalar.neutral_alpha()) is type(scalar.gain()) is float
    stacked = ra.TransferProblem(beta=[[0.2], [0.5]], p=100, n=[50, 60, 70]).curve()
    assert np.shape(stacked.accuracy(1.0)) == np.shape(stacked.optimal_alpha()) == (2, 3)
    assert np.shape(stacked.accuracy(np.zeros((4, 1, 1)))) == (4, 2, 3)
    assert np.shape(stacked.accuracy(np.inf)) == (2, 3)
    ends = (*stacked.tolerance_interval(0.01), *stacked.transfer_interval())
    assert [np.shape(end) for end in ends] == [(2, 3)] * 4
    assert np.shape(scalar.tolerance_interval([0.01, 0.02])[0]) == (2,)
    assert np.asarray(stacked.accuracy([1.0, 2.0, 3.0]))[1, 0] == pytest.approx(
        scalar.accuracy(1.0), rel=1e-15
    )


def test_long_arrays_are_evaluated_like_short_ones():
    curve = ra.TransferProblem(beta=0.5, p=100, n=50, N=300).curve()
    alphas = np.linspace(-4, 4, 100_003)
    whole = np.asarray(curve.accuracy(alphas))
    np.testing.assert_allclose(whole[::777], [float(curve.accuracy(a)) for a in alphas[::777]], rtol=4e-16)
    assert np.shape(curve.accuracy(alphas[:100_000].reshape(100, 10, 100))) == (100, 10, 100)


@pytest.mark.parametrize("dps", [None, 30])
def test_curves_survive_pickling(dps):
    curve = ra.TransferProblem(beta=0.5, p=100, n=50, N=[300, 400]).curve(dps)
    copy = pickle.loads(pickle.dumps(curve))
    assert (copy.accuracy(1.3) == curve.accuracy(1.3)).all()
