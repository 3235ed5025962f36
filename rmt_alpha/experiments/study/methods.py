"""What is compared, on one split: the criteria of this package, fixed choices, and scikit-learn's baselines.

``default`` is `rmt_alpha.AlphaRidgeClassifierCV` as it comes, and with alpha held.  The criteria share one
decomposition; each gives what the estimator gives in raw units without an intercept (a test compares them).
All other classifiers go without an intercept too, see `rmt_alpha.experiments.study.protocols`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.alphas import as_point
from rmt_alpha.experiments.study.protocols import Split
from rmt_alpha.from_data.criteria import CRITERIA, find_criterion
from rmt_alpha.from_data.design import Design, rules_of
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.samples import Samples

Array = NDArray[np.float64]

DEFAULT = "default"
"""`AlphaRidgeClassifierCV` as it comes."""
FIXED = {"alpha_0": 0.0, "alpha_1": 1.0, "oracle": math.nan}
"""Fixed alpha at gamma = 1; that of the oracle comes from outside."""
TUNED = {"alpha_0_tuned": 0.0, "alpha_1_tuned": 1.0}
"""Fixed alpha too, with everything else chosen as by default."""
USES = ("target", "feature", "pooled")
BASELINES = tuple(f"{kind}_{use}" for kind in ("ridge", "logistic") for use in USES)
"""Of scikit-learn: target samples alone; with the source's score as a further feature; with the source's."""
LOGISTIC = ("alpha_logistic",)
"""`AlphaLogisticRegressionCV` as it comes, but for the intercept."""
METHODS = ("source", *FIXED, DEFAULT, *TUNED, *CRITERIA, *LOGISTIC, *BASELINES)
GAMMA = 1.0
PENALTIES = np.logspace(-1, 5, 19)
"""Ridge penalties for scikit-learn (not per sample)."""
STRENGTHS = np.logspace(-4, -1, 4)
"""Inverse penalties C of the logistic regressions."""


def accuracies(split: Split, source: Array, alpha: float) -> dict[str, float]:
    """Test accuracy, as a fraction, of the source, the fixed choices and every criterion, on one split.

    ``source`` holds the weights of the source classifier, (p,), and ``alpha`` is the oracle's.
    """
    return _scored(split, _choices(split, source, alpha))


def baseline_accuracies(split: Split, source: Array, pooled: tuple[Array, Array]) -> dict[str, float]:
    """The same of scikit-learn's baselines; ``pooled`` are the features and labels of the source."""
    return _scored(split, _baselines(split, source, pooled))


def logistic_accuracies(split: Split, source: Array) -> dict[str, float]:
    """The same of the logistic estimator."""
    from rmt_alpha.estimators.logistic import AlphaLogisticRegressionCV

    model = AlphaLogisticRegressionCV(coef_source=source, fit_intercept=False)
    scores = model.fit(split.train, split.labels).decision_function(split.test)
    return _scored(split, [(LOGISTIC[0], scores)])


def _scored(split: Split, scores: Iterable[tuple[str, Array]]) -> dict[str, float]:
    right = split.test_labels > 0
    return {name: float(np.mean((values > 0) == right)) for name, values in scores}


@dataclass(frozen=True, eq=False)
class _Problem:
    """Fits of one split, and what they predict for its test rows."""

    split: Split
    source: Array
    path: RidgePath

    @classmethod
    def of(cls, split: Split, source: Array, *, intercept: bool | str) -> _Problem:
        samples = Samples.of(split.train)
        columns = split.labels[:, None], (split.train @ source)[None, :, None]
        return cls(split, source, RidgePath.of(samples, rules_of(intercept, "raw", samples)[0], *columns))

    def fixed(self, gamma: float, point: Array) -> Array:
        fit = self.path.at(gamma)
        weights, intercept = fit.correction(point)
        return np.asarray(self.split.test @ (weights[0] + point[1] * self.source) + intercept[0])

    def chosen(self, name: str) -> Array:
        criterion = find_criterion(name).prepared(self.path, self.split.train, self.source[None, None])
        choices, index = criterion.decide(self.path, default_gammas(self.path.design))
        return self.fixed(choices[index].gamma, choices[index].point)


