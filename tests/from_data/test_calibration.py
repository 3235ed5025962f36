"""The scale that turns scores into log-odds: symmetries, finiteness, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rmt_alpha.from_data.calibration import LogLoss, Scale, best_scale
from rmt_alpha.from_data.leave_one_out import LeaveOneOut

seeds = st.integers(0, 2**32 - 1)


def drawn(seed, classes, n=12):
    rng = np.random.default_rng(seed)
    outputs = 1 if classes == 2 else classes
    own = rng.integers(0, classes, n)
    labels = (
        2.0 * own[:, None] - 1 if classes == 2 else np.where(own[:, None] == np.arange(classes), 1.0, -1.0)
    )
    scores = rng.choice([-1.0, 0.0, 1.0]) * labels + rng.choice([0.0, 0.1, 3.0]) * rng.standard_normal(
        (n, outputs)
    )
    return scores, labels, rng.uniform(0.5, 2.0, n)


@given(seed=seeds, classes=st.integers(2, 5), size=st.floats(1e-30, 1e30))
def test_units_of_scores_do_not_matter(seed, classes, size):
    scores, labels, mass = drawn(seed, classes)
    found = best_scale(scores, labels, mass)
    assert 0 < found < np.inf  # all right, all wrong, or all 0
    if scores.any():
        assert best_scale(size * scores, labels, mass) * size == pytest.approx(found, rel=1e-6)


@given(seed=seeds, classes=st.integers(3, 5))
def test_names_of_classes_do_not_matter(seed, classes):
    scores, labels, mass = drawn(seed, classes)
    order = np.random.default_rng(seed).permutation(classes)
    expected = pytest.approx(best_scale(scores, labels, mass), rel=1e-6)
    assert best_scale(scores[:, order], labels[:, order], mass) == expected
    shifted = scores + np.random.default_rng(seed).standard_normal((len(scores), 1))
    if scores.any():  # what is common to all classes says nothing (but has a size, where the search starts)
        assert best_scale(shifted, labels, mass) == expected


@given(seed=seeds)
def test_two_classes_are_softmax_of_halves(seed):
    scores, labels, mass = drawn(seed, 2)
    both = np.hstack([-scores, scores]) / 2
    expected = best_scale(scores, labels, mass)
    assert best_scale(both, np.hstack([-labels, labels]), mass) == pytest.approx(expected, rel=1e-6)


@given(seed=seeds, classes=st.integers(2, 4))
def test_derivatives_and_minimum(seed, classes):
    rng = np.random.default_rng(seed)
    _, labels, mass = drawn(seed, classes)
    loss = LogLoss.of(rng.standard_normal((12, 2, labels.shape[1])), labels, mass)
    z, step = rng.standard_normal(2), 1e-5 * rng.standard_normal(2)
    gradient, hessian = loss.slopes(z)
    # Central differences: an error of third order, and rounding over the step.
    change = loss.losses(z + step) - loss.losses(z - step)
    assert change == pytest.approx(2 * gradient @ step, abs=1e-12)
    bent = loss.slopes(z + step)[0] - loss.slopes(z - step)[0]
    assert bent == pytest.approx(2 * hessian @ step, abs=1e-12)
    best = loss.minimum
    assert all(loss.value(best) <= loss.value(best + d) + 1e-9 for d in 0.1 * rng.standard_normal((8, 2)))


@given(seed=seeds)
def test_decisions_of_several_labels(seed):
    rng = np.random.default_rng(seed)
    lines, labels = rng.standard_normal((5, 2, 3)), np.sign(rng.standard_normal((5, 3)))
    several = LeaveOneOut(lines, labels, rng.uniform(1, 2, 5), multilabel=True)
    point = np.array([1.0, 0.7])
    right = np.sign(several.scores(point)) == labels
    assert several.accuracy(point) == pytest.approx(
        several.counts @ right.mean(axis=1) / several.counts.sum()
    )
    margins = labels * several.scores(point)
    mean = several.weights @ margins.mean(axis=1)
    spread = several.weights @ np.square(margins - mean).mean(axis=1)
    assert several.moments.margin(point) == pytest.approx(mean / np.sqrt(spread))


@given(z=st.floats(-30, 30), width=st.floats(1e-6, 1e6))
def test_a_scale_is_the_positive_part_of_a_gaussian_law(z, width):
    found = Scale.of(z * width, width)
    assert found.chance == pytest.approx(stats.norm.cdf(z), rel=1e-9)
    # Far below, the two parts of the mean nearly cancel: eps times the square of z.
    assert found.mean == pytest.approx(width * (z + np.exp(stats.norm.logpdf(z) - stats.norm.logcdf(z))))
    assert found.mean == pytest.approx(stats.truncnorm(-z, np.inf, z * width, width).mean(), rel=1e-6)


def test_a_scale_far_below_stays_positive_and_has_no_step():
    before, after = Scale.of(-299.999, 1.0).mean, Scale.of(-300.001, 1.0).mean
    # The series is off by 10/z^4, the other side by eps z^2.
    assert after == pytest.approx(before * 299.999 / 300.001, rel=1e-8)
    assert 0 < Scale.of(-1e9, 1.0).mean < 1e-8


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_that_point_the_wrong_way(classes):
    rng = np.random.default_rng(0)
    own = rng.integers(0, classes, 40)
    labels = np.where(own[:, None] == np.arange(classes), 1.0, -1.0)[:, -1 if classes == 2 else 0 :]
    scores = labels + rng.standard_normal(labels.shape)
    right, wrong = (LogLoss.of(sign * scores[:, None], labels, np.ones(40)).scale for sign in (1, -1))
    assert right.chance > 0.99
    assert wrong.chance < 0.01
    assert 0 < wrong.mean < right.mean / 3
