"""What all estimators of this room share: sample weights, the source, and the fit itself."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from rmt_alpha.estimators.source import SourceModel, resolve_source
from rmt_alpha.from_data.criteria import Selection, find_criterion, select
from rmt_alpha.from_data.design import Array, Design
from rmt_alpha.from_data.ridge_path import RidgePath


def sample_counts(sample_weight: Any, features: Array) -> Array:
    """How many samples each row stands for, (n,).

    Weights are counts: 2 is a row that is there twice, 0 one that is not there.  If they are below 1 on average
    over the rows that are there, they are scaled up to that average: the data cannot be fewer than their rows.
    """
    if sample_weight is None:
        return np.ones(len(features))
    weights = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
    total = float(weights.sum())
    if not total > 0:
        raise ValueError("sample_weight must have a positive entry: all samples have zero weight")
    return np.asarray(weights * max(1.0, np.count_nonzero(weights) / total))


def check_gamma(name: str, value: Any) -> float:
    """A ridge: positive, ``inf`` allowed."""
    if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
        raise ValueError(
            f"{name} must be a number > 0 (inf trains nothing but the intercept), got {value!r}; it is the penalty "
            "per sample, scikit-learn's divided by the number of samples"
        )
    return float(value)


def check_alpha(value: Any, sources: int) -> Array | None:
    """alpha of shape (k,), None for "auto"."""
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f"alpha must be 'auto', a number, or one number per source, got {value!r}")
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.ndim > 1 or np.isnan(array).any():
        raise ValueError(f"alpha must be 'auto', a number, or one number per source, got {value!r}")
    if array.ndim and array.size != max(sources, 1):
        raise ValueError(f"alpha must be a number or have one entry per source, {sources}, got {array.size}")
    return np.array(np.broadcast_to(array.astype(np.float64), (sources,)))


class AlphaRidgeBase(BaseEstimator):  # type: ignore[misc]
    """Ridge fine-tuning from a rescaled source; subclasses say what the labels are."""

    coef_source: Any
    intercept_source: Any
    fit_intercept: bool
    alpha: Any
    criterion: str

    def _fit_path(
        self, features: Array, labels: Array, counts: Array, source: SourceModel, gammas: list[float]
    ) -> Selection:
        """Fit all ridges to labels of shape (n, K), choose one, and set the attributes they share."""
        there = counts > 0
        everything, labels_there = features, labels[there]
        features = features[there]
        design = Design.from_features(features, counts[there], fit_intercept=self.fit_intercept)
        scores = source.scores(features, intercept=not self.fit_intercept)
        path = RidgePath.from_scores(design, labels_there, scores)
        if gammas is None:
            gammas = default_gammas(design)
        criterion = find_criterion(self.criterion, regression=not isinstance(self, ClassifierMixin))
        criterion = criterion.prepared(path, features, source.weights)
        alpha = check_alpha(self.alpha, source.count)
        if not source.count or not any(np.any(s) for s in source.weights):
            alpha = np.zeros(source.count)  # irrelevant: there is nothing to be scaled
        selection = select(criterion, path, gammas, alpha)
        point = selection.best.point
        correction, center = selection.fit.correction(point)
        weights, biases = source.mixed(point[1:])
        self.gamma_ = selection.best.gamma
        self._coef = weights + correction
        self._intercept = center if self.fit_intercept else biases
        stderr = np.sqrt(np.diagonal(selection.covariance))
        self.alpha_, self.alpha_stderr_ = selection.alpha, np.asarray(stderr)
        if source.single:
            self.alpha_ = float(self.alpha_[0]) if source.count else 0.0
            self.alpha_stderr_ = float(stderr[0]) if source.count else 0.0
        self.best_score_ = selection.best.score
        left_out = everything @ self._coef.T + self._intercept
        left_out[there] = selection.fit.leave_one_out.scores(point)
        self._left_out = left_out
        return selection

    def _source(self, outputs: int, classes: Array | None = None) -> SourceModel:
        return resolve_source(
            self.coef_source,
            self.intercept_source,
            outputs=outputs,
            features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
            classes=classes,
        )


class AlphaClassifierMixin(ClassifierMixin):  # type: ignore[misc]
    """Class labels in, signs of linear scores out."""

    def _validated(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array, Array]:
        """Features, labels -1 and +1 of shape (n, K), and counts; sets ``classes_``."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        counts = sample_counts(sample_weight, X)
        there = counts > 0
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(y[there])
        self.classes_ = binarizer.classes_
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, got one class: {self.classes_[0]!r}"
            )
        labels = np.full((len(y), 1 if len(self.classes_) == 2 else len(self.classes_)), -1.0)
        labels[there] = binarizer.transform(y[there])
        return X, labels, counts

    def _finish(self) -> None:
        self.coef_, self.intercept_ = self._coef, np.asarray(self._intercept)
        binary = len(self.classes_) == 2
        self.loo_decision_function_ = self._left_out[:, 0] if binary else self._left_out
        del self._coef, self._intercept, self._left_out

    def decision_function(self, X: Any) -> Array:
        """Scores of samples.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Positive for the second class; one column per class if there are more than two.
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

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X)
        index = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[index]


def default_gammas(design: Design) -> list[float]:
    """33 ridges over eight decades around the mean non-zero eigenvalue of the sample covariance, and ``inf``."""
    eigenvalues = design.eigenvalues
    positive = eigenvalues[eigenvalues > 0]
    center = float(positive.mean()) if positive.size else 1.0
    return [*(center * np.logspace(-4, 4, 33)).tolist(), math.inf]
