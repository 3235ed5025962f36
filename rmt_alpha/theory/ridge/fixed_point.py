r"""Monotone fixed points, approached from below and above at once.

The equations of this package have the form

    kappa_a = gamma + T_a(kappa_1, ..., kappa_G),        kappa > 0, gamma > 0,

where T_a(kappa) is increasing and concave in kappa, and 1 / T_a is concave in (1/kappa_1, ..., 1/kappa_G).
(Both hold for T_a = tr C_a (sum_b C_b / kappa_b + I)^-1 and any positive semi-definite C;
docs/theory/mixtures.md has the proof.)  There is exactly one solution.  One evaluation of T and its
derivative bounds it twice:

* T lies below its tangent in kappa.  The fixed point of the tangent is Newton's iterate, an **upper** bound
  wherever it is positive: kappa_a > sum_b kappa_b dT_a / dkappa_b, as at the solution and near it.
* 1/T lies below its tangent in 1/kappa, so T lies above the harmonic function
  T_a / (slack_a + sum_b share_ab kappa_b / x_b).  Its fixed point is a **lower** bound, at *any* point.

Both touch T to first order, so both bounds converge quadratically.  The lower one is followed: it is exact
for isotropic problems and takes a handful of evaluations where Newton's method, halving its distance to a
double root, takes dozens.  All numbers that are divided by are sums of positive terms: nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.arithmetic import square_root
from rmt_alpha._core.small_linear import dominant_solve
from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError

INNER_LIMIT = 1000
"""Newton steps for the harmonic model: each halves the distance at worst, and costs next to nothing."""

MEANING = {
    "converged": "the last step is below the tolerance",
    "rounding": "the steps stopped shrinking within a thousand tolerances: what is left is rounding",
    "max_iter": "the steps were still shrinking when the limit of iterations was reached: raise it",
}


class Tangent(NamedTuple):
    """T and its derivative at one point, as positive numbers."""

    value: Array
    """T_a, shape (G,)."""
    share: Array
    """d log T_a / d log kappa_b, shape (G, G), non-negative."""
    slack: Array
    """1 - sum_b share_ab, in (0, 1], computed without the subtraction."""
    deficit: Array
    """kappa_a - T_a, computed without cancellation; gamma at the fixed point."""


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """The solution of ``kappa = gamma + T(kappa)``, and how well it is known."""

    value: Array
    """The point of the last evaluation, to which ``tangent`` belongs, shape (G,)."""
    lower: Array
    upper: Array
    """Bounds of the exact solution, certified by concavity (up to rounding), shape (G,)."""
    residual: float
    """Largest |kappa - gamma - T(kappa)| / kappa."""
    n_iter: int
    """Evaluations of T and its derivative, one factorisation each for dense covariances."""
    status: str
    """One of "converged", "rounding" and "max_iter"; ``explanation`` says what that means."""
    tangent: Tangent

    @property
    def explanation(self) -> str:
        """The status in words."""
        return MEANING[self.status]


def newton_root(kappa: Array, gamma: Any, at: Tangent) -> Array | None:
    """Fixed point of gamma plus the tangent of T in kappa, an upper bound; None if there is none.

    With T' kappa = T (1 - slack), Newton's equation (I - T') x = gamma + T - T' kappa has the positive
    right-hand side gamma + T slack, and I - T' the row sums kappa - T' kappa = deficit + T slack in the
    scale of kappa.
    """
    bend = at.value * at.slack
    row_sums = at.deficit + bend
    if not np.all(row_sums > 0):
        return None
    coupling = (at.value / kappa)[:, None] * at.share
    return np.asarray(kappa * dominant_solve(coupling, row_sums / kappa, (gamma + bend) / kappa))


def harmonic_root(kappa: Array, gamma: Any, at: Tangent, upper: Array, epsilon: Any) -> Array:
    """Fixed point of gamma plus the harmonic tangent of T, a lower bound.

    ``upper`` is any upper bound of the exact solution: Newton's method descends from it monotonically.
    """
    if len(kappa) == 1:
        return _quadratic_root(kappa, gamma, at)
    x = np.maximum(upper, kappa * 0)
    for _ in range(INNER_LIMIT):
        y = x / kappa
        # z share / y = 1 + slack (y - 1) + ...: the deficit of the model without the subtraction x - T / z.
        z = at.slack + (at.share / y).sum(axis=1)
        tilt = at.slack * (y - 1) + (at.share * ((y[:, None] - y) / y)).sum(axis=1)
        model = Tangent(
            at.value / z, at.share / y / z[:, None], at.slack / z, (kappa * tilt + at.deficit) / z
        )
        new = newton_root(x, gamma, model)
        if new is None or not np.any(x - new > epsilon * new):
            break
        x = new
    return np.asarray(x)


def _quadratic_root(kappa: Array, gamma: Any, at: Tangent) -> Array:
    # (kappa y - gamma) (slack y + share) = T y, multiplied out: slack kappa y^2 + b y - share gamma = 0.
    share = at.share[:, 0]
    a, c = kappa * at.slack, gamma * share
    b = at.deficit - (kappa + gamma) * at.slack
    root = abs(b) + square_root(b * b + 4 * a * c)
    return np.asarray(kappa * np.where(b > 0, 2 * c / root, root / (2 * a)))


def solve(
    tangent_at: Callable[[Array, Any], Tangent],
    gamma: Any,
    start: Array,
    upper: Array,
    *,
    tolerance: Any,
    epsilon: Any,
    step: Any = np.inf,
    exact_below: float = np.inf,
    max_iter: int = 60,
) -> FixedPoint:
    """Solve kappa = gamma + T(kappa), component by component to a relative ``tolerance``.

    ``tangent_at`` maps kappa, shape (G,), and the size of the last relative step to the `Tangent` there: what
    is left after a step is about its square, and a large one does not deserve a precise tangent.  Tangents
    are exact after steps up to ``exact_below``; bounds and answers are taken from exact ones only.  Any
    positive ``start`` will do, and any ``upper`` bound, such as gamma + T(infinity); the square of ``step``
    is about the relative error of ``start``, if that is known.  ``epsilon`` is the unit roundoff.
    """
    kappa, status, last = start, "", np.inf
    for n_iter in range(1, max_iter + 1):
        exact = step <= exact_below
        at = tangent_at(kappa, step)
        newton = newton_root(kappa, gamma, at)
        if newton is not None and exact:
            upper = np.minimum(upper, newton)
        lower = harmonic_root(kappa, gamma, at, upper, epsilon)
        step = np.max(abs(lower - kappa) / kappa)
        if exact:
            status, last = _status(step, last, tolerance), step
        if status or n_iter == max_iter:
            break
        kappa = lower
    residual = float(np.max(abs(at.deficit - gamma) / kappa))
    bounds = np.minimum(lower, kappa), np.maximum(np.maximum(upper, lower), kappa)
    result = FixedPoint(kappa, *bounds, residual, n_iter, status or "max_iter", at)
    if not status:
        raise ConvergenceError(
            f"no convergence in {max_iter} iterations: kappa lies between {bounds[0]} and {bounds[1]}; the "
            "best estimate is in the attribute `best` of this exception; a larger gamma may help",
            result,
        )
    return result


def _status(step: Any, last: Any, tolerance: Any) -> str:
    if step <= tolerance:
        return "converged"
    if last <= step <= 1000 * tolerance:
        return "rounding"
    return ""
