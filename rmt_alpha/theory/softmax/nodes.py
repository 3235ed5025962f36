r"""Nodes and weights for averages over standard normal vectors of d dimensions.

Up to d = 6 the trapezoidal rule, cut to a ball: the averaged functions are analytic where no imaginary part
of a score difference reaches pi, so that a step h along the axes leaves errors of the order

    exp(-2 pi^2 / h^2) (density),    exp(-sqrt(2) pi^2 / (h sigma)) (scores of spread sigma).

From d = 3 on the points are a grid and the same grid moved by half a step: the frequencies that they take for
0 are sqrt(2) times as far out, so that 2^(d/2 - 1) times fewer points do.
In more dimensions Sobol points with their mirror images, moved to have exactly mean 0 and covariance 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import special

from rmt_alpha._core.types import Array


class Grids(NamedTuple):
    """The trapezoidal rules of one dimension d."""

    precisions: tuple[float, ...]
    """Errors at which the steps of each level aim; averages cancel some of them."""
    reaches: tuple[float, ...]
    """Radii of the balls."""
    most: int
    """Nodes: steps grow until there are no more."""


GRIDS = (
    Grids((1e-3, 2e-10), (3.7, 6.7), 4_000),
    Grids((1e-3, 2e-10), (3.7, 6.7), 10_000),
    Grids((1e-2, 1e-8), (3.0, 6.5), 50_000),
    Grids((1e-2, 3e-7), (3.2, 6.6), 80_000),
    Grids((1e-2, 2e-6), (3.4, 6.6), 100_000),
    Grids((2e-2, 1e-5), (3.6, 6.4), 150_000),
)
"""For d = 1, 2, ..."""
FINER = 1.15
"""Ratio of the steps, and of the reaches, of the grid that checks and the one that is checked."""
MOVED = 3
"""Dimension from which a second grid is moved by half a step."""
LIGHT, LESS = 4, ((1.0, 0.0), (4.0, 0.25), (100.0, 0.8))
"""Dimension from which grids have a light rule, which has one in its turn; the factor of the error at which
each aims, and how much less far it reaches."""
LEVELS = (8, 11, 13, 15, 16)
"""Binary logarithms of the numbers of Sobol points, before they are mirrored."""
LIGHTER, FEWEST = 3, 7
"""By how much that of a light rule is smaller, and the smallest."""
SEED = 20


class Nodes(NamedTuple):
    """A rule for averages over N(0, I)."""

    points: Array
    """Shape (d, N)."""
    weights: Array
    """Shape (N,)."""
    light: Nodes | None = None
    """A rule with fewer nodes, for what is small."""


def levels(d: int) -> int:
    """Number of rules in d dimensions, the last for checks only."""
    return len(GRIDS[d - 1].precisions) + 1 if d <= len(GRIDS) else len(LEVELS)


def scattered(d: int) -> Nodes:
    """For functions that jump, which grids average badly."""
    return _sobol(d, LEVELS[-2], len(LEVELS))


def average_level(d: int) -> int:
    """The level that is fine enough for averages in a state that is known."""
    return min(levels(d) - 2, 2)


def nodes(level: int, spreads: Array) -> Nodes:
    """The rule of a level, for functions of scores with these standard deviations along the d axes."""
    d = len(spreads)
    if d > len(GRIDS):
        found = None
        for size in range(LEVELS[level] - 2 * LIGHTER, LEVELS[level] + 1, LIGHTER):
            if size >= FEWEST:
                found = _sobol(d, size, level)._replace(light=found)
        assert found is not None
        return found
    grid, last = GRIDS[d - 1], len(GRIDS[d - 1].precisions) - 1
    precision, reach = grid.precisions[min(level, last)], grid.reaches[min(level, last)]
    # The last level checks the one before it, with a little finer nodes.
    finer = FINER if level > last else 1.0
    found = None
    for factor, less in LESS[:1] if level == 0 or d < LIGHT else LESS[::-1]:
        rule = _trapezoids(spreads, factor * precision, reach - less, finer, grid.most)
        found = rule._replace(light=found)
    assert found is not None
    return found


def _trapezoids(spreads: Array, precision: float, reach: float, finer: float, most: int) -> Nodes:
    d, digits = len(spreads), -np.log(precision)
    steps = np.sqrt(2) * np.pi * np.minimum(1 / np.sqrt(digits), np.pi / (digits * spreads)) / finer
    moved = d >= MOVED
    reach *= 1 + (finer - 1) / d
    ball = np.pi ** (d / 2) / special.gamma(d / 2 + 1) * reach**d
    steps *= np.sqrt(2) if moved else 1.0
    crowd = ball * (2 if moved else 1) / (most * np.prod(steps))
    steps *= max(crowd, 1.0) ** (1 / d)
    return _grid(tuple(float(f"{step:.3g}") for step in steps), float(reach), moved)


@lru_cache(maxsize=32)
def _grid(steps: tuple[float, ...], reach: float, moved: bool) -> Nodes:
    parts = [_inside(steps, reach, shift) for shift in ((0.0, 0.5) if moved else (0.0,))]
    points = np.concatenate(parts, axis=1)
    weights = np.exp(-(points * points).sum(axis=0) / 2)
    return Nodes(points, weights / weights.sum())


def _inside(steps: tuple[float, ...], reach: float, shift: float) -> Array:
    """Points of a grid in a ball, (d, N), built up axis after axis."""
    points, squares = np.zeros((0, 1)), np.zeros(1)
    for step in steps:
        count = int(reach / step) + 1
        axis = step * (np.arange(-count, count + 1) + shift)
        squares = (squares[:, None] + axis * axis).ravel()
        keep = squares <= reach**2
        points = np.concatenate([np.repeat(points, len(axis), axis=1), np.tile(axis, points.shape[1])[None]])
        points, squares = points[:, keep], squares[keep]
    return points


@lru_cache(maxsize=16)
def _sobol(d: int, level: int, seed: int) -> Nodes:
    from scipy.stats import qmc  # half a second to import, for four classes and more

    rng = np.random.default_rng((SEED, seed))
    points = special.ndtri(qmc.Sobol(d, scramble=True, rng=rng).random_base2(level)).T
    points = np.concatenate([points, -points], axis=1)
    root = np.linalg.cholesky(points @ points.T / points.shape[1])
    return Nodes(np.linalg.solve(root, points), np.full(points.shape[1], 1 / points.shape[1]))
