"""Newton's method for a penalised convex loss of linear outputs, with a line search and a stated residual.

Steps are solved by conjugate gradients, which the mean curvature preconditions, or by a factorisation where
that is cheaper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.from_data.convex.curvature import Curvature, MeanCurvature
from rmt_alpha.from_data.convex.exact import ExactCurvature
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.convex.trainable import Trainable
from rmt_alpha.from_data.decomposition.rows import EPS

DECREMENT = 1e-24
"""Newton stops when the excess that it expects is this fraction of the objective."""
ROUNDING = 1e-10
"""Below this fraction of the objective, an excess that stops shrinking is due to rounding."""
STEPS = 200
REACH = 10.0
"""No output moves by more than this plus its largest size in one step: beyond, a quadratic model is blind."""
ARMIJO = 1e-4
FORCING = 0.1
"""Largest residual of conjugate gradients, relative to the gradient; it falls with the excess."""
SMALL = 64
"""Coefficients that are cheaper to factorise than to iterate on."""
LARGE = 2048
"""Coefficients of which there is no factorisation: as many as cost a second."""
ITERATIONS = 100
SINGLE = 1e-4
"""Residuals that products in single precision leave far behind."""
EPS_SINGLE = float(np.finfo(np.float32).eps)


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
    residual: float
    """Excess of the objective over its least value that Newton's method expects."""
    steps: int
    """Steps taken."""


def minimise(
    trainable: Trainable,
    loss: LabelLoss,
    offset: FloatArray,
    start: FloatArray,
    precision: float = 0.0,
    known: Curvature | None = None,
) -> Minimum:
    """Minimise over coefficients (d, m), from ``start``, with offset (n, m).

    ``precision`` is an excess of the objective that does not matter; 0 asks for what rounding leaves.
    ``known`` is the Hessian of a fit near by: it preconditions, as the last factorisation does.  Raises
    ConvergenceError if rounding keeps the method from its tolerance; its ``best`` is the `Minimum` so far.
    """
    theta = start
    z = offset + trainable.times(theta)
    value = _objective(theta, z, trainable, loss)
    last = np.inf
    if precision == 0 and known is None and SMALL < theta.size <= LARGE:
        # To the last digit: a factorisation here is a preconditioner for all steps.
        known = ExactCurvature(trainable, loss, z)
    for steps in range(STEPS):
        slope = loss.gradient(z)
        gradient = trainable.adjoint(slope) + trainable.penalty[:, None] * theta
        forcing = FORCING if last == np.inf else float(np.clip(math.sqrt(max(last, 0.0)), 1e-8, FORCING))
        move, known, forcing = _newton_step(trainable, loss, z, -gradient, forcing, known)
        decrement = -float(np.vdot(gradient, move))
        # Rounding ends it, too: convergence is quadratic here, unless nothing is left but rounding.
        noise = 8 * EPS * (1 + abs(z).max())  # of a log-loss, by that of its outputs
        small = decrement <= max(ROUNDING * value, noise)
        if (small and decrement > 0.1 * last) or decrement <= max(DECREMENT * value, np.finfo(float).tiny):
            return Minimum(theta, z, value, slope, decrement / 2, steps)
        last = decrement
        change = trainable.times(move)
        size = float(abs(change).max())
        length = min(1.0, (REACH + abs(z).max()) / max(size, EPS))
        while True:
            trial, outputs = theta + length * move, z + length * change
            found = _objective(trial, outputs, trainable, loss)
            if found <= value - ARMIJO * length * decrement + noise:
                break
            length /= 2
            if length < EPS:
                minimum = Minimum(theta, z, value, slope, decrement / 2, steps)
                if small:
                    return minimum
                raise _failed(f"found no descent after {steps} steps", minimum)
        theta, value, z = trial, found, outputs
        # What a full step leaves: its own residual, and what second derivatives change along it.
        rest = decrement * (forcing**2 + size**2 / 4)
        if length == 1.0 and rest <= precision:
            return Minimum(theta, z, value, loss.gradient(z), rest / 2, steps + 1)
        z = offset + trainable.times(theta)
    minimum = Minimum(theta, z, value, loss.gradient(z), decrement / 2, STEPS)
    raise _failed(f"did not converge in {STEPS} steps", minimum)


def _newton_step(
    trainable: Trainable,
    loss: LabelLoss,
    z: FloatArray,
    right: FloatArray,
    forcing: float,
    known: Curvature | None,
) -> tuple[FloatArray, Curvature | None, float]:
    """The step, a Hessian to precondition the next one, and the relative residual."""
    if right.size > SMALL:
        move, converged = solved(trainable, loss, z, right, forcing, known)
        if converged or right.size > LARGE:
            return move, known, forcing
    known = ExactCurvature(trainable, loss, z)
    return known.solve(right), known, 0.0


def solved(
    trainable: Trainable,
    loss: LabelLoss,
    z: FloatArray,
    right: FloatArray,
    tolerance: float,
    known: Curvature | None = None,
) -> tuple[FloatArray, bool]:
    """Inverse Hessian at outputs z times (d, m) by conjugate gradients, and whether they converged."""
    rough = tolerance >= SINGLE and EPS_SINGLE * abs(z).max(initial=0.0) < SINGLE
    product = loss.product(z.astype(np.float32) if rough else z)

    def apply(theta: FloatArray) -> FloatArray:
        if rough:
            own = trainable.single_product(product, theta)
        else:
            own = trainable.adjoint(product(trainable.times(theta)))
        return own + trainable.penalty[:, None] * theta

    limit = ITERATIONS
    if right.size <= LARGE:  # the price of a factorisation
        d, m = right.shape
        limit = max(10, int((len(z) * d * m / 2 + (d * m) ** 2 / 3) / (16 * len(z))))
    if known is None:
        known = MeanCurvature(trainable, loss, z)
    return conjugate_gradients(apply, known.solve, right, tolerance, limit)


def conjugate_gradients(
    apply: Callable[[FloatArray], FloatArray],
    precondition: Callable[[FloatArray], FloatArray],
    right: FloatArray,
    tolerance: float,
    limit: int,
) -> tuple[FloatArray, bool]:
    """Solve ``apply(x) = right`` until the residual is ``tolerance`` times that of 0, as preconditioned."""
    x, residual = np.zeros_like(right), right
    scaled = precondition(residual)
    direction = scaled
    length2 = first = float(np.vdot(residual, scaled))
    for _ in range(limit):
        if length2 <= tolerance**2 * first:
            return x, True
        image = apply(direction)
        curvature = float(np.vdot(direction, image))
        if curvature <= 0:
            return (x if x.any() else scaled), True
        step = length2 / curvature
        x, residual = x + step * direction, residual - step * image
        scaled = precondition(residual)
        length2, last = float(np.vdot(residual, scaled)), length2
        direction = scaled + length2 / last * direction
    return x, length2 <= tolerance**2 * first


def _failed(how: str, best: Minimum) -> ConvergenceError:
    return ConvergenceError(
        f"Newton's method {how}; the objective may be {best.residual:.1e} too large", best
    )


def _objective(theta: FloatArray, z: FloatArray, trainable: Trainable, loss: LabelLoss) -> float:
    penalty = float(trainable.penalty @ np.square(theta).sum(axis=1)) / 2 if theta.size else 0.0
    return float(trainable.weights @ loss.value(z)) + penalty
