"""What scikit-learn can do too: no source, a source as an offset, and the choice of the ridge alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV
from small_samples import SHAPES, draw, refit

from rmt_alpha import AlphaRidge, AlphaRidgeClassifier, AlphaRidgeClassifierCV, AlphaRidgeCV

every_shape = pytest.mark.parametrize("shape", SHAPES)
intercepts = pytest.mark.parametrize("intercept", [True, False])


@every_shape
@intercepts
@pytest.mark.parametrize("weighted", [False, True])
def test_alpha_zero_is_ridge_classifier(shape, intercept, weighted):
    sample = draw(shape)
    weights = sample.weights if weighted else None
    n = len(sample.y) if weights is None else weights.sum()
    gamma = 0.2
    ours = AlphaRidgeClassifier(gamma, 0.0, sample.source, sample.bias, intercept)
    ours.fit(sample.X, sample.y, weights)
    theirs = RidgeClassifier(alpha=n * gamma, fit_intercept=intercept, solver="svd")
    theirs.fit(sample.X, sample.y, weights)
    assert ours.coef_.ravel() == pytest.approx(theirs.coef_.ravel(), rel=1e-10, abs=1e-12)
    assert ours.intercept_ == pytest.approx(np.ravel(theirs.intercept_), rel=1e-10, abs=1e-12)
    assert np.array_equal(ours.predict(sample.X), theirs.predict(sample.X))


@every_shape
@intercepts
def test_any_alpha_is_ridge_on_the_residual(shape, intercept):
    sample = draw(shape)
    ours = AlphaRidgeClassifier(0.2, 1.7, sample.source, sample.bias, intercept).fit(sample.X, sample.y)
    scores = sample.X @ sample.source + (0 if intercept else sample.bias)
    penalty = len(sample.y) * 0.2
    expected = refit(sample.X, sample.y, scores, sample.X, scores, penalty, 1.7, intercept)
    assert ours.decision_function(sample.X) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.6, "auto"])
def test_three_classes(alpha):
    X, y = load_iris(return_X_y=True)
    source = RidgeClassifier(alpha=100.0).fit(X[::2], y[::2])
    model = AlphaRidgeClassifier(0.1, alpha, source.coef_).fit(X, y)
    scores, targets = X @ source.coef_.T, 2.0 * np.eye(3)[y] - 1
    expected = Ridge(alpha=len(y) * 0.1).fit(X, targets - model.alpha_ * scores)
    assert model.decision_function(X) == pytest.approx(expected.predict(X) + model.alpha_ * scores, abs=1e-9)
    assert model.loo_decision_function_.shape == (150, 3)
    i = 60
    rest = np.delete(np.arange(150), i)
    left = Ridge(alpha=len(y) * 0.1).fit(X[rest], (targets - model.alpha_ * scores)[rest])
    expected = left.predict(X[[i]])[0] + model.alpha_ * scores[i]
    assert model.loo_decision_function_[i] == pytest.approx(expected, rel=1e-9)


def test_regression_with_two_outputs():
    rng = np.random.default_rng(0)
    X, Y, source = rng.standard_normal((20, 8)), rng.standard_normal((20, 2)), rng.standard_normal((2, 8))
    model = AlphaRidge(0.5, 0.4, source).fit(X, Y)
    expected = Ridge(alpha=10.0).fit(X, Y - 0.4 * X @ source.T)
    assert model.predict(X) == pytest.approx(expected.predict(X) + 0.4 * X @ source.T)
    assert model.coef_ == pytest.approx(expected.coef_ + 0.4 * source)
    single = AlphaRidge(0.5, 0.4, source[0]).fit(X, Y[:, 0])
    assert single.coef_ == pytest.approx(model.coef_[0])
    assert isinstance(single.intercept_, float)
    assert single.predict(X).shape == single.loo_prediction_.shape == (20,)


@every_shape
@intercepts
def test_the_ridge_of_least_error_is_that_of_ridge_classifier_cv(shape, intercept):
    sample = draw(shape)
    n, gammas = len(sample.y), np.logspace(-3, 2, 20)
    ours = AlphaRidgeClassifierCV(gammas, "loo_mse", fit_intercept=intercept).fit(sample.X, sample.y)
    theirs = RidgeClassifierCV(n * gammas, fit_intercept=intercept, store_cv_results=True)
    theirs.fit(sample.X, sample.y)
    assert n * ours.gamma_ == pytest.approx(theirs.alpha_)
    errors = theirs.cv_results_.reshape(n, -1).mean(axis=0)
    assert ours.cv_results_["mean_test_score"] == pytest.approx(-errors, rel=1e-8)
    assert ours.coef_.ravel() == pytest.approx(theirs.coef_.ravel(), rel=1e-8, abs=1e-10)


def test_multi_output_error_is_a_sum():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20, 8)), rng.standard_normal((20, 2))
    theirs = RidgeCV([10.0], store_cv_results=True).fit(X, Y)
    assert AlphaRidge(0.5, criterion="loo_mse").fit(X, Y).best_score_ == pytest.approx(2 * theirs.best_score_)


@every_shape
@intercepts
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_ridge_of_least_error_is_that_of_ridge_cv(shape, intercept, outputs, weighted):
    sample, rng = draw(shape), np.random.default_rng(0)
    X, n, gammas = sample.X, len(sample.y), np.logspace(-3, 2, 20)
    Y = X[:, :2] + 0.5 * sample.y[:, None] + rng.standard_normal((n, 2))
    Y = Y[:, 0] if outputs == 1 else Y
    # Weights of 0 and 1 leave rows out; as counts and as importance they are the same.
    weights = (np.arange(n) % 5 > 0).astype(float) if weighted else np.ones(n)
    there = weights > 0
    ours = AlphaRidgeCV(gammas, "loo_mse", fit_intercept=intercept, alpha=0.0).fit(X, Y, weights)
    n = int(there.sum())
    theirs = RidgeCV(n * gammas, fit_intercept=intercept, store_cv_results=True).fit(X[there], Y[there])
    assert n * ours.gamma_ == pytest.approx(theirs.alpha_)
    errors = theirs.cv_results_.reshape(n, outputs, -1).mean(axis=0).sum(axis=0)
    assert ours.cv_results_["mean_test_score"] == pytest.approx(-errors, rel=1e-8)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-8, abs=1e-10)
    assert ours.predict(X) == pytest.approx(theirs.predict(X), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("criterion", ["evidence", "loo_mse"])
@pytest.mark.parametrize("intercept", [True, False, "shrunk"])
def test_regression_leaves_out_what_it_refits(criterion, intercept):
    # Ridge and alpha held where they were chosen, all else is fitted again without the row.
    rng = np.random.default_rng(0)
    X, source = rng.standard_normal((25, 10)) + 1, rng.standard_normal((2, 10))
    Y = X @ source.T + rng.standard_normal((25, 2)) + 3
    kind = {"coef_source": source, "fit_intercept": intercept, "units": "raw"}
    model = AlphaRidgeCV(criterion=criterion, **kind).fit(X, Y)
    for i in (0, 7, 24):
        rest = np.arange(25) != i
        again = AlphaRidge(model.gamma_ * 25 / 24, model.alpha_, **kind).fit(X[rest], Y[rest])
        assert model.loo_prediction_[i] == pytest.approx(again.predict(X[[i]])[0], rel=1e-9)


def test_regression_with_a_source_helps():
    # Thirty samples, forty features, and a source of another scale that points nearly there.
    won = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        truth, X = rng.standard_normal(40), rng.standard_normal((430, 40))
        y = X @ truth + 3 * rng.standard_normal(430)
        source = 5 * truth + 2 * rng.standard_normal(40)
        few, test = slice(0, 30), slice(30, None)
        tuned = AlphaRidgeCV(coef_source=source, fit_intercept=True, units="raw").fit(X[few], y[few])
        alone = RidgeCV(np.logspace(-3, 3, 20)).fit(X[few], y[few])
        won.append(tuned.score(X[test], y[test]) - alone.score(X[test], y[test]))
    assert np.mean(won) > 2 * np.std(won, ddof=1) / np.sqrt(10)


def test_it_helps():
    # A stranger's first try: few samples of a task that a source nearly knows.
    X, y = make_classification(1000, 60, n_informative=20, flip_y=0.02, class_sep=1.5, random_state=0)
    source = RidgeClassifier(alpha=10).fit(X[:300], y[:300]).coef_
    few, test = slice(300, 330), slice(330, None)
    tuned = AlphaRidgeClassifierCV(coef_source=source).fit(X[few], y[few]).score(X[test], y[test])
    alone = RidgeClassifierCV(np.logspace(-3, 3, 20)).fit(X[few], y[few]).score(X[test], y[test])
    assert tuned > alone + 0.05
