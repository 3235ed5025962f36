"""Classes and features of a source have names, by which they are matched with those of the sample."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    alpha_path,
    estimate_problem,
)

KINDS = [AlphaRidgeClassifier, AlphaRidgeClassifierCV, AlphaLogisticRegression]
kinds = pytest.mark.parametrize("kind", KINDS)
IRIS, KIND = load_iris(return_X_y=True)
IRIS = (IRIS - IRIS.mean(axis=0)) / IRIS.std(axis=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])


def clusters(seed, names, sizes=(400, 24, 2000), p=60, length=1.4):
    """Source, target and test samples of Gaussian classes; of the target, means are a little elsewhere."""
    rng = np.random.default_rng(seed)
    means = length * rng.standard_normal((len(names), p)) / np.sqrt(p)
    if len(names) == 2:
        means = np.stack([-means[1], means[1]])
    found = []
    for i, n in enumerate(sizes):
        own = means + (i > 0) * 0.4 * np.random.default_rng(seed + 1).standard_normal(means.shape) / np.sqrt(
            p
        )
        which = np.arange(n) % len(names)
        found.append((own[which] + rng.standard_normal((n, p)), np.array(names)[which]))
    return found


def renamed(y, old, new):
    return np.where(y == old, new, y)


# --- Classes by name ----------------------------------------------------------------------------------------


@kinds
def test_yes_stays_yes(kind):
    (X, y), (few, labels), (test, truth) = clusters(0, ["no", "yes"], sizes=(400, 10, 2000))
    source = FrozenEstimator(LogisticRegression(C=0.1).fit(X, y))
    labels, truth = renamed(labels, "no", "zebra"), renamed(truth, "no", "zebra")
    with pytest.warns(UserWarning, match=r"says nothing about 'zebra'; .* no samples of 'no'"):
        model = kind(coef_source=source).fit(few, labels)
    assert model.classes_.tolist() == ["yes", "zebra"]
    assert model.classes_without_source_.tolist() == ["zebra"]
    assert model.classes_without_samples_.tolist() == []
    half = kind(coef_source=-source.coef_ / 2, intercept_source=-source.intercept_ / 2).fit(
        few, labels
    )  # 'zebra' has a row of zeros
    assert np.array_equal(model.coef_, half.coef_)
    assert model.score(test, truth) > kind().fit(few, labels).score(test, truth) + 0.02
    by_position = kind(coef_source=source.coef_, alpha=1.0).fit(few, labels)
    by_name = kind(coef_source=-source.coef_, alpha=1.0).fit(few, labels)
    assert by_name.score(test, truth) > by_position.score(test, truth) + 0.1


def test_one_of_four_classes_is_renamed():
    (X, y), (few, labels), (test, truth) = clusters(1, list("bcde"), length=2.2)
    source = FrozenEstimator(LogisticRegression(C=0.1).fit(X, y))
    labels, truth = renamed(labels, "e", "a"), renamed(truth, "e", "a")  # first in the alphabet, not last
    with pytest.warns(UserWarning, match="says nothing about 'a'; there are no samples of 'e'"):
        by_name = AlphaRidgeClassifierCV(coef_source=source).fit(few, labels)
    by_position = AlphaRidgeClassifierCV(coef_source=source.coef_).fit(few, labels)
    assert by_name.classes_.tolist() == list("abcd")
    assert by_name.score(test, truth) > by_position.score(test, truth) + 0.05
    rows, biases = (np.concatenate([0 * one[:1], one[:3]]) for one in (source.coef_, source.intercept_))
    expected = AlphaRidgeClassifierCV(coef_source=rows, intercept_source=biases).fit(few, labels)
    assert np.array_equal(by_name.coef_, expected.coef_)


@pytest.mark.parametrize(("kind", "share"), [(AlphaRidgeClassifier, 1.0), (AlphaLogisticRegression, 0.5)])
def test_a_source_of_two_classes_in_three(kind, share):
    source = LogisticRegression().fit(IRIS[KIND > 0], NAMES[KIND[KIND > 0]])
    with pytest.warns(UserWarning, match="says nothing about 'setosa'"):
        model = kind(coef_source=source, fit_intercept=False).fit(IRIS, NAMES[KIND])
    w, b = share * source.coef_[0], share * source.intercept_[0]
    arrays = {"coef_source": np.stack([0 * w, -w, w]), "intercept_source": [0, -b, b]}
    expected = kind(**arrays, fit_intercept=False).fit(IRIS, NAMES[KIND])
    assert np.array_equal(model.coef_, expected.coef_)
    assert np.array_equal(model.intercept_, expected.intercept_)


def test_there_and_back():
    # Two opposite rows, whatever their scale, are the one row of which they are made; and with a ridge and
    # alpha given, one-vs-rest with opposite rows is the binary problem.
    y = NAMES[KIND[KIND > 0]]
    source = LogisticRegression().fit(IRIS[KIND > 0], y)
    two = np.concatenate([-source.coef_, source.coef_])
    for kind, rows in ((AlphaRidgeClassifier, two), (AlphaLogisticRegression, two / 2)):
        one = kind(coef_source=source).fit(IRIS[KIND > 0], y)
        named = kind(coef_source=rows, classes_source=["versicolor", "virginica"]).fit(IRIS[KIND > 0], y)
        assert np.array_equal(one.coef_, named.coef_)
        assert np.shape(named.alpha_) == ()


@pytest.mark.filterwarnings("ignore:there are no samples")
@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_one_vs_rest_of_two_sampled_classes_is_the_binary_problem(lacking):
    source = LogisticRegression().fit(IRIS[::2], NAMES[KIND[::2]])
    there = np.setdiff1d(range(3), [lacking])
    rows = np.flatnonzero(lacking != KIND)[1::7]
    options: dict[str, Any] = {"gamma": 0.5, "alpha": 0.7}
    model = AlphaRidgeClassifier(coef_source=source, **options).fit(IRIS[rows], NAMES[KIND[rows]])
    w, other = source.coef_[there]
    binary = AlphaRidgeClassifier(coef_source=(other - w) / 2, **options).fit(IRIS[rows], NAMES[KIND[rows]])
    scores = model.decision_function(IRIS)[:, there]
    assert (scores[:, 1] - scores[:, 0]) / 2 == pytest.approx(binary.decision_function(IRIS))


@kinds
def test_classes_that_the_sample_lacks(kind):
    (X, y), (few, labels), (test, truth) = clusters(1, list("abcd"), length=2.2)
    source = FrozenEstimator(LogisticRegression(C=0.1).fit(X, y))
    few, labels = few[labels != "b"], labels[labels != "b"]
    with pytest.warns(UserWarning, match="^there are no samples of 'b', for which the source alone speaks$"):
        model = kind(coef_source=source).fit(few, labels)
    assert model.classes_.tolist() == list("abcd")
    assert model.classes_without_samples_.tolist() == ["b"]
    assert model.classes_without_source_.size == 0
    assert model.coef_.shape == (4, 60)
    assert model.loo_decision_function_.shape == (len(labels), 4)
    never = np.array(list("acd"))[model.decision_function(test)[:, [0, 2, 3]].argmax(axis=1)]
    assert model.score(test, truth) > np.mean(never == truth) + 0.1
    found = model.predict(test) == "b"
    assert found[truth == "b"].mean() > 5 * found[truth != "b"].mean() > 0
    # In the units of the source's other scores, for which least squares is asked directly.
    there = [0, 2, 3]
    if kind is AlphaRidgeClassifierCV:  # whose average goes through a discriminant of all classes
        with pytest.warns(UserWarning, match="no samples of 'b'"):
            model = kind(coef_source=source, fit_intercept=False).fit(few, labels)
    scores = source.decision_function(few)[:, there].ravel()
    slope, level = np.polyfit(scores, model.loo_decision_function_[:, there].ravel(), 1)
    assert model.coef_[1] == pytest.approx(slope * source.coef_[1])
    assert model.intercept_[1] == pytest.approx(slope * source.intercept_[1] + level)
    if kind is AlphaLogisticRegression:
        assert model.predict_proba(test).sum(axis=1) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:there are no samples")
@pytest.mark.parametrize("kind", [AlphaRidgeClassifier, AlphaLogisticRegression])
def test_missing_classes_do_not_care_for_units(kind):
    # The source times c with alpha / c is the same source; and nothing trained at alpha = 1 is the source.
    source = LogisticRegression().fit(IRIS[::2], NAMES[KIND[::2]])
    rows = np.flatnonzero(KIND < 2)[1::7]
    one, two = (
        kind(
            coef_source=c * source.coef_,
            intercept_source=c * source.intercept_,
            classes_source=NAMES,
            alpha=2 / c,
        ).fit(IRIS[rows], NAMES[KIND[rows]])
        for c in (1, 1000)
    )
    assert one.decision_function(IRIS) == pytest.approx(two.decision_function(IRIS))
    same = kind(np.inf, 1.0, source, fit_intercept=False).fit(IRIS[rows], NAMES[KIND[rows]])
    assert same.decision_function(IRIS) == pytest.approx(source.decision_function(IRIS))


@pytest.mark.filterwarnings("ignore:there are no samples")
def test_weights_of_zero_are_no_samples():
    source = LogisticRegression().fit(IRIS[::2], NAMES[KIND[::2]])
    X, y = IRIS[1::4], NAMES[KIND[1::4]]
    weights = (y != "setosa").astype(float)
    one = AlphaRidgeClassifierCV(coef_source=source).fit(X, y, weights)
    two = AlphaRidgeClassifierCV(coef_source=source).fit(X[y != "setosa"], y[y != "setosa"])
    assert one.coef_ == pytest.approx(two.coef_)
    assert one.intercept_ == pytest.approx(two.intercept_)
    assert one.loo_decision_function_[y == "setosa"] == pytest.approx(two.decision_function(X[y == "setosa"]))


@pytest.mark.filterwarnings("ignore:there are no samples")
def test_folds_without_a_class_are_scored():
    source = FrozenEstimator(LogisticRegression().fit(IRIS[::2], NAMES[KIND[::2]]))
    rows = np.r_[0:50:6, 50:100:6, 120]  # one sample of the third class
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        scores = cross_val_score(
            AlphaRidgeClassifierCV(coef_source=source), IRIS[rows], NAMES[KIND[rows]], cv=5
        )
    assert np.isfinite(scores).all()


@kinds
def test_one_class_tells_nothing_about_alpha(kind):
    source = LogisticRegression().fit(IRIS, NAMES[KIND])
    with pytest.raises(ValueError, match=r"got one class: 'setosa'.*the source itself"):
        kind(coef_source=source).fit(IRIS[:9], NAMES[KIND[:9]])


@pytest.mark.filterwarnings("ignore:there are no samples")
def test_several_sources_may_know_different_classes():
    y = NAMES[KIND]
    theirs = [y != lacking for lacking in ("setosa", "virginica")]
    sources = [LogisticRegression().fit(IRIS[rows], y[rows]) for rows in theirs]
    model = AlphaRidgeClassifierCV(coef_source=sources).fit(IRIS[1::5], y[1::5])
    (w, v), zero = (one.coef_[0] for one in sources), np.zeros(4)
    arrays: dict[str, Any] = {"coef_source": np.array([[zero, -w, w], [-v, v, zero]])}
    b, c = (one.intercept_[0] for one in sources)
    arrays["intercept_source"] = np.array([[0, -b, b], [-c, c, 0]])
    expected = AlphaRidgeClassifierCV(**arrays).fit(IRIS[1::5], y[1::5])
    assert np.array_equal(model.coef_, expected.coef_)
    two = AlphaRidgeClassifierCV(coef_source=sources).fit(IRIS[:100:3], y[:100:3])
    assert two.classes_without_samples_.tolist() == ["virginica"]
    assert two.coef_.shape == (3, 4)


@pytest.mark.parametrize("labels", [(0, 1), (False, True), (-1, 1), (-1.0, 1.0)], ids=str)
def test_signs_have_three_spellings(labels):
    (X, y), (few, target), _ = clusters(2, [0, 1])
    for own in ((0, 1), (False, True), (-1, 1)):
        source = LogisticRegression().fit(X, np.array(own)[y])
        model = AlphaRidgeClassifierCV([0.1, 1.0], coef_source=source).fit(few, np.array(labels)[target])
        arrays = {"coef_source": source.coef_, "intercept_source": source.intercept_}
        plain = AlphaRidgeClassifierCV([0.1, 1.0], **arrays).fit(few, target)
        assert np.array_equal(model.coef_, plain.coef_)


def test_no_common_class():
    (X, y), (few, labels), _ = clusters(2, ["neg", "pos"])
    source = LogisticRegression().fit(X, y == "pos")
    with pytest.raises(
        ValueError, match=r"knows none of the classes 'neg', 'pos', but False, True.*classes_source"
    ):
        AlphaRidgeClassifier(coef_source=source).fit(few, labels)
    model = AlphaRidgeClassifier(coef_source=source, classes_source=["neg", "pos"]).fit(few, labels)
    assert np.array_equal(model.coef_, AlphaRidgeClassifier(coef_source=source.coef_).fit(few, labels).coef_)


def test_text_that_reads_as_numbers():
    (X, y), (few, labels), (test, truth) = clusters(3, [-1, 1], sizes=(400, 6, 2000))
    source = LogisticRegression().fit(X, y).coef_[0]
    plain = AlphaRidgeClassifierCV(coef_source=source).fit(few, labels)
    text = np.array(["-1", "", "+1"])
    model = AlphaRidgeClassifierCV(coef_source=source).fit(few, text[labels + 1])
    assert model.classes_.tolist() == ["+1", "-1"]  # scikit-learn's order of text
    assert model.score(test, text[truth + 1]) == plain.score(test, truth) > 0.85
    assert alpha_path(few, text[labels + 1], source, 1.0).loo_accuracy(1.0) == alpha_path(
        few, labels, source, 1.0
    ).loo_accuracy(1.0)
    flipped = AlphaRidgeClassifierCV(coef_source=source, classes_source=["+1", "-1"]).fit(
        few, text[labels + 1]
    )
    assert flipped.score(test, text[truth + 1]) < 0.6


def test_numbers_as_text_of_more_classes():
    rows = LogisticRegression().fit(IRIS, KIND).coef_
    text = np.array(["2", "10", "9"])  # ascending: the rows of 0, 2, 1; alphabetical: of 1, 0, 2
    model = AlphaRidgeClassifier(coef_source=rows[[0, 2, 1]]).fit(IRIS[::5], text[KIND[::5]])
    plain = AlphaRidgeClassifier(coef_source=rows).fit(IRIS[::5], KIND[::5])
    assert model.classes_.tolist() == ["10", "2", "9"]
    assert model.coef_ == pytest.approx(plain.coef_[[1, 0, 2]])


@pytest.mark.filterwarnings("ignore:there are no samples")
def test_rows_of_classes_and_rows_of_sources():
    source = LogisticRegression().fit(IRIS, NAMES[KIND])
    X, y = IRIS[:100:3], NAMES[KIND[:100:3]]
    with pytest.raises(ValueError, match=r"may be 3 classes or 3 sources.*classes_source.*\(3, 1, 4\)"):
        AlphaRidgeClassifierCV(coef_source=source.coef_).fit(X, y)
    arrays = {"coef_source": source.coef_, "intercept_source": source.intercept_, "classes_source": NAMES}
    by_name = AlphaRidgeClassifierCV(**arrays).fit(X, y)
    assert np.array_equal(by_name.coef_, AlphaRidgeClassifierCV(coef_source=source).fit(X, y).coef_)
    for several in (source.coef_[:, None], list(source.coef_)):
        assert np.shape(AlphaRidgeClassifierCV(coef_source=several).fit(X, y).alpha_) == (3,)
    with pytest.raises(
        ValueError, match="if it has other classes than the sample, name them with classes_source"
    ):
        AlphaRidgeClassifier(coef_source=np.ones((4, 4))).fit(IRIS, KIND)


@pytest.mark.parametrize("value", ["ab", ["a"], ["a", "a"], [["a", "b"]], 3])
def test_bad_names(value):
    with pytest.raises(ValueError, match="classes_source must be None or name the classes"):
        AlphaRidgeClassifier(coef_source=np.ones(4), classes_source=value).fit(IRIS, KIND > 0)
    with pytest.raises(ValueError, match=r"1 output\(s\) for the 3 classes"):
        AlphaRidgeClassifier(coef_source=LinearRegression().fit(IRIS, KIND)).fit(IRIS, KIND)


@pytest.mark.filterwarnings("ignore:there are no samples")
def test_path_and_estimate_match_classes_too():
    source = LogisticRegression().fit(IRIS[::2], NAMES[KIND[::2]])
    X, y = IRIS[50::3], NAMES[KIND[50::3]]
    model = AlphaRidgeClassifier(0.5, 0.7, source).fit(X, y)
    path = alpha_path(X, y, source, 0.5)
    guessed = NAMES[1:][model.loo_decision_function_[:, 1:].argmax(axis=1)]
    assert path.loo_accuracy(0.7) == np.mean(guessed == y)
    half = (source.coef_[2] - source.coef_[1]) / 2
    assert estimate_problem(X, y, source).overlap == estimate_problem(X, y, half).overlap
    with pytest.raises(ValueError, match="for two classes, got 3 or more"):
        AlphaRidgeClassifierCV(criterion="theory", coef_source=source).fit(X, y)


# --- Features by name ---------------------------------------------------------------------------------------


def test_features_by_name():
    columns = ["a", "b", "c", "d"]
    table = pd.DataFrame(IRIS, columns=columns)
    source = LogisticRegression().fit(table, KIND)
    plain = AlphaRidgeClassifier(coef_source=source).fit(table[::3], KIND[::3])
    turned = AlphaRidgeClassifier(coef_source=source).fit(table.iloc[::3, ::-1], KIND[::3])
    assert turned.coef_ == pytest.approx(plain.coef_[:, ::-1])
    assert turned.alpha_ == pytest.approx(plain.alpha_)
    fewer = AlphaRidgeClassifier(coef_source=source).fit(table[["d", "b"]], KIND)
    expected = AlphaRidgeClassifier(coef_source=source.coef_[:, [3, 1]]).fit(IRIS[:, [3, 1]], KIND)
    assert fewer.coef_ == pytest.approx(expected.coef_)
    named = pd.DataFrame(source.coef_, columns=columns)
    again = AlphaRidgeClassifier(coef_source=named).fit(table[["d", "b"]], KIND)
    assert np.array_equal(fewer.coef_, again.coef_)
    with pytest.raises(ValueError, match=r"feature names of coef_source differ.*no weight for 'e'"):
        AlphaRidgeClassifier(coef_source=source).fit(table.rename(columns={"a": "e"}), KIND)
    with pytest.raises(ValueError, match=r"4 features, but the target data has 3 output\(s\) and 2 features"):
        AlphaRidgeClassifier(coef_source=source).fit(IRIS[:, :2], KIND)


def test_sparse_arrays():
    source = LogisticRegression().fit(IRIS, KIND)
    model = AlphaRidgeClassifier(coef_source=sparse.csr_array(source.coef_)).fit(IRIS[::3], KIND[::3])
    assert np.array_equal(
        model.coef_, AlphaRidgeClassifier(coef_source=source.coef_).fit(IRIS[::3], KIND[::3]).coef_
    )
