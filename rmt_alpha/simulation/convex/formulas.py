"""Losses of the margin in formulas of their own: value, slope and curvature, for the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.losses import Hinge, Huber, Loss


class Derivatives(NamedTuple):
    """phi, phi' and phi'' at every margin."""

    value: FloatArray
    slope: FloatArray
    curvature: FloatArray


Formula: TypeAlias = Callable[[FloatArray], Derivatives]


def logistic(z: FloatArray) -> Derivatives:
    """log(1 + e^-z)."""
    small = np.exp(-np.abs(z))
    wrong = np.where(z >= 0, small, 1.0) / (1.0 + small)
    return Derivatives(np.maximum(-z, 0.0) + np.log1p(small), -wrong, small / (1.0 + small) ** 2)


def squared_hinge(z: FloatArray) -> Derivatives:
    """(1 - z)_+^2 / 2."""
    short = np.maximum(1.0 - z, 0.0)
    return Derivatives(0.5 * short**2, -short, (short > 0).astype(float))


def squared(z: FloatArray) -> Derivatives:
    """(1 - z)^2 / 2."""
    return Derivatives(0.5 * (1.0 - z) ** 2, z - 1.0, np.ones_like(z))


def huber(z: FloatArray, delta: float = 1.0) -> Derivatives:
    """Huber's function of 1 - z."""
    miss = 1.0 - z
    near = np.abs(miss) <= delta
    value = np.where(near, 0.5 * miss**2, delta * (np.abs(miss) - 0.5 * delta))
    return Derivatives(value, -np.clip(miss, -delta, delta), near.astype(float))


def envelope_of_hinge(z: FloatArray, anchor: FloatArray, width: float) -> Derivatives:
    """max over 0 <= a <= 1 of a (1 - z) - width (a - anchor)^2 / 2: the hinge loss for anchor = its dual."""
    short = 1.0 - z
    dual = np.clip(anchor + short / width, 0.0, 1.0)
    inside = (dual > 0) & (dual < 1)
    return Derivatives(dual * short - 0.5 * width * (dual - anchor) ** 2, -dual, inside / width)


NAMED: dict[str, Formula] = {
    "logistic": logistic,
    "squared_hinge": squared_hinge,
    "squared": squared,
    "huber": huber,
}


def formula(loss: str | Loss) -> Formula | None:
    """The derivatives of a problem's ``loss``, None for the hinge loss, which has a kink.

    Raises
    ------
    ValueError
        If a user's loss has a kink: only that of the hinge loss is dealt with.
    """
    if isinstance(loss, str):
        return None if loss == "hinge" else NAMED[loss]
    if isinstance(loss, Hinge):
        return None
    if isinstance(loss, Huber):
        return partial(huber, delta=loss.delta)
    if loss.jumps:
        raise ValueError(
            f"the {loss.name} loss has a jump of its slope at the margin {loss.jumps[0][1]:g}: such losses "
            "cannot be simulated, except for loss='hinge'"
        )
    # A loss of the user's own, which only the user knows.
    return lambda z: Derivatives(loss.value(z), loss.slope(z), loss.curvature(z))
