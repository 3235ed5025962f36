"""Checks of arguments, in scikit-learn's manner: values are refused at `fit`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils.validation import _check_sample_weight, check_array

from rmt_alpha._core.checks import unmasked
from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.threshold import METRICS

LARGEST, SMALLEST = 1e50, 1e-50
"""Beyond these, products of four numbers (squares of scores, their squares) leave the range of float64."""
RIDGES = 1e-100, 1e100
"""Least and largest finite ridge in units of the largest eigenvalue."""
MOST = 1e15
"""Samples: of more, one is less than the rounding of their number."""
GAMMAS = np.logspace(-4, 4, 33)
"""Of the default ridges, what is kept over what is trained of the degrees of freedom."""
FLOATS = [np.float64, np.float32]
"""Kinds of numbers that features may be; others become the first.  Fits are computed in float64."""
Alpha: TypeAlias = Literal["auto"] | ArrayLike
"""One number, one for each source, or "auto": chosen from the data."""


def sample_counts(sample_weight: Any, features: Features) -> FloatArray:
    """How many samples each row stands for, (n,).

    Weights are counts: 2 is a row that is there twice, 0 one that is not there.  Weights whose mean over the
    positive ones is below 1 are scaled up to mean 1, because data are no fewer than their rows.
    """
    if sample_weight is None:
        return np.ones(features.shape[0])
    _check_numbers("sample_weight", sample_weight, "be None or hold one number per sample")
    weights = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
    largest = float(weights.max(initial=0.0))
    if not largest > 0:
        raise ValueError("sample_weight must have a positive entry: all samples have zero weight")
    if np.count_nonzero(weights) < 2:
        raise ValueError(
            "sample_weight must have at least 2 positive entries, got 1: a single row leaves none when it is "
            "left out. Give other rows a weight, too"
        )
    if largest < SMALLEST:
        weights = weights / largest  # only their ratios count, and 1 over their sum might overflow
    elif largest > MOST / len(weights) and float((weights / MOST).sum()) > 1:
        raise ValueError(
            f"sample_weight must sum to at most {MOST:g}, got {largest:g} for one row: weights are counts, "
            "and of more samples float64 cannot leave one out. Divide relative weights by their mean"
        )
    counts = weights * max(1.0, np.count_nonzero(weights) / float(weights.sum()))
    least = float(counts[counts > 0].min())
    if least < SMALLEST:
        raise ValueError(
            f"sample_weight must have no positive entry below {SMALLEST:g} times their mean, got {least:g} "
            "times: give such rows the weight 0"
        )
    return np.asarray(counts)


def check_gamma(name: str, value: Any) -> float:
    """A ridge: positive; ``inf`` trains nothing but the intercept."""
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value) > 0:
        raise ValueError(
            f"{name} must be a number > 0 (inf trains nothing but the intercept), got {value!r}. It is the "
            "penalty per sample: scikit-learn's, divided by the number of samples"
        )
    return float(value)


def check_gammas(
    value: Any, design: Design, grid: FloatArray = GAMMAS, least: float = RIDGES[0]
) -> Sequence[float]:
    """Ridges to choose from; by default those whose degrees of freedom have the odds 1/grid, and inf."""
    if value is None:
        return [*design.ridges(1.0 / grid).tolist(), math.inf]
    listed = np.ravel(unmasked("gammas", value)).tolist()
    named = {f"gammas[{i}]": one for i, one in enumerate(listed)}
    gammas = [check_ridge(name, check_gamma(name, one), design, least) for name, one in named.items()]
    if not gammas:
        raise ValueError("gammas must hold at least one ridge, got none")
    return gammas


def check_ridge(name: str, gamma: float, design: Design, least: float = RIDGES[0]) -> float:
    """A ridge that float64 can tell from 0 and inf; ``least`` is in units of the largest eigenvalue."""
    top = design.largest or 1.0
    low, high = least * top, RIDGES[1] * top
    if not (low <= gamma <= high or math.isinf(gamma)):
        raise ValueError(
            f"{name} must be between {low:.3g} and {high:.3g} for these features (whose largest mean square "
            f"in any direction is {top:.3g}), or inf, got {gamma!r}"
        )
    return gamma


def check_size(name: str, values: ArrayLike | Features) -> None:
    """Refuse numbers whose largest is not 0 and so large or small that products of four leave float64."""
    stored: Any = values
    largest = float(np.abs(stored.data if sparse.issparse(values) else stored).max(initial=0.0))
    if largest and not SMALLEST <= largest <= LARGEST:
        raise ValueError(
            f"{name} must have a largest size between {SMALLEST:g} and {LARGEST:g}, or be 0, got "
            f"{largest!r}: change its units"
        )


def warn_of_edge(gammas: Sequence[float], chosen: float, stacklevel: int) -> None:
    """Say that the ridge chosen from a given grid is the last one at an end.

    inf is no such end: there is no larger ridge.
    """
    low, high = min(gammas), max(gammas)
    if low == high or chosen not in (low, high) or math.isinf(chosen):
        return
    which, way = ("smallest", "smaller") if chosen == low else ("largest", "larger")
    warnings.warn(
        f"gamma_ = {chosen:.6g} is the {which} of the gammas given, and a {way} one may be better: give "
        f"{way} ones too, or gammas=None for a grid in the units of the features",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def check_alpha(value: Any, sources: int) -> FloatArray | None:
    """alpha of shape (k,), None for "auto"."""
    if isinstance(value, str) and value == "auto":
        return None
    array = np.asarray(unmasked("alpha", value))
    if array.dtype.kind not in "iuf" or array.ndim > 1 or np.isnan(array).any():
        raise ValueError(f"alpha must be 'auto', a number, or one number per source, got {value!r}")
    if array.ndim and array.size != sources:
        raise ValueError(f"alpha must be a number or have one entry per source, {sources}, got {array.size}")
    return np.array(np.broadcast_to(array.astype(np.float64), (sources,)))


def check_threshold(value: Any, outputs: int, *, several: bool) -> None:
    """Refuse what is no threshold, and any but 0 where the largest of several scores decides."""
    named = isinstance(value, str) and value in METRICS
    number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not (named or number):
        names = ", ".join(map(repr, METRICS))
        raise ValueError(
            f"threshold must be a finite number, in units of the scores, or one of {names}, which is then "
            f"best for the leave-one-out scores, got {value!r}"
        )
    if value != 0 and outputs > 1 and not several:
        raise ValueError(
            f"threshold must be 0 for more than two classes, got {value!r}: the largest of their scores "
            "decides; class_weight='balanced' helps rare classes"
        )


def in_precision(dtype: np.dtype[Any], coef: FloatArray, *others: FloatArray) -> list[Any]:
    """Arrays in the precision of the features, or as they are if weights or others leave its range."""
    limits = np.finfo(dtype)
    low, high = float(limits.tiny) / float(limits.eps), float(limits.max)
    size, *sizes = (float(np.abs(one).max(initial=0.0)) for one in (coef, *others))
    if max(size, *sizes) < high and (size == 0 or size > low):
        return [one.astype(dtype, copy=False) for one in (coef, *others)]
    return [coef, *others]


def real_array(name: str, value: Any, expected: str) -> FloatArray:
    """A finite float64 array of any shape; ``expected`` says what the argument must do, in the refusal."""
    _check_numbers(name, value, expected)
    array: FloatArray = check_array(
        value, dtype=np.float64, ensure_2d=False, allow_nd=True, ensure_min_samples=0, input_name=name
    )
    return array


def aligned(weights: FloatArray, own: Any, names: Any) -> FloatArray:
    """Columns of the weights in the order of the target's features, by name if both have names."""
    if own is None or names is None or list(own) == list(names):
        return weights
    place = {name: i for i, name in enumerate(own)}
    lacking = [name for name in names if name not in place]
    if lacking:
        bare = str(lacking[0]).split("__", 1)[-1]
        raise ValueError(
            f"the feature names of coef_source differ from those of the target data: it has no weight for "
            f"{lacking[0]!r}"
            + f", but for {bare!r}: ColumnTransformer(verbose_feature_names_out=False) keeps names"
            * (bare in place)
        )
    return np.asarray(weights[..., [place[name] for name in names]])


