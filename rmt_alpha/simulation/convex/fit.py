"""Training with a convex loss by scipy's trust-region Newton method, to a gradient far below the noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.convex.formulas import Formula, envelope_of_hinge

GRADIENT = 1e-9
"""Largest gradient, in units of the labels, at which training ends."""
WIDTH = 0.03
"""Of the envelopes that replace the hinge loss."""
ROUNDS = 200
"""Envelopes in turn at most; a handful is enough."""
GAP = 1e-9
"""Largest duality gap; the weights are off by at most sqrt(2 GAP / gamma), and by far less in practice."""
MOVE = 1e-7
"""Largest change of a weight in the last round."""


class Trainer:
    r"""The minimiser of :math:`\frac1n \sum_i \varphi(t_i s_i) + \frac\gamma2 \|w - P\|^2` for one sample.

    w - P lies in the span of the data, in an orthonormal basis of which it has at most n coordinates.

    Parameters
    ----------
    x : ndarray, shape (p, n)
        Features, a sample in each column.
    t : ndarray, shape (n,)
        Labels -1 and +1.
    gamma : float
        Ridge penalty per sample.
    intercept : bool
        Whether an unpenalised intercept is trained.
    formula : callable or None
        Derivatives of the loss at margins; None for the hinge loss.
    """

    def __init__(
        self, x: FloatArray, t: FloatArray, gamma: float, intercept: bool, formula: Formula | None
    ) -> None:
        self.x, self.t, self.gamma, self.intercept, self.formula = x, t, gamma, intercept, formula
        p, n = x.shape
        self.basis: FloatArray | None = None
        rows = x
        if p > n:
            self.basis, rows = np.linalg.qr(x)
        # Signed samples as columns; the intercept is a coordinate that is not penalised.
        self.signed = rows * t
        if intercept:
            self.signed = np.vstack([self.signed, t])
        self.ridge = np.full(len(self.signed), gamma)
        if intercept:
            self.ridge[-1] = 0.0
        self.start = np.zeros(len(self.signed))

    def fit(self, prior: FloatArray) -> tuple[FloatArray, float, FloatArray]:
        """Weights (p,), intercept, and average training loss and accuracy (2,), for one prior (p,)."""
        base = self.t * (prior @ self.x)
        if self.formula is None:
            v, loss = self._hinge(base)
        else:
            v = self._minimise(self.formula, base, self.start)
            loss = float(self.formula(base + v @ self.signed).value.mean())
        self.start = v
        inner = v[:-1] if self.intercept else v
        move = inner if self.basis is None else self.basis @ inner
        right = np.mean(base + v @ self.signed > 0)
        return prior + move, float(v[-1]) if self.intercept else 0.0, np.array([loss, right])

    def _minimise(
        self, formula: Formula, base: FloatArray, start: FloatArray, quick: bool = False
    ) -> FloatArray:
        n = len(base)

        def objective(v: FloatArray) -> tuple[float, FloatArray]:
            at = formula(base + v @ self.signed)
            gradient = self.signed @ at.slope / n + self.ridge * v
            return float(at.value.mean() + 0.5 * self.ridge @ v**2), gradient

        def hessian(v: FloatArray) -> FloatArray:
            weights = formula(base + v @ self.signed).curvature / n
            matrix = (self.signed * weights) @ self.signed.T
            matrix.flat[:: len(v) + 1] += self.ridge
            if self.intercept:
                matrix[-1, -1] += 1e-14 * (1 + matrix[-1, -1])  # flat where no sample bends the loss
            return np.asarray(matrix)

        size = float(np.sqrt((self.signed**2).sum() / n))
        if quick:
            v = _newton(objective, hessian, start, GRADIENT * size)
            if v is not None:
                return v
        found: Any = optimize.minimize(
            objective,
            start,
            jac=True,
            hess=hessian,
            method="trust-exact",
            options={
                "gtol": GRADIENT * size,
                "maxiter": 1000,
                "initial_trust_radius": 1.0 + _norm(start),
                "max_trust_radius": 1e3 * (1.0 + _norm(start)),
            },
        )
        v = np.asarray(found.x)
        # Close to the minimum values no longer tell steps apart: Newton's steps by the gradient alone do.
        gradient = objective(v)[1]
        for _ in range(20):
            if _norm(gradient) <= GRADIENT * size:
                return v
            trial = v - np.linalg.solve(hessian(v), gradient)
            new = objective(trial)[1]
            if not _norm(new) < _norm(gradient):
                break
            v, gradient = trial, new
        if _norm(gradient) > 1e3 * GRADIENT * size:
            raise ArithmeticError(
                f"training ended with a gradient of {_norm(gradient):.2g}, above {GRADIENT * size:.2g}: "
                f"{found.message}; a larger gamma makes it easier"
            )
        return v

    def _hinge(self, base: FloatArray) -> tuple[FloatArray, float]:
        """The method of multipliers: an envelope around the last dual variables, until they stay the same."""
        n, dual, v = len(base), np.full(len(base), 0.5), self.start
        for _ in range(ROUNDS):
            anchor, last = dual, v
            v = self._minimise(lambda z, a=anchor: envelope_of_hinge(z, a, WIDTH), base, v, True)  # type: ignore[misc]
            margins = base + v @ self.signed
            dual = -envelope_of_hinge(margins, anchor, WIDTH).slope
            loss = float(np.maximum(1.0 - margins, 0.0).mean())
            pull = (self.signed @ dual / n)[: len(v) - self.intercept]
            bound = dual @ (1.0 - base) / n - 0.5 * pull @ pull / self.gamma
            gap = loss + 0.5 * self.ridge @ v**2 - bound
            if gap <= GAP and np.max(np.abs(v - last)) <= MOVE * (1 + _norm(v)):
                return v, loss
        raise ArithmeticError(
            f"training with the hinge loss kept a duality gap of {gap:.2g} for {ROUNDS} rounds; a larger "
            "gamma makes it easier"
        )


def _newton(objective: Any, hessian: Any, v: FloatArray, tolerance: float) -> FloatArray | None:
    """Newton's method with steps halved until the objective falls: exact soon for piecewise quadratics."""
    value, gradient = objective(v)
    for _ in range(50):
        if _norm(gradient) <= tolerance:
            return v
        direction = -np.linalg.solve(hessian(v), gradient)
        fall = float(gradient @ direction)
        step = 1.0
        while step > 1e-4:
            trial = v + step * direction
            new_value, new_gradient = objective(trial)
            if new_value <= value + 1e-4 * step * fall or _norm(new_gradient) < 0.5 * _norm(gradient):
                break
            step *= 0.5
        else:
            return None
        v, value, gradient = trial, new_value, new_gradient
    return None


def _norm(v: FloatArray) -> float:
    return float(np.linalg.norm(v))
