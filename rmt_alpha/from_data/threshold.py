r"""The threshold of two classes that is best for leave-one-out scores, by any count of hits and misses.

A sample is of the second class if its score is above t.  Every count of hits and misses is constant between
neighbouring scores, so n + 1 values of t are all there is: they come from one sort.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rmt_alpha._core.types import BoolArray, FloatArray

Counts = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""True and false positives, false and true negatives."""


def _accuracy(tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray) -> FloatArray:
    return (tp + tn) / (tp + fp + fn + tn)


def _balanced(tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray) -> FloatArray:
    return (_share(tp, fn) + _share(tn, fp)) / 2


def _f1(tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray) -> FloatArray:
    return _share(2 * tp, fp + fn)


def _correlation(tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray) -> FloatArray:
    size = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / np.where(size > 0, size, 1.0)


METRICS: dict[str, Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced,
    "f1": _f1,
    "matthews_corrcoef": _correlation,
}
"""By scikit-learn's names; f1 is that of the second class."""
SAME = 1e-12
"""Values that differ by less are the same: weights need not be integers."""


def best_threshold(scores: FloatArray, positive: BoolArray, counts: FloatArray, metric: str) -> float:
    """The best threshold of scores (n,); of equally good ones 0, or the middle of the interval nearest to 0.

    ``positive`` says which samples are of the second class, ``counts`` how many samples each row stands for.
    """
    ends, place = np.unique(scores, return_inverse=True)  # ascending
    size = ends.size
    ups = np.bincount(place, weights=counts * positive, minlength=size)
    downs = np.bincount(place, weights=counts * ~positive, minlength=size)
    # After j of the scores in ascending order are at or below the threshold.
    fn, tn = (np.concatenate([[0.0], np.cumsum(one)]) for one in (ups, downs))
    values = METRICS[metric](fn[-1] - fn, tn[-1] - tn, fn, tn)
    best = np.flatnonzero(values >= values.max() - SAME)
    low, high = np.append(-np.inf, ends)[best], np.append(ends, np.inf)[best]
    if ((low <= 0) & (high > 0)).any():
        return 0.0
    nearest = int(np.maximum(low, -high).argmin())
    low, high = low[nearest], high[nearest]
    if np.isinf(low):  # everything is of the second class
        return float(np.nextafter(high, -np.inf))
    return float(low if np.isinf(high) else (low + high) / 2)


def _share(one: FloatArray, other: FloatArray) -> FloatArray:
    """One over both, 1 if there is neither: an empty class has no misses."""
    both = one + other
    return np.divide(one, both, out=np.ones_like(both), where=both > 0)
