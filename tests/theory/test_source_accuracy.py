"""Accuracy of a source as it is: exact for fixed weights, and that of trained ones on drawn data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

import rmt_alpha as ra


def test_fixed_weights_have_the_accuracy_of_their_direction():
    rng = np.random.default_rng(0)
    mean, other = rng.standard_normal((2, 30)) / 3
    root = rng.standard_normal((30, 30))
    dense, weights = root @ root.T / 30, mean + rng.standard_normal(30)
    target = ra.GaussianMixture([-mean, other], [dense, 2 * np.eye(30)], priors=[0.3, 0.7])
    problem = ra.FineTuning(target, ra.FixedSource(weights), n=7, gamma=0.01, intercept=True, label_noise=0.2)
    lengths = np.sqrt([weights @ dense @ weights, 2 * weights @ weights])
    expected = [0.3, 0.7] @ ndtr(np.array([weights @ mean, weights @ other]) / lengths)
    assert problem.source_accuracy() == pytest.approx(expected, rel=1e-12)
    logistic = replace(problem, loss="logistic", source=ra.FixedSource([weights, -weights]))
    assert logistic.source_accuracy() == pytest.approx([expected, 1 - expected], rel=1e-12)


def test_many_classes_by_drawn_samples():
    rng = np.random.default_rng(1)
    means = rng.standard_normal((3, 20)) / 2
    weights = means + rng.standard_normal((3, 20)) / 3
    problem = ra.FineTuning(ra.GaussianMixture(means), ra.FixedSource(weights, outputs=3), n=40, gamma=1.0)
    label = rng.integers(3, size=200_000)
    X = means[label] + rng.standard_normal((label.size, 20))
    right = (X @ weights.T).argmax(axis=1) == label
    assert abs(right.mean() - problem.source_accuracy()) < 4 * right.std() / np.sqrt(label.size)


def test_trained_weights_by_drawn_training_sets():
    problem = ra.TransferProblem(beta=0.7, p=100, n=10, N=150, gamma_source=0.2)
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(400):
        Z = rng.standard_normal((150, 100))
        Z[:, 0] += problem.mu
        w = np.linalg.solve(Z.T @ Z / 150 + 0.2 * np.eye(100), Z.mean(axis=0))
        drawn.append(ndtr((w[0] * problem.along + w[1] * problem.across) / np.linalg.norm(w)))
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(np.mean(drawn) - problem.source_accuracy()) < 4 * error + 0.5 / 150  # the limit is off by 1/n
    assert np.mean(drawn) < ra.TransferProblem(0.7, 100, 10).source_accuracy() - 0.02  # of a perfect source


@pytest.mark.parametrize("beta", [-0.6, 0.0, 0.3, 1.0])
def test_the_models_agree_also_in_arrays_and_high_precision(beta):
    problem = ra.TransferProblem(beta=beta, p=50, n=30, N=80, gamma=0.1, target_scale=0.7)
    alone = problem.source_accuracy()
    assert ra.FineTuning.from_transfer(problem).source_accuracy() == pytest.approx(alone, rel=1e-12)
    assert float(problem.source_accuracy(dps=30)) == pytest.approx(alone, rel=1e-14)
    several = np.asarray(replace(problem, beta=np.array([beta, 0.5])).source_accuracy())
    assert several[0] == pytest.approx(alone, rel=1e-14)


def test_training_with_a_large_ridge_and_its_best_alpha_never_loses_to_it():
    for beta in (0.1, 0.5, 0.95):
        problem = ra.TransferProblem(beta=beta, p=400, n=40, N=2000, gamma=1e6)
        assert problem.curve().optimum().value >= problem.source_accuracy()
