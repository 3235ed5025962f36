r"""The effective ridges of a mixture: what a ridge fit on n samples does, one number per distinct covariance.

    kappa_a = gamma + (1/n) tr C_a R,        R = (sum_b pi_b C_b / kappa_b + I)^-1.

With one covariance this is the scalar equation kappa = gamma + kappa (1/n) tr C (C + kappa I)^-1, and with
C = I the quadratic one of `closed_form`.  In the words of random matrix theory kappa_a = gamma (1 + delta_a),
and R / gamma is the deterministic equivalent of (X X^T / n + gamma I)^-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
import numpy as np

from rmt_alpha._core.small_linear import dominant_solve
from rmt_alpha._core.types import Array
from rmt_alpha.theory.ridge.dense import DenseCovariances, DenseResolvent
from rmt_alpha.theory.ridge.fixed_point import FixedPoint, Tangent, harmonic_root, solve
from rmt_alpha.theory.ridge.graded import GradedResolvent
from rmt_alpha.theory.ridge.probed import probed_tangent
from rmt_alpha.theory.ridge.spectrum import DiagonalResolvent, Spectrum

EPSILON = float(np.finfo(float).eps)
DENSE_TOLERANCE = 1e-10
"""Relative step at which factorising once more is not worth it; the error left is about its square."""
PROBED_ABOVE = 0.3
"""Relative step above which a few random vectors, their error 1e-2 or so, will do."""
ROUGH_ABOVE, EXACT_BELOW = 0.03, 4e-5
"""Relative steps above which single precision, its error 1e-6 or so, will do: for all, for derivatives."""
ROUGH_LIMIT = 3
"""Rough evaluations at most: ill-conditioned matrices gain nothing from more."""
RIDGELESS = 1e-30
"""gamma = 0 is a gamma this small relative to the variance: the limit, to all digits of float64."""


@dataclass(frozen=True, eq=False)
class MixtureRidge:
    """Effective ridges, and the resolvent that belongs to them."""

    n: Any
    """Number of samples."""
    gamma: Any
    """The ridge; a tiny positive number in the ridgeless limit."""
    solution: FixedPoint
    """kappa of every distinct covariance, its bracket, the residual and the number of iterations."""
    resolvent: DiagonalResolvent | DenseResolvent | GradedResolvent
    """R / kappa_max."""
    forecast: Array | None
    """What the solution before it on a path said that kappa would be, shape (G,) or None."""

    @property
    def kappa(self) -> Array:
        """Effective ridge of every distinct covariance, shape (G,)."""
        return self.solution.value

    @property
    def kappa_max(self) -> Any:
        """The largest kappa: the source enters every score as kappa_max * alpha."""
        return self.resolvent.kappa_max

    @property
    def relative(self) -> Array:
        """kappa / kappa_max."""
        return np.asarray(self.kappa / self.kappa_max)

    @cached_property
    def inflation(self) -> Array:
        """(I - V D)^-1, shape (G, G): how variance feeds on itself; 1/h for one covariance.

        V_ab = (1/n) tr C_a R C_b R and D_b = pi_b / kappa_b^2, so that (V D)_ab = T_a share_ab / kappa_b.
        """
        at, kappa = self.solution.tangent, self.kappa
        row_sums = (self.gamma + at.value * at.slack) / kappa
        coupling = (at.value / kappa)[:, None] * at.share
        identity = np.eye(len(kappa), dtype=int) + 0 * at.share
        return np.asarray(kappa[:, None] * dominant_solve(coupling, row_sums, identity) / kappa)

    @cached_property
    def noise(self) -> Array:
        """V_ab / kappa_b^2, so that V D rho = noise @ (pi rho); shape (G, G)."""
        at = self.solution.tangent
        return np.asarray(at.value[:, None] * at.share / (self.kappa * self.resolvent.priors))


def fit_ridge(
    model: Spectrum | DenseCovariances, n: Any, gamma: Any, previous: MixtureRidge | None = None
) -> MixtureRidge:
    """Solve for the effective ridges of n samples with ridge ``gamma`` >= 0.

    ``previous``, a solution for the same mixture at other n or gamma, saves evaluations.
    """
    if gamma == 0 and n == model.rank:
        raise ValueError(
            f"gamma = 0 with n equal to the rank of the covariances ({model.rank}) has infinite variance "
            "(the double-descent peak): choose gamma > 0, or a different number of samples"
        )
    precise = model.priors.dtype == object
    traces, pairs = model.moments
    if gamma == 0:
        scale = max(traces) / model.p
        tiny = mpmath.mpf(10) ** (-4 * mpmath.mp.dps) if precise else RIDGELESS
        gamma = tiny * (scale if scale > 0 else 1)
    epsilon = mpmath.mp.eps if precise else EPSILON
    upper = gamma + traces / n
    at = _at_infinity(gamma, upper, traces, pairs, model.priors, n)
    start, forecast = harmonic_root(upper, gamma, at, upper, epsilon), None
    step = float(np.max(upper / start - 1))
    if previous is not None:
        forecast = _forecast(previous, n, gamma, upper, epsilon)
        start, step = _corrected(previous, forecast)
    if isinstance(model, DenseCovariances):
        solution, resolvent = _solve_dense(model, n, gamma, start, upper, step)
        return MixtureRidge(n, gamma, solution, resolvent, forecast)
    last: list[DiagonalResolvent] = []

    def tangent_at(kappa: Array, _: Any) -> Tangent:
        last[:] = [model.resolvent(kappa, n)]
        return last[0].tangent()

    solution = solve(tangent_at, gamma, start, upper, tolerance=8 * epsilon, epsilon=epsilon)
    return MixtureRidge(n, gamma, solution, last[0], forecast)


def _forecast(previous: MixtureRidge, n: Any, gamma: Any, upper: Array, epsilon: Any) -> Array:
    """kappa at a new n or gamma from the harmonic tangent at the previous one."""
    old = previous.solution
    value = old.tangent.value * (previous.n / n)
    at = Tangent(value, old.tangent.share, old.tangent.slack, old.value - value)
    return np.minimum(harmonic_root(old.value, gamma, at, upper, epsilon), upper)


def _corrected(previous: MixtureRidge, forecast: Array) -> tuple[Array, float]:
    """The forecast times the factor that the last one missed by, and a step whose square is its error."""
    way = min(float(np.max(abs(forecast / previous.kappa - 1))), 1.0)
    if previous.forecast is None:
        return forecast, way
    surprise = previous.kappa / previous.forecast
    return forecast * surprise, float(np.sqrt(way * np.max(abs(surprise - 1))))


def _solve_dense(
    model: DenseCovariances, n: Any, gamma: float, start: Array, upper: Array, step: float
) -> tuple[FixedPoint, DenseResolvent | GradedResolvent]:
    """The same with factorisations, the first of which need not be precise: single precision costs half.

    An evaluation at distance e of the solution leaves an error of about e^2, if T is right to e^2 and its
    derivative to e.  So from afar a few random vectors do, then all is done in single precision, then the
    derivative only, and in the end nothing.
    """
    last: list[DenseResolvent | GradedResolvent] = []
    tried: list[Array] = []

    def tangent_at(kappa: Array, step: float) -> Tangent:
        if step > PROBED_ABOVE and not tried:
            tried.append(kappa)
            estimate = probed_tangent(model, kappa, n)
            if estimate is not None:
                return estimate
        if step > ROUGH_ABOVE and len(tried) <= ROUGH_LIMIT:
            tried.append(kappa)
            quick = model.in_single_precision.quick_resolvent(kappa, n)
            if quick is not None:
                return quick.tangent()
        last[:] = [model.resolvent(kappa, n, coarse=step > EXACT_BELOW)]
        return last[0].tangent()

    solution = solve(
        tangent_at,
        gamma,
        start,
        upper,
        tolerance=DENSE_TOLERANCE,
        epsilon=EPSILON,
        step=step,
        exact_below=EXACT_BELOW,
    )
    return solution, last[0]


def _at_infinity(gamma: Any, kappa: Array, traces: Array, pairs: Array, priors: Array, n: Any) -> Tangent:
    """The harmonic tangent of T at infinite kappa, written for the point ``kappa``.

    It needs no resolvent: 1/T_a = n (1 + sum_b pi_b tr C_a C_b / (tr C_a kappa_b) + ...) / tr C_a.
    """
    share = pairs * priors / np.where(traces > 0, traces, traces + 1)[:, None] / kappa
    load = share.sum(axis=1)
    first = traces / n
    return Tangent(
        first / (1 + load), share / (1 + load)[:, None], 1 / (1 + load), gamma + first * load / (1 + load)
    )
