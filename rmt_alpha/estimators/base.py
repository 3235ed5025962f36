"""What the estimators share: the fit, at one ridge or over a grid of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import Tags

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.estimators.average import Choices, LinearFit
from rmt_alpha.estimators.labels import ClassWeight
from rmt_alpha.estimators.source import Source, SourceModel, resolve_source
from rmt_alpha.estimators.validation import (
    GAMMAS,
    RIDGES,
    Alpha,
    check_alpha,
    check_gamma,
    check_gammas,
    check_ridge,
    warn_of_edge,
)
from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT, Criterion, find_criterion
from rmt_alpha.from_data.decomposition.design import Design, designs
from rmt_alpha.from_data.decomposition.rules import (
    AVERAGED,
    AVERAGED_REGRESSION,
    InterceptRule,
    Rule,
    Units,
    rules_of,
)
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.selection import Blend, Problem, posterior, select


class AlphaEstimator(BaseEstimator, ABC):  # type: ignore[misc]
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

    @abstractmethod
    def _ridges(self, design: Design) -> Sequence[float]:
        """The ridges to choose from."""

    def _judge(self, criterion: Criterion[Any, Any], rule: Rule) -> Criterion[Any, Any]:
        """What chooses under a rule; of the source alone, alpha is a size, which some criteria do not see."""
        return criterion if rule.trained else find_criterion(self._default, self._criteria)

    def _judged(self, path: Any) -> Any:
        """The path by which ridge and alpha are chosen."""
        return path

    def _rules(self, samples: Samples) -> list[Rule]:
        """The rules for intercept and units, to be averaged."""
        averaged = AVERAGED if is_classifier(self) else AVERAGED_REGRESSION
        return rules_of(self.fit_intercept, self._units(), samples, averaged)

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
        """The fits under every rule; those in the same units share a decomposition."""
        scores = source.scores(samples.features, intercept=self.fit_intercept is not True)
        columns: dict[int, Columns] = {}
        paths = []
        for rule, design in zip(rules, designs(samples, rules), strict=True):
            if id(design) not in columns:
                columns[id(design)] = Columns.of(design, labels, scores, multilabel=self._multilabel)
            paths.append(RidgePath(columns[id(design)], rule.pseudo))
        return paths

    def _fit(
        self,
        features: Features,
        labels: FloatArray,
        counts: FloatArray,
        source: SourceModel,
        importance: FloatArray | None = None,
    ) -> LinearFit:
        """Choose ridge and alpha for labels (n, K), and set what is said about them.

        ``importance`` (n,) weighs one sample of each row, which is left out as a whole.
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
        if alpha is not None or source.count != 1:  # alpha = 1 is a rule of its own where alpha is one number
            rules = [rule for rule in rules if rule.alpha is None]
        paths = self._paths(samples, rules, labels[there], source)
        problems = [
            Problem(
                rule,
                path,
                self._ridges(path.design) if rule.trained else [math.inf],
                alpha if rule.alpha is None else np.array([rule.alpha]),
                self._judge(criterion, rule),
            )
            for rule, path in zip(rules, paths, strict=True)
        ]
        several = len(rules) > 1 and not is_classifier(self)
        if several:
            shares, rules, selections = map(list, zip(*posterior(problems), strict=True))
        else:
            selections = []
            for _, path, gammas, given, chooser in long_steps(problems, "rule"):
                own = self._judged(path)
                choice = select(chooser.prepared(own, kept, source.weights), own, gammas, given)
                selections.append(replace(choice, fit=path.at(choice.best.gamma)))
        choices = Choices(rules, selections, samples, labels, features, counts, source)
        if several:
            blend = choices.blended(np.array(shares))
            model = choices.model(blend)
        else:
            blend, model = self._average(choices)
        self._report(blend, source.single)
        return model

    def _average(self, choices: Choices) -> tuple[Blend, LinearFit]:
        """The mean of classifiers, or the one model there is."""
        blend = choices.class_mean(multilabel=self._multilabel)
        return blend, choices.model(blend)

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
                "rule": str(one.members[0].rule),
                "share": float(share),
                "gamma": one.top.best.gamma,
                "alpha": one.alpha,
            }
            for share, one in blend.rules
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
    """Of the default ridges, what is kept over what is trained of the degrees of freedom."""

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
