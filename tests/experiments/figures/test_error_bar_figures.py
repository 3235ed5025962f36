"""The figures of error bars and of few strong directions."""

from __future__ import annotations

import numpy as np
import pytest

from rmt_alpha import FineTuning
from rmt_alpha.experiments.figures import error_bars, strong_directions


def test_predicted_spread_is_the_simulated_one(quick):
    found = quick("error_bars").simulated
    # Ten draws: a logarithm of a spread is known to 1/sqrt(18), and these are 25 of them.
    z = np.log(found.std_simulated / found.std_theory) * np.sqrt(18)
    assert abs(z).max() < 4.5


def test_all_five_are_different_models():
    problems = [error_bars.problem(i) for i in range(5)]
    assert [type(one).__name__ for one in problems] == ["FineTuning"] * 4 + ["RidgeRegressionTransfer"]
    of_mixtures = [one for one in problems if isinstance(one, FineTuning)]
    assert of_mixtures[2].target.classes == 3
    assert of_mixtures[1].intercept
    assert of_mixtures[3].loss == "logistic"


def test_strong_directions_have_the_share_that_is_drawn():
    """The share of one direction in tr (C Q)^2, at the effective ridge, is near the nominal one."""
    for share in (0.3, 0.7):
        one = strong_directions.problem(share, 10**6)
        part = (one.target.covariances[0] / (one.target.covariances[0] + one.gamma)) ** 2
        assert part[0] / part.sum() == pytest.approx(share, rel=1e-12)


def test_only_few_directions_need_the_correction(quick):
    main = quick("strong_directions").main
    gap = main.expected_accuracy - main.accuracy
    assert (abs(gap[:, 0]) < 2e-3).all()
    assert (gap[:, -1] > 5e-3).all()
