"""Paired differences against SciPy, and where there is too little to judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rmt_alpha._core.statistics import mean_and_error, paired_difference, standard_error


@pytest.mark.parametrize("count", [2, 3, 10])
def test_against_scipy(count):
    one, two = np.random.default_rng(count).standard_normal((2, count))
    found = paired_difference(one - two)
    assert found.mean == pytest.approx(np.mean(one - two))
    assert found.error == pytest.approx(stats.sem(one - two))
    assert found.p == pytest.approx(stats.ttest_rel(one, two).pvalue)
    assert found.pairs == count


@pytest.mark.parametrize("axis", [0, 1])
def test_errors_over_an_axis(axis):
    values = np.random.default_rng(0).standard_normal((4, 5))
    np.testing.assert_allclose(standard_error(values, axis=axis), stats.sem(values, axis=axis))
    assert np.isnan(standard_error(values[:1])).all()


@pytest.mark.parametrize(
    ("differences", "p", "verdict"),
    [
        ([0.0, 0.0], 1.0, "ties"),
        ([0.5, 0.5], 0.0, "wins"),
        ([-0.5, -0.5], 0.0, "loses"),
        ([0.5], math.nan, ""),
        ([], math.nan, ""),
    ],
)
def test_degenerate_differences(differences, p, verdict):
    found = paired_difference(differences)
    assert found.p == pytest.approx(p, nan_ok=True)
    assert found.verdict == verdict


def test_too_few_values():
    assert mean_and_error([0.25]) == pytest.approx((0.25, math.nan), nan_ok=True, rel=0, abs=0)
    assert all(map(math.isnan, mean_and_error([])))
