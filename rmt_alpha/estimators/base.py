"""What all estimators of this room share: the fit itself, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from rmt_alpha.estimators.source import SourceModel, resolve_source
from rmt_alpha.estimators.validation import check_alpha, check_fit_intercept
from rmt_alpha.from_data.criteria import find_criterion
from rmt_alpha.from_data.design import Array, Design
from rmt_alpha.from_data.own_mean import judged_on
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
