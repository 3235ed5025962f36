"""What the two logistic estimators share: cross-entropy in place of squared loss, and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from rmt_alpha.estimators.base import AlphaRidgeBase
from rmt_alpha.estimators.classifier import AlphaClassifierMixin
from rmt_alpha.estimators.source import SourceModel
from rmt_alpha.estimators.validation import check_alpha
from rmt_alpha.from_data.convex.criteria import ConvexCriterion, find_convex_criterion
from rmt_alpha.from_data.convex.label_loss import cross_entropy
from rmt_alpha.from_data.convex.path import ConvexPath
from rmt_alpha.from_data.design import Array, Design


class AlphaLogisticBase(AlphaClassifierMixin, AlphaRidgeBase):
    """Fine-tuning from a rescaled source by cross-entropy; subclasses know the ridges to try."""

    def _path(self, design: Design, labels: Array, features: Array, source: SourceModel) -> ConvexPath:
        scores = source.scores(features, intercept=not design.fit_intercept)
        return ConvexPath(design, cross_entropy(labels), scores, source.rounding(features))

    def _chooser(self, path: Any, features: Array, source: SourceModel) -> ConvexCriterion:
        alpha = check_alpha(self.alpha, source.count)
        if alpha is not None and np.isinf(alpha).any():
            raise ValueError(
                f"alpha must be finite, got {self.alpha!r}: with cross-entropy, the limit of large "
                "alpha is the source itself with probabilities 0 and 1"
            )
        return find_convex_criterion(self.criterion)

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logistic function of the score for two classes, softmax of the scores for more.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([special.expit(-scores), special.expit(scores)])
        return np.asarray(special.softmax(scores, axis=1))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, precise where these are near 0.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The logarithms.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([special.log_expit(-scores), special.log_expit(scores)])
        return np.asarray(special.log_softmax(scores, axis=1))
