"""Sums of exponentials of numbers whose exponentials may overflow."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.types import Array


def log_sum_exp(values: Array, axis: int | None = None) -> Array:
    r"""Logarithm of a sum, :math:`\log \sum_k e^{z_k}`, of all entries or along an axis; -inf of -inf alone.

    Of small arrays `scipy.special.logsumexp` takes several times as long.
    """
    largest = values.max(axis=axis, keepdims=True)
    finite = np.where(largest == -np.inf, 0.0, largest)
    with np.errstate(divide="ignore"):
        logs = np.log(np.exp(values - finite).sum(axis=axis))
    return np.asarray(logs + finite.reshape(logs.shape))
