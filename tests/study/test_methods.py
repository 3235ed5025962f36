"""The methods of the study are the estimators that users have."""

from __future__ import annotations

import numpy as np
import pytest
from study_world import domain

from rmt_alpha import AlphaRidgeClassifier, AlphaRidgeClassifierCV
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT
from rmt_alpha.study.methods import METHODS, accuracies, baseline_accuracies
from rmt_alpha.study.protocols import Split, Transfer


@pytest.fixture(scope="module")
def split() -> Split:
    transfer = Transfer.prepare(domain("a", 1), domain("b", 2, rows=600), 120, "paper")
    return transfer.split(np.arange(40), np.arange(40, 600))


SOURCE = np.random.default_rng(99).standard_normal(30) * 0.2 + 0.1


@pytest.mark.parametrize("name", [*CRITERIA, "alpha_0", "alpha_1", "oracle", f"{DEFAULT}_intercept"])
def test_they_are_the_estimators(name, split):
    found = accuracies(split, SOURCE, 1.7)
    if name in CRITERIA:
        model = AlphaRidgeClassifierCV(None, name, SOURCE, fit_intercept=False)
    elif name.endswith("_intercept"):
        model = AlphaRidgeClassifierCV(coef_source=SOURCE)
        found = baseline_accuracies(split, SOURCE, (split.train, split.labels))
    else:
        alpha = {"alpha_0": 0.0, "alpha_1": 1.0, "oracle": 1.7}[name]
        model = AlphaRidgeClassifier(1.0, alpha, SOURCE, fit_intercept=False)
    model.fit(split.train, split.labels)
    assert found[name] == model.score(split.test, split.test_labels)


def test_every_method_is_run_once(split):
    names = [
        *accuracies(split, SOURCE, 1.0),
        *baseline_accuracies(split, SOURCE, (split.train, split.labels)),
    ]
    assert names == list(METHODS)


def test_baselines_survive_a_class_with_a_single_sample():
    transfer = Transfer.prepare(domain("a", 1), domain("b", 2), 120, "paper")
    positive, negative = (np.flatnonzero(transfer.target.labels == label) for label in (1.0, -1.0))
    split = transfer.split(np.r_[positive[:5], negative[:1]], np.r_[positive[5:], negative[1:]])
    found = baseline_accuracies(split, SOURCE, (transfer.source_features, transfer.source_labels))
    assert all(0 <= value <= 1 for value in found.values())
