"""scikit-learn's own checks of an estimator."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from rmt_alpha import AlphaRidge, AlphaRidgeClassifier, AlphaRidgeClassifierCV

ESTIMATORS = [
    AlphaRidgeClassifier(),
    AlphaRidge(),
    AlphaRidgeClassifierCV(),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    check(estimator)
