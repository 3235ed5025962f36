"""Means with standard errors, and the paired comparison of two methods on the same seeds or splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import Real

LEVEL = 0.05
"""Paired differences with a p value below it are a win or a loss; of twenty true ties one is called so."""


def standard_error(values: ArrayLike, axis: int = 0) -> Real:
    r"""Standard error of the mean over one axis; NaN for a single value.

    .. math:: \Bigl[ \frac{1}{n (n-1)} \sum_i (x_i - \bar x)^2 \Bigr]^{1/2}

    Examples
    --------
    >>> standard_error([1.0, 2.0, 3.0])
    0.5773502691896258
    """
    array = np.asarray(values, dtype=np.float64)
    count = array.shape[axis]
    error = array.std(axis=axis, ddof=1) / np.sqrt(count) if count > 1 else array.sum(axis=axis) * np.nan
    return float(error) if np.ndim(error) == 0 else np.asarray(error)


@dataclass(frozen=True)
class PairedDifference:
    """What the differences of pairs say."""

    mean: float
    error: float
    """Mean and its standard error; NaN without pairs, and for a single pair."""
    p: float
    """Two-sided p value of the paired t test; NaN for fewer than two pairs."""
    pairs: int

    @property
    def verdict(self) -> str:
        """The word for the test: "wins", "loses" or "ties" at `LEVEL`; empty where there is no test."""
        if math.isnan(self.p):
            return ""
        if self.p >= LEVEL:
            return "ties"
        return "wins" if self.mean > 0 else "loses"


def paired_difference(differences: ArrayLike) -> PairedDifference:
    r"""The paired t test of differences :math:`d_i`.

    .. math:: t = \bar d / \operatorname{se}(\bar d), \qquad p = P(|T_{n-1}| > |t|)

    If all differences are equal, p is 1 where they are 0, and else 0.

    Examples
    --------
    >>> found = paired_difference([0.01, 0.02, 0.03])
    >>> round(found.mean, 4), round(found.p, 4), found.verdict
    (0.02, 0.0742, 'ties')
    """
    from scipy.special import stdtr

    array = np.asarray(differences, dtype=np.float64)
    mean, error = mean_and_error(array)
    if math.isnan(error):
        p = math.nan
    elif error == 0:
        p = 1.0 if mean == 0 else 0.0
    else:
        p = float(2 * stdtr(len(array) - 1, -abs(mean) / error))
    return PairedDifference(mean, error, p, len(array))


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """Mean and its standard error; NaN where there are too few values.

    Examples
    --------
    >>> mean_and_error([1.0, 2.0, 3.0])
    (2.0, 0.5773502691896258)
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.size:
        return math.nan, math.nan
    return float(array.mean()), float(standard_error(array))
