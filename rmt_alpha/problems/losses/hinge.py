"""The hinge loss of support vector machines, and its square."""

from __future__ import annotations

from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic


class Hinge(PiecewiseQuadratic):
    r"""Hinge loss :math:`\max(0, 1 - z)`.

    Examples
    --------
    >>> import numpy as np
    >>> Hinge().prox(np.array([-1.0, 0.7, 2.0]), np.array([0.5]))
    array([-0.5,  1. ,  2. ])
    """

    def __init__(self) -> None:
        super().__init__([(1.0, -1.0), (1.0, 0.0)], 0.0, 0.0, name="hinge")


class SquaredHinge(PiecewiseQuadratic):
    r"""Squared hinge loss :math:`\frac12 \max(0, 1 - z)^2`.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredHinge().value(np.array([-1.0, 2.0]))
    array([2., 0.])
    """

    def __init__(self) -> None:
        super().__init__([(1.0, 0.0)], 1.0, 0.0, name="squared hinge")
