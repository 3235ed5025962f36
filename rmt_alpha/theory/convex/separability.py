r"""Can a linear classifier separate the training sample, labels as they are?

With n samples in p dimensions there is one if n < n*, and none if n > n*: a sharp threshold (Cover 1965 without
information in the features; Candes and Sur 2020).  It is a property of the data, which no source and no alpha
changes.  Below n* the classifier of largest margin exists,

    min |w - P|^2   such that   t_i (w.x_i + b) >= 1  for all i,

whose law is that of any convex loss (Montanari, Ruan, Sohn and Yan 2019): the loss is a wall, 0 from the margin
1 on and infinite before.  Its scores grow without limit as n approaches n*; that is how n* is found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic


class HardMargin(PiecewiseQuadratic):
    """0 from the margin 1 on, infinite before it."""

    def __init__(self) -> None:
        super().__init__([(1.0, 0.0)], 0.0, 0.0, name="hard margin")

    def value(self, z: Array) -> Array:
        """0 or infinity."""
        return np.where(np.asarray(z, float) < 1, np.inf, 0.0)

    def training_loss(self, mean: Array, std: Array, kappa: Array) -> Array:
        """0: all samples are on the right side of the wall."""
        return np.zeros(mean.shape)

    def _pieces(self, kappa: Array) -> list[tuple[Any, Any, Any, Array, Array, Array]]:
        wall, zero = np.ones(np.shape(kappa)), np.zeros(np.shape(kappa))
        return [(-np.inf, wall, np.inf, wall, zero, 1 / kappa), (wall, np.inf, np.inf, wall, zero, zero)]
