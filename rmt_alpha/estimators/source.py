"""What ``coef_source`` may be: arrays, fitted estimators, or lists of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.validation import real_array
from rmt_alpha.from_data.design import EPS


class LinearModel(Protocol):
    """A fitted linear model, of scikit-learn or of this package; maybe with an ``intercept_``."""

    @property
    def coef_(self) -> Any:
        """Weights, (p,) or (K, p)."""


Source: TypeAlias = ArrayLike | LinearModel | Sequence[LinearModel] | None
"""What ``coef_source`` may be."""


@dataclass(frozen=True, eq=False)
class SourceModel:
    """Source weights, one model or several.

    Attributes
    ----------
    weights, intercepts : ndarray of shape (k, K, p) and (k, K)
        Of k sources with K outputs.
    single : bool
        Whether alpha is a scalar.
    """

    weights: FloatArray
    intercepts: FloatArray
    single: bool

    @property
    def count(self) -> int:
        """Number of sources, k."""
        return len(self.weights)

    def scores(self, features: FloatArray, *, intercept: bool) -> FloatArray:
        """Scores (k, n, K); the sources' intercepts matter only where none is fitted."""
        scores = features @ np.swapaxes(self.weights, -1, -2)
        return np.asarray(scores + self.intercepts[:, None, :] if intercept else scores)

    def rounding(self, features: FloatArray) -> FloatArray:
        """What rounding may do to the scores, (k, n, K): |x| |w| in units of the precision."""
        lengths = np.linalg.norm(features, axis=1)[:, None] * np.linalg.norm(self.weights, axis=2)[:, None]
        return np.asarray(features.shape[1] * EPS * lengths)

    def mixed(self, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) and intercepts (K,) of a combination of the sources."""
        return np.tensordot(direction, self.weights, 1), np.tensordot(direction, self.intercepts, 1)


def resolve_source(
    coef: Source,
    intercept: ArrayLike,
    *,
    outputs: int,
    features: int,
    names: NDArray[Any] | None = None,
    classes: NDArray[Any] | None = None,
) -> SourceModel:
    """The source model of ``coef_source`` and ``intercept_source`` for a problem of this shape.

    Parameters
    ----------
    coef : None, array_like, fitted estimator, or list of fitted estimators
        None is no source.
    intercept : float or array_like
        Intercepts, broadcast to (K,) or (k, K).
    outputs, features : int
        K and p of the target problem.
    names : ndarray of str, optional
        Feature names of the target data, to be compared with those of an estimator.
    classes : ndarray, optional
        Classes of the target data, to be matched with those of an estimator.
    """
    if coef is None:
        return SourceModel(np.zeros((0, outputs, features)), np.zeros((0, outputs)), True)
    if _is_estimator(coef):
        weights, biases = _from_estimator(coef, names, classes)
        _no_extra_intercept(intercept)
        weights, biases, single = weights[None], biases[None], True
    elif isinstance(coef, list | tuple) and coef and all(_is_estimator(one) for one in coef):
        parts = [_from_estimator(one, names, classes) for one in coef]
        _no_extra_intercept(intercept)
        shapes = {part[0].shape for part in parts}
        if len(shapes) > 1:
            raise ValueError(f"coef_source holds models of different shapes: {sorted(shapes)}")
        weights, biases = np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])
        single = False
    else:
        weights, single = _from_array(coef, outputs, features)
        biases = _intercepts(intercept, len(weights), outputs, single)
    if weights.shape[1:] != (outputs, features):
        raise ValueError(
            f"coef_source has {weights.shape[1]} output(s) and {weights.shape[2]} features, but the target "
            f"data has {outputs} output(s) and {features} features"
        )
    silent = ~weights.any(axis=(1, 2))
    if silent.any():
        which = (
            "coef_source is" if single else f"source(s) {np.flatnonzero(silent).tolist()} of coef_source are"
        )
        warnings.warn(f"{which} all zeros: alpha is irrelevant for it", UserWarning, stacklevel=3)
    return SourceModel(weights, biases, single)


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "fit") and hasattr(value, "get_params")


def _from_estimator(
    model: Any, names: NDArray[Any] | None, classes: NDArray[Any] | None
) -> tuple[FloatArray, FloatArray]:
    check_is_fitted(
        model,
        msg="coef_source is a %(name)s that is not fitted. If it was, cloning undid that: wrap the fitted "
        "model in sklearn.frozen.FrozenEstimator, or pass its coef_ as an array",
    )
    if not hasattr(model, "coef_"):
        raise ValueError(
            f"coef_source must be a linear model with coef_, got {type(model).__name__}; of a pipeline, pass "
            "the weights in the features of the target data"
        )
    own = getattr(model, "feature_names_in_", None)
    if own is not None and names is not None and list(own) != list(names):
        raise ValueError(
            "the feature names of coef_source differ from those of the target data, or their order"
        )
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    biases = np.broadcast_to(np.asarray(getattr(model, "intercept_", 0.0), dtype=np.float64), len(weights))
    own = getattr(model, "classes_", None)
    if classes is not None and own is not None and len(classes) > 2 and set(own) == set(classes):
        order = [list(own).index(one) for one in classes]
        weights, biases = weights[order], biases[order]
    return weights, np.array(biases)


def _no_extra_intercept(intercept: Any) -> None:
    if np.any(np.asarray(intercept) != 0):
        raise ValueError("intercept_source must be 0 if coef_source is an estimator: it brings its own")


def _from_array(coef: Any, outputs: int, features: int) -> tuple[FloatArray, bool]:
    array = real_array("coef_source", coef, "be None, an array, a fitted linear model, or a list of them")
    if array.ndim not in (1, 2, 3):
        raise ValueError(f"coef_source must have 1, 2 or 3 dimensions, got shape {array.shape}")
    if array.shape[-1] != features:
        raise ValueError(
            f"coef_source must have one entry per feature, {features}, along its last axis, got shape "
            f"{array.shape}"
        )
    if array.ndim == 3:
        weights, single = array, False
    elif array.ndim == 1:
        weights, single = array[None, None], True
    elif outputs > 1:
        weights, single = array[None], True
    else:
        weights, single = array[:, None], len(array) == 1
    if weights.shape[1] != outputs:
        raise ValueError(
            f"coef_source must have shape ({outputs}, {features}) for one source, or (k, {outputs}, "
            f"{features}) for several, got shape {array.shape}"
        )
    return weights, single


def _intercepts(intercept: Any, count: int, outputs: int, single: bool) -> FloatArray:
    array = np.atleast_1d(real_array("intercept_source", intercept, "be a number or an array"))
    if not single and outputs == 1 and array.ndim == 1 and array.size == count:
        array = array[:, None]
    try:
        return np.array(np.broadcast_to(array, (count, outputs)))
    except ValueError:
        shape = f"({outputs},)" if single else f"({count}, {outputs})"
        raise ValueError(
            f"intercept_source must be a number or have shape {shape}, got shape {array.shape}"
        ) from None
