r"""How many target samples a source is worth.

Without a source (alpha = 0) the margin of a ridge classifier on n' samples is

    x0^2 = m^4 h / (m^2 + eta'),        eta' = p / n',

which is rational in kappa: with d = kappa - gamma = eta' kappa / (1 + kappa) the equation x0 = x becomes a
cubic in d.  As n' grows d falls from its value at n to 0, so the fewest samples that reach the margin x
belong to the largest root.  (x0 is not monotone in n': with a small ridge it dips at n' = p, and there may be
three roots.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.arithmetic import ARRAY
from rmt_alpha._core.types import Array, Real
from rmt_alpha.theory.ridge.closed_form import isotropic_ridge

if TYPE_CHECKING:
    from rmt_alpha.problems.transfer import TransferProblem

NEWTON_STEPS = 4
"""Companion eigenvalues are right to 1e-8 of the largest root or better; each step squares the error."""


def equivalent_samples(problem: TransferProblem, alpha: ArrayLike | None = None) -> Real:
    """See `TransferProblem.equivalent_samples`."""
    curve = problem.curve()
    m = np.asarray(problem.target_norm, float)
    best = np.asarray(curve.margin(curve.optimal_alpha() if alpha is None else alpha))
    alone = np.asarray(curve.margin(0.0))
    p, n, gamma = (np.asarray(value, float) for value in (problem.p, problem.n, problem.gamma))
    m, best, alone, p, n, gamma = np.broadcast_arrays(m, best, alone, p, n, gamma)
    needed = _samples_needed(best, m, p, n, gamma)
    # No gain, no samples; the accuracy of the best possible classifier takes infinitely many.
    extra = np.where(best <= alone, 0.0, np.where(best >= m, np.inf, np.maximum(needed - n, 0.0)))
    return float(extra) if extra.ndim == 0 else extra


def _samples_needed(x: Array, m: Array, p: Array, n: Array, gamma: Array) -> Array:
    """Fewest n' > n with margin x at alpha = 0; meaningful where margin(n) < x < m."""
    x2, m2 = x * x, m * m
    coefficients = np.stack(
        [
            -x2,
            m2 * m2 - x2 * (m2 + 2 * (1 + gamma)),
            2 * gamma * m2 * m2 - x2 * (m2 * (1 + 2 * gamma) + (1 + gamma) ** 2),
            gamma * (1 + gamma) * m2 * (m - x) * (m + x),
        ]
    )
    ridge = isotropic_ridge(p, n, gamma, ARRAY)
    start = p / n * ridge.kappa / ridge.lift  # kappa - gamma, which would cancel for a large ridge
    roots = _cubic_roots(coefficients)
    inside = (roots > 0) & (roots <= start * (1 + 1e-9))
    d = np.where(inside, roots, -np.inf).max(axis=0)
    kappa = gamma + d
    with np.errstate(all="ignore"):
        eta = d * (1 + kappa) / kappa
        # Without ridge and beyond p samples kappa is 0 and x0^2 = m^4 (1 - eta) / (m^2 + eta).
        least_squares = m2 * (m - x) * (m + x) / (m2 * m2 + x2)
        return np.asarray(p / np.where(d > 0, eta, least_squares))


def _cubic_roots(coefficients: Array) -> Array:
    """Real parts of the three roots, polished by Newton; coefficients are stacked along axis 0."""
    lead = np.where(coefficients[0] == 0, 1.0, coefficients[0])
    companion = np.zeros((*lead.shape, 3, 3))
    companion[..., 1, 0] = companion[..., 2, 1] = 1.0
    for row in range(3):
        companion[..., row, 2] = -coefficients[3 - row] / lead
    values = np.linalg.eigvals(companion)
    # A complex pair is no root; pairs that rounding split off a double root keep their real part.
    real = np.abs(values.imag) <= 1e-6 * np.abs(values)
    roots = np.moveaxis(np.where(real, values.real, np.nan), -1, 0)
    c3, c2, c1, c0 = coefficients
    for _ in range(NEWTON_STEPS):
        value = ((c3 * roots + c2) * roots + c1) * roots + c0
        slope = (3 * c3 * roots + 2 * c2) * roots + c1
        with np.errstate(all="ignore"):
            step = value / slope
        roots = np.where(np.isfinite(step), roots - step, roots)
    return np.asarray(np.nan_to_num(roots, nan=-1.0))
