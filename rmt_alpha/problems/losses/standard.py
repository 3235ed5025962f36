"""The losses that have names and a piecewise linear slope: squared, hinge and its square, Huber's."""

from __future__ import annotations

from rmt_alpha._core.checks import Range, check_scalar
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic

WIDTH = Range("a positive number", 0.0, 1e100, open_low=True)


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


class Huber(PiecewiseQuadratic):
    r"""Huber's loss of r = 1 - z.

    .. math:: \tfrac12 r^2 \text{ for } |r| \le \delta, \text{ else } \delta (|r| - \delta/2)

    Parameters
    ----------
    delta : float
        Where the loss becomes linear.

    Examples
    --------
    >>> import numpy as np
    >>> Huber(0.5).value(np.array([1.0, 0.5, -1.0]))
    array([0.   , 0.125, 0.875])
    """

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = d = check_scalar("delta", delta, WIDTH)
        super().__init__([(1 - d, -d), (1 + d, d)], 0.0, 0.0, start=d**2 / 2, name="huber")

    def __repr__(self) -> str:
        return f"Huber({self.delta:g})"
