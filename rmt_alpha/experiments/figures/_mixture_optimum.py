"""The alpha that was best in a simulation of a `FineTuning`, with its standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from rmt_alpha._core.statistics import standard_error
from rmt_alpha.simulation import Draws

STEP = 1e-3
"""Relative step of the numerical derivatives."""
REACH = 8.0
"""The optimum is sought within this factor of the guess."""


def simulated_mixture_optimum(draws: Draws, guess: float) -> tuple[float, float]:
    r"""The maximiser over alpha of the average simulated accuracy, and its standard error.

    The root of :math:`\bar\psi = \frac1R \sum_r \psi_r`, where :math:`\psi_r(\alpha)` is the derivative of
    the accuracy of draw r, with the standard error of the delta method,
    :math:`\operatorname{std}_r \psi_r / (\sqrt R\, |\bar\psi'|)`.

    Parameters
    ----------
    draws : MixtureDraws
        At least two draws, of a problem with one source.
    guess : float
        Something near the optimum, not 0.

    Returns
    -------
    alpha, stderr : float
        ``(nan, nan)`` if the optimum is not within a factor of 8 of the guess.
    """
    step = STEP * abs(guess)

    def slopes(alpha: float) -> NDArray[np.float64]:
        around = draws.at(np.array([alpha - step, alpha + step])).accuracy
        return np.asarray((around[:, 1] - around[:, 0]) / (2 * step))

    low, high = sorted((guess / REACH, guess * REACH))
    if not slopes(low).mean() > 0 > slopes(high).mean():
        return np.nan, np.nan
    best = float(optimize.brentq(lambda alpha: slopes(alpha).mean(), low, high, xtol=1e-9))
    curvature = (slopes(best + step).mean() - slopes(best - step).mean()) / (2 * step)
    error = standard_error(slopes(best)) / abs(curvature)
    return best, float(error)
