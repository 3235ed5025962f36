"""The methods of the study are the estimators that users have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifierCV
from study_world import domain

from rmt_alpha import AlphaLogisticRegressionCV, AlphaRidgeClassifier, AlphaRidgeClassifierCV
from rmt_alpha.experiments.study.methods import (
    DEFAULT,
    LOGISTIC,
    METHODS,
    PENALTIES,
    TUNED,
    accuracies,
    baseline_accuracies,
    logistic_accuracies,
    ridge_cv_weights,
)
from rmt_alpha.experiments.study.protocols import Split, Transfer
from rmt_alpha.from_data.criteria import CRITERIA


@pytest.fixture(scope="module")
def split() -> Split:
    transfer = Transfer.prepare(domain("a", 1), domain("b", 2, rows=600), 120, "paper")
    return transfer.split(np.arange(40), np.arange(40, 600))


SOURCE = np.random.default_rng(99).standard_normal(30) * 0.2 + 0.1


@pytest.fixture(scope="module")
def found(split) -> dict[str, float]:
    """What the study says of each method."""
    return accuracies(split, SOURCE, 1.7) | logistic_accuracies(split, SOURCE)


@pytest.mark.parametrize("name", [*CRITERIA, "alpha_0", "alpha_1", "oracle", DEFAULT, *TUNED, *LOGISTIC])
def test_they_are_the_estimators(name, split, found):
    options: dict[str, Any] = {"coef_source": SOURCE, "fit_intercept": False, "units": "raw"}
    if name in CRITERIA:
        model = AlphaRidgeClassifierCV(criterion=name, **options)
    elif name == DEFAULT or name in TUNED:
        model = AlphaRidgeClassifierCV(coef_source=SOURCE, alpha=TUNED.get(name, "auto"))
    elif name in LOGISTIC:
        model = AlphaLogisticRegressionCV(coef_source=SOURCE, fit_intercept=False)
    else:
        alpha = {"alpha_0": 0.0, "alpha_1": 1.0, "oracle": 1.7}[name]
        model = AlphaRidgeClassifier(1.0, alpha, SOURCE, fit_intercept=False)
    model.fit(split.train, split.labels)
    assert found[name] == model.score(split.test, split.test_labels)


def test_every_method_is_run_once(split):
    names = [
        *accuracies(split, SOURCE, 1.0),
        *logistic_accuracies(split, SOURCE),
        *baseline_accuracies(split, SOURCE, (split.train, split.labels)),
    ]
    assert sorted(names) == sorted(METHODS)


def test_baselines_survive_a_class_with_a_single_sample():
    transfer = Transfer.prepare(domain("a", 1), domain("b", 2), 120, "paper")
    positive, negative = (np.flatnonzero(transfer.target.labels == label) for label in (1.0, -1.0))
    split = transfer.split(np.r_[positive[:5], negative[:1]], np.r_[positive[5:], negative[1:]])
    found = baseline_accuracies(split, SOURCE, (transfer.source_features, transfer.source_labels))
    assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize("rows", [31, 60, 400])
def test_the_faster_ridge_is_that_of_scikit_learn(rows):
    features = np.random.default_rng(rows).standard_normal((rows, 30)) * np.linspace(0.1, 3, 30)
    labels = np.where(
        features @ SOURCE + 2 * np.random.default_rng(rows + 1).standard_normal(rows) > 0, 1.0, -1.0
    )
    model = RidgeClassifierCV(PENALTIES, fit_intercept=False).fit(features, labels)
    assert PENALTIES[0] < model.alpha_ < PENALTIES[-1]
    np.testing.assert_allclose(
        ridge_cv_weights(features, labels, PENALTIES), model.coef_.ravel(), rtol=1e-9, atol=1e-12
    )
