"""Weights count, in everything that is reported: 2 is a sample that is there twice, 0 one that is not."""

from __future__ import annotations

import numpy as np
import pytest
from small_samples import SHAPES, draw

from rmt_alpha import AlphaRidge, AlphaRidgeClassifierCV, alpha_path
from rmt_alpha.from_data.criteria import CRITERIA

NAMES = ("alpha_", "alpha_stderr_", "gamma_", "best_score_", "coef_", "intercept_")


def same(one, two, rel=1e-8):
    for name in NAMES:
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=rel, abs=1e-11), name
    assert one.cv_results_["alpha"] == pytest.approx(two.cv_results_["alpha"], rel=1e-6, abs=1e-10)
    assert one.cv_results_["mean_test_score"] == pytest.approx(two.cv_results_["mean_test_score"], abs=1e-9)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("intercept", [True, False])
def test_weights_are_repetitions(criterion, shape, intercept):
    sample = draw(shape)
    times = np.random.default_rng(3).integers(0, 4, len(sample.y))
    times[:4] = 2  # both classes
    gammas = np.logspace(-1, 2, 7)
    model = AlphaRidgeClassifierCV(gammas, criterion, sample.source, sample.bias, intercept)
    weighted = model.fit(sample.X, sample.y, times)
    lines = weighted.loo_decision_function_
    X, y = np.repeat(sample.X, times, axis=0), np.repeat(sample.y, times)
    repeated = AlphaRidgeClassifierCV(gammas, criterion, sample.source, sample.bias, intercept).fit(X, y)
    same(weighted, repeated)
    assert np.repeat(lines, times) == pytest.approx(repeated.loo_decision_function_, rel=1e-7, abs=1e-9)
    # A row of weight 0 is left out by every fit, the last one too.
    gone = times == 0
    assert lines[gone] == pytest.approx(repeated.decision_function(sample.X[gone]))


def test_small_weights_only_matter_relatively():
    sample = draw("n > p")
    weights = np.random.default_rng(0).uniform(0.1, 1.0, len(sample.y))
    fits = [
        AlphaRidgeClassifierCV(coef_source=sample.source).fit(sample.X, sample.y, scale * weights)
        for scale in (1.0, 1e-3)
    ]
    same(*fits)


def test_large_weights_are_more_data():
    sample = draw("n > p")
    one, two = (
        AlphaRidgeClassifierCV([0.3], "loo_mse", sample.source).fit(
            sample.X, sample.y, np.full(len(sample.y), w)
        )
        for w in (1.0, 2.0)
    )
    assert one.coef_ != pytest.approx(two.coef_, abs=1e-6)  # another alpha: twins make the error look small
    assert one.best_score_ < two.best_score_


def test_regression():
    rng = np.random.default_rng(0)
    X, Y, source = rng.standard_normal((15, 8)), rng.standard_normal((15, 2)), rng.standard_normal((2, 8))
    times = rng.integers(0, 4, 15)
    weighted = AlphaRidge(0.5, "auto", source).fit(X, Y, times)
    repeated = AlphaRidge(0.5, "auto", source).fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    for name in (*NAMES, "loo_prediction_"):
        found = getattr(weighted, name)
        found = np.repeat(found, times, axis=0) if name == "loo_prediction_" else found
        assert found == pytest.approx(getattr(repeated, name)), name


def test_path():
    sample = draw("n < p")
    times = sample.weights.astype(int)
    weighted = alpha_path(sample.X, sample.y, sample.source, 0.5, sample_weight=times)
    repeated = alpha_path(np.repeat(sample.X, times, axis=0), np.repeat(sample.y, times), sample.source, 0.5)
    alphas = np.linspace(-2, 3, 101)
    for curve in ("loo_accuracy", "loo_risk", "gaussian_accuracy"):
        assert getattr(weighted, curve)(alphas) == pytest.approx(getattr(repeated, curve)(alphas)), curve
