"""Small data sets of every shape, and brute force: refitting with scikit-learn without each sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from sklearn import config_context
from sklearn.linear_model import Ridge

from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgePath

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
    with config_context(assume_finite=True, skip_parameter_validation=True):  # thousands of tiny fits
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


def fit_of_rule(X, targets, mass, rule, penalty, units):
    """Weights (p, K), intercepts (K,) and least objective (K,) of a rule, by augmented least squares.

    The objective is sum_i mass_i (t_i - x_i.d - b)^2 + penalty |units * d|^2, plus pseudo (b + m.d)^2 for
    the mean m of these samples; b is 0 at pseudo = None.  Limits are constraints: b is -m.d at pseudo = inf,
    nothing but b is trained at penalty = inf.
    """
    (n, p), mean = X.shape, mass @ X / mass.sum()
    design = np.column_stack([X, np.ones(n)])
    squares = [np.sqrt(mass)[:, None] * design]
    if math.isfinite(penalty):
        squares.append(np.column_stack([np.diag(math.sqrt(penalty) * units), np.zeros(p)]))
    if rule.pseudo is not None and math.isfinite(rule.pseudo):
        squares.append(math.sqrt(rule.pseudo) * np.append(mean, 1.0)[None])
    rows = np.concatenate(squares)
    values = np.concatenate([np.sqrt(mass)[:, None] * targets, np.zeros((len(rows) - n, targets.shape[1]))])
    # What is free: all weights whose features have a unit, and b unless a constraint gives it.
    free = np.eye(p + 1)[:, [*(units > 0) & math.isfinite(penalty), True]]
    if rule.pseudo is None:
        free = free[:, :-1]
    elif math.isinf(rule.pseudo):
        free = free[:, :-1] - np.eye(p + 1)[:, -1:] * (np.append(mean, 0.0) @ free[:, :-1])
    # Of least norm where there are several, as by the singular values, which take five times as long.
    found = free @ linalg.lstsq(rows @ free, values, lapack_driver="gelsy")[0]
    return found[:p], found[p], np.square(values - rows @ found).sum(axis=0)


def deviations(X, mass):
    """Standard deviations (p,), 0 of constant features."""
    mean = mass @ X / mass.sum()
    variance = mass @ (X - mean) ** 2 / mass.sum()
    return np.sqrt(variance * (variance > 1e-20 * mean**2))


def left_out_of_rule(X, targets, mass, removed, rule, penalty, units):
    """Prediction (n, K) for each sample by `fit_of_rule` of the others; standard units are theirs."""
    result = np.empty(targets.shape)
    for i in range(len(X)):
        rest = mass - removed * (np.arange(len(X)) == i)
        rows = rest > 1e-12 * mass
        own = deviations(X[rows], rest[rows]) if rule.standard else units
        weights, intercepts, _ = fit_of_rule(X[rows], targets[rows], rest[rows], rule, penalty, own)
        result[i] = X[i] @ weights + intercepts
    return result
