r"""The weights of a classifier trained with softmax: their average, and a Gaussian part.

W_j = G_j sum_a pi_a m_aj eta_a,    covariance (1/n) G_j (sum_a pi_a C_aj Omega_a) G_j at coordinate j.
"""

from __future__ import annotations

import math

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.ridge.basis import Operator
from rmt_alpha.theory.softmax.curve import SoftmaxCurve, equations_at


def weight_law(curve: SoftmaxCurve) -> tuple[Array, tuple[tuple[Operator, Array], ...]]:
    """Expected weights at alpha = 0 in the basis of the model, (K, p), and their covariance.

    The latter as pairs (A, S): the covariance of the weights of classes i and k is the sum of S_ik A.
    """
    reduction, basis = curve.reduction, curve.basis
    none = np.zeros(curve.sources)
    state = curve.solution(0.0 if curve.single else none).state
    resolvent = reduction.resolvent(state.stiffness)
    equations = equations_at(curve, state)
    found = equations.averages(state, resolvent.step)
    weights = basis @ resolvent.weights(found.pull, none)
    if reduction.n == math.inf:
        return weights, ()
    sandwich = resolvent.sandwich(equations.pooled(found.power)) / reduction.n
    pairs = []
    for i, k in zip(*np.tril_indices(reduction.contrasts), strict=True):
        both = np.outer(basis[:, i], basis[:, k])
        both = both if i == k else both + both.T
        entries = np.broadcast_to(sandwich[:, i, k], (reduction.model.p,))
        pairs.append((Operator(reduction.model.basis, entries), both))
    return weights, tuple(pairs)
