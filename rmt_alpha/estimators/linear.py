"""`linear_coefficients`: what a fitted linear model says, in the units of the features that it was given."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.feature_selection import RFE, SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC, NuSVC
from sklearn.utils.validation import check_is_fitted

from rmt_alpha._core.types import FloatArray

Rows: TypeAlias = tuple[FloatArray, FloatArray]
"""Weights (R, p) and intercepts (R,)."""

CLOSE = float(np.sqrt(np.finfo(np.float64).eps))
"""Scores that differ by less, relative to their parts, differ by rounding; by more, they are others."""


class FittedModel(Protocol):
    """A fitted estimator of scikit-learn or of this package."""

    def fit(self, X: Any, y: Any) -> Any:
        """Was called."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters."""


class LinearCoefficients(NamedTuple):
    """A linear model: scores are ``X @ coef.T + intercept``.

    Attributes
    ----------
    coef : ndarray of shape (R, p)
        One row for two classes (positive for the second), one per class of more, one per output.
    intercept : ndarray of shape (R,)
        Intercepts.
    classes : ndarray, optional
        The classes in the order of the rows, None of a regression.
    feature_names : ndarray of str, optional
        Names of the features, if the model knows them.
    """

    coef: FloatArray
    intercept: FloatArray
    classes: NDArray[Any] | None
    feature_names: NDArray[Any] | None


def linear_coefficients(model: FittedModel) -> LinearCoefficients:
    r"""Weights and intercepts of a fitted model in raw units: scalers and selectors are folded in.

    .. math:: w^\top \frac{x - m}{s} + b = \Big(\frac ws\Big)^\top x + \Big(b - w^\top \frac ms\Big)

    Parameters
    ----------
    model : fitted estimator
        A linear model; a ``Pipeline`` that ends in one, after scalers (``StandardScaler``, ``MinMaxScaler``,
        ``MaxAbsScaler``, ``RobustScaler``), selectors of features and "passthrough"; a search over them
        (its ``best_estimator_``), ``OneVsRestClassifier``, ``RFE``, or any of these in ``FrozenEstimator``.
        A sparse ``coef_`` becomes dense.

    Returns
    -------
    LinearCoefficients
        ``coef``, ``intercept``, ``classes``, ``feature_names``.

    Raises
    ------
    ValueError
        If the model is not fitted, or a step or the model itself is not linear, which its class names.  Pairs
        of classes (``SVC`` with three classes or more, ``OneVsOneClassifier``) are no rows of classes.  So
        that nothing else passes for what it is not, the rows must give the model's own scores.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = np.random.default_rng(0).normal(3.0, 100.0, (50, 4))
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(
    ...     X, X[:, 0] > 0
    ... )
    >>> coef, intercept, *_ = linear_coefficients(model)
    >>> np.allclose(X @ coef[0] + intercept, model.decision_function(X))
    True
    """
    inner = unwrapped(model)
    check_is_fitted(
        inner,
        msg="coef_source is a %(name)s that is not fitted. If it was, cloning undid that: wrap the fitted "
        "model in sklearn.frozen.FrozenEstimator, or pass its coef_ as an array",
    )
    weights, biases = _rows(inner)
    biases = _own_intercept(inner, weights, biases)
    names = getattr(model, "feature_names_in_", getattr(inner, "feature_names_in_", None))
    return LinearCoefficients(weights, biases, getattr(inner, "classes_", None), names)


def unwrapped(model: Any) -> Any:
    """What is inside of ``FrozenEstimator`` and of searches."""
    while True:
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, BaseSearchCV) and hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model


def _rows(model: Any) -> Rows:
    """Weights and intercepts, as functions of what the model is given."""
    model = unwrapped(model)
    if isinstance(model, Pipeline):
        rows = _rows(model.steps[-1][1])
        for _, step in reversed(model.steps[:-1]):
            rows = _before(unwrapped(step), *rows)
        return rows
    if isinstance(model, OneVsRestClassifier):
        parts = [_rows(one) for one in model.estimators_]
        return np.concatenate([one[0] for one in parts]), np.concatenate([one[1] for one in parts])
    if isinstance(model, RFE):
        return _before(model, *_rows(model.estimator_))
    name = type(model).__name__
    if isinstance(model, OneVsOneClassifier | SVC | NuSVC) and len(model.classes_) > 2:
        raise ValueError(
            f"coef_source is a {name} of {len(model.classes_)} classes, whose rows compare pairs of classes "
            "(one-vs-one) and are not weights of classes; those of LinearSVC or OneVsRestClassifier are"
        )
    if not hasattr(model, "coef_"):
        raise ValueError(
            f"coef_source must be a linear model with coef_, or a pipeline that ends in one, got {name}"
        )
    weights = np.atleast_2d(_dense(model.coef_))
    biases = np.asarray(getattr(model, "intercept_", 0.0), dtype=np.float64)
    return weights, np.array(np.broadcast_to(biases, len(weights)))


def _before(step: Any, weights: FloatArray, biases: FloatArray) -> Rows:
    """The same scores as functions of what goes into a step."""
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return weights, biases
    if isinstance(step, SelectorMixin):
        chosen = step.get_support()
        wide = np.zeros((len(weights), len(chosen)))
        wide[:, chosen] = weights
        return wide, biases
    center, factor = _scaling(step)
    scaled = weights * factor
    return scaled, biases - scaled @ np.broadcast_to(center, scaled.shape[1])


def _scaling(step: Any) -> tuple[FloatArray, FloatArray]:
    """m and 1/s of a step that makes (x - m) / s of x."""
    none, one = np.zeros(1), np.ones(1)
    if isinstance(step, StandardScaler):
        scale = one if step.scale_ is None else step.scale_
        return (step.mean_ if step.with_mean else none), 1.0 / scale
    if isinstance(step, RobustScaler):
        scale = step.scale_ if step.with_scaling else one
        return (step.center_ if step.with_centering else none), 1.0 / scale
    if isinstance(step, MinMaxScaler):
        return -step.min_ / step.scale_, step.scale_
    if isinstance(step, MaxAbsScaler):
        return none, 1.0 / step.scale_
    raise ValueError(
        f"coef_source is a pipeline with {type(step).__name__}, which cannot be folded into weights of the "
        "features before it (scalers and selectors of features can); apply it to the target data, and pass "
        "the steps after it"
    )


def _own_intercept(model: Any, weights: FloatArray, biases: FloatArray) -> FloatArray:
    """The intercepts that give the model's own scores, with which a few random features are asked."""
    ask = getattr(
        model, "decision_function", None if is_classifier(model) else getattr(model, "predict", None)
    )
    if ask is None:
        return biases
    probes = np.random.default_rng(0).standard_normal((3, weights.shape[1]))
    probes[0] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the probes have no feature names
        scores = np.asarray(ask(probes), dtype=np.float64).reshape(3, -1)
    size = np.linalg.norm(probes, axis=1)[:, None] * np.linalg.norm(weights, axis=1)
    if scores.shape == size.shape:
        if (abs(scores[0] - biases) > CLOSE * (abs(scores[0]) + abs(biases))).any():
            biases = scores[0]  # of centred features (partial least squares), say
        if (abs(scores - probes @ weights.T - biases) <= CLOSE * (size + abs(biases))).all():
            return biases
    raise ValueError(
        f"coef_source is a {type(model).__name__} whose scores are not X @ coef_.T + intercept_: its coef_ "
        "has another meaning"
    )


def _dense(coef: Any) -> FloatArray:
    return np.asarray(coef.toarray() if sparse.issparse(coef) else coef, dtype=np.float64)