def fewer_columns(own: int, features: int) -> str:
    """What to do about X that has fewer columns than the source has weights."""
    if own <= features:
        return ""
    return (
        ". Which columns X has can only be told by names: give X as a data frame, and a source with names "
        "(fitted on one, or a pandas Series). Selectors that fit arrays of fewer columns (RFE, "
        "SequentialFeatureSelector) drop the names: use SelectFromModel, or select columns first"
    )


def source_array(
    coef: Any, outputs: int, features: int, names: NDArray[Any] | None, labelled: bool, named: bool
) -> tuple[FloatArray, bool]:
    """Sources (k, K, p) given as an array, and whether it is one.

    ``labelled`` says that outputs are classes, ``named`` that those of the source are known by name.
    """
    dense = coef.toarray() if sparse.issparse(coef) else coef
    array = real_array("coef_source", dense, "be None, an array, a fitted linear model, or a list of them")
    if array.ndim not in (1, 2, 3):
        raise ValueError(f"coef_source must have 1, 2 or 3 dimensions, got shape {array.shape}")
    own = getattr(coef, "columns", getattr(coef, "index", None))  # of a pandas table or series
    if not callable(own) and own is not None and all(isinstance(name, str) for name in own):
        array = aligned(array, own, names)
    if array.shape[-1] != features:
        raise ValueError(
            f"coef_source must have one entry per feature, {features}, along its last axis, got shape "
            f"{array.shape}{fewer_columns(array.shape[-1], features)}"
        )
    if array.ndim == 3:
        weights, single = array, False
    elif array.ndim == 1:
        weights, single = array[None, None], True
    elif outputs > 1 or (named and len(array) == 2):
        weights, single = array[None], True
    else:
        weights, single = array[:, None], len(array) == 1
        if labelled and not named and len(array) > 2 and not isinstance(coef, list | tuple):
            raise ValueError(
                f"coef_source of shape {array.shape} may be {len(array)} classes or {len(array)} sources, "
                "and the sample has 2 classes: name the classes of the rows with classes_source, or give "
                f"sources the shape ({len(array)}, 1, {features})"
            )
    if weights.shape[1] != outputs and not (named and outputs == 1 and weights.shape[1] == 2):
        raise ValueError(
            f"coef_source must have shape ({outputs}, {features}) for one source, or (k, {outputs}, "
            f"{features}) for several, got shape {array.shape}"
            + (
                "; if it has other classes than the sample, name them with classes_source"
                * (labelled and not named)
            )
        )
    return weights, single


def source_intercepts(intercept: Any, count: int, outputs: int, single: bool) -> FloatArray:
    """Their intercepts, (k, K)."""
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


def _check_numbers(name: str, value: Any, expected: str) -> None:
    unmasked(name, value)
    try:
        np.asarray(value, dtype=np.float64)
        numbers = value is not None and not isinstance(value, bool)
    except (TypeError, ValueError):
        numbers = False
    if not numbers:
        raise ValueError(f"{name} must {expected}, got {value!r}")
