"""What ``y`` may be: two classes, several, or several labels at once; and how much each class counts."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.validation import LARGEST, SMALLEST

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float] | None
"""How much a sample of each class matters."""


def is_multilabel(y: Any) -> bool:
    """Whether y is a matrix of zeros and ones with a column for each label, two or more."""
    return bool(type_of_target(y, input_name="y") == "multilabel-indicator")


def one_column(y: Any) -> NDArray[Any]:
    """y as a vector; what is neither that nor a matrix of zeros and ones is refused."""
    shape: tuple[int, ...] = np.shape(y)
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y must be a vector of classes, or a matrix of zeros and ones (multilabel), got shape {shape} "
            "with other entries: one column with several classes is one fit"
        )
    return np.asarray(column_or_1d(y, warn=True))


def encode_labels(y: Any, counts: FloatArray, who: str) -> tuple[Any, FloatArray]:
    """The classes that occur, sorted, and labels -1 and +1: (n, 1) for two classes, (n, K) for more."""
    check_classification_targets(y)
    there = counts > 0
    if y.dtype.kind in "biuf" and there.any():  # as `LabelBinarizer`, which takes many times as long for few
        classes, own = np.unique(y[there], return_inverse=True)
        encoded = np.where(own[:, None] == np.arange(len(classes)), 1.0, -1.0)
        encoded = encoded[:, 1:] if len(classes) == 2 else encoded
    else:
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(y[there])
        classes, encoded = binarizer.classes_, binarizer.transform(y[there])
    if len(classes) < 2:
        raise ValueError(
            f"{who} needs samples of at least 2 classes, got one class: {classes.tolist()[0]!r}; it tells "
            "nothing about alpha, and the source itself is all there is to predict with"
        )
    labels = np.full((len(y), encoded.shape[1]), -1.0)
    labels[there] = encoded
    return classes, labels


def encode_indicators(y: Any) -> tuple[NDArray[np.intp], FloatArray]:
    """The numbers of the labels, and -1 and +1 for each of them, (n, L)."""
    dense = y.toarray() if sparse.issparse(y) else np.asarray(y)
    return np.arange(dense.shape[1]), np.where(dense != 0, 1.0, -1.0)


def class_importance(class_weight: ClassWeight, y: NDArray[Any], counts: FloatArray) -> FloatArray | None:
    r"""How much one sample of each row matters, (n,); None if all matter alike.

    .. math:: \text{"balanced"}: \quad \frac{n}{K n_c} ,

    for n_c samples of class c, counted with their ``sample_weight``, so that all classes weigh alike.
    Of several labels, y (n, L), it is the product of those of each, as in scikit-learn.
    """
    if class_weight is None:
        return None
    if y.ndim == 2:
        each: list[Any] = [class_importance(class_weight, one, counts) for one in y.T]
        return np.asarray(np.prod(each, axis=0))
    importance, there = np.ones(len(y)), counts > 0
    classes, own = np.unique(y[there], return_inverse=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        sizes = np.bincount(own, weights=counts[there])
        importance[there] = counts.sum() / len(classes) / sizes[own]
        return importance
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight must be None, 'balanced' or a dict of weights of classes, got {class_weight!r}"
        )
    weights: Mapping[Any, Any] = class_weight
    for name, value in weights.items():
        number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
        if not number or not SMALLEST <= float(value) <= LARGEST:
            raise ValueError(
                f"class_weight must hold numbers between {SMALLEST:g} and {LARGEST:g}, got {value!r} for "
                f"class {name!r}: samples that shall not count are left out, or get sample_weight 0"
            )
    known = classes.tolist()
    if set(weights) - set(known) and set(known) - set(weights):  # else some classes weigh 1, or do not occur
        raise ValueError(f"class_weight must hold weights of the classes, {known}, got {class_weight!r}")
    importance[there] = compute_class_weight(dict(class_weight), classes=classes, y=y[there])[own]
    return importance
