"""Convex losses of the margin, as the theory needs them: values, proximal operators, Gaussian expectations.

Open `base` first: a `Loss` has a value, a slope and a curvature; its proximal operator and its
expectations (`quadrature`) follow, unless it knows them in closed form (`piecewise`).
"""

from __future__ import annotations

from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.problems.losses.logistic import Logistic
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic
from rmt_alpha.problems.losses.registry import LOSSES, as_loss, check_trainable
from rmt_alpha.problems.losses.standard import Hinge, Huber, Squared, SquaredHinge

__all__ = [
    "LOSSES",
    "Hinge",
    "Huber",
    "Logistic",
    "Loss",
    "PiecewiseQuadratic",
    "Squared",
    "SquaredHinge",
    "as_loss",
    "check_trainable",
]
