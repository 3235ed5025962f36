"""What the estimators share: the fit, one ridge or a grid of them, and class labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha._core.alphas import as_point
from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.estimators.classes import ClassMatch
from rmt_alpha.estimators.labels import (
    ClassWeight,
    class_importance,
    encode_indicators,
    encode_labels,
    is_multilabel,
    one_column,
)
from rmt_alpha.estimators.source import Source, SourceModel, completed, label_rows, resolve_source
from rmt_alpha.estimators.validation import (
    FLOATS,
    GAMMAS,
    RIDGES,
    Alpha,
    check_alpha,
    check_gamma,
    check_gammas,
    check_ridge,
    check_size,
    check_threshold,
    in_precision,
    sample_counts,
    warn_of_edge,
)
from rmt_alpha.from_data.calibration import best_scale
from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT, Criterion, find_criterion
from rmt_alpha.from_data.criteria.consensus import rule_evidence
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import InterceptRule, Rule, Units, rules_of
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.selection import Blend, blended, probable, select
from rmt_alpha.from_data.threshold import best_threshold


class AlphaEstimator(BaseEstimator):  # type: ignore[misc]
    """Fine-tuning from a rescaled source, by squared loss; subclasses know labels and ridges."""

    coef_source: Source
    intercept_source: ArrayLike
    classes_source: ArrayLike | None
    fit_intercept: InterceptRule
    alpha: Alpha
    criterion: str
    units: Units
    n_features_in_: int
    gamma_: float
    alpha_: float | FloatArray
    alpha_stderr_: float | FloatArray
    best_score_: float
    rules_: list[dict[str, Any]]

    _criteria: ClassVar[Mapping[str, type[Criterion[Any, Any]]]] = CRITERIA
    _default: ClassVar[str] = DEFAULT
    _share: ClassVar[float] = 1.0
    """Of a row of two classes in each of their own rows (`resolve_source`)."""
    _least: ClassVar[float] = RIDGES[0]
    """The smallest ridge in units of the largest eigenvalue."""
    _multilabel: bool = False
    """Whether the outputs of this fit are labels of which a sample may have several."""

    def _source(self, outputs: int, classes: NDArray[Any] | None = None) -> SourceModel:
        """The source model in the shape of the target problem."""
        return resolve_source(
            self.coef_source,
            self.intercept_source,
            outputs=outputs,
            features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
            classes=classes,
            classes_source=None if self._multilabel else self.classes_source,
            share=self._share,
        )

    def _ridges(self, design: Design) -> Sequence[float]:
        """The ridges to choose from."""
        raise NotImplementedError

    def _judge(self, criterion: Criterion[Any, Any], rule: Rule) -> Criterion[Any, Any]:
        """What chooses under a rule; of the source alone, alpha is a size, which some criteria do not see."""
        return criterion if rule.trained else find_criterion(self._default, self._criteria)

    def _rules(self, samples: Samples) -> list[Rule]:
        """The rules for intercept and units, to be averaged."""
        return rules_of(self.fit_intercept, self._units(), samples)

    def _units(self) -> str:
        """In which units weights are penalised."""
        return str(check_choice("units", self.units, ("raw", "standard", "auto")))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _given_alpha(self, source: SourceModel) -> FloatArray | None:
        """alpha of shape (k,), None if it is to be chosen."""
        return check_alpha(self.alpha, source.count)

    def _paths(
        self, samples: Samples, rules: Sequence[Rule], labels: FloatArray, source: SourceModel
    ) -> list[Any]:
        """The fits under every rule; those that centre alike, or not, share a decomposition."""
        scores = source.scores(samples.features, intercept=self.fit_intercept is not True)
        columns: dict[Rule, Columns] = {}
        paths = []
        for rule in rules:
            shared = rule if rule.pseudo is None else replace(rule, pseudo=1.0, trained=True)
            if shared not in columns:
                design = Design.of(samples, rule)
                columns[shared] = Columns.of(design, labels, scores, multilabel=self._multilabel)
            paths.append(RidgePath(columns[shared], rule.pseudo))
        return paths

    def _fit(
        self,
        features: Features,
        labels: FloatArray,
        counts: FloatArray,
        source: SourceModel,
        importance: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Choose ridge and alpha for labels (n, K), and set what is said about them.

        ``importance`` (n,) weighs one sample of each row, which is left out as a whole.
        Returns weights (K, p), intercepts (K,) and leave-one-out scores (n, K).
        """
        criterion = find_criterion(self.criterion, self._criteria)
        alpha = self._given_alpha(source)
        if not source.weights.any():
            alpha = np.zeros(source.count)  # there is nothing to be scaled
        there = counts > 0
        kept = features if there.all() else features[there]
        samples = Samples.of(kept, counts[there], None if importance is None else importance[there])
        rules = self._rules(samples)
        if not source.weights.any():
            rules = [rule for rule in rules if rule.trained]
        paths = self._paths(samples, rules, labels[there], source)
        grids = [
            self._ridges(path.design) if rule.trained else [math.inf]
            for rule, path in zip(rules, paths, strict=True)
        ]
        weights = np.ones(1)
        if len(rules) > 1:
            point = None if alpha is None else as_point(alpha)
            evidences = [rule_evidence(*one, point) for one in zip(paths, grids, strict=True)]
            weights = probable(rules, evidences)
        chosen = [
            (
                rule,
                weight,
                select(self._judge(criterion, rule).prepared(path, kept, source.weights), path, grid, alpha),
            )
            for rule, weight, path, grid in zip(rules, weights, paths, grids, strict=True)
            if weight > 0
        ]
        rules, shares, selections = (list(part) for part in zip(*chosen, strict=True))
        mass = samples.mass if is_classifier(self) else None
        blend = blended(rules, np.array(shares), selections, mass, multilabel=self._multilabel)
        coef, intercept = np.zeros(source.weights.shape[1:]), np.zeros(labels.shape[1])
        for one in blend.members:
            fit, point = one.selection.fit, one.selection.best.point
            trained, center = fit.correction(point)
            own, biases = source.mixed(point[1:])
            coef += one.share * (own + trained)
            intercept += one.share * (center if one.rule.pseudo == 0 else center + biases)
        left_out = blend.left_out
        if not there.all():  # a row of weight 0 is left out by every fit
            everywhere = features @ coef.T + intercept
            everywhere[there] = left_out
            left_out = everywhere
        self._report(blend, source.single)
        if source.others is not None:
            direction = blend.alpha if np.isfinite(blend.alpha).all() else blend.top.best.point[1:]
            return completed(source, direction, features, counts, coef, intercept, left_out)
        return coef, intercept, left_out

    def _report(self, blend: Blend, single: bool) -> None:
        """Set what is said about the choice; ``single`` says that alpha is a number."""
        best = blend.top.best
        self.gamma_, self.best_score_ = best.gamma, best.score
        self.alpha_ = blend.alpha
        self.alpha_stderr_ = np.sqrt(np.diagonal(blend.covariance))
        if single:
            some = blend.alpha.size > 0
            self.alpha_ = float(self.alpha_[0]) if some else 0.0
            self.alpha_stderr_ = float(self.alpha_stderr_[0]) if some else 0.0
        self.rules_ = [
            {
                "rule": str(one.rule),
                "share": float(one.share),
                "gamma": one.selection.best.gamma,
                "alpha": one.selection.alpha,
            }
            for one in blend.members
        ]


