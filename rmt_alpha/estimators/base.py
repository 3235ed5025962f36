"""What all estimators of this room share: the fit itself, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha.estimators.source import SourceModel, resolve_source
from rmt_alpha.estimators.validation import check_alpha, check_fit_intercept, encode_labels, sample_counts
from rmt_alpha.from_data.convex.label_loss import cross_entropy
from rmt_alpha.from_data.convex.path import ConvexPath
from rmt_alpha.from_data.criteria import find_criterion
from rmt_alpha.from_data.criteria.convex_loss import ConvexCriterion, find_convex_criterion
from rmt_alpha.from_data.design import Array, Design, judged_on
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.selection import Chooser, Selection, select


class SourcedEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator with a source model: ``coef_source`` and ``intercept_source``."""

    coef_source: Any
    intercept_source: Any
    n_features_in_: int

    def _source(self, outputs: int, classes: Any = None) -> SourceModel:
        """The source model in the shape of the target problem."""
        return resolve_source(
            self.coef_source,
            self.intercept_source,
            outputs=outputs,
            features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
            classes=classes,
        )


class AlphaRidgeBase(SourcedEstimator):
    """Fine-tuning from a rescaled source, by squared loss; subclasses know labels and ridges."""

    fit_intercept: bool | str
    alpha: Any
    criterion: str

    def _ridges(self, design: Design) -> Any:
        """The ridges to choose from."""
        raise NotImplementedError

    def _path(self, design: Design, labels: Array, features: Array, source: SourceModel) -> Any:
        """The fits at every ridge."""
        scores = source.scores(features, intercept=not design.fit_intercept)
        return RidgePath.from_scores(design, labels, scores)

    def _chooser(self, path: Any, features: Array, source: SourceModel) -> Chooser:
        """The criterion."""
        criterion = find_criterion(self.criterion, regression=not isinstance(self, ClassifierMixin))
        return criterion.prepared(path, features, source.weights)

    def _fit(
        self, features: Array, labels: Array, counts: Array, source: SourceModel
    ) -> tuple[Selection, Array, Array, Array]:
        """Choose ridge and alpha for labels (n, K), and set what is said about them.

        Returns the selection, weights (K, p), intercepts (K,) and leave-one-out scores (n, K).
        """
        there = counts > 0
        kept = features if there.all() else features[there]
        rule = check_fit_intercept(self.fit_intercept)
        design = Design.from_features(kept, counts[there], fit_intercept=rule)
        path = self._path(design, labels[there], kept, source)
        alpha = check_alpha(self.alpha, source.count)
        if not source.weights.any():
            alpha = np.zeros(source.count)  # there is nothing to be scaled
        other = judged_on(design, kept)
        judge = path if other is design else self._path(other, labels[there], kept, source)
        selection = select(self._chooser(judge, kept, source), judge, self._ridges(design), alpha)
        point = selection.best.point
        fit = selection.fit if judge is path else path.at(selection.best.gamma)
        correction, center = fit.correction(point)
        weights, biases = source.mixed(point[1:])
        weights = weights + correction
        intercept = center if design.fit_intercept else center + biases
        left_out = fit.left_out(point)
        if not there.all():  # a row of weight 0 is left out by every fit
            everywhere = features @ weights.T + intercept
            everywhere[there] = left_out
            left_out = everywhere
        self.gamma_ = selection.best.gamma
        stderr = np.sqrt(np.diagonal(selection.covariance))
        self.alpha_: Any = selection.alpha
        self.alpha_stderr_: Any = stderr
        if source.single:
            self.alpha_ = float(self.alpha_[0]) if source.count else 0.0
            self.alpha_stderr_ = float(stderr[0]) if source.count else 0.0
        self.best_score_ = selection.best.score
        return selection, weights, intercept, left_out


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
