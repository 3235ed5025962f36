"""`linear_coefficients`: the rows give the model's own scores, or the model is refused by name."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    Lasso,
    LogisticRegression,
    MultiTaskLasso,
    Perceptron,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from rmt_alpha import AlphaRidge, AlphaRidgeClassifierCV, linear_coefficients

RNG = np.random.default_rng(0)
LABELS = {classes: np.arange(90) % classes for classes in (2, 3)}
FEATURES = {
    classes: (RNG.standard_normal((90, 6)) + 2 * np.eye(6)[y]) * np.array([1, 5, 0.2, 1, 1, 100.0]) + 4
    for classes, y in LABELS.items()
}
two_and_three = pytest.mark.parametrize("classes", [2, 3])


def scores_of(model, X):
    ask = getattr(model, "decision_function", None) or model.predict
    return np.asarray(ask(X)).reshape(len(X), -1)


def agrees(model, X):
    """Whether the coefficients give the model's scores, up to rounding in its own units."""
    coef, intercept, *_ = linear_coefficients(model)
    size = np.abs(X) @ np.abs(coef).T + np.abs(intercept)
    return (np.abs(X @ coef.T + intercept - scores_of(model, X)) <= 1e-10 * size).all()


MODELS = {
    "logistic": LogisticRegression(C=0.01),
    "ridge": RidgeClassifier(),
    "perceptron": Perceptron(),
    "sgd": SGDClassifier(),
    "crammer-singer": LinearSVC(multi_class="crammer_singer"),
    "one-vs-rest": OneVsRestClassifier(make_pipeline(StandardScaler(), SVC(kernel="linear"))),
    "ours": AlphaRidgeClassifierCV(),
    "rfe": RFE(RidgeClassifier(), n_features_to_select=3),
    "grid": GridSearchCV(RidgeClassifier(), {"alpha": [1, 10]}),
    "random": RandomizedSearchCV(RidgeClassifier(), {"alpha": [1, 10]}, n_iter=1),
    "standard": make_pipeline(StandardScaler(), RidgeClassifier()),
    "not centred": make_pipeline(StandardScaler(with_mean=False), RidgeClassifier()),
    "not scaled": make_pipeline(StandardScaler(with_std=False), RidgeClassifier()),
    "max": make_pipeline(MaxAbsScaler(), RidgeClassifier()),
    "min and max": make_pipeline(MinMaxScaler((-3, 2)), RidgeClassifier()),
    "robust": make_pipeline(RobustScaler(), RidgeClassifier()),
    "robust, nothing": make_pipeline(
        RobustScaler(with_centering=False, with_scaling=False), "passthrough", RidgeClassifier()
    ),
    "selected": make_pipeline(VarianceThreshold(), StandardScaler(), SelectKBest(k=2), LogisticRegression()),
    "all": GridSearchCV(
        make_pipeline(MinMaxScaler(), make_pipeline(RobustScaler(), None, LogisticRegression())), {}
    ),
}


@two_and_three
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_in_raw_units(name, classes):
    X, y = FEATURES[classes], LABELS[classes]
    model = FrozenEstimator(MODELS[name].fit(X, y))
    assert agrees(model, X)
    found = linear_coefficients(model)
    assert found.coef.shape == (1 if classes == 2 else 3, 6)
    assert found.classes is not None
    assert found.classes.tolist() == list(range(classes))
    fitted = AlphaRidgeClassifierCV([1.0, 10.0], coef_source=model).fit(
        X[::3] + 0.1 * X[1::3], y[::3] * 0 + np.arange(30) % classes
    )
    assert fitted.coef_.shape == found.coef.shape


@two_and_three
def test_sparsified(classes):
    X, y = FEATURES[classes], LABELS[classes]
    model = LogisticRegression(l1_ratio=1, solver="saga", C=0.05, max_iter=5000, tol=1e-2)
    model.fit((X - 4) / X.std(axis=0), y)
    dense = model.coef_.copy()
    model.sparsify()
    found = linear_coefficients(model).coef
    assert isinstance(found, np.ndarray)
    assert np.array_equal(found, dense)


