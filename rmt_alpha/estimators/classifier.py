"""`AlphaClassifier`: class labels, or several labels of each sample, in; signs of linear scores out."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha._core.checks import unmasked
from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.base import AlphaEstimator
from rmt_alpha.estimators.classes import ClassMatch
from rmt_alpha.estimators.labels import (
    ClassWeight,
    class_importance,
    encode_indicators,
    encode_labels,
    is_multilabel,
    one_column,
)
from rmt_alpha.estimators.source import SourceModel, label_rows
from rmt_alpha.estimators.validation import (
    FLOATS,
    check_size,
    check_threshold,
    in_precision,
    sample_counts,
)
from rmt_alpha.from_data.calibration import best_scale
from rmt_alpha.from_data.threshold import best_threshold


class AlphaClassifier(ClassifierMixin, AlphaEstimator):  # type: ignore[misc]
    """Class labels in, signs of linear scores out."""

    class_weight: ClassWeight
    threshold: float | str
    classes_: NDArray[Any]
    classes_without_source_: NDArray[Any]
    classes_without_samples_: NDArray[Any]
    coef_: FloatArray
    intercept_: FloatArray
    loo_decision_function_: FloatArray
    threshold_: float | FloatArray
    scale_: float

    _several: ClassVar[bool] = False
    """Whether a sample may have several labels."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self._several
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fine-tune on target samples, and choose what was not given: alpha, the ridge, or both.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
            Target samples.
        y : array_like of shape (n_samples,), or (n_samples, L) of zeros and ones
            Their classes; or which of L labels each of them has (ridge classifiers).
        sample_weight : array_like of shape (n_samples,), optional
            How many samples each row stands for.

        Returns
        -------
        self
            Fitted.
        """
        given, own = validate_data(
            self,
            unmasked("X", X),
            unmasked("y", y),
            accept_sparse="csr",
            dtype=FLOATS,
            multi_output=self._several,
            ensure_min_samples=2,
        )
        features = given.astype(np.float64, copy=False)
        check_size("X", features)
        counts = sample_counts(sample_weight, features)
        self._multilabel = self._several and is_multilabel(own)
        if self._multilabel:
            labels, source, importance = self._read_indicators(y, own, counts)
        else:
            labels, source, importance = self._read_classes(one_column(own), counts)
        check_threshold(self.threshold, labels.shape[1], several=self._multilabel)
        coef, intercept, left_out = self._fit(features, labels, counts, source, importance)
        if source.match is not None:
            labels = source.match.padded(labels)
        self._decide(left_out, labels, counts, importance)
        self.coef_, self.intercept_, left_out = in_precision(given.dtype, coef, intercept, left_out)
        self.loo_decision_function_ = left_out[:, 0] if left_out.shape[1] == 1 else left_out
        return self

    def _read_classes(
        self, y: NDArray[Any], counts: FloatArray
    ) -> tuple[FloatArray, SourceModel, FloatArray | None]:
        """Labels -1 and +1, the source of the same classes, and how much each sample matters."""
        self.classes_, labels = encode_labels(y, counts, type(self).__name__)
        importance = class_importance(self.class_weight, y, counts)
        source = self._source(labels.shape[1], self.classes_)
        none = self.classes_[:0]
        match = source.match or ClassMatch(self.classes_, none, none)
        self.classes_, labels = match.classes, match.columns(labels)
        self.classes_without_source_, self.classes_without_samples_ = match.unknown, match.missing
        return labels, source, importance

    def _read_indicators(
        self, y: Any, own: Any, counts: FloatArray
    ) -> tuple[FloatArray, SourceModel, FloatArray | None]:
        """The same for labels of which a sample may have several."""
        self.classes_, labels = encode_indicators(own)
        rows = label_rows(self.coef_source, self.classes_source, y)
        source = self._source(labels.shape[1] if rows is None else len(rows))
        if rows is not None:
            source = source.placed(rows, labels.shape[1])
        known = self.classes_ if rows is None else np.array(rows)
        self.classes_without_source_ = np.setdiff1d(self.classes_, known)
        self.classes_without_samples_ = self.classes_[:0]
        return labels, source, class_importance(self.class_weight, (labels > 0).astype(int), counts)

    def _decide(
        self, left_out: FloatArray, labels: FloatArray, counts: FloatArray, importance: FloatArray | None
    ) -> None:
        """Threshold and scale, from the leave-one-out scores of the samples that are there."""
        value: Any = self.threshold
        if isinstance(value, str):
            columns = zip(left_out.T, labels.T > 0, strict=True)
            found = [best_threshold(scores, positive, counts, value) for scores, positive in columns]
            value = np.array(found) if self._multilabel else found[0]
        self.threshold_ = value if self._multilabel else float(value)
        mass = counts if importance is None else counts * importance
        self._calibrate(left_out, labels, mass * (counts.sum() / mass.sum()))

    def _calibrate(self, left_out: FloatArray, labels: FloatArray, mass: FloatArray) -> None:
        """Set the scale that turns scores into log-odds."""
        if self._multilabel:
            mass, left_out, labels = (
                np.repeat(mass, labels.shape[1]),
                left_out.reshape(-1, 1),
                labels.reshape(-1, 1),
            )
        self.scale_ = best_scale(left_out, labels, mass)

    def _log_odds(self, X: ArrayLike) -> FloatArray:
        """Scores in units of log-odds."""
        scores = self.decision_function(X)
        return scores * scores.dtype.type(self.scale_)

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Scores of samples (n, p): positive for the second of two classes, one column per class of more."""
        check_is_fitted(self)
        features = validate_data(self, unmasked("X", X), accept_sparse="csr", dtype=FLOATS, reset=False)
        scores = features @ self.coef_.T + self.intercept_
        return np.asarray(scores[:, 0] if scores.shape[1] == 1 else scores)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predicted classes (n,) of samples (n, p), or zeros and ones (n, L) for several labels at once.

        The second of two classes, or a label, is predicted where its score is above ``threshold_``.
        """
        scores = self.decision_function(X)
        if self._multilabel:
            return (scores > self.threshold_).astype(np.int64)
        index = (scores > self.threshold_).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[index])

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities of the classes, (n, K), or of each label by itself, (n, L).

        Logistic function of ``scale_`` times the score, or softmax of ``scale_`` times the scores.
        """
        scores = self._log_odds(X)
        if scores.ndim == 1:
            return np.column_stack([special.expit(-scores), special.expit(scores)])
        return np.asarray(special.expit(scores) if self._multilabel else special.softmax(scores, axis=1))

    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """Logarithms of the probabilities, precise where these are near 0."""
        scores = self._log_odds(X)
        if scores.ndim == 1:
            return np.column_stack([special.log_expit(-scores), special.log_expit(scores)])
        if self._multilabel:
            return np.asarray(special.log_expit(scores))
        return np.asarray(special.log_softmax(scores, axis=1))
