"""`AlphaClassifierMixin`: class labels in, signs of linear scores out."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha.estimators.validation import encode_labels, sample_counts
from rmt_alpha.from_data.design import Array


class AlphaClassifierMixin(ClassifierMixin):  # type: ignore[misc]
    """Validation of class labels, decisions, and predictions of a linear classifier."""

    classes_: Any
    coef_: Array
    intercept_: Array

    def _validated(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array, Array]:
        """Features, labels -1 and +1 of shape (n, K), and counts; sets ``classes_``."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        counts = sample_counts(sample_weight, X)
        self.classes_, labels = encode_labels(y, counts, type(self).__name__)
        return X, labels, counts

    def _finish(self, weights: Array, intercept: Array, left_out: Array) -> None:
        self.coef_, self.intercept_ = weights, np.asarray(intercept)
        self.loo_decision_function_ = left_out[:, 0] if left_out.shape[1] == 1 else left_out

    def decision_function(self, X: Any) -> Array:
        """Scores of samples: positive for the second of two classes, one column per class of more.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            The scores.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return np.asarray(scores[:, 0] if scores.shape[1] == 1 else scores)

    def predict(self, X: Any) -> Any:
        """Predicted classes.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Their classes.
        """
        scores = self.decision_function(X)
        index = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[index]