def _choices(split: Split, source: Array, alpha: float) -> Iterator[tuple[str, Array]]:
    yield "source", split.test @ source
    problem = _Problem.of(split, source, intercept=False)
    for name, value in FIXED.items():
        yield name, problem.fixed(GAMMA, as_point(np.array(alpha if name == "oracle" else value)))
    yield DEFAULT, _estimator(split, source, "auto")
    for name, value in TUNED.items():
        yield name, _estimator(split, source, value)
    for name in CRITERIA:
        yield name, problem.chosen(name)


def _estimator(split: Split, source: Array, alpha: str | float) -> Array:
    from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV

    model = AlphaRidgeClassifierCV(coef_source=source, alpha=alpha).fit(split.train, split.labels)
    return model.decision_function(split.test)


def default_gammas(design: Design) -> list[float]:
    """The default grid of `AlphaRidgeClassifierCV`."""
    from rmt_alpha.estimators.validation import check_gammas

    return list(check_gammas(None, design))


def _baselines(split: Split, source: Array, pooled: tuple[Array, Array]) -> Iterator[tuple[str, Array]]:
    from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV
    from sklearn.model_selection import StratifiedKFold

    def ridge(features: Array, labels: Array, test: Array) -> Array:
        if len(features) > features.shape[1]:
            return np.asarray(test @ ridge_cv_weights(features, labels, PENALTIES))
        model = RidgeClassifierCV(PENALTIES, fit_intercept=False).fit(features, labels)
        return np.asarray(model.decision_function(test))

    def logistic(features: Array, labels: Array, test: Array) -> Array:
        smallest = int(min(np.sum(labels > 0), np.sum(labels < 0)))
        if smallest < 2:
            return np.full(len(test), labels.mean())
        model = LogisticRegressionCV(
            Cs=STRENGTHS,
            cv=StratifiedKFold(min(3, smallest)),
            fit_intercept=False,
            l1_ratios=(0,),
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            max_iter=1000,
        ).fit(features, labels)
        return np.asarray(model.decision_function(test))

    own, test_own = split.train @ source, split.test @ source
    extended, test_extended = np.column_stack([split.train, own]), np.column_stack([split.test, test_own])
    both = np.concatenate([pooled[0], split.train]), np.concatenate([pooled[1], split.labels])
    for name, train in (("ridge", ridge), ("logistic", logistic)):
        yield f"{name}_target", train(split.train, split.labels, split.test)
        yield f"{name}_feature", train(extended, split.labels, test_extended)
        yield f"{name}_pooled", train(*both, split.test)


def ridge_cv_weights(features: Array, labels: Array, penalties: Array) -> Array:
    r"""The weights of scikit-learn's `RidgeClassifierCV`, no intercept, for many more rows than features.

    .. math:: w = (X^\top X + \lambda I)^{-1} X^\top y, \qquad
        y_i - f_{-i}(x_i) = \frac{y_i - w^\top x_i}{1 - x_i^\top (X^\top X + \lambda I)^{-1} x_i}

    at the penalty lambda (positive, not per sample) of least leave-one-out squared error.  scikit-learn
    decomposes the samples, which for thousands of pooled rows takes most of the time of a study; here it is
    the p x p products of the features.

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [-1.0]])
    >>> print(ridge_cv_weights(X, np.array([1.0, 1.0, -1.0]), np.array([1.0, 10.0])))
    [0.57142857]
    """
    values, vectors = np.linalg.eigh(features.T @ features)
    rotated = features @ vectors
    target = rotated.T @ labels
    shrunk = 1.0 / (np.maximum(values, 0.0)[:, None] + penalties)
    fitted = rotated @ (target[:, None] * shrunk)
    errors = (labels[:, None] - fitted) / (1.0 - rotated**2 @ shrunk)
    best = int(np.square(errors).mean(axis=0).argmin())
    return np.asarray(vectors @ (target * shrunk[:, best]))
