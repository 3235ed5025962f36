"""Newton's method for a penalised convex loss of linear outputs, with a line search and a stated residual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.samples import EPS

DECREMENT = 1e-24
"""Newton stops when the excess that it expects is this fraction of the objective."""
ROUNDING = 1e-10
"""Below this fraction of the objective, an excess that stops shrinking is due to rounding."""
STEPS = 200
REACH = 10.0
"""No output moves by more than this plus its largest size in one step: beyond, a quadratic model is blind."""
ARMIJO = 1e-4


@dataclass(frozen=True, eq=False)
class Minimum:
    r"""The minimum of a penalised loss.

    .. math:: \sum_i \omega_i \ell(y_i, z_i) + \tfrac12 \lVert P \Theta \rVert^2, \qquad
        z = \mathrm{rows}\, \Theta + \mathrm{offset}
    """

    coefficients: FloatArray
    """Theta, of shape (d, m)."""
    outputs: FloatArray
    """z, of shape (n, m)."""
    value: float
    """The objective."""
    gradient: FloatArray
    """Of the loss of each sample; shape (n, m)."""
    hessian: FloatArray
    """Of the loss of each sample; shape (n, m, m)."""
    factor: FloatArray
    """Lower Cholesky factor of the Hessian in the coefficients, outputs outermost; shape (m d, m d)."""
    residual: float
    """Excess of the objective over its least value that Newton's method expects."""
    steps: int
    """Steps taken."""


def minimise(
    rows: FloatArray,
    penalty: FloatArray,
    weights: FloatArray,
    loss: LabelLoss,
    offset: FloatArray,
    start: FloatArray,
) -> Minimum:
    """Minimise over coefficients (d, m), from ``start``.

    For rows (n, d), penalty P^2 (d,), which is 1, or 0 for what is not penalised, weights omega (n,), and
    offset (n, m).  Raises ConvergenceError if rounding keeps the method from its tolerance; its ``best`` is
    the `Minimum` so far.
    """
    theta = start
    z = offset + rows @ theta
    value = _objective(theta, z, penalty, weights, loss)
    last = np.inf
    for steps in range(STEPS):
        slope, blocks = loss.gradient(z), loss.hessian(z)
        gradient = rows.T @ (weights[:, None] * slope) + penalty[:, None] * theta
        factor = _factor(rows, penalty, weights, blocks)
        move = -solve(factor, gradient)
        decrement = -float(np.vdot(gradient, move))
        # Rounding ends it, too: convergence is quadratic here, unless nothing is left but rounding.
        noise = 8 * EPS * (1 + abs(z).max())  # of a log-loss, by that of its outputs
        small = decrement <= max(ROUNDING * value, noise)
        if (small and decrement > 0.1 * last) or decrement <= max(DECREMENT * value, np.finfo(float).tiny):
            return Minimum(theta, z, value, slope, blocks, factor, decrement / 2, steps)
        last = decrement
        change = rows @ move
        length = min(1.0, (REACH + abs(z).max()) / max(abs(change).max(), EPS))
        while True:
            trial, outputs = theta + length * move, z + length * change
            found = _objective(trial, outputs, penalty, weights, loss)
            if found <= value - ARMIJO * length * decrement + noise:
                break
            length /= 2
            if length < EPS:
                minimum = Minimum(theta, z, value, slope, blocks, factor, decrement / 2, steps)
                if small:
                    return minimum
                raise _failed(f"found no descent after {steps} steps", minimum)
        theta, value = trial, found
        z = offset + rows @ theta
    minimum = Minimum(theta, z, value, slope, blocks, factor, decrement / 2, STEPS)
    raise _failed(f"did not converge in {STEPS} steps", minimum)


def _failed(how: str, best: Minimum) -> ConvergenceError:
    return ConvergenceError(
        f"Newton's method {how}; the objective may be {best.residual:.1e} too large", best
    )


def solve(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Inverse Hessian times (d, m) or (..., d, m)."""
    flat = np.moveaxis(right, -1, -2).reshape(*right.shape[:-2], -1)
    found = linalg.cho_solve((factor, True), flat.T, check_finite=False).T
    return np.asarray(np.moveaxis(found.reshape(*right.shape[:-2], right.shape[-1], right.shape[-2]), -1, -2))


def _objective(
    theta: FloatArray, z: FloatArray, penalty: FloatArray, weights: FloatArray, loss: LabelLoss
) -> float:
    return float(weights @ loss.value(z) + (penalty @ np.square(theta)).sum() / 2)


def _factor(rows: FloatArray, penalty: FloatArray, weights: FloatArray, blocks: FloatArray) -> FloatArray:
    """Cholesky factor of the Hessian; block (k, j) is rows^T diag(weights * blocks_kj) rows."""
    d, m = rows.shape[1], blocks.shape[1]
    hessian: Any = np.zeros((m * d, m * d))
    for k in range(m):
        for j in range(k + 1):
            scaled = (weights * blocks[:, k, j])[:, None] * rows
            hessian[k * d : (k + 1) * d, j * d : (j + 1) * d] = rows.T @ scaled
    # An unpenalised intercept has no curvature where all outputs are saturated; rounding keeps it regular.
    hessian.flat[:: m * d + 1] += np.tile(penalty + EPS, m)
    return np.asarray(linalg.cholesky(hessian, lower=True, overwrite_a=True, check_finite=False))
