"""The Gaussian accuracy of leave-one-out scores, and the path that carries it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.datasets import load_iris
from sklearn.linear_model import RidgeClassifier
from small_samples import brute_force, draw

from rmt_alpha import AlphaPath, AlphaRidgeClassifier, alpha_path
from rmt_alpha.from_data.criteria import CRITERIA
from rmt_alpha.from_data.leave_one_out import ClassLaw, LeaveOneOut


def test_two_classes_with_different_spreads():
    rng = np.random.default_rng(0)
    n = 400_000
    y = np.where(rng.random(n) < 0.3, 1.0, -1.0)
    base = y * 0.5 + rng.standard_normal(n) * np.where(y > 0, 2.0, 0.5)
    lines = LeaveOneOut(np.stack([base, 0 * base + 0.2], axis=1)[:, :, None], y[:, None], np.ones(n))
    points = np.array([[1.0, 0.0], [1.0, 3.0]])
    law = ClassLaw.from_lines(lines)
    for point, expected in zip(points, law.accuracy(points), strict=True):
        # Binomial error of n draws, and the same again for the estimated moments.
        assert expected == pytest.approx(lines.accuracy(point), abs=2 * 4 * 0.5 / np.sqrt(n))
    exact = 0.3 * ndtr(1.1 / 2) + 0.7 * ndtr(-0.1 / 0.5)
    assert law.accuracy(points)[1] == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(n))


def test_three_classes_against_counting():
    rng = np.random.default_rng(0)
    n = 200_000
    own = rng.integers(0, 3, n)
    labels = 2.0 * np.eye(3)[own] - 1
    scores = labels + rng.standard_normal((n, 3)) @ np.array([[1.5, 0.3, 0], [0, 1, 0.5], [0, 0, 2]])
    lines = LeaveOneOut(np.stack([scores, rng.standard_normal((n, 3))], axis=1), labels, np.ones(n))
    for point in np.array([[1.0, 0.0], [1.0, 0.7]]):
        predicted = ClassLaw.from_lines(lines).accuracy(point)
        assert predicted == pytest.approx(lines.accuracy(point), abs=2 * 4 * 0.5 / np.sqrt(n))


def test_classes_without_spread():
    lines = LeaveOneOut(np.array([[[1.0], [1.0]], [[-1.0], [1.0]]]), np.array([[1.0], [-1.0]]), np.ones(2))
    law = ClassLaw.from_lines(lines)
    assert law.accuracy(np.array([[1.0, 0.0], [1.0, 3.0], [1.0, -1.0]])).tolist() == [1.0, 0.5, 0.75]


@pytest.fixture
def path() -> AlphaPath:
    sample = draw("n < p")
    return alpha_path(sample.X, sample.y, sample.source, 0.4)


def test_path_against_refitting(path):
    sample = draw("n < p")
    for alpha in (-1.0, 0.0, 0.8):
        scores = brute_force(sample, 0.4, alpha, intercept=True)
        assert path.loo_accuracy(alpha) == np.mean((scores > 0) == (sample.y > 0))
        assert path.loo_risk(alpha) == pytest.approx(np.mean((sample.y - scores) ** 2))
        means = [scores[sample.y == c].mean() * c for c in (-1, 1)]
        spreads = [scores[sample.y == c].std() for c in (-1, 1)]
        expected = np.mean(ndtr(np.divide(means, spreads)))  # as many samples of each class
        assert path.gaussian_accuracy(alpha) == pytest.approx(expected)


def test_path_gives_scalars_for_scalars(path):
    grid = np.linspace(-1, 2, 6).reshape(2, 3)
    for curve in (path.loo_accuracy, path.loo_risk, path.gaussian_accuracy):
        assert type(curve(0.3)) is float
        assert curve(grid).shape == (2, 3)
        assert curve(grid)[1, 2] == pytest.approx(curve(2.0))
    assert path.gaussian_accuracy(np.inf) == pytest.approx(path.gaussian_accuracy(1e9), abs=1e-6)
    assert path.gaussian_accuracy(-np.inf) == pytest.approx(path.gaussian_accuracy(-1e9), abs=1e-6)
    assert path.loo_accuracy(np.inf) == path.loo_accuracy(1e9)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_path_and_classifier_agree(criterion):
    sample = draw("n < p", seed=3)
    path = alpha_path(sample.X, sample.y, sample.source, 0.4)
    model = AlphaRidgeClassifier(0.4, coef_source=sample.source, criterion=criterion).fit(sample.X, sample.y)
    assert path.best_alpha(criterion) == pytest.approx((model.alpha_, model.alpha_stderr_))
    right = (model.loo_decision_function_ > 0) == (sample.y > 0)
    assert path.loo_accuracy(model.alpha_) == np.mean(right)


def test_path_of_three_classes():
    X, y = load_iris(return_X_y=True)
    source = RidgeClassifier(alpha=10).fit(X[::3], y[::3])
    path = alpha_path(X, y, source, 0.01)
    model = AlphaRidgeClassifier(0.01, 0.5, source).fit(X, y)
    assert path.loo_accuracy(0.5) == np.mean(model.loo_decision_function_.argmax(axis=1) == y)
    assert np.abs(path.gaussian_accuracy(0.5) - path.loo_accuracy(0.5)) < 0.05
    assert path.breakpoints.size > 0
