"""Where alpha* of a convex loss is almost 0, or infinite, or far alphas have no solution."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.optimum import best_alpha
from rmt_alpha.theory.curve import Optimum

MEAN = np.ones(100) / 10
ALTERNATING = np.where(np.arange(100) % 2 == 0, 0.1, -0.1)


@pytest.mark.parametrize("share", [0.02, -0.02, 1e-4])
def test_a_small_alpha_is_not_zero(share):
    target = ra.GaussianMixture.symmetric(MEAN)
    source = ra.FixedSource(share * MEAN + ALTERNATING)
    exact = ra.FineTuning(target, source, n=50, gamma=0.1).curve().optimal_alpha()
    if share == 0.02:
        assert exact == pytest.approx(0.02316, abs=5e-6)
    best = ra.FineTuning(target, source, n=50, gamma=0.1, loss=ra.losses.Squared()).curve().optimum()
    # `rtol`, and a residual of 1e-10 in alphas of size 1.
    assert best.alpha == pytest.approx(exact, rel=1e-6, abs=1e-9)
    assert best.bracket is not None
    assert best.bracket[0] <= best.alpha <= best.bracket[1]


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("source", [0 * MEAN, ALTERNATING])
def test_a_source_that_knows_nothing_has_alpha_zero(loss, source):
    problem = ra.FineTuning(ra.GaussianMixture.symmetric(MEAN), ra.FixedSource(source), 50, 0.1, loss=loss)
    best = problem.curve().optimum()
    assert best.finite
    assert best.alpha == pytest.approx(0, abs=1e-9)


def test_labels_without_information_leave_all_to_the_source():
    """Scores at far alphas are known to 1e-10 only, and of those the best used to be taken for alpha*."""
    mean, variances = np.array([0.2, -0.1, 0.3]), np.array([0.2, 0.6, 2.0])
    problem = ra.FineTuning(
        ra.GaussianMixture.symmetric(mean, variances),
        ra.FixedSource(-mean / variances),
        n=20,
        gamma=10,
        loss="huber",
        label_noise=0.5,
    )
    assert problem.curve().optimum().alpha == -np.inf


def best_of_rising(last: float, top: float = np.inf) -> Optimum:
    """The best alpha of a score that rises up to ``top`` and has no solution beyond ``last``."""

    def score(alpha):
        if np.max(np.abs(alpha)) > last:
            raise ConvergenceError("no solution", best=alpha)
        return np.arctan(np.minimum(alpha, 2 * top - np.asarray(alpha)) / 10)

    def slope(alpha):
        return np.copysign(1, top - alpha) * 10 / (100 + min(alpha, 2 * top - alpha) ** 2)

    return best_alpha(score, slope, 1.0, 1e-6)


@pytest.mark.parametrize("last", [300.0, 1e3, 1e6])
def test_alpha_is_infinite_where_the_last_that_is_solved_is_best(last):
    best = best_of_rising(last)
    assert best.alpha == np.inf
    assert best.direction == pytest.approx([1.0])
    assert best.bracket is not None
    assert best.bracket[0] <= last
    assert not best.finite


def test_alphas_that_are_not_solved_do_not_hide_a_maximum():
    assert best_of_rising(50.0, top=3.0).alpha == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize("last", [1e-3, 50.0])
def test_without_any_far_alpha_nothing_is_claimed(last):
    with pytest.raises(ConvergenceError):
        best_of_rising(last)
