"""Rows that were centred by their own mean: each is minus the sum of the others, and cannot be left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rmt_alpha import (
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
)
from rmt_alpha.from_data import design
from rmt_alpha.from_data.criteria import CRITERIA
from rmt_alpha.from_data.design import centred_on_itself

GAMMAS = np.logspace(-4, 3, 8)
RULES = (False, "shrunk")


def problem(seed, n=40, p=200, balanced=True):
    """Samples of two classes, a source that is half right, and fresh samples."""
    rng = np.random.default_rng(seed)
    mean = 0.12 * rng.standard_normal(p)
    source = mean + 0.12 * rng.standard_normal(p)

    def samples(labels):
        return labels[:, None] * mean + rng.standard_normal((len(labels), p)), labels

    own = np.where(np.arange(n) < (n // 2 if balanced else n // 3), 1, -1)
    return samples(own), source, samples(np.repeat([1, -1], 500))


def test_the_trap():
    """A tiny ridge and no intercept: every left-out sample is predicted from the sum of the others."""
    (X, y), *_ = problem(0)
    labels = np.random.default_rng(1).permutation(y)  # there is nothing to be learnt
    model = AlphaRidgeClassifier(gamma=1e-9, alpha=0.0, fit_intercept=False).fit(X - X.mean(axis=0), labels)
    np.testing.assert_allclose(model.loo_decision_function_, labels, atol=1e-4)
    raw = AlphaRidgeClassifier(gamma=1e-9, alpha=0.0, fit_intercept=False).fit(X, labels)
    assert np.mean((raw.loo_decision_function_ > 0) == (labels > 0)) < 0.8


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_ridge_and_alpha_are_chosen_as_if_the_mean_were_fitted(criterion, balanced, rule):
    (X, y), source, _ = problem(2, balanced=balanced)
    X = X - X.mean(axis=0)
    settings = {"gammas": GAMMAS, "criterion": criterion, "coef_source": source}
    model = AlphaRidgeClassifierCV(**settings, fit_intercept=rule).fit(X, y)
    free = AlphaRidgeClassifierCV(**settings, fit_intercept=True).fit(X, y)
    assert model.gamma_ == free.gamma_
    assert model.alpha_ == free.alpha_
    np.testing.assert_array_equal(model.cv_results_["mean_test_score"], free.cv_results_["mean_test_score"])


@pytest.mark.parametrize("rule", RULES)
def test_so_does_the_logistic_estimator(rule):
    (X, y), source, _ = problem(3)
    X = X - X.mean(axis=0)
    settings = {"gammas": GAMMAS, "coef_source": source}
    model = AlphaLogisticRegressionCV(**settings, fit_intercept=rule).fit(X, y)
    free = AlphaLogisticRegressionCV(**settings, fit_intercept=True).fit(X, y)
    assert (model.gamma_, model.alpha_) == (free.gamma_, free.alpha_)


def means(**settings):
    """Accuracy on fresh samples and on the left-out ones, averaged over data sets."""
    found = []
    for seed in range(8):
        (X, y), source, (X_test, y_test) = problem(seed)
        chosen = AlphaRidgeClassifierCV(coef_source=source, **settings)
        model = make_pipeline(StandardScaler(), chosen).fit(X, y)
        found.append((model.score(X_test, y_test), np.mean((chosen.loo_decision_function_ > 0) == (y > 0))))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("criterion", ["consensus", "loo_accuracy", "loo_mse"])
def test_with_a_scaler_in_front_left_out_samples_tell_the_truth(criterion, monkeypatch):
    fresh, left_out = means(criterion=criterion, fit_intercept=False)
    error = np.sqrt(fresh * (1 - fresh) / (8 * 40))
    assert abs(left_out - fresh) < 3 * error
    assert fresh == pytest.approx(means(criterion=criterion, fit_intercept=True)[0], abs=0.01)
    monkeypatch.setattr(design, "centred_on_itself", lambda *_: False)
    fresh, left_out = means(criterion=criterion, fit_intercept=False)
    assert left_out > fresh + 5 * error  # the trap, seen with the rule switched off


def test_left_out_scores_remain_those_of_refitting():
    """What is reported is what was asked for; only the choice looks elsewhere."""
    (X, y), source, _ = problem(4, n=12, p=30)
    X = X - X.mean(axis=0)
    model = AlphaRidgeClassifierCV(coef_source=source, fit_intercept=False).fit(X, y)
    for i in range(len(X)):
        rest = np.delete(np.arange(len(X)), i)
        gamma = model.gamma_ * len(X) / len(rest)
        again = AlphaRidgeClassifier(
            gamma=gamma, alpha=model.alpha_, coef_source=source, fit_intercept=False
        ).fit(X[rest], y[rest])
        np.testing.assert_allclose(
            again.decision_function(X[[i]])[0], model.loo_decision_function_[i], atol=1e-9
        )


def test_regression_too():
    rng = np.random.default_rng(5)
    X, source = rng.standard_normal((20, 60)), rng.standard_normal(60)
    X -= X.mean(axis=0)
    y = X @ source + rng.standard_normal(20)
    y -= y.mean()
    settings: dict[str, Any] = {"gamma": 1e-3, "coef_source": source, "criterion": "loo_mse"}
    model, free = (AlphaRidge(**settings, fit_intercept=rule).fit(X, y) for rule in (False, True))
    assert model.alpha_ == free.alpha_
    np.testing.assert_allclose(model.coef_, free.coef_, rtol=1e-9)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 40),
    p=st.integers(1, 40),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
)
def test_who_was_centred_by_its_own_mean(seed, n, p, scale, shift):
    rng = np.random.default_rng(seed)
    X = scale * (rng.standard_normal((n, p)) + shift)
    counts = rng.integers(1, 4, n).astype(float)
    own = X - counts @ X / counts.sum()
    assert centred_on_itself(own, counts)
    assert centred_on_itself((own / scale).astype(np.float32).astype(float), counts)
    half = scale * np.sqrt(1e-4 * n)  # a hundred times nearer than chance has it, and still not it
    assert not centred_on_itself(own + half, counts)


def test_a_mean_from_elsewhere_is_none_of_their_own():
    rng = np.random.default_rng(6)
    everything = rng.standard_normal((2000, 50))
    everything -= everything.mean(axis=0)
    assert centred_on_itself(everything, np.ones(2000))
    assert not centred_on_itself(everything[:1900], np.ones(1900))
    assert not centred_on_itself(np.zeros((5, 3)), np.ones(5))
