r"""Nodes and weights for averages over standard normal vectors of d dimensions.

Up to d = 3 the trapezoidal rule on a grid, cut to a ball: the averaged functions are analytic where no
imaginary part of a score difference reaches pi, so that a step h leaves errors of the order

    exp(-2 pi^2 / h^2) (density),    exp(-sqrt(2) pi^2 / (h sigma)) (scores of spread sigma).

In more dimensions Sobol points with their mirror images, moved to have exactly mean 0 and covariance 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from rmt_alpha._core.types import Array

GRID_DIMENSION = 3
"""Largest dimension of a grid."""
FINER = 1.15
"""Ratio of the steps, and of the reaches, of the grid that checks and the one that is checked."""
PRECISIONS = ((1e-3, 2e-10), (1e-3, 2e-10), (1e-2, 1e-7))
"""Errors at which the grids of d = 1, 2, 3 dimensions aim, first roughly; averages cancel some of them."""
MOST_NODES = (4_000, 10_000, 60_000)
"""Of a grid along all its axes: steps grow until there are no more."""
LEVELS = (8, 11, 13, 14, 15)
"""Binary logarithms of the numbers of Sobol points, before they are mirrored."""
SEED = 20


class Nodes(NamedTuple):
    """A rule for averages over N(0, I)."""

    points: Array
    """Shape (d, N)."""
    weights: Array
    """Shape (N,)."""


def levels(d: int) -> int:
    """Number of rules in d dimensions, the last for checks only."""
    return len(PRECISIONS[d - 1]) + 1 if d <= GRID_DIMENSION else len(LEVELS)


def average_level(d: int) -> int:
    """The level that is fine enough for averages in a state that is known."""
    return min(levels(d) - 2, 2)


def nodes(level: int, spreads: Array) -> Nodes:
    """The rule of a level, for functions of scores with these standard deviations along the d axes."""
    d = len(spreads)
    if d > GRID_DIMENSION:
        return _sobol(d, LEVELS[level], level)
    precisions = PRECISIONS[d - 1]
    digits = -np.log(precisions[min(level, len(precisions) - 1)])
    # The last level checks the one before it, with a little finer nodes.
    finer = FINER if level == len(precisions) else 1.0
    reach = np.sqrt(2 * digits) * finer
    steps = np.sqrt(2) * np.pi * np.minimum(1 / np.sqrt(digits), np.pi / (digits * spreads)) / finer
    crowd = np.prod(2 * reach / steps) / MOST_NODES[d - 1]
    steps = steps * max(crowd, 1.0) ** (1 / d)
    return _grid(tuple(float(f"{step:.2g}") for step in steps), float(reach))


@lru_cache(maxsize=32)
def _grid(steps: tuple[float, ...], reach: float) -> Nodes:
    counts = [int(reach / step) + 1 for step in steps]
    axes = [step * np.arange(-count, count + 1) for step, count in zip(steps, counts, strict=True)]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    squares = (grid * grid).sum(axis=0)
    inside = squares <= reach**2
    weights = np.exp(-squares[inside] / 2)
    return Nodes(grid[:, inside], weights / weights.sum())


@lru_cache(maxsize=8)
def _sobol(d: int, level: int, seed: int) -> Nodes:
    rng = np.random.default_rng((SEED, seed))
    points = special.ndtri(stats.qmc.Sobol(d, scramble=True, rng=rng).random_base2(level)).T
    points = np.concatenate([points, -points], axis=1)
    root = np.linalg.cholesky(points @ points.T / points.shape[1])
    return Nodes(np.linalg.solve(root, points), np.full(points.shape[1], 1 / points.shape[1]))
