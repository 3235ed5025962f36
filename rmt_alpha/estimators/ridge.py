"""`AlphaRidge`: ridge regression fine-tuned from a rescaled source."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha.estimators.base import AlphaRidgeBase, check_gamma, sample_counts
from rmt_alpha.from_data.criteria import DEFAULT
from rmt_alpha.from_data.design import Array


class AlphaRidge(MultiOutputMixin, RegressorMixin, AlphaRidgeBase):  # type: ignore[misc]
    """Ridge regression fine-tuned from a rescaled source."""

    def __init__(
        self,
        gamma: float = 1.0,
        alpha: Any = "auto",
        coef_source: Any = None,
        intercept_source: Any = 0.0,
        fit_intercept: bool = True,
        *,
        criterion: str = DEFAULT,
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.coef_source = coef_source
        self.intercept_source = intercept_source
        self.fit_intercept = fit_intercept
        self.criterion = criterion

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fine-tune."""
        gamma = check_gamma("gamma", self.gamma)
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        target = np.asarray(y, dtype=np.float64)
        flat = target.ndim == 1
        labels = target[:, None] if flat else target
        self._fit_path(X, labels, sample_counts(sample_weight, X), self._source(labels.shape[1]), [gamma])
        self.coef_ = self._coef[0] if flat else self._coef
        self.intercept_ = float(self._intercept[0]) if flat else np.asarray(self._intercept)
        self.loo_prediction_ = self._left_out[:, 0] if flat else self._left_out
        del self._coef, self._intercept, self._left_out
        return self

    def predict(self, X: Any) -> Array:
        """Predicted targets.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(X @ self.coef_.T + self.intercept_)
