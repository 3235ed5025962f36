r"""The geometry of mean / std over alpha: its maximum, its zero, and where it passes a level.

With t = kappa alpha, the mean is a0 + a1 t and the variance (r mean)^2 + sum_j (u_j + v_j t)^2.  The ratio
mean / std depends only on the direction of (1, t), and a direction is an angle: along the two directions that
the variance makes orthogonal, the best one z* and the neutral one d,

    z(phi) = cos(phi) z*/|z*| + sin(phi) d/|d|      has      mean / std = x* cos(phi),

|.| being the standard deviation.  Every question about levels of accuracy is a question about phi.
Here the wedge products w_j = u_j a1 - v_j a0 carry everything; in the models of this package they, and the
sums below, have terms of one sign only, so nothing cancels.
"""

from __future__ import annotations

import math
from typing import Any

from rmt_alpha._core.arithmetic import Arithmetic

Pair = tuple[Any, Any]


def wedge(line: Pair, mean: Pair) -> Any:
    """u a1 - v a0: zero if and only if the two affine functions are proportional."""
    return line[0] * mean[1] - line[1] * mean[0]


def best_direction(mean: Pair, terms: tuple[Pair, ...]) -> Pair:
    """(z0, z1) with z0 >= 0 and t* = z1 / z0 the maximiser of mean / std."""
    wedges = [(u, v, wedge((u, v), mean)) for u, v in terms]
    return -sum(v * w for _, v, w in wedges), sum(u * w for u, _, w in wedges)


def better_than_zero(mean: Pair, terms: tuple[Pair, ...], ops: Arithmetic) -> Any:
    """The t != 0 with the same mean / std as t = 0; signed infinity if it lies beyond infinity; 0 if t* = 0.

    Between 0 and it, and nowhere else on the half-line of positive margin, mean / std exceeds its value at 0.
    """
    a0, a1 = mean
    rise = 2 * a0 * best_direction(mean, terms)[1]
    fall = -sum(wedge((u, v), mean) * (a1 * u + a0 * v) for u, v in terms)
    return ops.where(
        fall > 0, ops.ratio(rise, ops.where(fall > 0, fall, 1 + 0 * fall)), ops.ratio(rise, 0 * rise)
    )


def level_interval(mean: Pair, aligned: Any, terms: tuple[Pair, ...], cosine: Any, ops: Arithmetic) -> Pair:
    """The interval of t around t* in which (mean / std) / (its maximum) >= ``cosine``."""
    z0, z1 = best_direction(mean, terms)
    a0, a1 = mean

    def size(x: Any, y: Any) -> Any:
        lines = [aligned * (a0 * x + a1 * y), *(u * x + v * y for u, v in terms)]
        return ops.sqrt(sum(line * line for line in lines))

    # z* and d = (-a1, a0), which has mean 0, up to a common factor that keeps |d| = 0 harmless.
    best, neutral = size(z0, z1), size(-a1, a0)
    c0, c1 = ops.ratio(z0, best) * neutral, ops.ratio(z1, best) * neutral
    sine = ops.sqrt((1 - cosine) * (1 + cosine))

    def end(sign: int) -> Any:
        # Turning by +phi raises t until the first coordinate is 0 and t has reached +inf; -phi lowers it.
        x, y = c0 * cosine - sign * a1 * sine, c1 * cosine + sign * a0 * sine
        inside = x > 0
        return ops.where(inside, y / ops.where(inside, x, 1 + 0 * x), sign * ops.number(math.inf) + 0 * x)

    return end(-1), end(+1)
