"""The shrunk intercept: the weight of one more feature, constant, beside features that are centred."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from small_samples import SHAPES, draw

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    alpha_path,
)

ESTIMATORS = (
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
)


def explicit(X, weights):
    """Centred features with the constant one, and how to get there, written out."""
    mean = np.average(X, axis=0, weights=weights)
    variance = np.average((X - mean) ** 2, axis=0, weights=weights)
    size = np.sqrt(3 * variance.mean())
    error2 = variance.sum() / (np.sum(np.ones(len(X)) if weights is None else weights) - 1)
    mean = mean * max(0, 1 - error2 / (mean @ mean))
    return lambda rows: np.column_stack([rows - mean, np.full(len(rows), size)])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("awkward", [False, True])
def test_it_is_a_ridge_on_a_constant_feature_and_so_are_its_leave_one_out_scores(shape, weighted, awkward):
    sample, gamma, alpha = draw(shape, awkward=awkward), 0.7, 1.3
    counts = sample.weights if weighted else np.ones(len(sample.y))
    model = AlphaRidgeClassifier(
        gamma, alpha, sample.source, sample.bias, "shrunk"
    ).fit(sample.X, sample.y, counts)  # fmt: skip
    to_explicit = explicit(sample.X, counts)
    features, scores = to_explicit(sample.X), sample.X @ sample.source + sample.bias
    plain = Ridge(counts.sum() * gamma, fit_intercept=False, solver="svd", tol=1e-14)

    def refit(left, rows):
        kept = left > 0
        plain.fit(features[kept], (sample.y - alpha * scores)[kept], left[kept])
        return plain.predict(features[rows]) + alpha * scores[rows]

    everything = np.arange(len(sample.y))
    scale = abs(scores).max() + 1
    assert model.decision_function(sample.X) == pytest.approx(refit(counts, everything), abs=1e-10 * scale)
    for i in everything:
        left = counts - (everything == i)
        assert model.loo_decision_function_[i] == pytest.approx(refit(left, [i])[0], abs=1e-10 * scale)


def test_the_path_has_the_scores_of_the_estimator():
    sample = draw("n < p")
    path = alpha_path(
        sample.X, sample.y, sample.source, 0.4, intercept_source=sample.bias, fit_intercept="shrunk"
    )
    model = AlphaRidgeClassifier(0.4, 0.9, sample.source, sample.bias, "shrunk").fit(sample.X, sample.y)
    right = (model.loo_decision_function_ > 0) == (sample.y > 0)
    assert path.loo_accuracy(0.9) == right.mean()
    with pytest.raises(ValueError, match="fit_intercept must be True, False or 'shrunk', got 'free'"):
        alpha_path(sample.X, sample.y, sample.source, 0.4, fit_intercept="free")  # type: ignore[arg-type]


def test_logistic_regression_on_a_constant_feature():
    sample, gamma = draw("n > p"), 0.3
    features = explicit(sample.X, None)(sample.X)
    ours = AlphaLogisticRegression(gamma, 0.0, sample.source, sample.bias, "shrunk").fit(sample.X, sample.y)
    theirs = LogisticRegression(
        C=1 / (gamma * len(sample.y)), fit_intercept=False, tol=1e-10, max_iter=10_000
    )
    expected = theirs.fit(features, sample.y).decision_function(features)
    assert ours.decision_function(sample.X) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_features_may_be_moved_far_if_the_source_moves_with_them(kind):
    # The shrunken mean is the mean to one part in |shift|^2, which rounding hides.
    sample, direction = draw("n > p"), np.arange(20.0)
    one, two = (
        kind(
            coef_source=sample.source,
            intercept_source=0.2 - shift @ sample.source,
            fit_intercept="shrunk",
        ).fit(sample.X + shift, sample.y)
        for shift in (1e4 * direction, -3e4 * direction)
    )
    assert one.predict(sample.X + 1e4 * direction) == pytest.approx(
        two.predict(sample.X - 3e4 * direction), abs=1e-4
    )
    assert two.alpha_ == pytest.approx(one.alpha_, rel=1e-3)


def test_centred_features_keep_their_origin():
    sample = draw("n < p")
    X = sample.X - sample.X.mean(axis=0)
    X[0] += 0.1  # a mean as small as it is by chance
    model = AlphaRidgeClassifier(0.5, 1.0, sample.source, fit_intercept="shrunk").fit(X, sample.y)
    size2 = 3 * ((X - X.mean(axis=0)) ** 2).mean()
    features = np.column_stack([X, np.full(len(X), np.sqrt(size2))])
    plain = Ridge(0.5 * len(X), fit_intercept=False, solver="svd", tol=1e-14)
    plain.fit(features, sample.y - X @ sample.source)
    assert model.coef_[0] == pytest.approx(sample.source + plain.coef_[:-1], abs=1e-12)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_another_word_is_refused(kind):
    sample = draw("n > p")
    with pytest.raises(ValueError, match="fit_intercept must be True, False or 'shrunk', got 'no'"):
        kind(coef_source=sample.source, fit_intercept="no").fit(sample.X, sample.y)


@pytest.mark.parametrize("rule", [False, "shrunk"])
@pytest.mark.parametrize("criterion", ["loo_snr", "loo_accuracy", "loo_mse"])
def test_an_infinite_ridge_without_free_intercept_trains_nothing(rule, criterion):
    # What rounding leaves of "nothing" is a copy of the labels, which leave-one-out must not see.
    sample = draw("n < p")
    noise = np.random.default_rng(3).permutation(sample.y)  # the source is no help at all
    model = AlphaRidgeClassifierCV([np.inf], criterion, sample.source, sample.bias, rule).fit(sample.X, noise)
    scores = sample.X @ sample.source + sample.bias
    size = model.coef_[0] @ sample.source / (sample.source @ sample.source)
    assert abs(size) > 1e-6
    assert model.loo_decision_function_ == pytest.approx(size * scores, rel=1e-12)
    assert abs(np.corrcoef(model.loo_decision_function_, scores)[0, 1]) == pytest.approx(1.0)


def accuracies(rule, share, n, strength, draws=60):
    """Of the default at this intercept rule: Gaussian classes, a source at an angle with its threshold."""
    p, found = 60, []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        mean = strength * rng.standard_normal(p) / np.sqrt(p)
        source = mean + 0.6 * strength * rng.standard_normal(p) / np.sqrt(p)
        centre = np.zeros(p) if share != 0.5 else rng.standard_normal(p)  # which False might train on

        def draw_rows(m, positive, rng=rng, mean=mean, centre=centre):
            y = np.where(np.arange(m) < round(positive * m), 1, -1)
            return y[:, None] * mean + rng.standard_normal((m, p)) + centre, y

        X, y = draw_rows(n, share)
        model = AlphaRidgeClassifierCV(
            coef_source=source, intercept_source=-centre @ source, fit_intercept=rule
        ).fit(X, y)  # fmt: skip
        found.append(model.score(*draw_rows(4000, share)))
    return np.array(found)


@pytest.mark.parametrize(
    ("share", "n", "strength", "worse"),
    [(0.5, 20, 1.3, True), (0.8, 100, 0.7, False)],
    ids=["few samples: a free intercept costs", "unequal classes: none costs"],
)
def test_it_is_ahead_where_the_others_fail(share, n, strength, worse):
    gain = accuracies("shrunk", share, n, strength) - accuracies(worse, share, n, strength)
    assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(gain.size)
