"""What ``coef_source`` may be: arrays, fitted estimators, or lists of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.estimators.classes import ClassMatch, check_names, class_rows, match_classes, source_names
from rmt_alpha.estimators.linear import FittedModel, linear_coefficients, unwrapped
from rmt_alpha.estimators.validation import (
    aligned,
    check_size,
    fewer_columns,
    real_array,
    source_array,
    source_intercepts,
)
from rmt_alpha.from_data.decomposition.rows import EPS

Source: TypeAlias = ArrayLike | FittedModel | Sequence[FittedModel] | None
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
    match : ClassMatch, optional
        How the classes were matched.
    others : SourceModel, optional
        The same sources' rows of the classes that are missing from the sample, if there are any.
    """

    weights: FloatArray
    intercepts: FloatArray
    single: bool
    match: ClassMatch | None = None
    others: SourceModel | None = None

    @property
    def count(self) -> int:
        """Number of sources, k."""
        return len(self.weights)

    def scores(self, features: Features, *, intercept: bool) -> FloatArray:
        """Scores (k, n, K); the sources' intercepts matter only where none is fitted."""
        if sparse.issparse(features):
            n, p = features.shape
            flat = features @ self.weights.reshape(-1, p).T
            scores = np.moveaxis(flat.reshape(n, *self.weights.shape[:2]), 0, 1)
        else:
            scores = features @ np.swapaxes(self.weights, -1, -2)
        return np.asarray(scores + self.intercepts[:, None, :] if intercept else scores)

    def rounding(self, features: Features) -> FloatArray:
        """What rounding may do to the scores, (k, n, K): |x| |w| in units of the precision."""
        norm = sparse.linalg.norm if sparse.issparse(features) else np.linalg.norm
        lengths = norm(features, axis=1)[:, None] * np.linalg.norm(self.weights, axis=2)[:, None]
        return np.asarray(features.shape[1] * EPS * lengths)

    def mixed(self, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) and intercepts (K,) of a combination of the sources."""
        return np.tensordot(direction, self.weights, 1), np.tensordot(direction, self.intercepts, 1)

    def placed(self, rows: Sequence[int], outputs: int) -> SourceModel:
        """With these places for the rows among more outputs; the others have a source of zeros."""
        weights = np.zeros((self.count, outputs, self.weights.shape[2]))
        intercepts = np.zeros((self.count, outputs))
        weights[:, rows], intercepts[:, rows] = self.weights, self.intercepts
        return SourceModel(weights, intercepts, self.single)


def resolve_source(
    coef: Source,
    intercept: ArrayLike,
    *,
    outputs: int,
    features: int,
    names: NDArray[Any] | None = None,
    classes: NDArray[Any] | None = None,
    classes_source: ArrayLike | None = None,
    share: float = 1.0,
    keep: bool = True,
) -> SourceModel:
    r"""The source model of ``coef_source`` and ``intercept_source`` for a problem of this shape.

    Classes are matched by name.  One row w of two classes stands for the rows -h w of the first and h w of
    the second, and two rows for the one

    .. math:: w = \frac{w_2 - w_1}{2 h} , \qquad
        h = 1 \text{ (one-vs-rest labels)}, \quad h = \tfrac12 \text{ (log-odds)} ,

    which is exact for both: one-vs-rest ridge of two classes has opposite rows, and softmax only knows the
    difference.  The row of a class that the source does not know is 0.  So the source w of {no, yes} is -w/2
    for a sample of {yes, zebra}, and the rows -h w, h w and 0 for one of {no, yes, zebra}.

    Parameters
    ----------
    coef : None, array_like, fitted estimator, or list of fitted estimators
        None is no source.
    intercept : float or array_like
        Intercepts, broadcast to (K,) or (k, K).
    outputs, features : int
        K and p of the target problem.
    names : ndarray of str, optional
        Feature names of the target data, to be matched with those of the source.
    classes : ndarray, optional
        Classes of the sample, to be matched with those of the source; None in regression.
    classes_source : array_like, optional
        The names of the source's classes in the order of its rows, if it does not have them.
    share : float
        h.
    keep : bool
        Whether classes that the sample lacks are kept.
    """
    given = None if classes_source is None else check_names(classes_source)
    if coef is None:
        return SourceModel(np.zeros((0, outputs, features)), np.zeros((0, outputs)), True)
    models, single = _models(coef)
    if models:
        if np.any(real_array("intercept_source", intercept, "be a number or an array") != 0):
            raise ValueError("intercept_source must be 0 if coef_source is an estimator: it brings its own")
        read = [linear_coefficients(one) for one in models]
        parts = [(aligned(one.coef, one.feature_names, names), one.intercept, one.classes) for one in read]
    else:
        size = outputs if given is None else 1 if len(given) == 2 else len(given)
        arrays, single = source_array(coef, size, features, names, classes is not None, given is not None)
        biases = source_intercepts(intercept, len(arrays), arrays.shape[1], single)
        parts = [(weights, biases[i], None) for i, weights in enumerate(arrays)]
    for weights, *_ in parts:
        if weights.shape[1] != features or (classes is None and len(weights) != outputs):
            raise ValueError(
                f"coef_source has {len(weights)} output(s) and {weights.shape[1]} features, but the target "
                f"data has {outputs} output(s) and {features} features"
                f"{fewer_columns(weights.shape[1], features)}"
            )
    if classes is None:
        model = SourceModel(
            np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts]), single
        )
    else:
        model = _matched(parts, given, classes, single, share, keep)
    for weights, *_ in parts:
        check_size("coef_source", weights)
    for _, biases, _ in parts:
        check_size("intercept_source", biases)
    silent = ~model.weights.any(axis=(1, 2))
    if silent.any():
        which = (
            "coef_source is" if single else f"source(s) {np.flatnonzero(silent).tolist()} of coef_source are"
        )
        warnings.warn(f"{which} all zeros: alpha is irrelevant for it", UserWarning, stacklevel=3)
    return model


def _matched(
    parts: Sequence[tuple[FloatArray, FloatArray, NDArray[Any] | None]],
    given: list[Any] | None,
    classes: NDArray[Any],
    single: bool,
    share: float,
    keep: bool,
) -> SourceModel:
    """The rows of the sources, in the order of the classes."""
    called = [source_names(given, classes, own, len(weights)) for weights, _, own in parts]
    match = match_classes(classes, called, keep=keep)

    def rows(wanted: list[Any]) -> tuple[FloatArray, FloatArray]:
        weights = [class_rows(part[0], own, wanted, share) for part, own in zip(parts, called, strict=True)]
        biases = [class_rows(part[1], own, wanted, share) for part, own in zip(parts, called, strict=True)]
        return np.stack(weights), np.stack(biases)

    weights, biases = rows(match.sampled.tolist())
    if len(match.classes) == 2:
        weights, biases = ((one[:, 1:] - one[:, :1]) / (2 * share) for one in (weights, biases))
    others = SourceModel(*rows(match.missing.tolist()), single) if len(match.missing) else None
    return SourceModel(weights, biases, single, match, others)


def label_rows(coef: Source, given: ArrayLike | None, y: Any) -> list[int] | None:
    """Columns of y (several labels) to which the rows of a source belong; None: the first to the first.

    ``given`` (``classes_source``) names them, else a fitted source does whose classes are names of columns of
    a data frame y.
    """
    columns = getattr(y, "columns", None)
    names = list(range(np.shape(y)[1])) if columns is None else list(columns)
    if given is None:
        models, _ = _models(coef)
        known: list[Any] = [getattr(one, "classes_", None) for one in map(unwrapped, models)]
        if not known or columns is None or any(one is None or set(one) - set(names) for one in known):
            return None
        if any(list(one) != list(known[0]) for one in known):
            raise ValueError("coef_source holds models of different labels: name them with classes_source")
        given = known[0]
    called = list(np.asarray(given).ravel().tolist())
    lacking = [name for name in called if name not in names]
    if lacking or len(set(called)) < len(called):
        what = f"{lacking[0]!r}" if lacking else "the same label twice"
        raise ValueError(
            f"classes_source must name the labels of the source's rows, columns of y ({names[0]!r} to "
            f"{names[-1]!r}), got {what}"
        )
    return [names.index(name) for name in called]


def completed(
    source: SourceModel,
    direction: FloatArray,
    features: Features,
    counts: FloatArray,
    weights: FloatArray,
    intercept: FloatArray,
    left_out: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Weights, intercepts and left-out scores of all classes, from those of the classes of the sample.

    .. math:: f_c(x) = a\, s_c(x) + b , \qquad
        (a, b) = \arg\min \sum_{i, k} \bigl(f_{-i,k}(x_i) - a\, s_k(x_i) - b\bigr)^2

    For a class c without samples the source's score speaks, in the units in which the source's scores s of
    the other classes agree best with their fine-tuned ones, each sample left out of its own.  alpha would not
    do: the fine-tuned scores also consist of what was trained, and have another intercept.
    """
    if source.match is None or source.others is None:
        return weights, intercept, left_out
    if source.single or not direction.any():
        direction = np.ones(source.count)
    (rows, biases), (own, shifts) = source.mixed(direction), source.others.mixed(direction)
    share = counts[:, None] / (counts.sum() * len(rows))
    scores = features @ rows.T + biases
    mean, level = (share * scores).sum(), (share * left_out).sum()
    spread = (share * np.square(scores - mean)).sum()
    slope = (share * (scores - mean) * left_out).sum() / spread if spread > 0 else 0.0
    own, shifts = slope * own, level + slope * (shifts - mean)
    joined = source.match.joined
    others = features @ own.T + shifts
    return joined(weights, own), joined(intercept, shifts), joined(left_out.T, others.T).T


def _models(coef: Any) -> tuple[list[FittedModel], bool]:
    """The fitted estimators among what ``coef_source`` may be, and whether it is one."""
    if _is_estimator(coef):
        return [coef], True
    several = isinstance(coef, list | tuple) and all(_is_estimator(one) for one in coef)
    return (list(coef) if several else []), False


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "fit") and hasattr(value, "get_params")
