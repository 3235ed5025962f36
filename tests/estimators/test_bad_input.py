"""Bad input is refused in scikit-learn's manner: the argument, what it was, what it must be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from small_samples import draw

from rmt_alpha import (
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    alpha_path,
    estimate_problem,
)

SAMPLE = draw("n < p")
X, Y, W = SAMPLE.X, SAMPLE.y, SAMPLE.source
GAP = np.where(np.arange(40) == 7, np.nan, W)

both = pytest.mark.parametrize("kind", [AlphaRidgeClassifier, AlphaRidgeClassifierCV])


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coef_source": W[:-1]}, r"one entry per feature, 40, .* got shape \(39,\)"),
        ({"coef_source": GAP}, "coef_source contains NaN"),
        ({"coef_source": np.ones((2, 3, 40))}, r"shape \(1, 40\) for one source, or \(k, 1, 40\)"),
        ({"coef_source": np.ones((2, 2, 2, 40))}, "1, 2 or 3 dimensions"),
        (
            {"coef_source": W, "intercept_source": [1.0, 2.0]},
            r"intercept_source must be a number or have shape \(1,\)",
        ),
        ({"coef_source": W, "intercept_source": np.nan}, "intercept_source contains NaN"),
        ({"coef_source": W, "alpha": "best"}, "alpha must be 'auto', a number"),
        ({"coef_source": W, "alpha": np.nan}, "alpha must be 'auto', a number"),
        ({"coef_source": W, "alpha": [1.0, 2.0]}, "one entry per source, 1, got 2"),
        ({"coef_source": W, "criterion": "aic"}, "criterion must be one of"),
        ({"coef_source": LogisticRegression()}, "not fitted.*FrozenEstimator"),
    ],
)
def test_arguments(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options).fit(X, Y)


def test_sources_that_are_no_linear_models():
    tree = DecisionTreeClassifier().fit(X, Y)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    for model in (tree, pipeline):
        with pytest.raises(ValueError, match=r"linear model with coef_"):
            AlphaRidgeClassifier(coef_source=model).fit(X, Y)
    fitted = LogisticRegression().fit(X, Y)
    with pytest.raises(ValueError, match="brings its own"):
        AlphaRidgeClassifier(coef_source=fitted, intercept_source=1.0).fit(X, Y)
    three = LogisticRegression().fit(X, np.arange(18) % 3)
    with pytest.raises(ValueError, match=r"3 output\(s\) and 40 features, but the target data has 1"):
        AlphaRidgeClassifier(coef_source=three).fit(X, Y)
    with pytest.raises(ValueError, match="different shapes"):
        AlphaRidgeClassifier(coef_source=[fitted, three]).fit(X, Y)


@pytest.mark.parametrize("gamma", [0.0, -1.0, np.nan, "1", None, True])
def test_ridges(gamma):
    with pytest.raises(ValueError, match=r"gamma must be a number > 0 .* per sample"):
        AlphaRidgeClassifier(gamma, coef_source=W).fit(X, Y)
    if gamma is not None and gamma is not True:
        with pytest.raises(ValueError, match=r"gammas\[1\] must be a number > 0"):
            AlphaRidgeClassifierCV(
                [1.0, gamma] if gamma != "1" else np.array([1.0, np.nan]), coef_source=W
            ).fit(X, Y)


def test_no_ridges():
    with pytest.raises(ValueError, match="at least one ridge"):
        AlphaRidgeClassifierCV([], coef_source=W).fit(X, Y)


@both
def test_data(kind):
    model = kind(coef_source=W)
    with pytest.raises(ValueError, match=r"2 classes, got one class: 1\.0"):
        model.fit(X, np.ones(len(Y)))
    with pytest.raises(ValueError, match="2 classes, got one class: -1"):
        model.fit(X, Y, sample_weight=Y < 0)
    with pytest.raises(ValueError, match="1 sample"):
        model.fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(X[0, 0] == X, np.nan, X), Y)
    with pytest.raises(ValueError, match="Unknown label type"):
        model.fit(X, Y * 0.3)
    with pytest.raises(ValueError, match="zero"):
        model.fit(X, Y, sample_weight=np.zeros(len(Y)))
    with pytest.raises(ValueError, match="40 features"):
        model.fit(X, Y).predict(X[:, 1:])
    with pytest.raises(ValueError, match=r"3 output|shape \(3, 40\)"):
        model.fit(X, np.arange(18) % 3)


@both
def test_a_source_of_zeros_is_irrelevant(kind):
    with pytest.warns(UserWarning, match="coef_source is all zeros: alpha is irrelevant"):
        model = kind(coef_source=np.zeros(40)).fit(X, Y)
    assert model.alpha_ == model.alpha_stderr_ == 0
    assert model.coef_ == pytest.approx(kind().fit(X, Y).coef_)


def test_theory_needs_two_classes_and_two_samples_of_each():
    labels = np.arange(18) % 3
    with pytest.raises(ValueError, match="for two classes, got 3"):
        AlphaRidgeClassifierCV(criterion="theory", coef_source=np.ones((3, 40))).fit(X, labels)
    with pytest.raises(ValueError, match="at least 2 samples of each class"):
        AlphaRidgeClassifierCV(criterion="theory", coef_source=W).fit(X, np.arange(18) == 3)
    with pytest.raises(ValueError, match="for two classes, got 3"):
        estimate_problem(X, labels, np.ones(40))
    with pytest.raises(ValueError, match="one source, got 2"):
        estimate_problem(X, Y, np.ones((2, 40)))


def test_criteria_that_need_classes():
    with pytest.raises(ValueError, match="criterion must be one of 'evidence', 'loo_mse'"):
        AlphaRidge(coef_source=W, criterion="loo_accuracy").fit(X, Y)


def test_paths_need_a_source_and_a_direction():
    with pytest.raises(ValueError, match="without a source there is no alpha"):
        alpha_path(X, Y, None, 1.0)
    with pytest.raises(ValueError, match="give the direction"):
        alpha_path(X, Y, np.ones((2, 40)), 1.0)
    with pytest.raises(ValueError, match="direction must hold 2 finite numbers"):
        alpha_path(X, Y, np.ones((2, 40)), 1.0, direction=[1.0])
    path = alpha_path(X, Y, np.stack([W, np.ones(40)]), 1.0, direction=[2.0, 0.0])
    assert path.loo_accuracy(0.5) == alpha_path(X, Y, W, 1.0).loo_accuracy(1.0)


def test_curves_need_a_ridge():
    estimate = estimate_problem(X, Y, W)
    with pytest.raises(ValueError, match="gamma"):
        estimate.curve(0.0)
    with pytest.raises(ValueError, match="gamma"):
        estimate.curve(-1.0)
