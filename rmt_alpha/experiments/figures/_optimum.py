r"""The alpha that was best in a simulation, with its standard error; and the ridge that is best in theory.

With :math:`\psi_r(\alpha)` the derivative of the accuracy of draw r, the best alpha is the root of
:math:`\bar\psi = \frac1R \sum_r \psi_r`, and by the delta method

.. math:: \text{stderr} = \frac{\operatorname{std}_r \psi_r}{\sqrt R\, |\bar\psi'|}.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from rmt_alpha._core.statistics import standard_error
from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation import Draws, TransferDraws

STEP = 1e-4
"""Relative step of the numerical second derivative."""
MIXTURE_STEP = 1e-3
"""Relative step of both numerical derivatives, where the first has no formula."""
REACH = 8.0
"""The optimum of a mixture is sought within this factor of the guess."""


def simulated_optimum(draws: Draws) -> tuple[float, float]:
    """The maximiser over alpha of the average simulated accuracy, and its standard error.

    ``(nan, nan)`` if no finite alpha is best among those between the single draws' own best ones: a
    simulation cannot tell.  Needs at least two draws.
    """
    assert isinstance(draws, TransferDraws)
    own = draws.optimal_alpha()
    low, high = np.quantile(own[np.isfinite(own)], [0.0, 1.0]) if np.isfinite(own).any() else (0.0, 0.0)

    def step_at(best: float) -> float:
        return STEP * max(1.0, abs(best))

    return _root(lambda alpha: _slopes(draws, alpha), low, high, step_at, 1e-10)


def simulated_mixture_optimum(draws: Draws, guess: float) -> tuple[float, float]:
    """The same for a `FineTuning` with one source, near a guess that is not 0.

    ``(nan, nan)`` if the optimum is not within a factor of 8 of the guess.
    """
    step = MIXTURE_STEP * abs(guess)

    def slopes(alpha: float) -> FloatArray:
        around = draws.at(np.array([alpha - step, alpha + step])).accuracy
        return np.asarray((around[:, 1] - around[:, 0]) / (2 * step))

    low, high = sorted((guess / REACH, guess * REACH))
    return _root(slopes, low, high, lambda _: step, 1e-9)


def best_ridge(value: Callable[[float], float], gammas: FloatArray, on_grid: ArrayLike) -> float:
    """The maximiser of ``value`` near the best grid point; inf if that is the last one."""
    k = int(np.argmax(on_grid))
    if k == gammas.size - 1:
        return np.inf
    bounds = np.log(gammas[[max(k - 1, 0), k + 1]])
    found = optimize.minimize_scalar(
        lambda x: -value(float(np.exp(x))), bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def _root(
    slopes: Callable[[float], FloatArray],
    low: float,
    high: float,
    step_at: Callable[[float], float],
    xtol: float,
) -> tuple[float, float]:
    """Where the mean of the slopes of all draws falls through 0, and its standard error."""
    if not slopes(low).mean() > 0 > slopes(high).mean():
        return np.nan, np.nan
    best = float(optimize.brentq(lambda alpha: slopes(alpha).mean(), low, high, xtol=xtol))
    step = step_at(best)
    curvature = (slopes(best + step).mean() - slopes(best - step).mean()) / (2 * step)
    return best, float(standard_error(slopes(best)) / abs(curvature))


def _slopes(draws: TransferDraws, alpha: float) -> FloatArray:
    """Derivative in alpha of the accuracy of every draw."""
    (b0, b1), (q00, q01, q11) = draws.mean_coefficients.T, draws.variance_coefficients.T
    variance = q00 + alpha * (2 * q01 + alpha * q11)
    margin = (b0 + alpha * b1) / np.sqrt(variance)
    turn = b1 * (q00 + alpha * q01) - b0 * (q01 + alpha * q11)
    density = np.exp(-margin * margin / 2) / np.sqrt(2 * np.pi)
    return np.asarray(density * turn / variance**1.5)
