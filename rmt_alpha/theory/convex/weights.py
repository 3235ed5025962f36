r"""The weights of a classifier trained with a convex loss: their average, and a Gaussian part.

w = Q sum_a pi_a eta_a m_a,    covariance (1/n) sum_a pi_a omega_a Q C_a Q.
"""

from __future__ import annotations

import math

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.convex.curve import LossCurve
from rmt_alpha.theory.ridge.basis import Operator


def weight_law(curve: LossCurve) -> tuple[Array, tuple[tuple[Operator, Array], ...]]:
    """Expected weights at alpha = 0 in the basis of the model, (1, p), and their covariance.

    The latter as pairs (A, s) whose products it sums.
    """
    reduction, none = curve.reduction, np.zeros(curve.sources)
    state, task = curve.solution(none if not curve.single else 0.0).state, reduction.task
    kappa = reduction.at(state.theta).kappa
    eta, omega, _ = curve.equations(none).forces(state, kappa)
    resolvent = reduction.model.inverse(reduction.model.priors * state.theta, reduction.gamma)
    weights = (task.priors * eta)[None] @ resolvent.apply(task.means)
    if reduction.n == math.inf:
        return weights, ()
    kicks = np.bincount(task.group, task.priors * omega) / reduction.n
    return weights, tuple((resolvent.sandwich(g), np.array([[kick]])) for g, kick in enumerate(kicks))
