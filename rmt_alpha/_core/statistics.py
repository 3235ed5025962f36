"""Means with standard errors, and the paired comparison of two methods on the same seeds or splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import FloatArray, Real

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


@dataclass(frozen=True)
class CrossedDifference(PairedDifference):
    """What differences say that were measured for every seed on every part of the test rows."""

    freedom: float
    """Degrees of freedom of the error."""

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % confidence interval; NaN where there is no error."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 0.975)) * self.error if not math.isnan(self.error) else math.nan


def crossed_difference(differences: ArrayLike) -> CrossedDifference:
    r"""The t test of a table :math:`d_{jk}` of J seeds (rows) and K parts of the test rows (columns).

    .. math:: d_{jk} = \delta + a_j + b_k + e_{jk}, \qquad
        \operatorname{Var} \bar d = \frac{\sigma_a^2}{J} + \frac{\sigma_b^2}{K} + \frac{\sigma_e^2}{JK}

    Seeds share their test rows, so the mean over seeds does not average out which rows these are; the second
    term is that.  The variance is that of the two-way analysis of variance, unbiased, but never below its
    last term; the degrees of freedom are Satterthwaite's [1]_, or those of the fewer of seeds and parts.

    NaN for fewer than two seeds or parts.

    References
    ----------
    .. [1] F. E. Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
       Bulletin 2, 1946.

    Examples
    --------
    >>> found = crossed_difference([[0.02, 0.00], [0.03, 0.01], [0.02, 0.01]])
    >>> round(found.mean, 3), round(found.error, 4), round(found.freedom, 2)
    (0.015, 0.0087, 1.16)
    """
    from scipy.special import stdtr

    table = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    seeds, parts = table.shape
    mean = float(table.mean()) if table.size else math.nan
    if min(table.shape) < 2:
        return CrossedDifference(mean, math.nan, math.nan, seeds, math.nan)
    by_seed, by_part = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_seed[:, None] - by_part + mean
    # Each as a part of the variance of the mean.
    noise = float(np.square(rest).sum()) / ((seeds - 1) * (parts - 1) * seeds * parts)
    of_seeds, of_parts = float(by_seed.var(ddof=1)) / seeds, float(by_part.var(ddof=1)) / parts
    total = max(of_seeds + of_parts - noise, noise)
    if total == 0:
        return CrossedDifference(mean, 0.0, 1.0 if mean == 0 else 0.0, seeds, math.inf)
    spread = of_seeds**2 / (seeds - 1) + of_parts**2 / (parts - 1) + noise**2 / ((seeds - 1) * (parts - 1))
    freedom = max(total**2 / spread, min(table.shape) - 1.0)
    error = math.sqrt(total)
    return CrossedDifference(mean, error, float(2 * stdtr(freedom, -abs(mean) / error)), seeds, freedom)


def holm(p_values: ArrayLike) -> FloatArray:
    r"""Adjusted p values of m tests that keep the chance of *any* false discovery below the level [1]_.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\{(m - j + 1)\, p_{(j)},\, 1\}

    Whatever the tests depend on.  NaN, a test that could not be made, is not counted and stays NaN.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
       Statistics 6, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    adjusted = np.full(p.shape, math.nan)
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.maximum.accumulate(np.minimum(factors * p[order], 1.0))
    return adjusted
