"""float64 against 150 digits of mpmath: the numbers are right to the last digits in every regime."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import problems

import rmt_alpha as ra

TOLERANCE = 1e-14
SMALLEST_NORMAL = 1e-300
"""Below this float64 has no full precision left: logarithms take over."""


def relative_error(value: Any, exact: mpmath.mpf) -> float:
    with mpmath.workdps(150):
        return float(abs(value - exact) / abs(exact)) if exact else abs(value)


def probe_alphas(curve: ra.AlphaCurve, factor: float) -> list[float]:
    """Alphas that matter, away from the neutral one, where the margin itself is a difference of equals."""
    best = float(curve.optimal_alpha())
    return [0.0, 1.0, best, best * factor, -best * factor]


@given(problems())
def test_special_alphas(problem):
    curve, exact = problem.curve(), problem.curve(dps=150)
    assert relative_error(curve.optimal_alpha(), exact.optimal_alpha()) < TOLERANCE
    assert relative_error(curve.optimal_alpha("risk"), exact.optimal_alpha("risk")) < TOLERANCE
    if problem.beta != 0:
        assert relative_error(curve.neutral_alpha(), exact.neutral_alpha()) < TOLERANCE


@given(problems(), st.floats(0.01, 100))
def test_moments_and_risk(problem, factor):
    curve, exact = problem.curve(), problem.curve(dps=150)
    for alpha in probe_alphas(curve, factor):
        for name in ("variance", "second", "risk", "std"):
            assert relative_error(getattr(curve, name)(alpha), getattr(exact, name)(alpha)) < TOLERANCE, name


@given(problems(), st.floats(0.01, 100))
def test_accuracy_and_its_tails(problem, factor):
    curve, exact = problem.curve(), problem.curve(dps=150)
    for alpha in probe_alphas(curve, factor):
        x = float(exact.margin(alpha))
        scale = TOLERANCE * (1 + x * x)  # the condition of Phi at x
        # The margin is a difference where alpha pulls against the target; its error is absolute there.
        drowned = abs(float(exact.mean_line[0])) / max(abs(float(exact.mean(alpha))), 1e-300)
        scale *= max(1.0, drowned)
        for name in ("accuracy", "error"):
            if float(getattr(exact, name)(alpha)) > SMALLEST_NORMAL:
                assert relative_error(getattr(curve, name)(alpha), getattr(exact, name)(alpha)) < scale, name
        if abs(x) < 1e5:
            # log(Phi(-|x|)) has condition about 2, log(Phi(|x|)) that of Phi.
            deep, shallow = ("log_error", "log_accuracy") if x > 0 else ("log_accuracy", "log_error")
            bound = 4 * TOLERANCE * max(1.0, drowned)
            assert relative_error(getattr(curve, deep)(alpha), getattr(exact, deep)(alpha)) < bound
            value = getattr(exact, shallow)(alpha)
            if abs(float(value)) > SMALLEST_NORMAL:
                assert relative_error(getattr(curve, shallow)(alpha), value) < 4 * scale


def test_errors_far_beyond_rounding_keep_their_digits():
    problem = ra.TransferProblem(beta=0.9, p=100, n=1000, N=5000, mu=12.0, mu_orth=12.0, gamma=0.1)
    curve, exact = problem.curve(), problem.curve(dps=60)
    assert curve.accuracy(1.0) == 1.0
    assert 0 < curve.error(1.0) < 1e-25
    assert relative_error(curve.error(1.0), exact.error(1.0)) < TOLERANCE * (1 + curve.margin(1.0) ** 2)
    assert relative_error(curve.log_error(1.0), exact.log_error(1.0)) < 4 * TOLERANCE


def test_ordinary_formulas_would_lose_the_digits():
    # 1 - mean as written in textbooks, at a strong signal: all digits gone, while ours keeps them.
    problem = ra.TransferProblem(beta=1.0, p=10.0, n=1e6, mu=1e3, gamma=1e-8)
    curve, exact = problem.curve(), problem.curve(dps=100)
    naive = (1 - curve.mean(0.0)) ** 2
    with mpmath.workdps(100):
        exact_miss = (1 - exact.mean(0)) ** 2
    assert relative_error(naive, exact_miss) > 1e-12
    assert relative_error(curve.risk(0.0), exact.risk(0)) < TOLERANCE


@pytest.mark.parametrize("dps", [5, 20, 50, 120])
def test_high_precision_returns_mpf_with_the_digits_asked_for(dps):
    value = ra.optimal_alpha("0.8", 400, 40, N=2000, dps=dps)
    reference = ra.optimal_alpha("0.8", 400, 40, N=2000, dps=dps + 30)
    assert isinstance(value, mpmath.mpf)
    with mpmath.workdps(dps + 40):
        assert abs(value / reference - 1) < mpmath.mpf(10) ** (1 - dps)
        assert value != reference


def test_high_precision_takes_the_decimal_that_was_written():
    as_float: Any = ra.accuracy(1, 0.1, 30, 20, dps=40)
    as_text = ra.accuracy(1, "0.1", 30, 20, dps=40)
    assert 1e-20 < abs(as_float - as_text) < 1e-15


def test_high_precision_broadcasts():
    values: Any = ra.accuracy([0, 1], [["0.2"], ["0.9"]], 100, 50, N=[[300.0], [math.inf]], dps=30)
    assert values.shape == (2, 2)
    assert values.dtype == object
    single = ra.accuracy(1, "0.9", 100, 50, N=math.inf, dps=30)
    assert values[1, 1] == single
    np.testing.assert_allclose(
        values.astype(float), ra.accuracy([0, 1], [[0.2], [0.9]], 100, 50, N=[[300.0], [np.inf]]), rtol=1e-14
    )


def test_dps_lifts_the_limits_of_float64():
    value = ra.optimal_alpha(0.5, 10, 20, gamma="1e200", dps=30)
    assert 0 < value < mpmath.mpf("1e-190")


def test_sympy_goes_through_the_same_lines():
    sympy = pytest.importorskip("sympy")
    from rmt_alpha._core.arithmetic import symbolic
    from rmt_alpha.theory.isotropic.stage import two_stage_curve

    names = "beta p n N mu mu_orth gamma gamma_source target_scale"
    symbols = dict(zip(names.split(), sympy.symbols(names, positive=True), strict=True))
    curve = two_stage_curve(symbolic(), **symbols)
    numbers = {"beta": 0.7, "p": 40, "n": 10, "N": 100, "mu": 1.2, "mu_orth": 0.8}
    numbers |= {"gamma": 0.3, "gamma_source": 2.0, "target_scale": 1.0}
    mean = curve.mean_line[0] + curve.mean_line[1] * curve.kappa
    expected = ra.TransferProblem(**numbers).curve().mean(1.0)
    assert float(mean.subs({symbols[k]: v for k, v in numbers.items()})) == pytest.approx(expected, rel=1e-13)
