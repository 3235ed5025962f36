"""Small data sets of every shape, and brute force: refitting with scikit-learn without each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

from rmt_alpha.from_data.design import Rule
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.samples import Samples

SHAPES = {"n < p": (18, 40), "n = p": (20, 20), "n = p + 1": (21, 20), "n > p": (30, 20), "n >> p": (60, 6)}


@dataclass
class Sample:
    """Features, labels -1 and +1, and a source with its intercept."""

    X: np.ndarray
    y: np.ndarray
    source: np.ndarray
    bias: float
    weights: np.ndarray


def draw(shape: str, *, seed: int = 0, awkward: bool = False) -> Sample:
    """A sample; ``awkward`` adds a constant column, duplicate rows and very different scales."""
    n, p = SHAPES[shape]
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal(p) / np.sqrt(p)
    y = rng.permutation(np.where(np.arange(n) % 2, 1, -1))
    X = y[:, None] * mean + rng.standard_normal((n, p)) + 0.3
    if awkward:
        X[:, 1] = 2.5
        X[3] = X[2]
        y[3] = y[2]
        X[:, 2] *= 100
        X[:, 3] *= 0.01
    source = mean + 0.1 * rng.standard_normal(p)
    return Sample(X, y, source, 0.2, rng.integers(1, 4, n).astype(float))


def path_of(X, labels, scores, counts=None, *, intercept: bool) -> RidgePath:
    """The path of labels (n, K) and source scores (k, n, K) with a free intercept, or with none."""
    return RidgePath.of(Samples.of(X, counts), Rule(0.0 if intercept else None), labels, scores)


def refit(X, y, scores, test, test_scores, penalty, alpha, intercept, weights=None):
    """Scores of test rows: scikit-learn's ridge on y - alpha * scores, plus alpha * test_scores."""
    model = Ridge(alpha=penalty, fit_intercept=intercept, solver="svd", tol=1e-14)
    model.fit(X, y - alpha * scores, sample_weight=weights)
    return model.predict(test) + alpha * test_scores


def brute_force(sample: Sample, gamma: float, alpha: float, *, intercept: bool, weights=None) -> np.ndarray:
    """Score of each sample by the fit without it (without one of it, if its weight is more), same penalty."""
    X, y = sample.X, sample.y
    counts = np.ones(len(y)) if weights is None else weights
    scores = X @ sample.source + (0 if intercept else sample.bias)
    result = np.empty(len(y))
    for i in range(len(y)):
        left = counts.copy()
        left[i] -= min(1.0, left[i])
        rows = left > 0
        result[i] = refit(
            X[rows],
            y[rows],
            scores[rows],
            X[[i]],
            scores[[i]],
            counts.sum() * gamma,
            alpha,
            intercept,
            left[rows],
        )[0]
    return result