class OneRidge(AlphaEstimator):
    """The ridge is given, and alpha as well or chosen."""

    def __init__(
        self,
        gamma: float = 1.0,
        alpha: Alpha = "auto",
        coef_source: Source = None,
        intercept_source: ArrayLike = 0.0,
        fit_intercept: InterceptRule = True,
        *,
        criterion: str = DEFAULT,
        classes_source: ArrayLike | None = None,
        units: Units = "raw",
        class_weight: ClassWeight = None,
        threshold: float | str = 0.0,
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.coef_source = coef_source
        self.intercept_source = intercept_source
        self.fit_intercept = fit_intercept
        self.criterion = criterion
        self.classes_source = classes_source
        self.units = units
        self.class_weight = class_weight
        self.threshold = threshold

    def _ridges(self, design: Design) -> list[float]:
        return [check_ridge("gamma", check_gamma("gamma", self.gamma), design, self._least)]


class RidgeGrid(AlphaEstimator):
    """The ridge is chosen from a grid, with alpha or for a given one."""

    best_index_: int
    cv_results_: dict[str, Any]

    _grid: ClassVar[FloatArray] = GAMMAS
    """The default ridges, in units of the mean positive eigenvalue of the sample covariance."""

    def __init__(
        self,
        gammas: ArrayLike | None = None,
        criterion: str = DEFAULT,
        coef_source: Source = None,
        intercept_source: ArrayLike = 0.0,
        fit_intercept: InterceptRule = "auto",
        *,
        alpha: Alpha = "auto",
        classes_source: ArrayLike | None = None,
        units: Units = "auto",
        class_weight: ClassWeight = None,
        threshold: float | str = 0.0,
    ) -> None:
        self.gammas = gammas
        self.criterion = criterion
        self.coef_source = coef_source
        self.intercept_source = intercept_source
        self.fit_intercept = fit_intercept
        self.alpha = alpha
        self.classes_source = classes_source
        self.units = units
        self.class_weight = class_weight
        self.threshold = threshold

    def _units(self) -> str:
        # Ridges that are given have units: those of the features.
        units = super()._units()
        return "raw" if units == "auto" and self.gammas is not None else units

    def _ridges(self, design: Design) -> Sequence[float]:
        return check_gammas(self.gammas, design, self._grid, self._least)

    def _report(self, blend: Blend, single: bool) -> None:
        super()._report(blend, single)
        self.best_index_ = blend.top.index
        choices = blend.top.choices
        if self.gammas is not None:
            warn_of_edge([one.gamma for one in choices], self.gamma_, stacklevel=4)
        gamma, score = np.array([one.gamma for one in choices]), np.array([one.score for one in choices])
        alpha = np.array([one.alpha for one in choices])
        if single:
            alpha = alpha[:, 0] if alpha.shape[1] else np.zeros(len(choices))
        self.cv_results_ = {
            "params": [{"gamma": float(value)} for value in gamma],
            "param_gamma": gamma,
            "mean_test_score": score,
            "rank_test_score": (1 + (score[None, :] > score[:, None]).sum(axis=1)).astype(np.int32),
            "alpha": alpha,
        }


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
            self, X, y, accept_sparse="csr", dtype=FLOATS, multi_output=self._several, ensure_min_samples=2
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
        if len(self.classes_without_samples_):
            sampled = ~np.isin(self.classes_, self.classes_without_samples_)
            every = np.full(left_out.shape, -1.0)
            every[:, sampled] = labels
            labels = every
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
        features = validate_data(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)
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
