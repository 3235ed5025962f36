"""Huber's loss: squared near the label, linear far from it."""

from __future__ import annotations

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic

WIDTH = Range("a positive number", 0.0, 1e100, open_low=True)


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
        width = as_real("delta", delta)
        check_range("delta", width, WIDTH)
        self.delta = float(width)
        super().__init__(
            [(1 - self.delta, -self.delta), (1 + self.delta, self.delta)],
            0.0,
            0.0,
            start=self.delta**2 / 2,
            name="huber",
        )

    def __repr__(self) -> str:
        return f"Huber({self.delta:g})"
