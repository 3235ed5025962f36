"""The proximal operator of any convex loss: Newton's method inside a bracket that comes for free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Elementwise = Callable[[Array], Array]

STEPS = 200
"""More than bisection needs to go from the largest float64 bracket to neighbouring numbers."""


def proximal_point(slope: Elementwise, curvature: Elementwise, z: Array, kappa: Array) -> Array:
    r"""Root u of F(u) = u + kappa phi'(u) - z, elementwise; slope is phi' and curvature phi''.

    F increases at least as fast as u, so that one evaluation brackets the root: between u and u - F(u).
    Newton's steps are taken inside the bracket while they at least halve \|F\|; bisection does the rest, so
    that neither a cycle of Newton's method nor a jump of the slope does harm.
    """
    z, kappa = np.broadcast_arrays(np.asarray(z, float), np.asarray(kappa, float))
    shape = z.shape
    z, kappa = z.ravel(), kappa.ravel()
    u = np.where(z < 0, np.minimum(z + kappa, 0.0), np.minimum(z, 1e3))
    with np.errstate(over="ignore", invalid="ignore"):
        gap = u + kappa * slope(u) - z
        low, high = np.where(gap > 0, u - gap, u), np.where(gap > 0, u, u - gap)
        low, high = np.where(np.isfinite(low), low, -1e300), np.where(np.isfinite(high), high, 1e300)
        for _ in range(STEPS):
            newton = u - gap / (1 + kappa * curvature(u))
            middle = 0.5 * (low + high)
            inside = (newton >= low) & (newton <= high)
            trial = np.where(inside, newton, middle)
            value = trial + kappa * slope(trial) - z
            slow = ~(abs(value) <= 0.5 * abs(gap))
            low, high = np.where(value <= 0, trial, low), np.where(value >= 0, trial, high)
            if slow.any():
                middle = 0.5 * (low + high)
                trial = np.where(slow, middle, trial)
                value = np.where(slow, trial + kappa * slope(trial) - z, value)
                low, high = np.where(value <= 0, trial, low), np.where(value >= 0, trial, high)
            u, gap = trial, value
            size = np.maximum(abs(u), abs(z)) + kappa * abs(slope(u))
            if ((high - low <= 4e-16 * np.maximum(1.0, abs(u))) | (abs(gap) <= 4e-16 * size)).all():
                break
    return np.asarray(u).reshape(shape)
