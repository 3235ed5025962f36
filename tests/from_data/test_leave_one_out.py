"""Leave-one-out scores against refitting without each sample, by scikit-learn's ridge."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_samples import SHAPES, brute_force, draw, path_of

from rmt_alpha import AlphaRidgeClassifier
from rmt_alpha.from_data.leave_one_out import ScoreMoments

EXACT = 1e-10
"""Asked for; what is seen is a few hundred times smaller."""


@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weights"])
@pytest.mark.parametrize("awkward", [False, True], ids=["generic", "awkward"])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_refitting(shape, awkward, weighted, intercept):
    sample = draw(shape, awkward=awkward)
    weights = sample.weights if weighted else None
    # Both ridges with every two of the three.
    gamma, alpha = ((0.3, 0.7), (0.01, -2.0))[(awkward + weighted + intercept) % 2]
    model = AlphaRidgeClassifier(gamma, alpha, sample.source, sample.bias, intercept)
    model.fit(sample.X, sample.y, weights)
    expected = brute_force(sample, gamma, alpha, intercept=intercept, weights=weights)
    assert np.abs(model.loo_decision_function_ - expected).max() < EXACT * np.abs(expected).max()


@given(st.integers(0, 10**6), st.sampled_from(list(SHAPES)), st.floats(-2.0, 2.0), st.floats(-3, 3))
def test_equals_refitting_with_fractional_weights(seed, shape, exponent, alpha):
    sample = draw(shape, seed=seed)
    weights = (
        np.random.default_rng(seed).exponential(size=len(sample.y)) + 0.8
    )  # some below 1, the mean above
    gamma = 10.0**exponent
    model = AlphaRidgeClassifier(gamma, alpha, sample.source, sample.bias, True)
    model.fit(sample.X, sample.y, weights)
    expected = brute_force(sample, gamma, alpha, intercept=True, weights=weights)
    assert np.abs(model.loo_decision_function_ - expected).max() < EXACT * (1 + np.abs(expected).max())


def test_a_wrong_leverage_would_be_seen():
    # Forgetting the intercept's share 1/n of the leverage is the classical slip.
    sample = draw("n > p")
    labels = sample.y[:, None].astype(float)
    fit = path_of(sample.X, labels, np.zeros((0, len(labels), 1)), intercept=True).columns.at(0.3)
    wrong = sample.y - fit.residuals[:, 0, 0] / (fit.freedom + 1 / len(labels))
    assert np.abs(wrong - brute_force(sample, 0.3, 0.0, intercept=True)).max() > 1e-3


@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize("size", [(6, 6), (6, 5), (6, 12), (6, 7)])
@pytest.mark.parametrize("gamma", ["1e-3", "1e-9", "1e-15"])
def test_small_ridges_against_many_digits(size, gamma, intercept):
    # Where I - H is of the size of gamma, 1 - H would lose all digits; here only the conditioning of X is
    # left.
    n, p = size
    rng = np.random.default_rng(5)
    X, y, s = rng.standard_normal((n, p)), np.where(np.arange(n) % 2, 1.0, -1.0), rng.standard_normal(n)
    path = path_of(X, y[:, None], s[None, :, None], intercept=intercept)
    found = path.at(float(gamma)).leave_one_out.lines[:, :, 0]
    exact = many_digits(X, y, s, mpmath.mpf(float(gamma)), intercept)
    singular = path.design.singular
    condition = singular.max() / singular[singular > 0].min()
    assert np.abs(found - exact).max() < 1e-15 * condition**2 * 100 * np.abs(exact).max()


def many_digits(X, y, s, gamma, intercept):
    with mpmath.workdps(60):
        n = len(y)
        rows = mpmath.matrix(X.tolist())
        hat = rows * mpmath.inverse(rows.T * rows / n + gamma * mpmath.eye(rows.cols)) * rows.T / n
        if intercept:
            center = mpmath.eye(n) - mpmath.ones(n) / n
            inside = center * rows
            hat = (
                inside * mpmath.inverse(inside.T * inside / n + gamma * mpmath.eye(rows.cols)) * inside.T / n
            )
            hat = hat + mpmath.ones(n) / n
        keep = mpmath.eye(n) - hat
        lines = []
        for column, sign in ((y, -1), (s, 1)):
            missed = keep * mpmath.matrix(column.tolist())
            base = column if sign < 0 else np.zeros(n)
            lines.append([float(base[i] + sign * missed[i] / keep[i, i]) for i in range(n)])
        return np.array(lines).T


def test_high_leverage_in_a_tall_sample():
    # One-hot columns: samples that alone determine a coefficient, so that 1 - H_ii is of the size of gamma.
    rng = np.random.default_rng(0)
    X = np.concatenate([np.eye(3), np.zeros((57, 3))]) * 50
    X = np.concatenate([X, rng.standard_normal((60, 4))], axis=1)
    y = np.where(np.arange(60) % 2, 1, -1)
    source = rng.standard_normal(7)
    model = AlphaRidgeClassifier(1e-7, 0.5, source).fit(X, y)
    exact = many_digits(X, y.astype(float), X @ source, mpmath.mpf(1e-7), True) @ [1, 0.5]
    assert np.abs(model.loo_decision_function_ - exact).max() < 1e-8 * np.abs(exact).max()


@pytest.mark.parametrize("sources", [1, 2, 4])
def test_no_alpha_has_a_larger_margin_than_the_best(sources):
    rng = np.random.default_rng(sources)
    infinite, cut = 0, 0
    for _ in range(100):
        parts = rng.standard_normal((sources + 2, sources + 1))
        moments = ScoreMoments(rng.standard_normal(sources + 1), parts.T @ parts)
        best = moments.best_direction()
        assert best[0] >= 0
        infinite += best[0] == 0
        alphas = rng.standard_normal((2000, sources)) * np.logspace(-3, 3, 2000)[:, None]
        tried = moments.margin(np.column_stack([np.ones(2000), alphas])).max()
        assert tried <= moments.margin(best) * (1 + 1e-12)
        # To cut z_0 off where it is negative would not do.
        whole = np.linalg.solve(moments.gram, moments.line)
        cut += tried > moments.margin(np.append(0.0, whole[1:])) if whole[0] < 0 else 0
    assert infinite > 20
    assert cut > 0
