from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from rmt_alpha._core.exponentials import log_sum_exp


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_it_is_the_logarithm_of_the_sum(axis):
    values = 400 * np.random.default_rng(0).standard_normal((3, 4, 5))  # exp(710) overflows
    values[0, 1], values[:, :, 2] = -np.inf, -np.inf
    found, expected = log_sum_exp(values, axis), special.logsumexp(values, axis=axis)
    assert found.shape == np.shape(expected)
    # A sum of at most 60 terms, each exponential rounded by the rounding of what it is of, 710 eps.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1000 * np.finfo(float).eps)


def test_of_nothing():
    assert log_sum_exp(np.full(3, -np.inf)) == -np.inf
    assert log_sum_exp(np.array([2.5])) == 2.5
