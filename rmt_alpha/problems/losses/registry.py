"""Losses by name, and losses of a user checked before they are trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.problems.losses.logistic import Logistic
from rmt_alpha.problems.losses.standard import Hinge, Huber, Squared, SquaredHinge

LOSSES: dict[str, Loss] = {
    "squared": Squared(),
    "logistic": Logistic(),
    "hinge": Hinge(),
    "squared_hinge": SquaredHinge(),
    "huber": Huber(),
}
"""What the names mean."""

PROBE = np.linspace(-20.0, 20.0, 4001) + 1e-3
"""Margins at which a loss is examined; off the round numbers, where kinks are."""
STEP = 1e-5


def as_loss(value: Any) -> Loss:
    """The loss of that name, or ``value`` itself if it is a convex `Loss`.

    Raises
    ------
    TypeError
        If it is neither a name nor a `Loss`.
    ValueError
        If the name is unknown; or the loss is not finite, not convex, does not fall at margin 0, or has a
        slope or curvature that are not its derivatives.
    """
    known = f"loss must be one of {', '.join(map(repr, LOSSES))}"
    if isinstance(value, str):
        if value not in LOSSES:
            raise ValueError(f"{known} or a Loss, got {value!r}")
        return LOSSES[value]
    if not isinstance(value, Loss):
        raise TypeError(f"{known} or an instance of a subclass of Loss, got {value!r}")
    if type(value) not in {type(loss) for loss in LOSSES.values()}:
        check_loss(value)
    return value


def check_trainable(value: Any, outputs: int, classes: int, gamma: float, *, has_limit: bool = False) -> None:
    """Refuse a loss other than the squared one for outputs or a ridge with which it has no minimiser.

    ``has_limit``: that of a vanishing ridge is known.
    """
    loss = as_loss(value)
    if outputs != 1 and type(loss) is not Logistic:
        raise ValueError(
            f"loss={value!r} is a loss of labels -1 and +1: it needs two classes and a source with "
            f"outputs=1, got {classes} classes and outputs={outputs}; use loss='logistic' (softmax) or "
            "loss='squared' for one-hot targets"
        )
    if gamma == 0 and not has_limit:
        raise ValueError(
            f"gamma must be positive for the {loss.name} loss here: without ridge there is no minimiser on "
            "data that a classifier separates; the limit gamma -> 0 is known for fine-tuning of two classes "
            "by the logistic, hinge and squared hinge losses; choose a small one"
        )


def check_loss(loss: Loss) -> None:
    """Examine a loss at many margins; every refusal names the first that is wrong."""
    kinks = np.asarray(loss.kinks, float)
    if kinks.ndim != 1 or not np.isfinite(kinks).all():
        raise ValueError(f"kinks of the {loss.name} loss must be finite margins, got {loss.kinks!r}")
    z = PROBE
    if len(kinks):
        z = z[(abs(z[:, None] - kinks) > 2 * STEP).all(axis=1)]
    with np.errstate(all="ignore"):
        tables = {name: _table(loss, name, z) for name in ("value", "slope", "curvature")}
        value, slope, bend = tables.values()
        below, above = loss.value(z - STEP), loss.value(z + STEP)
        before, after = loss.slope(z - STEP), loss.slope(z + STEP)
    phi = f"the {loss.name} loss"

    def demand(holds: Array, table: Array, claim: str, at: Array = z) -> None:
        if not holds.all():
            i = int(np.argmin(holds))
            raise ValueError(f"{claim}: {table[i]:g} at the margin {at[i]:.6g}")

    for name, table in tables.items():
        demand(np.isfinite(table), table, f"{name} of {phi} must be finite")
    unit = 1e-7 * (1 + abs(slope))
    demand(bend >= -unit, bend, f"{phi} must be convex, but its curvature is negative")
    fall = np.concatenate([[0.0], np.diff(slope)])
    demand(fall >= -unit, slope, f"{phi} must be convex, but its slope falls")
    # Differences of the values: error of second order, and rounding.
    wrong = abs((above - below) / (2 * STEP) - slope)
    allowed = 1e-4 * (1 + abs(slope) + bend) + 1e-10 * abs(value) / STEP
    demand(wrong <= allowed, slope, f"slope of {phi} must be the derivative of its value")
    wrong = abs((after - before) / (2 * STEP) - bend)
    allowed = 1e-3 * (1 + abs(slope) + bend) + 1e-10 * abs(slope) / STEP
    claim = f"curvature of {phi} must be the derivative of its slope (list jumps in `kinks`)"
    demand(wrong <= allowed, bend, claim)
    # Over a whole step of the probe: what neither of its ends shows.
    between = np.diff(slope) - 0.5 * np.diff(z) * (bend[1:] + bend[:-1])
    inside = np.zeros(len(between), bool)
    for kink in kinks:
        inside |= (z[:-1] <= kink) & (kink <= z[1:])
    holds = inside | (abs(between) <= 2e-4 * (1 + abs(slope[1:]) + bend[1:]))
    claim = f"the slope or curvature of {phi} jumps where `kinks` does not say so"
    demand(holds, slope[1:], claim, z[1:])
    for kappa in (0.1, 10.0):
        u = loss.prox(z, np.full(z.shape, kappa))
        sides = np.stack([loss.slope(u - STEP), loss.slope(u + STEP)])
        allowed = 1e-4 * (1 + abs(sides).max(axis=0) + abs(sides[1] - sides[0])) + 1e-9 * abs(z)
        force = (z - u) / kappa
        claim = f"prox of {phi} must minimise phi(u) + (u - z)^2 / (2 kappa), kappa = {kappa:g}"
        demand((force >= sides[0] - allowed) & (force <= sides[1] + allowed), u, claim)
    start = float(loss.slope(np.zeros(1))[0])
    if not start < 0:
        raise ValueError(
            f"{phi} must fall at margin 0, or it does not reward right answers; its slope there is {start:g}"
        )


def _table(loss: Loss, name: str, z: Array) -> Array:
    try:
        table = np.asarray(getattr(loss, name)(z), float)
    except NotImplementedError:
        raise TypeError(f"the {loss.name} loss must define {name}(z); see Loss") from None
    if table.shape != z.shape:
        raise ValueError(
            f"{name} of the {loss.name} loss must work elementwise: for margins of shape {z.shape} it "
            f"returned shape {table.shape}"
        )
    return table
