"""Gaussian expectations by adaptive Gauss-Kronrod rules, all at once, with an estimate of the error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rmt_alpha._core.types import Array

Integrands = Callable[[Array, Array], Array]

REACH = 8.7
"""Standard deviations beyond which nothing is integrated; 3e-18 of the mass lies there."""
TOLERANCE = 1e-12
"""Error of an expectation relative to the expectation of the absolute value."""
LEVELS = 60
"""Bisections of a panel at most."""
MOST_PANELS = 2000
"""For each expectation: what needs more is noise."""
PANELS = 7
"""Panels to begin with, between breaks."""

NODES_HALF = np.array([
    0.995657163025808080735527280689003, 0.973906528517171720077964012084452,
    0.930157491355708226001207180059508, 0.865063366688984510732096688423493,
    0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
    0.562757134668604683339000099272694, 0.433395394129247190799265943165784,
    0.294392862701460198131126603103866, 0.148874338981631210884826001129720,
])  # fmt: skip
KRONROD_HALF = np.array([
    0.011694638867371874278064396062192, 0.032558162307964727478818972459390,
    0.054755896574351996031381300244580, 0.075039674810919952767043140916190,
    0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
    0.123491976262065851077958109585166, 0.134709217311473325928054001771707,
    0.142775938577060080797094273138717, 0.147739104901338491374841515972068,
])  # fmt: skip
GAUSS_HALF = np.array([
    0.066671344308688137593568809893332, 0.149451349150580593145863396957700,
    0.219086362515982043995534934228163, 0.269266719309996355091226921569469,
    0.295524224714752870173815619188769,
])  # fmt: skip
KRONROD_CENTRE = 0.149445554002916905664936468389821
NODES = np.concatenate([-NODES_HALF, [0.0], NODES_HALF[::-1]])
KRONROD = np.concatenate([KRONROD_HALF, [KRONROD_CENTRE], KRONROD_HALF[::-1]])
GAUSS = np.zeros(21)
GAUSS[1:10:2] = GAUSS_HALF
GAUSS[11:20:2] = GAUSS_HALF[::-1]
"""The 21-point Kronrod rule and the 10-point Gauss rule inside it (Piessens et al., QUADPACK, 1983)."""


def expectation(
    integrands: Integrands,
    mean: Array,
    std: Array,
    breaks: Array,
    name: str,
    *,
    tolerance: float = TOLERANCE,
    floor: float = 0.0,
) -> Array:
    """E f(z) for z ~ N(mean_i, std_i^2), every i and every f; shape (number of f, m).

    ``integrands(z, owner)``, z and owner of one shape, gives the values of all f, stacked, where ``owner`` is
    i.  f is not smooth at the ``breaks``, shape (m, any).  The ``tolerance`` is relative to the expectation
    of the absolute value; ``floor`` is an absolute error that f is known to have, no better is asked for.
    """
    low, high, owner = _panels(mean, std, breaks)
    count = len(mean)
    total: Array = np.zeros(())
    size: Array = np.zeros(())
    for level in range(LEVELS):
        centre, half = 0.5 * (low + high), 0.5 * (high - low)
        x = centre[:, None] + half[:, None] * NODES
        owners = np.broadcast_to(owner[:, None], x.shape)
        density = np.exp(-0.5 * x * x) * (half[:, None] / np.sqrt(2 * np.pi))
        values = integrands(mean[owners] + std[owners] * x, owners)
        if not np.isfinite(values).all():
            bad = ~np.isfinite(values).all(axis=0)
            where = float((mean[owners] + std[owners] * x)[bad][0])
            raise ArithmeticError(
                f"the {name} loss is not finite at the margin {where:g}, which occurs in training: it must "
                "be finite there, with its slope and curvature; a larger gamma keeps margins small"
            )
        weighted = values * density
        fine, rough = weighted @ KRONROD, weighted @ GAUSS
        if not level:
            total, size = np.zeros((len(values), count)), np.zeros((len(values), count))
        size = np.maximum(size, total + _sums(abs(weighted) @ KRONROD, owner, count))
        error = abs(fine - rough)
        # The error of the rule falls much faster than this difference does (QUADPACK's estimate).
        span = np.maximum(abs(weighted) @ KRONROD, 1e-300)
        error = span * np.minimum(1.0, (200 * error / span) ** 1.5)
        rounding = 1e-15 * span + floor * (density @ KRONROD)
        done = (error <= np.maximum(tolerance * size[:, owner] / 64, rounding)).all(axis=0)
        if level == LEVELS - 1 or 2 * np.count_nonzero(~done) > MOST_PANELS * count:
            break
        total = total + _sums(fine[:, done], owner[done], count)
        if done.all():
            return total
        low, centre, high, owner = low[~done], centre[~done], high[~done], owner[~done]
        low, high = np.concatenate([low, centre]), np.concatenate([centre, high])
        owner = np.concatenate([owner, owner])
    raise ArithmeticError(
        f"the expectations of the {name} loss could not be integrated to {tolerance:g}: its slope or "
        "curvature jumps where `kinks` does not say so, or is noisy; list the margins of all jumps in `kinks`"
    )


def _panels(mean: Array, std: Array, breaks: Array) -> tuple[Array, Array, Array]:
    """Ends and owners of the first panels, in standard deviations."""
    even = np.broadcast_to(np.linspace(-REACH, REACH, PANELS + 1), (len(mean), PANELS + 1))
    inner = np.clip((breaks - mean[:, None]) / std[:, None], -REACH, REACH)
    edges = np.sort(np.concatenate([even, inner], axis=1), axis=1)
    low, high = edges[:, :-1], edges[:, 1:]
    owner = np.broadcast_to(np.arange(len(mean))[:, None], low.shape)
    keep = high > low
    return low[keep], high[keep], owner[keep]


def _sums(values: Array, owner: Array, count: int) -> Array:
    return np.stack([np.bincount(owner, weights=row, minlength=count) for row in values])
