"""scikit-learn's own checks of an estimator: without a source, and with one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    AlphaRidgeCV,
)
from rmt_alpha.estimators.source import SourceModel


class _WithSource:
    """An estimator whose source fits any data: the checks draw data of many shapes."""

    n_features_in_: int

    def _source(self, outputs, classes=None):
        weights = np.ones((1, outputs, self.n_features_in_))
        weights[0, 0] = np.arange(self.n_features_in_) - 1.3
        return SourceModel(weights, np.zeros((1, outputs)), True)


class SourcedRidge(_WithSource, AlphaRidge):
    pass


class SourcedRidgeCV(_WithSource, AlphaRidgeCV):
    pass


class SourcedClassifier(_WithSource, AlphaRidgeClassifier):
    pass


class SourcedClassifierCV(_WithSource, AlphaRidgeClassifierCV):
    pass


class SourcedLogistic(_WithSource, AlphaLogisticRegression):
    pass


class SourcedLogisticCV(_WithSource, AlphaLogisticRegressionCV):
    pass


FEW = (0.1, 1.0, np.inf)  # ridges: the checks fit dozens of times

ESTIMATORS = [
    AlphaRidge(),
    AlphaRidgeCV(),
    SourcedRidgeCV(FEW, criterion="loo_mse"),
    AlphaRidgeClassifier(),
    AlphaRidgeClassifierCV(FEW),
    SourcedRidge(criterion="loo_mse"),
    SourcedClassifier(fit_intercept=False),
    SourcedClassifierCV(FEW),
    SourcedClassifier(class_weight="balanced"),
    AlphaLogisticRegression(),
    SourcedLogisticCV(FEW),
]
OTHER_OPTIONS = [
    AlphaRidgeClassifierCV(),
    SourcedClassifierCV(),
    SourcedClassifierCV(FEW, criterion="loo_mse"),
    SourcedClassifierCV(FEW, criterion="loo_accuracy"),
    SourcedClassifierCV(FEW, criterion="loo_log_loss"),
    SourcedLogistic(0.01, fit_intercept=False),
    AlphaLogisticRegressionCV(FEW),
]


def expected_failures(estimator):
    # No weight of a class moves a plane through 0; nor does it for RidgeClassifier(fit_intercept=False).
    if getattr(estimator, "class_weight", "") is None and estimator.fit_intercept is False:
        return {"check_class_weight_classifiers": "no intercept"}
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OTHER_OPTIONS, expected_failed_checks=expected_failures)
def test_scikit_learn_check_of_other_options(estimator, check):
    check(estimator)
