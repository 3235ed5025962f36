"""Used as scikit-learn estimators are: pipelines, searches, clones, pickles, data frames, any labels."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_samples import draw

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    AlphaRidgeCV,
)


@pytest.fixture
def sample():
    return draw("n < p")


def test_pipeline_and_grid_search(sample):
    pipeline = make_pipeline(StandardScaler(), AlphaRidgeClassifier(coef_source=sample.source))
    search = GridSearchCV(
        pipeline, {"alpharidgeclassifier__gamma": [0.1, 1.0], "alpharidgeclassifier__alpha": [0, 1]}
    )
    search.fit(sample.X, sample.y)
    assert search.best_estimator_[-1].alpha_ in {0.0, 1.0}
    cv = AlphaRidgeClassifierCV(coef_source=sample.source)
    search = GridSearchCV(cv, {"criterion": ["evidence", "loo_mse"]}, cv=3).fit(sample.X, sample.y)
    assert cross_val_score(search.best_estimator_, sample.X, sample.y, cv=3).shape == (3,)


@pytest.mark.parametrize("kind", [AlphaRidge, AlphaRidgeCV, AlphaRidgeClassifier, AlphaRidgeClassifierCV])
def test_clone_and_pickle(kind, sample):
    model = kind(coef_source=sample.source)
    again = clone(model)
    assert again.coef_source is not sample.source
    assert np.array_equal(again.coef_source, sample.source)
    fitted = model.fit(sample.X, sample.y)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(loaded.predict(sample.X), fitted.predict(sample.X))


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1], [False, True], [7, 3], [-1.0, 1.0]])
def test_labels_of_any_kind(labels, sample):
    y = np.array(labels)[(sample.y > 0).astype(int)]
    flip = labels[0] > labels[1]  # the second class in sorted order is the positive one
    source = -sample.source if flip else sample.source
    model = AlphaRidgeClassifierCV(coef_source=source).fit(sample.X, y)
    plain = AlphaRidgeClassifierCV(coef_source=sample.source).fit(sample.X, sample.y)
    assert set(model.predict(sample.X)) <= set(labels)
    assert model.alpha_ == pytest.approx(plain.alpha_)
    assert np.array_equal(model.predict(sample.X) == labels[1], plain.predict(sample.X) == 1)


def test_data_frames(sample):
    names = [f"word {i}" for i in range(sample.source.size)]
    frame, y = pd.DataFrame(sample.X, columns=names), pd.Series(sample.y)
    model = AlphaRidgeClassifierCV(coef_source=pd.Series(sample.source, index=names)).fit(frame, y)
    assert list(model.feature_names_in_) == names
    plain = AlphaRidgeClassifierCV(coef_source=sample.source).fit(sample.X, sample.y)
    assert model.coef_ == pytest.approx(plain.coef_)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])
    table = pd.DataFrame(model.cv_results_)
    assert table.loc[model.best_index_, "param_gamma"] == model.gamma_
    # The table is that of the rule with the largest share, of those that train something.
    trained = [rule for rule in model.rules_ if rule["rule"] != "the source alone"]
    assert table.loc[model.best_index_, "alpha"] == trained[0]["alpha"][0]
    assert pd.DataFrame(model.rules_)["share"].is_monotonic_decreasing
    # The default takes a mean over the ridges, others the best one.
    best = AlphaRidgeClassifierCV(coef_source=sample.source, criterion="evidence").fit(sample.X, sample.y)
    assert best.cv_results_["rank_test_score"][best.best_index_] == 1


KINDS = [
    AlphaRidge,
    AlphaRidgeCV,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
]


@pytest.mark.parametrize("kind", KINDS)
def test_precision_is_that_of_the_features(kind, sample):
    ridge = [0.3] if "gammas" in kind().get_params() else 0.3
    narrow, wide = sample.X.astype(np.float32), sample.X.astype(np.float32).astype(np.float64)
    model = kind(ridge, coef_source=sample.source).fit(narrow, sample.y)
    precise = kind(ridge, coef_source=sample.source).fit(wide, sample.y)
    is_regression = isinstance(model, (AlphaRidge, AlphaRidgeCV))
    scores = "predict" if is_regression else "decision_function"
    left_out = model.loo_prediction_ if is_regression else model.loo_decision_function_
    found = [model.coef_, getattr(model, scores)(narrow), left_out]
    if not is_regression:
        found += [model.intercept_, model.predict_proba(narrow), model.predict_log_proba(narrow)]
    assert {one.dtype for one in found} == {np.dtype(np.float32)}
    # Computed in float64, and rounded once.
    assert np.array_equal(model.coef_, precise.coef_.astype(np.float32))
    assert precise.coef_.dtype == getattr(precise, scores)(narrow).dtype == np.float64
    assert kind(ridge).fit(np.round(sample.X).astype(int), sample.y).coef_.dtype == np.float64


def test_what_float32_cannot_hold_stays_float64(sample):
    model = AlphaRidge(1.0, 1.0, 1e45 * sample.source).fit(sample.X.astype(np.float32), sample.y)
    assert model.coef_.dtype == np.float64
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_output_to_be_set(kind):
    # set_output is for transformers; predictions are arrays, as those of scikit-learn's linear models.
    assert not hasattr(kind(), "transform")
    assert not hasattr(kind(), "set_output")


def test_fitted_estimators_as_sources(sample):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, sample.source.size))
    fitted = LogisticRegression().fit(X, X @ sample.source > 0.1)
    arrays = {"coef_source": fitted.coef_, "intercept_source": fitted.intercept_}
    for source in (fitted, FrozenEstimator(fitted)):
        model = AlphaRidgeClassifier(coef_source=source, fit_intercept=False).fit(sample.X, sample.y)
        expected = AlphaRidgeClassifier(**arrays, fit_intercept=False).fit(sample.X, sample.y)
        assert np.array_equal(model.coef_, expected.coef_)
        assert np.array_equal(model.intercept_, expected.intercept_)
    search = GridSearchCV(
        AlphaRidgeClassifier(coef_source=FrozenEstimator(fitted)), {"gamma": [0.1, 1.0]}, cv=3
    )
    assert search.fit(sample.X, sample.y).best_estimator_.alpha_ != 0
    with pytest.raises(ValueError, match="FrozenEstimator"):
        clone(AlphaRidgeClassifier(coef_source=fitted)).fit(sample.X, sample.y)


def test_several_fitted_estimators(sample):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, sample.source.size))
    fitted = [FrozenEstimator(RidgeClassifier(alpha=a).fit(X, X @ sample.source > 0)) for a in (1, 100)]
    model = clone(AlphaRidgeClassifierCV(coef_source=fitted)).fit(sample.X, sample.y)
    weights, biases = ([getattr(one, name).ravel() for one in fitted] for name in ("coef_", "intercept_"))
    expected = AlphaRidgeClassifierCV(coef_source=weights, intercept_source=np.ravel(biases)).fit(
        sample.X, sample.y
    )
    assert model.alpha_.shape == model.alpha_stderr_.shape == (2,)
    assert model.alpha_ == pytest.approx(expected.alpha_)
    assert model.cv_results_["alpha"].shape == (34, 2)


class Relabelled(RidgeClassifier):
    classes_ = None  # can be set: up to scikit-learn 1.7 it is a property that cannot


def test_classes_of_the_source_in_another_order():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    source = Relabelled(alpha=10).fit(X[::2], names[::2])
    source.classes_ = np.unique(names)
    shuffled = clone(source).fit(X[::2], names[::2])
    order = [2, 0, 1]
    shuffled.coef_, shuffled.intercept_ = source.coef_[order], source.intercept_[order]
    shuffled.classes_, original = source.classes_[order], source.classes_
    del original
    one, two = (AlphaRidgeClassifier(coef_source=s).fit(X, names) for s in (source, shuffled))
    assert one.coef_ == pytest.approx(two.coef_)


@pytest.mark.parametrize(
    ("shape", "alphas"),
    [((40,), ()), ((1, 40), ()), ((2, 40), (2,)), ((3, 1, 40), (3,)), ((1, 1, 40), (1,))],
)
def test_shapes_of_binary_sources(shape, alphas, sample):
    source = np.random.default_rng(0).standard_normal(shape)
    model = AlphaRidgeClassifierCV(coef_source=source).fit(sample.X, sample.y)
    assert np.shape(model.alpha_) == np.shape(model.alpha_stderr_) == alphas
    assert model.coef_.shape == (1, 40)


@pytest.mark.parametrize(("shape", "alphas"), [((3, 4), ()), ((2, 3, 4), (2,))])
def test_shapes_of_sources_of_three_classes(shape, alphas):
    X, y = load_iris(return_X_y=True)
    for criterion in ("evidence", "loo_mse", "loo_accuracy", "loo_snr"):
        source = np.random.default_rng(0).standard_normal(shape)
        model = AlphaRidgeClassifierCV([1.0, 10.0], criterion, source).fit(X, y)
        assert np.shape(model.alpha_) == alphas
        assert model.coef_.shape == (3, 4)


def test_fixed_alphas_of_several_sources(sample):
    sources = np.stack([sample.source, np.ones(40)])
    model = AlphaRidgeClassifierCV(coef_source=sources, alpha=[0.5, 0.0]).fit(sample.X, sample.y)
    single = AlphaRidgeClassifierCV(coef_source=sample.source, alpha=0.5).fit(sample.X, sample.y)
    assert model.coef_ == pytest.approx(single.coef_)
    assert np.array_equal(model.alpha_, [0.5, 0])
    assert np.array_equal(model.alpha_stderr_, [0, 0])
    assert single.alpha_stderr_ == 0


def test_no_source_is_plain_ridge(sample):
    assert AlphaRidgeClassifierCV().fit(sample.X, sample.y).alpha_ == 0
    model = AlphaRidgeClassifierCV(fit_intercept="shrunk", units="raw").fit(sample.X, sample.y)
    assert model.alpha_ == model.alpha_stderr_ == 0
    plain = AlphaRidgeClassifier(model.gamma_, fit_intercept="shrunk").fit(sample.X, sample.y)
    assert model.coef_ == pytest.approx(plain.coef_)


def test_intercept_of_the_source():
    # Without a trained intercept alpha scales that of the source; with one it makes no difference.
    sample = draw("n < p")
    kwargs: dict[str, Any] = {
        "gamma": np.inf,
        "alpha": 2.0,
        "coef_source": sample.source,
        "intercept_source": 0.3,
    }
    model = AlphaRidgeClassifier(**kwargs, fit_intercept=False).fit(sample.X, sample.y)
    assert model.coef_[0] == pytest.approx(2 * sample.source)
    assert model.intercept_ == pytest.approx(0.6)
    one = AlphaRidgeClassifier(**kwargs).fit(sample.X, sample.y)
    two = AlphaRidgeClassifier(**{**kwargs, "intercept_source": 0.0}).fit(sample.X, sample.y)
    assert np.array_equal(one.intercept_, two.intercept_)


@pytest.mark.parametrize("criterion", ["consensus", pytest.param("theory", marks=pytest.mark.slow)])
def test_wide_data_need_no_wide_matrix(criterion):
    # 40 samples of 100,000 features are 32 MB; a matrix of features by features would be 80 GB.
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 100_000)), np.arange(40) % 2
    tracemalloc.start()
    AlphaRidgeClassifierCV(criterion=criterion, coef_source=np.ones(100_000)).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * X.nbytes


def test_lazy_names():
    import rmt_alpha

    assert rmt_alpha.AlphaRidgeClassifierCV is AlphaRidgeClassifierCV


def test_without_scikit_learn(monkeypatch):
    import importlib
    import importlib.util

    import rmt_alpha.estimators

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install '\.\[sklearn\]' in a clone"):
        importlib.reload(rmt_alpha.estimators)
