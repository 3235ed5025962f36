"""`AlphaRidgeClassifier`: a ridge classifier fine-tuned from a rescaled source, at one ridge."""

from __future__ import annotations

from typing import Any, Self

from rmt_alpha.estimators.base import AlphaClassifierMixin, AlphaRidgeBase, check_gamma
from rmt_alpha.from_data.criteria import DEFAULT


class AlphaRidgeClassifier(AlphaClassifierMixin, AlphaRidgeBase):
    """A ridge classifier fine-tuned from a rescaled source."""

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
        features, labels, counts = self._validated(X, y, sample_weight)
        self._fit_path(features, labels, counts, self._source(labels.shape[1], self.classes_), [gamma])
        self._finish()
        return self
