"""Training targets of a classifier: labels +-1 or one-hot vectors, some of them wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.checks import Range, as_real, check_range, frozen
from rmt_alpha._core.types import Array, FloatArray

FRACTION = Range("a number in [0, 1], or one per class", 0.0, 1.0)


class Labels(NamedTuple):
    """First two moments of the training targets of each class.

    A label is replaced with probability eps_a: by the other one (K = 2), or by one of the K - 1 others at
    random.
    """

    clean: Array
    """Targets without noise, (K, q): (-1, +1) for q = 1, else unit vectors."""
    mean: Array
    """E[t | a], (K, q)."""
    covariance: Array
    """Cov[t | a], (K, q, q)."""


def check_label_noise(value: Any, classes: int) -> FloatArray:
    """``label_noise`` as one fraction per class."""
    value = as_real("label_noise", value)
    check_range("label_noise", value, FRACTION)
    noise = np.asarray(value, dtype=float)
    if noise.shape not in ((), (classes,)):
        raise ValueError(
            f"label_noise must be a number or have shape ({classes},), one per class, got shape {noise.shape}"
        )
    return frozen("label_noise", np.array(np.broadcast_to(noise, (classes,))))


def check_outputs(value: Any) -> int:
    """Number of outputs of a classifier as an int, else ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"outputs must be 1 or the number of classes, got {value!r}")
    return int(value)


def check_outputs_fit(outputs: int, classes: int) -> None:
    """1 output is for two classes, else there is one for each class."""
    if outputs not in ((1, 2) if classes == 2 else (classes,)):
        allowed = "1 (labels -1 and +1) or 2 (one-hot)" if classes == 2 else f"{classes}, one for each class"
        raise ValueError(
            f"outputs must be {allowed}, got {outputs}: say so where the source is made, "
            f"FixedSource(weights, outputs={classes})"
        )


def label_law(classes: int, outputs: int, noise: Array) -> Labels:
    """Moments of the targets; ``outputs`` is 1 (two classes, labels -1 and +1) or ``classes`` (one-hot)."""
    if outputs == 1:
        clean = np.array([[-1], [1]]) + 0 * noise[:, None]
        mean = clean * (1 - 2 * noise[:, None])
        return Labels(clean, mean, 4 * (noise * (1 - noise))[:, None, None])
    clean = np.eye(classes, dtype=int) + 0 * noise[:, None]
    mean = clean * (1 - noise[:, None]) + (1 - clean) * noise[:, None] / (classes - 1)
    # A one-hot vector t has t t^T = diag(t).
    covariance = mean[:, :, None] * np.eye(classes, dtype=int) - mean[:, :, None] * mean[:, None, :]
    return Labels(clean, mean, covariance)
