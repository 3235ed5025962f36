"""The same formulas at 50 digits: what float64 keeps of them, and what a tiny ridge does to it."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from mixture_strategies import COMMUTING, problems
from strategies import log_uniform

import rmt_alpha as ra
from rmt_alpha.problems.fine_tuning import FineTuning

ALPHAS = [0.0, 1.0, -2.0]


@given(problems(classes=2, kinds=COMMUTING))
def test_floats_keep_the_digits(problem):
    curve, exact = problem.curve(), problem.curve(dps=50)
    for alpha in ALPHAS:
        assert curve.risk(alpha) == pytest.approx(float(exact.risk(alpha)), rel=1e-10)
        assert curve.accuracy(alpha) == pytest.approx(float(exact.accuracy(alpha)), rel=1e-10)
        np.testing.assert_allclose(
            curve.class_std(alpha), np.array(exact.class_std(alpha), dtype=float), rtol=1e-9
        )


@given(problems(classes=2, kinds=["scalar", "diagonal"], fixed=True), log_uniform(-12, 12))
def test_any_ridge(problem, gamma):
    problem = FineTuning(problem.target, problem.source, problem.n, gamma)
    # Within 1e-3 of the double-descent peak the answer itself depends on n to a thousand times its rounding.
    assume(abs(problem.n / problem.target.p - 1) > 1e-3)
    curve, exact = problem.curve(), problem.curve(dps=60)
    for alpha in ALPHAS:
        assert curve.accuracy(alpha) == pytest.approx(float(exact.accuracy(alpha)), abs=1e-9)


def test_more_digits_agree_with_fewer():
    target = ra.GaussianMixture(
        [[-1.0, 0.3], [1.0, 0.2]], [np.array([1.0, 2.0]), np.array([0.5, 0.1])], [0.4, 0.6]
    )
    problem = ra.FineTuning(
        target, ra.FixedSource([1.0, 2.0]), n=3, gamma=0.01, intercept=True, label_noise=0.1
    )
    low, high = problem.curve(dps=40), problem.curve(dps=80)
    with mpmath.workdps(80):
        for name in ("accuracy", "risk"):
            gap = getattr(low, name)(1) - getattr(high, name)(1)
            assert 0 < abs(gap) < mpmath.mpf(10) ** -37  # not the same computation, and right to its digits
        # The optimum of unequal margins is searched for where the derivative vanishes.
        assert abs(low.optimal_alpha("risk") - high.optimal_alpha("risk")) < mpmath.mpf(10) ** -35


def test_regression_in_high_precision():
    rng = np.random.default_rng(0)
    problem = ra.RidgeRegressionTransfer(
        rng.uniform(0.1, 3, 12),
        rng.standard_normal((2, 12)),
        rng.standard_normal((2, 12)),
        [0.5, 1.0],
        7,
        1e-3,
    )
    assert problem.optimal_alpha() == pytest.approx(float(problem.optimal_alpha(dps=50)), rel=1e-12)
    assert problem.risk(1.3) == pytest.approx(float(problem.risk(1.3, dps=50)), rel=1e-12)
    turned = ra.RidgeRegressionTransfer(np.eye(2) + 0.5, [1.0, 0.0], [1.0, 1.0], 1.0, 3, 0.1)
    with pytest.raises(ValueError, match="dps needs scalar or diagonal covariances"):
        turned.risk(1.0, dps=30)
