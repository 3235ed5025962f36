"""Training targets of a classifier: labels +-1 or one-hot vectors, some of them wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.checks import Range, as_real, check_range

Array = np.ndarray[Any, Any]

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


def check_label_noise(value: Any, classes: int) -> Array:
    """``label_noise`` as one fraction per class."""
    value = as_real("label_noise", value)
    check_range("label_noise", value, FRACTION)
    noise = np.asarray(value, dtype=float)
    if noise.shape not in ((), (classes,)):
        raise ValueError(
            f"label_noise must be a number or have shape ({classes},), one per class, got shape {noise.shape}"
        )
    result = np.array(np.broadcast_to(noise, (classes,)))
    result.flags.writeable = False
    return result


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
