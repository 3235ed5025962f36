"""Calibration of Gaussian scores: the probability that a score states, and the one it has."""

from __future__ import annotations

import numpy as np
from scipy import special

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses import quadrature
from rmt_alpha.problems.losses.base import Loss


def log_odds(score: Array, mean: Array, std: Array, priors: Array) -> Array:
    """log P(+1 | s) / P(-1 | s) for scores N(mean_c, std_c^2)."""
    terms = [np.log(priors[c] / std[c]) - 0.5 * ((score - mean[c]) / std[c]) ** 2 for c in (0, 1)]
    return np.asarray(terms[1] - terms[0])


def posterior(score: Array, mean: Array, std: Array, priors: Array) -> Array:
    """P(+1 | s)."""
    return np.asarray(special.expit(log_odds(score, mean, std, priors)))


def slope(mean: Array, std: Array) -> Array:
    """Derivative of the log odds in the score, half way between the class means."""
    centre = 0.5 * (mean[0] + mean[1])
    return np.asarray((mean[1] - centre) / std[1] ** 2 - (mean[0] - centre) / std[0] ** 2)


def error(loss: Loss, mean: Array, std: Array, priors: Array) -> float:
    """E |stated probability - P(+1 | s)| over fresh samples of both classes."""

    def difference(z: Array) -> Array:
        return np.asarray(loss.probability(z) - posterior(z, mean, std, priors))

    # The absolute value has kinks where the two probabilities cross: found on a grid, then by bisection.
    low, high = (mean - 9 * std).min(), (mean + 9 * std).max()
    grid = np.linspace(low, high, 2001)
    values = difference(grid)
    at = np.flatnonzero(values[1:] * values[:-1] < 0)
    left, right = grid[at], grid[at + 1]
    for _ in range(60):
        middle = 0.5 * (left + right)
        same = difference(middle) * difference(left) > 0
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    kinks = np.broadcast_to(left, (2, len(left)))
    expected = quadrature.expectation(
        lambda z, _: abs(difference(z))[None], mean, std, kinks, loss.name, tolerance=1e-9
    )
    return float(expected[0] @ priors)