REFUSED = {
    "svc": (SVC(kernel="linear"), "SVC of 3 classes, whose rows compare pairs of classes"),
    "nusvc": (NuSVC(kernel="linear"), "NuSVC of 3 classes, whose rows compare pairs"),
    "one-vs-one": (OneVsOneClassifier(RidgeClassifier()), "OneVsOneClassifier of 3 classes, whose rows"),
    "within": (make_pipeline(StandardScaler(), SVC(kernel="linear")), "a SVC of 3 classes"),
    "kernel": (SVC(), "a SVC of 3 classes"),
    "bayes": (GaussianNB(), "got GaussianNB"),
    "frozen": (FrozenEstimator(DecisionTreeClassifier()), "got DecisionTreeClassifier"),
    "searched": (GridSearchCV(DecisionTreeClassifier(), {}), "got DecisionTreeClassifier"),
    "in rows": (OneVsRestClassifier(DecisionTreeClassifier()), "got DecisionTreeClassifier"),
    "norm": (make_pipeline(Normalizer(), RidgeClassifier()), "pipeline with Normalizer"),
    "pca": (make_pipeline(StandardScaler(), PCA(2), RidgeClassifier()), "pipeline with PCA"),
    "link": (PoissonRegressor(), "PoissonRegressor whose scores are not"),
    "clipped": (make_pipeline(MinMaxScaler(clip=True), RidgeClassifier()), "Pipeline whose scores are not"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    model, message = REFUSED[name]
    if isinstance(model, FrozenEstimator):
        model = FrozenEstimator(model.estimator.fit(FEATURES[3], LABELS[3]))
    else:
        model.fit(FEATURES[3], LABELS[3])
    for source in (model, FrozenEstimator(model)):
        with pytest.raises(ValueError, match=f"coef_source .*{message}"):
            AlphaRidgeClassifierCV(coef_source=source).fit(FEATURES[3], LABELS[3])


def test_not_fitted():
    for model in (RidgeClassifier(), make_pipeline(StandardScaler(), RidgeClassifier())):
        with pytest.raises(ValueError, match=f"{type(model).__name__} that is not fitted"):
            linear_coefficients(model)
    with pytest.raises(ValueError, match="RidgeClassifier that is not fitted"):
        linear_coefficients(FrozenEstimator(RidgeClassifier()))


@two_and_three
def test_support_vectors_in_one_vs_rest_are_a_good_source(classes):
    X, y = FEATURES[classes], LABELS[classes]
    model = OneVsRestClassifier(SVC(kernel="linear")).fit(X, y)
    fitted = AlphaRidgeClassifierCV(np.array([np.inf]), coef_source=model, alpha=1.0, fit_intercept=False)
    assert np.array_equal(fitted.fit(X[:30], y[:30]).predict(X), model.predict(X))


def test_several_outputs_of_a_regression():
    X, Y = FEATURES[3], np.eye(3)[LABELS[3]]
    model = MultiTaskLasso(alpha=0.01).fit(X, Y)
    assert agrees(model, X)
    assert AlphaRidge(coef_source=model).fit(X, Y).coef_.shape == (3, 6)
    assert AlphaRidge(coef_source=Lasso(alpha=0.01).fit(X, Y[:, 0])).fit(X, Y[:, 0]).coef_.shape == (6,)


MODULES = {"cross_decomposition", "discriminant_analysis", "linear_model", "naive_bayes", "svm"}


@two_and_three
def test_whatever_has_coefficients_agrees_or_is_refused(classes):
    X, y = (FEATURES[classes] - 4) / FEATURES[classes].std(axis=0), LABELS[classes]
    asked, refused = 0, set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, kind in all_estimators():
            if kind.__module__.split(".")[1] not in MODULES:
                continue
            try:
                model = kind().fit(X, y)
            except Exception:  # needs arguments, several outputs, positive features
                continue
            if hasattr(model, "coef_"):
                asked += 1
                try:
                    assert agrees(model, X), name
                except ValueError:
                    refused.add(name)
    assert asked > 30
    assert refused == {"PoissonRegressor"}
    assert agrees(SGDOneClassSVM().fit(X), X)
