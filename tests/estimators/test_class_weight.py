"""Classes that weigh more, and a threshold that moves: what unequal classes call for."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, matthews_corrcoef
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from small_samples import draw

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
)
from rmt_alpha.from_data.criteria import CRITERIA
from rmt_alpha.from_data.threshold import best_threshold

METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "matthews_corrcoef": matthews_corrcoef,
}


def unequal(shape, *, classes=2, seed=0):
    sample, rng = draw(shape, seed=seed), np.random.default_rng(seed)
    if classes > 2:
        y = rng.integers(0, classes, len(sample.y))
        y[:classes] = np.arange(classes)
        return sample, y
    y = np.where((sample.y > 0) & (rng.random(len(sample.y)) < 0.5), 1, -1)
    y[:2] = -1, 1
    return sample, y


def masses(y, weights, counts):
    """Weights times counts, their sum that of the counts."""
    each = np.array([weights[one] for one in y.tolist()]) * counts
    return each * counts.sum() / each.sum()


@pytest.mark.parametrize("shape", ["n < p", "n > p"])
@pytest.mark.parametrize("classes", [2, 3])
def test_balanced_is_that_of_ridge_classifier(shape, classes):
    sample, y = unequal(shape, classes=classes)
    ours = AlphaRidgeClassifier(0.2, 0.0, class_weight="balanced").fit(sample.X, y)
    theirs = RidgeClassifier(alpha=0.2 * len(y), class_weight="balanced", solver="svd").fit(sample.X, y)
    assert ours.coef_ == pytest.approx(np.atleast_2d(theirs.coef_), rel=1e-9, abs=1e-12)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-9, abs=1e-12)


def test_only_ratios_count():
    sample, y = unequal("n > p")
    one, two = (
        AlphaRidgeClassifierCV(coef_source=sample.source, class_weight=weights).fit(sample.X, y)
        for weights in ({1: 3.0}, {-1: 10.0, 1: 30.0})
    )
    assert one.coef_ == pytest.approx(two.coef_, rel=1e-9)
    assert one.alpha_stderr_ == pytest.approx(two.alpha_stderr_, rel=1e-7)


@pytest.mark.parametrize("shape", ["n < p", "n > p"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("counted", [False, True])
def test_a_sample_is_left_out_as_a_whole(shape, intercept, counted):
    # A weight of 2.5 is no two copies and a half: without the sample, nothing of it is left.
    sample, y = unequal(shape)
    weights, gamma, alpha = {-1: 0.8, 1: 2.5}, 0.2, 0.7
    counts = sample.weights if counted else np.ones(len(y))
    model = AlphaRidgeClassifier(
        gamma, alpha, sample.source, sample.bias, intercept, class_weight=weights
    ).fit(sample.X, y, counts)
    scores = sample.X @ sample.source + (0 if intercept else sample.bias)
    mass = masses(y, weights, counts)
    for i in range(0, len(y), 3):
        left = mass * np.where(np.arange(len(y)) == i, (counts[i] - 1) / counts[i], 1.0)
        rows = left > 0
        refitted = Ridge(alpha=counts.sum() * gamma, fit_intercept=intercept, solver="svd", tol=1e-14)
        refitted.fit(sample.X[rows], (y - alpha * scores)[rows], left[rows])
        expected = refitted.predict(sample.X[[i]])[0] + alpha * scores[i]
        assert model.loo_decision_function_[i] == pytest.approx(expected, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name != "theory"])
def test_equal_weights_change_nothing(criterion):
    sample = draw("n < p")
    kind = {"criterion": criterion, "coef_source": sample.source}
    weighted = AlphaRidgeClassifierCV([0.1, 1.0], **kind, class_weight={-1: 2.0, 1: 2.0}).fit(
        sample.X, sample.y
    )
    plain = AlphaRidgeClassifierCV([0.1, 1.0], **kind).fit(sample.X, sample.y)
    assert weighted.coef_ == pytest.approx(plain.coef_, rel=1e-8)
    assert weighted.scale_ == pytest.approx(plain.scale_, rel=1e-6)


def test_cross_entropy_weighs_too():
    sample, y = unequal("n > p")
    weights, counts = {-1: 1.0, 1: 3.0}, np.ones(len(y))
    weighted = AlphaLogisticRegression(0.3, 0.5, sample.source, class_weight=weights).fit(sample.X, y)
    counted = AlphaLogisticRegression(0.3, 0.5, sample.source).fit(sample.X, y, masses(y, weights, counts))
    assert weighted.coef_ == pytest.approx(counted.coef_, rel=1e-6)  # the same fit ...
    assert weighted.loo_decision_function_ != pytest.approx(counted.loo_decision_function_, rel=1e-3)  # only


def transfer(rng, n, p=100, share=0.2):
    """Gaussian classes, the second of them rare, and a source that nearly points there."""
    mean = rng.standard_normal(p) / np.sqrt(p)
    source = mean + 0.7 * rng.standard_normal(p) / np.sqrt(p)

    def samples(size):
        y = np.where(np.arange(size) < share * size, 1, -1)
        return y[:, None] * mean + rng.standard_normal((size, p)), y

    return samples(n), samples(4000), source


@pytest.mark.parametrize("estimator", [AlphaRidgeClassifier, AlphaLogisticRegression])
def test_rare_classes_are_found(estimator):
    # Four to one, 400 samples: the default keeps to the frequent class, which accuracy rewards.
    gains: dict[str, list[float]] = {"class_weight": [], "threshold": []}
    for seed in range(5):
        (X, y), (test, expected), source = transfer(np.random.default_rng(seed), 400)
        plain = estimator(0.3, coef_source=source).fit(X, y)
        before = balanced_accuracy_score(expected, plain.predict(test))
        for name, value in (("class_weight", "balanced"), ("threshold", "balanced_accuracy")):
            model = estimator(0.3, coef_source=source, **{name: value}).fit(X, y)
            gains[name].append(balanced_accuracy_score(expected, model.predict(test)) - before)
    for name, gain in gains.items():
        assert np.mean(gain) > 0.05 + 2 * np.std(gain, ddof=1) / np.sqrt(5), name


@pytest.mark.parametrize(
    ("metric", "ties"),
    [
        ("accuracy", True),
        ("balanced_accuracy", False),
        ("f1", True),
        ("matthews_corrcoef", False),
        *(
            pytest.param(metric, ties, marks=pytest.mark.slow)
            for metric, ties in zip(METRICS, (False, True, False, True), strict=True)
        ),
    ],
)
def test_no_threshold_is_better(metric, ties):
    rng = np.random.default_rng(0)
    for _ in range(10):
        n = int(rng.integers(4, 30))
        positive = rng.random(n) < 0.3
        positive[:2] = False, True
        scores = positive + 1.5 * rng.standard_normal(n) - 0.8
        scores = np.round(scores) if ties else scores
        weights = rng.integers(1, 4, n).astype(float)

        def value(at, scores=scores, positive=positive, weights=weights):
            return METRICS[metric](positive, scores > at, sample_weight=weights)

        found = best_threshold(scores, positive, weights, metric)
        best = max(value(at) for at in (*scores, -np.inf))
        assert value(found) == pytest.approx(best)
        if value(0.0) == pytest.approx(best):
            assert found == 0.0


def test_thresholds_are_those_of_scikit_learn():
    sample, y = unequal("n > p")
    model = AlphaRidgeClassifier(coef_source=sample.source, threshold=-0.2).fit(sample.X, y)
    plain = AlphaRidgeClassifier(coef_source=sample.source).fit(sample.X, y)
    theirs = FixedThresholdClassifier(FrozenEstimator(plain), threshold=-0.2, pos_label=1)
    theirs.set_params(response_method="decision_function")
    assert np.array_equal(model.predict(sample.X), theirs.fit(sample.X, y).predict(sample.X))
    tuned = TunedThresholdClassifierCV(AlphaRidgeClassifier(coef_source=sample.source), cv=3)
    assert set(tuned.fit(sample.X, y).predict(sample.X)) <= {-1, 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"class_weight": "equal"}, "class_weight must be None, 'balanced' or a dict"),
        ({"class_weight": {-1: 0.0}}, "class_weight must hold numbers .* class -1"),
        ({"class_weight": {-1: True}}, "class_weight must hold numbers"),
        ({"class_weight": {"no": 1.0}}, "no.* are not in class_weight|class_weight"),
        ({"threshold": "recall"}, "threshold must be a finite number.*'f1'.*got 'recall'"),
        ({"threshold": np.nan}, "threshold must be a finite number"),
        ({"threshold": None}, "threshold must be a finite number"),
    ],
)
@pytest.mark.parametrize("kind", [AlphaRidgeClassifierCV, AlphaLogisticRegressionCV])
def test_refusals(arguments, words, kind):
    sample = draw("n > p")
    with pytest.raises(ValueError, match=words):
        kind([1.0], **arguments).fit(sample.X, sample.y)


def test_no_threshold_between_three_classes():
    sample, y = unequal("n > p", classes=3)
    with pytest.raises(ValueError, match="threshold must be 0 for more than two classes"):
        AlphaRidgeClassifier(threshold="f1").fit(sample.X, y)
