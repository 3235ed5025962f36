"""Paired differences against SciPy, and where there is too little to judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rmt_alpha._core.statistics import (
    crossed_difference,
    holm,
    mean_and_error,
    paired_difference,
    standard_error,
)


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


# --- seeds that share their test rows -----------------------------------------------------------------------


def crossed(rng, seeds, parts, of_seeds, of_parts, draws=2000):
    """Tables of differences that are 0 on average, with effects of seeds and of parts of the test rows."""
    one = of_seeds * rng.standard_normal((draws, seeds, 1)) + of_parts * rng.standard_normal(
        (draws, 1, parts)
    )
    return one + rng.standard_normal((draws, seeds, parts))


@pytest.mark.parametrize(("of_seeds", "of_parts"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.5, 0.5)])
def test_the_crossed_test_keeps_its_level(of_seeds, of_parts):
    tables = crossed(np.random.default_rng(0), 5, 10, of_seeds, of_parts)
    rejected = np.mean([crossed_difference(table).p < 0.05 for table in tables])
    assert rejected < 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(tables))
    if of_parts == 1.0:  # where the paired test over seeds, which does not know of the rows, is wrong
        plain = np.mean([paired_difference(table.mean(axis=1)).p < 0.05 for table in tables])
        assert plain > 0.3


def test_the_crossed_variance_is_unbiased_and_that_of_an_analysis_of_variance():
    rng = np.random.default_rng(1)
    tables = crossed(rng, 6, 10, 0.7, 0.7)
    true = 0.49 / 6 + 0.49 / 10 + 1 / 60
    squares = np.array([crossed_difference(table).error ** 2 for table in tables])
    assert squares.mean() == pytest.approx(true, abs=4 * stats.sem(squares))
    table = tables[0]
    # Mean squares of the textbook, by sums over all entries.
    rows, columns = (table.mean(axis=k, keepdims=True) + 0 * table for k in (1, 0))
    between = ((rows - table.mean()) ** 2).sum() / 5, ((columns - table.mean()) ** 2).sum() / 9
    within = ((table - rows - columns + table.mean()) ** 2).sum() / 45
    found = crossed_difference(table)
    assert found.error**2 == pytest.approx((sum(between) - within) / 60)
    assert found.mean == pytest.approx(table.mean())
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, found.freedom) * found.error)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.mean) / found.error, found.freedom))


def test_crossed_differences_with_too_little_or_no_spread():
    assert math.isnan(crossed_difference([[0.1, 0.2]]).p)
    assert math.isnan(crossed_difference([[0.1], [0.2]]).error)
    assert crossed_difference(np.zeros((3, 4))).p == 1.0
    assert crossed_difference(np.ones((3, 4))).p == 0.0


def test_holm_against_its_definition():
    """The i-th smallest is rejected if it and all smaller ones are below level/(m - i + 1)."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(rng.integers(1, 9)) ** 3
        level, rejected = 0.1, np.zeros(len(p), dtype=bool)
        for i, at in enumerate(np.argsort(p)):
            if p[at] > level / (len(p) - i):
                break
            rejected[at] = True
        np.testing.assert_array_equal(holm(p) <= level, rejected)
    assert np.isnan(holm([0.01, math.nan])).tolist() == [False, True]
    assert holm([0.01, math.nan])[0] == 0.01  # a test that was not made does not count
