r"""The alpha that was best in a simulation, with its standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from rmt_alpha._core.statistics import standard_error
from rmt_alpha.simulation import Draws, TransferDraws

STEP = 1e-4
"""Relative step of the numerical second derivative."""


def simulated_optimum(draws: Draws) -> tuple[float, float]:
    r"""The maximiser over alpha of the average simulated accuracy, and its standard error.

    With :math:`\psi_r(\alpha)` the derivative of the accuracy of draw r, it is the root of
    :math:`\bar\psi = \frac1R \sum_r \psi_r`, and by the delta method

    .. math:: \text{stderr} = \frac{\operatorname{std}_r \psi_r}{\sqrt R\, |\bar\psi'|}.

    Parameters
    ----------
    draws : TransferDraws
        At least two draws.

    Returns
    -------
    alpha, stderr : float
        ``(nan, nan)`` if no finite alpha is best among those between the single draws' own best ones: a
        simulation cannot tell.
    """
    assert isinstance(draws, TransferDraws)
    own = draws.optimal_alpha()
    low, high = np.quantile(own[np.isfinite(own)], [0.0, 1.0]) if np.isfinite(own).any() else (0.0, 0.0)
    if not (_slopes(draws, low).mean() > 0 > _slopes(draws, high).mean()):
        return np.nan, np.nan
    best = float(optimize.brentq(lambda alpha: _slopes(draws, alpha).mean(), low, high, xtol=1e-10))
    step = STEP * max(1.0, abs(best))
    curvature = (_slopes(draws, best + step).mean() - _slopes(draws, best - step).mean()) / (2 * step)
    error = standard_error(_slopes(draws, best)) / abs(curvature)
    return best, float(error)


def _slopes(draws: TransferDraws, alpha: float) -> NDArray[np.float64]:
    """Derivative in alpha of the accuracy of every draw."""
    (b0, b1), (q00, q01, q11) = draws.mean_coefficients.T, draws.variance_coefficients.T
    variance = q00 + alpha * (2 * q01 + alpha * q11)
    margin = (b0 + alpha * b1) / np.sqrt(variance)
    turn = b1 * (q00 + alpha * q01) - b0 * (q01 + alpha * q11)
    density = np.exp(-margin * margin / 2) / np.sqrt(2 * np.pi)
    return np.asarray(density * turn / variance**1.5)
