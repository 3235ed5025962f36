"""Several labels at once: a matrix of zeros and ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.class_weight import compute_sample_weight

from rmt_alpha import AlphaLogisticRegression, AlphaRidgeClassifier, AlphaRidgeClassifierCV
from rmt_alpha.from_data.criteria import CRITERIA


def draw(n=30, p=12, labels=3):
    rng = np.random.default_rng(0)
    means = rng.standard_normal((labels, p))
    X = rng.standard_normal((n, p))
    Y = (X @ means.T + rng.standard_normal((n, labels)) > 0.5).astype(int)
    return X, Y, means + 0.5 * rng.standard_normal((labels, p))


def test_without_a_source_it_is_ridge_classifier():
    X, Y, _ = draw()
    ours, theirs = AlphaRidgeClassifier(0.2).fit(X, Y), RidgeClassifier(0.2 * len(Y), solver="svd").fit(X, Y)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9, abs=1e-12)
    assert ours.decision_function(X) == pytest.approx(theirs.decision_function(X), abs=1e-10)
    assert np.array_equal(ours.predict(X), theirs.predict(X))
    assert ours.predict(X).dtype == theirs.predict(X).dtype
    assert np.array_equal(ours.classes_, theirs.classes_)
    assert ours.score(X, Y) == accuracy_score(Y, theirs.predict(X))
    again = AlphaRidgeClassifier(0.2).fit(X, sparse.csr_array(Y))
    assert np.array_equal(ours.coef_, again.coef_)


@pytest.mark.parametrize("counted", [False, True])
def test_balanced_labels_are_those_of_ridge_classifier(counted):
    X, Y, _ = draw()
    counts = 1 + np.arange(len(Y)) % 2 * counted
    ours = AlphaRidgeClassifier(0.2, class_weight="balanced").fit(X, Y, counts)
    X, Y = np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0)
    weights = compute_sample_weight("balanced", Y)
    theirs = RidgeClassifier(0.2 * weights.sum(), class_weight="balanced", solver="svd").fit(X, Y)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9, abs=1e-12)


def test_leave_one_out_is_refitting():
    X, Y, source = draw()
    model = AlphaRidgeClassifierCV(coef_source=source, fit_intercept=True, units="raw").fit(X, Y)
    targets = 2.0 * Y - 1 - model.alpha_ * X @ source.T
    for i in range(0, len(Y), 4):
        rest = np.delete(np.arange(len(Y)), i)
        left = Ridge(alpha=len(Y) * model.gamma_, solver="svd").fit(X[rest], targets[rest])
        expected = left.predict(X[[i]])[0] + model.alpha_ * source @ X[i]
        assert model.loo_decision_function_[i] == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("criterion", ["evidence", "loo_mse", "loo_log_loss", "loo_accuracy", "loo_snr"])
def test_the_same_label_twice_chooses_as_once(criterion):
    X, Y, source = draw()
    kind = {"criterion": criterion, "fit_intercept": True, "units": "raw"}
    once = AlphaRidgeClassifierCV(coef_source=source[0], **kind).fit(X, Y[:, 0])
    twice = AlphaRidgeClassifierCV(coef_source=source[[0, 0]], **kind).fit(X, Y[:, [0, 0]])
    assert twice.gamma_ == once.gamma_
    assert twice.alpha_ == pytest.approx(once.alpha_, rel=1e-6)
    if criterion != "loo_accuracy":  # whose error counts decisions
        assert twice.alpha_stderr_ == pytest.approx(once.alpha_stderr_, rel=1e-6)
    assert np.array_equal(twice.predict(X)[:, 0] > 0, once.predict(X) > 0)
    assert twice.coef_[1] == pytest.approx(once.coef_[0], rel=1e-6)


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name != "theory"])
def test_a_source_helps(criterion):
    X, Y, source = draw(400)
    few = slice(0, 40)
    tuned = AlphaRidgeClassifierCV(criterion=criterion, coef_source=source).fit(X[few], Y[few])
    alone = RidgeClassifier(alpha=40.0).fit(X[few], Y[few])
    assert tuned.alpha_ > 0 or criterion == "loo_snr"  # whose scores have no size
    rest = slice(40, None)
    right = [(one.predict(X[rest]) == Y[rest]).mean() for one in (tuned, alone)]
    assert right[0] > right[1] - 0.02
    proba = tuned.predict_proba(X[rest])
    assert proba.shape == Y[rest].shape
    assert np.array_equal(proba > 0.5, tuned.predict(X[rest]) > 0)
    assert np.log(proba) == pytest.approx(tuned.predict_log_proba(X[rest]))


def test_rows_of_the_source_by_name():
    X, Y, source = draw()
    expected = AlphaRidgeClassifier(alpha=0.5, coef_source=source).fit(X, Y).coef_
    order = [2, 0, 1]
    by_number = AlphaRidgeClassifier(alpha=0.5, coef_source=source[order], classes_source=order).fit(X, Y)
    assert np.array_equal(by_number.coef_, expected)
    frame = pd.DataFrame(Y, columns=["a", "b", "c"])
    by_name = AlphaRidgeClassifier(alpha=0.5, coef_source=source[order], classes_source=["c", "a", "b"])
    assert np.array_equal(by_name.fit(X, frame).coef_, expected)
    fitted = RidgeClassifier().fit(X, np.array(["c", "a", "b"])[np.arange(len(X)) % 3])  # rows a, b, c
    own = AlphaRidgeClassifier(alpha=0.5, coef_source=FrozenEstimator(fitted))
    rows = {name: fitted.coef_[list(fitted.classes_).index(name)] for name in "abc"}
    for columns in (["a", "b", "c"], ["b", "c", "a"]):
        plain = AlphaRidgeClassifier(
            alpha=0.5,
            coef_source=np.array([rows[name] for name in columns]),
            intercept_source=[fitted.intercept_["abc".index(name)] for name in columns],
        ).fit(X, Y)
        assert own.fit(X, pd.DataFrame(Y, columns=columns)).coef_ == pytest.approx(plain.coef_)


def test_labels_without_a_source():
    X, Y, source = draw()
    some = AlphaRidgeClassifier(alpha=0.5, coef_source=source[[2]], classes_source=[2]).fit(X, Y)
    padded = np.array([0 * source[0], 0 * source[0], source[2]])
    assert np.array_equal(some.coef_, AlphaRidgeClassifier(alpha=0.5, coef_source=padded).fit(X, Y).coef_)
    assert some.classes_without_source_.tolist() == [0, 1]


def test_fitted_sources_of_several_labels():
    X, Y, _ = draw()
    rest = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    model = AlphaRidgeClassifier(alpha=0.5, coef_source=FrozenEstimator(rest)).fit(X, Y)
    rows = np.concatenate([one.coef_ for one in rest.estimators_])
    expected = AlphaRidgeClassifier(alpha=0.5, coef_source=rows).fit(X, Y)
    assert model.coef_ == pytest.approx(expected.coef_)


def test_thresholds_of_each_label():
    X, Y, source = draw()
    Y[:, 1] = Y[:, 1] & (np.arange(len(Y)) % 3 == 0)
    model = AlphaRidgeClassifier(coef_source=source, threshold="balanced_accuracy").fit(X, Y)
    assert np.shape(model.threshold_) == (3,)
    assert np.array_equal(model.predict(X), (model.decision_function(X) > model.threshold_).astype(int))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"class_weight": {2: 1.0}}, "class_weight"),
        ({"coef_source": np.ones((2, 12))}, "coef_source must have shape"),
        ({"coef_source": np.ones((2, 12)), "classes_source": [0, 7]}, "classes_source must name .* got 7"),
        ({"coef_source": np.ones((2, 12)), "classes_source": [1, 1]}, "the same label twice"),
        ({"criterion": "theory", "coef_source": np.ones((3, 12))}, "theory.*two classes"),
    ],
)
def test_refusals(arguments, words):
    X, Y, _ = draw()
    with pytest.raises(ValueError, match=words):
        AlphaRidgeClassifier(**arguments).fit(X, Y)


def test_several_columns_of_several_classes_are_several_fits():
    X, Y, _ = draw()
    with pytest.raises(ValueError, match="y must be a vector of classes, or a matrix of zeros and ones"):
        AlphaRidgeClassifier().fit(X, Y + np.arange(3))
    with pytest.raises(ValueError, match="1d array"):
        AlphaLogisticRegression().fit(X, Y)
