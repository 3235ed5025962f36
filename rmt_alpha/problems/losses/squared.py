"""The squared loss, as one loss among others."""

from __future__ import annotations

from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic


class Squared(PiecewiseQuadratic):
    r"""Squared loss :math:`\frac12 (1 - z)^2`, which is :math:`\frac12 (t - s)^2` for labels -1 and +1.

    ``loss="squared"`` has closed forms and does not need it; this object sends the squared loss
    through the fixed point of all the others.

    Examples
    --------
    >>> import numpy as np
    >>> Squared().prox(np.array([0.0]), np.array([1.0]))
    array([0.5])
    """

    def __init__(self) -> None:
        super().__init__([(1.0, 0.0)], 1.0, 1.0, name="squared")
