"""Bad input is refused in scikit-learn's manner: the argument, what it was, what it must be."""

from __future__ import annotations

import inspect
import itertools
import re
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from small_samples import draw

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    alpha_path,
    estimate_problem,
)
from rmt_alpha.from_data.decomposition.rules import check_fit_intercept

SAMPLE = draw("n < p")
X, Y, W = SAMPLE.X, SAMPLE.y, SAMPLE.source
GAP = np.where(np.arange(40) == 7, np.nan, W)

ESTIMATORS = [
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
]
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


NONSENSE: list[Any] = ["nonsense", object(), {"a": 1}]


def refusal(name, value):
    """Says which argument, what it must be, and what it was."""
    return rf"^{name}(\[0\])? must .*{re.escape(repr(value))}"


@pytest.mark.parametrize("value", NONSENSE, ids=["word", "object", "dict"])
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ESTIMATORS for name in kind().get_params()]
)
def test_every_parameter_refuses_nonsense_at_fit(kind, name, value):
    model = kind(**{"coef_source": W, name: value})  # says nothing yet, as scikit-learn has it
    with pytest.raises(ValueError, match=refusal(name, value)):
        model.fit(X, Y)


@pytest.mark.parametrize("value", NONSENSE, ids=["word", "object", "dict"])
@pytest.mark.parametrize(
    ("function", "name"),
    [(f, name) for f in (alpha_path, estimate_problem) for name in list(inspect.signature(f).parameters)[2:]],
)
def test_every_argument_refuses_nonsense(function, name, value):
    given = {"gamma": 1.0} if function is alpha_path else {}
    with pytest.raises(ValueError, match=refusal(name, value)):
        function(X, Y, **{"coef_source": W, **given, name: value})


@pytest.mark.parametrize("value", ["Shrunk", "", 0, 1, None, [True]], ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        *(lambda value, kind=kind: kind(coef_source=W, fit_intercept=value).fit(X, Y) for kind in ESTIMATORS),
        lambda value: alpha_path(X, Y, W, 1.0, fit_intercept=value),
        lambda value: estimate_problem(X, Y, W, fit_intercept=value),
        check_fit_intercept,
    ],
    ids=[*(kind.__name__ for kind in ESTIMATORS), "alpha_path", "estimate_problem", "rules"],
)
def test_four_rules_for_the_intercept_and_no_other(call, value):
    message = f"fit_intercept must be True, False, 'shrunk' or 'auto', got {value!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        call(value)


@pytest.mark.parametrize("rule", [True, "shrunk", "auto", np.True_])
def test_classes_that_may_lie_anywhere(rule):
    estimate = estimate_problem(X, Y, W, fit_intercept=rule)
    assert estimate.geometry == estimate_problem(X, Y, W).geometry
    assert estimate.geometry != estimate_problem(X, Y, W, fit_intercept=False).geometry


def test_a_missing_intercept_and_a_flag_are_no_numbers():
    for value in (None, True):
        with pytest.raises(ValueError, match=f"^intercept_source must be a number or an array, got {value}"):
            AlphaRidgeClassifier(coef_source=W, intercept_source=value).fit(X, Y)  # type: ignore[arg-type]


def test_sample_weights_that_are_no_numbers():
    for value in NONSENSE:
        with pytest.raises(ValueError, match=refusal("sample_weight", value)):
            AlphaRidgeClassifier(coef_source=W).fit(X, Y, value)


def test_criteria_of_a_path():
    with pytest.raises(ValueError, match=r"criterion must be one of 'consensus', .* got 'nonsense'"):
        alpha_path(X, Y, W, 1.0).best_alpha("nonsense")


def test_sources_that_are_no_linear_models():
    tree = DecisionTreeClassifier().fit(X, Y)
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier()).fit(X, Y)
    for model in (tree, pipeline):
        with pytest.raises(ValueError, match=r"linear model with coef_"):
            AlphaRidgeClassifier(coef_source=model).fit(X, Y)
    fitted = LogisticRegression().fit(X, Y)
    with pytest.raises(ValueError, match="brings its own"):
        AlphaRidgeClassifier(coef_source=fitted, intercept_source=1.0).fit(X, Y)
    three = LinearRegression().fit(X, np.eye(3)[np.arange(18) % 3])
    with pytest.raises(ValueError, match=r"3 output\(s\) and 40 features, but the target data has 1"):
        AlphaRidge(coef_source=three).fit(X, Y)
    for source in (three, [fitted, three]):
        with pytest.raises(ValueError, match=r"3 output\(s\) for the 2 classes"):
            AlphaRidgeClassifier(coef_source=source).fit(X, Y)


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
    for features in (X, sparse.csr_array(X)):
        with pytest.raises(ValueError, match="sample_weight must have at least 2 positive entries, got 1"):
            AlphaRidge(coef_source=W).fit(features, Y, 2.0 * (np.arange(len(Y)) == 3))
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
    with pytest.raises(ValueError, match="criterion must be one of 'consensus', 'evidence', 'loo_mse'"):
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


def masked(values):
    array = np.ma.array(np.asarray(values, float))
    array[(0,) * array.ndim] = np.ma.masked
    return array


FITTED = AlphaRidgeClassifierCV(coef_source=W).fit(X, Y)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        *[("X", lambda kind=kind: kind(coef_source=W).fit(masked(X), Y)) for kind in ESTIMATORS],
        *[("y", lambda kind=kind: kind(coef_source=W).fit(X, masked(Y))) for kind in ESTIMATORS],
        ("sample_weight", lambda: AlphaRidge(coef_source=W).fit(X, Y, masked(np.ones(len(Y))))),
        ("coef_source", lambda: AlphaRidge(coef_source=masked(W)).fit(X, Y)),
        ("coef_source", lambda: AlphaRidge(coef_source=[masked(W), W]).fit(X, Y)),
        ("intercept_source", lambda: AlphaRidge(coef_source=W, intercept_source=masked([1.0])).fit(X, Y)),
        ("gammas", lambda: AlphaRidgeClassifierCV(masked([0.1, 1.0]), coef_source=W).fit(X, Y)),
        ("alpha", lambda: AlphaRidge(coef_source=W, alpha=masked([1.0])).fit(X, Y)),
        ("X", lambda: FITTED.predict(masked(X))),
        ("X", lambda: alpha_path(masked(X), Y, W, 1.0)),
        ("y", lambda: estimate_problem(X, masked(Y), W)),
    ],
    ids=itertools.count(),
)
def test_masked_arrays_are_refused(name, call):
    with pytest.raises(TypeError, match=rf"{name}.* must not be a masked array"):
        call()
