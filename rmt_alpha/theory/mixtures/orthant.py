r"""Probability that a Gaussian vector is positive in every coordinate.

The accuracy of a classifier of K classes is such an orthant probability in K - 1 dimensions: all
differences between the score of the right class and the others are positive.  One dimension is the normal
distribution function, two are Owen's T function.  With more, all coordinates but the last two are
integrated, one given the other (Genz 1992): up to three of them by Gauss-Legendre quadrature, more by a
scrambled Sobol sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import special

from rmt_alpha._core.types import Array

ROUNDING = 1e-14
"""Error of the closed forms in one and two dimensions."""
NODES = {1: 96, 2: 48, 3: 20}
"""Gauss-Legendre nodes per integrated coordinate; the error is estimated from three quarters of them."""
PRECISION = 1e-9
"""Error above which the nodes are doubled, as long as there are fewer than `BLOCK` points."""
BLOCK = 1 << 18
"""Points times cases that are integrated at once."""
SINGULAR = 1e-14
"""Share of a determinant in the product of its diagonal below which a pair of coordinates is one."""
FAR = 9.0
"""Standard normal numbers beyond +-9 have probability 1e-19."""
UNLIKELY = 40.0
"""Beyond it nothing is left of a normal number in float64."""
WEAK = {6: 0.3, 12: 0.75}
"""Gauss-Legendre nodes that give the probability of a pair to rounding, up to a correlation (Genz 2004)."""
REPEATS, LEVEL, SEED = 8, 9, 20
"""Independent scramblings, logarithm of the points of each, and their seed: a fixed one, so that accuracy is
a smooth function of alpha."""


def orthant_probability(mean: Array, covariance: Array, points: int | None = None) -> tuple[Array, Array]:
    """P(x > 0) for x ~ N(mean, covariance), and an estimate of its error; shapes (..., d) and (..., d, d).

    For d <= 2 the error is that of rounding; for d = 3, 4, 5 the difference of two quadratures; for more
    dimensions the standard error over independent quasi-random sequences.  A coordinate without variance
    counts as positive if its mean is, and as a coin flip if its mean is 0.  So many ``points``, a power of 2,
    of one sequence give a rough value (to about 1e-3 for 64), quickly and smooth in its arguments, with an
    error of nan.

    Examples
    --------
    >>> import numpy as np
    >>> value, error = orthant_probability(np.zeros(3), np.eye(3) / 2 + 0.5)
    >>> print(round(float(value), 10))  # exchangeable with correlation 1/2: 1 / (d + 1)
    0.25
    """
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    # Rounding may leave a variance of 0 below it.
    scale = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        h = np.where(scale > 0, mean / scale, np.where(mean == 0, 0.0, np.copysign(np.inf, mean)))
        correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    correlation = np.nan_to_num(correlation, nan=0.0, posinf=0.0, neginf=0.0)
    d = h.shape[-1]
    if d == 1:
        return special.ndtr(h[..., 0]), np.full(h.shape[:-1], ROUNDING)
    if d == 2:
        return bivariate(h[..., 0], h[..., 1], correlation[..., 0, 1]), np.full(h.shape[:-1], ROUNDING)
    shape = h.shape[:-1]
    if points is not None:
        sequence = _sobol(d - 2, points)
        h, correlation = h.reshape(-1, d), correlation.reshape(-1, d, d)
        rough = _average(h, correlation, sequence, np.full(points, 1 / points), _by_quantile)
        return rough.reshape(shape), np.full(shape, np.nan)
    h, correlation = _sorted(h.reshape(-1, d), correlation.reshape(-1, d, d))
    values, errors = _integrals(h, correlation)
    return values.reshape(shape), errors.reshape(shape)


def orthant_gradient(mean: Array, covariance: Array) -> tuple[Array, Array]:
    """Derivatives of P(x > 0) in the mean, (..., d), and in the covariance, symmetric, (..., d, d).

    In m_i it is the density of x_i at 0 times the probability of the rest given x_i = 0; in a covariance the
    same of a pair (Plackett 1954).  Those in the variances follow since scaling a coordinate changes nothing:
    m_i dP/dm_i + 2 sum_j S_ij dP/dS_ij = 0.  A coordinate without variance, or a pair that is one, has none.
    """
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    d = mean.shape[-1]
    first, second = np.zeros(mean.shape), np.zeros(covariance.shape)
    for i in range(d):
        first[..., i] = _pinned(mean, covariance, (i,))
        for j in range(i):
            second[..., i, j] = second[..., j, i] = 0.5 * _pinned(mean, covariance, (i, j))
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)
    moved = mean * first + 2 * (covariance * second).sum(axis=-1)
    diagonal = np.where(variances > 0, -0.5 * moved / np.where(variances > 0, variances, 1.0), 0.0)
    second[..., np.arange(d), np.arange(d)] = diagonal
    return first, second


def _pinned(mean: Array, covariance: Array, at: tuple[int, ...]) -> Array:
    """Density of the coordinates ``at``, one or two, at 0 times the probability of the rest given that."""
    rest = [i for i in range(mean.shape[-1]) if i not in at]
    own = covariance[..., at, :][..., at]
    size = np.prod(np.diagonal(own, axis1=-2, axis2=-1), axis=-1)
    determinant = own[..., 0, 0] if len(at) == 1 else size - own[..., 0, 1] ** 2
    regular = determinant > SINGULAR * size
    identity = np.broadcast_to(np.eye(len(at)), own.shape)
    inverse = np.linalg.inv(np.where(regular[..., None, None], own, identity))
    pinned = mean[..., at]
    distance = np.einsum("...i,...ij,...j->...", pinned, inverse, pinned)
    root = np.sqrt(np.where(regular, determinant, 1.0)) * (2 * np.pi) ** (len(at) / 2)
    density = np.where(regular, np.exp(-0.5 * distance) / root, 0.0)
    if not rest:
        return density
    cross = covariance[..., rest, :][..., at]
    pull = cross @ inverse
    left = mean[..., rest] - (pull @ pinned[..., None])[..., 0]
    spread = covariance[..., rest, :][..., rest] - pull @ np.swapaxes(
        covariance[..., rest, :][..., at], -1, -2
    )
    return np.asarray(density * orthant_probability(left, spread)[0])


def bivariate(h: Array, k: Array, rho: Array) -> Array:
    """P(x < h, y < k) for standard normal x and y with correlation rho, by Owen's T function (Owen 1956)."""
    h, k, rho = np.broadcast_arrays(*(np.asarray(x, float) for x in (h, k, rho)))
    rho = np.clip(rho, -1.0, 1.0)
    root = np.sqrt((1 - rho) * (1 + rho))
    certain = ~np.isfinite(h) | ~np.isfinite(k)
    h0, k0 = np.where(certain, 1.0, h), np.where(certain, 1.0, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        # At h = 0 the slope is infinite with the sign of k, and conversely; at h = k = 0 use the limit h =
        # k -> 0+.
        a_h = np.where((h0 == 0) & (k0 == 0), (1 - rho) / root, (k0 - rho * h0) / (h0 * root))
        a_k = np.where((h0 == 0) & (k0 == 0), (1 - rho) / root, (h0 - rho * k0) / (k0 * root))
    signs = np.sign(h0) * np.sign(k0)  # the product of the numbers themselves may underflow
    opposite = (signs < 0) | ((signs == 0) & (h0 + k0 < 0))
    value = (special.ndtr(h0) + special.ndtr(k0) - opposite) / 2
    value = value - special.owens_t(h0, np.nan_to_num(a_h)) - special.owens_t(k0, np.nan_to_num(a_k))
    line = np.where(rho > 0, special.ndtr(np.minimum(h, k)), special.ndtr(h) - special.ndtr(-k))
    value = np.where(root > 0, value, line)
    limit = special.ndtr(h) * special.ndtr(k)  # one of them is 0 or 1
    return np.asarray(np.clip(np.where(certain, limit, value), 0.0, 1.0))


def bivariate_cases(h: Array, k: Array, rho: Array) -> Array:
    """`bivariate` for h and k (cases, points) and rho (cases,), quickly where correlations are weak."""
    size, lowest = abs(rho), -1.0
    found = np.empty(h.shape)
    for nodes, largest in WEAK.items():
        weak = (size > lowest) & (size <= largest)
        found[weak] = _by_arc(h[weak], k[weak], rho[weak, None], nodes)
        lowest = largest
    strong = size > lowest
    found[strong] = bivariate(h[strong], k[strong], rho[strong, None])
    return found


def _by_arc(h: Array, k: Array, rho: Array, nodes: int) -> Array:
    """The same as an integral of the density over the correlation, the sine of an angle (Drezner 1978)."""
    product = special.ndtr(h) * special.ndtr(k)
    if not product.size:
        return np.asarray(product)
    h, k = np.clip(h, -UNLIKELY, UNLIKELY), np.clip(k, -UNLIKELY, UNLIKELY)
    both, squares, angle = h * k, (h * h + k * k) / 2, np.arcsin(rho)
    total = np.zeros(h.shape)
    for x, weight in zip(*np.polynomial.legendre.leggauss(nodes), strict=True):
        sine = np.sin(angle * (1 + x) / 2)
        part = both * sine
        part -= squares
        part /= (1 - sine) * (1 + sine)
        total += weight * np.exp(part, out=part)
    return np.asarray(np.clip(product + angle / (4 * np.pi) * total, 0.0, 1.0))


def _sorted(h: Array, correlation: Array) -> tuple[Array, Array]:
    """The coordinates with the least likely condition first: the integrand then varies least."""
    order = np.argsort(h, axis=1)
    rows = np.take_along_axis(correlation, order[:, :, None], axis=1)
    return np.take_along_axis(h, order, axis=1), np.take_along_axis(rows, order[:, None, :], axis=2)


def _integrals(h: Array, correlation: Array) -> tuple[Array, Array]:
    """Probabilities in three or more dimensions, with their errors."""
    outer = h.shape[1] - 2
    if outer in NODES:
        nodes = NODES[outer]
        value = _quadrature(h, correlation, nodes)
        error = abs(value - _quadrature(h, correlation, 3 * nodes // 4))
        while (hard := error > PRECISION).any() and (2 * nodes) ** outer <= BLOCK:
            # Strong correlations make the integrand steep: more nodes for these cases alone.
            nodes *= 2
            finer = _quadrature(h[hard], correlation[hard], nodes)
            value[hard], error[hard] = finer, abs(finer - value[hard])
        return value, error + ROUNDING
    points, weights = _sobol(outer, 1 << LEVEL, REPEATS), np.full(1 << LEVEL, 0.5**LEVEL)
    means = [_average(h, correlation, each, weights, _by_quantile) for each in np.split(points, REPEATS)]
    return np.mean(means, axis=0), np.std(means, axis=0, ddof=1) / np.sqrt(REPEATS) + ROUNDING


@lru_cache(maxsize=32)
def _sobol(outer: int, points: int, repeats: int = 1) -> Array:
    """Scrambled sequences, one after the other, shape (repeats * points, outer)."""
    from scipy.stats import qmc  # half a second to import, for four classes and more

    rng = np.random.default_rng(SEED)
    return np.concatenate([qmc.Sobol(outer, scramble=True, rng=rng).random(points) for _ in range(repeats)])


def _quadrature(h: Array, correlation: Array, nodes: int) -> Array:
    return _average(h, correlation, *_gauss(h.shape[1] - 2, nodes), _by_density)


@lru_cache(maxsize=32)
def _gauss(outer: int, nodes: int) -> tuple[Array, Array]:
    """Points of the unit cube, shape (nodes^outer, outer), and their weights."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    points = np.stack(np.meshgrid(*((x + 1) / 2,) * outer, indexing="ij"), axis=-1).reshape(-1, outer)
    weights = np.prod(np.stack(np.meshgrid(*(w / 2,) * outer, indexing="ij")), axis=0).ravel()
    return points, weights


Rule = Callable[[Array, Array], tuple[Array, Array]]


def _by_quantile(u: Array, bound: Array) -> tuple[Array, Array]:
    """A standard normal number below the bound, and the probability of one."""
    below = special.ndtr(bound)
    return special.ndtri(np.clip(u * below, 1e-300, 1 - 1e-16)), below


def _by_density(u: Array, bound: Array) -> tuple[Array, Array]:
    """A point uniform between -9 and the bound, and its density: analytic, where quantiles are not."""
    length = np.clip(bound, -FAR, FAR) + FAR
    x = length * u - FAR
    return x, length * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def _average(h: Array, correlation: Array, points: Array, weights: Array, rule: Rule) -> Array:
    """Weighted sum of the integrand over points of the unit cube, some cases at a time."""
    size = max(1, BLOCK // len(points))
    parts = [
        _conditional(h[i : i + size], correlation[i : i + size], points, rule) @ weights
        for i in range(0, len(h), size)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _conditional(h: Array, correlation: Array, points: Array, rule: Rule) -> Array:
    """Probability of the last two conditions given the first d - 2, for (cases, points)."""
    cases, d = h.shape
    factor = _cholesky(correlation)[:, :, :, None]
    weight = np.ones((cases, len(points)))
    drawn = np.zeros((cases, d - 2, len(points)))
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(d - 2):
            limit = h[:, i, None] - (factor[:, i, :i] * drawn[:, :i]).sum(axis=1)
            pivot = factor[:, i, i]
            bound = np.where(pivot > 0, limit / pivot, np.copysign(np.inf, limit))
            drawn[:, i], share = rule(points[:, i], bound)
            weight = weight * share
        tail = factor[:, d - 2 :, : d - 2, 0]
        rest = correlation[:, d - 2 :, d - 2 :] - tail @ np.swapaxes(tail, 1, 2)
        scale = np.sqrt(np.maximum(np.diagonal(rest, axis1=1, axis2=2), 0.0))
        limits = h[:, d - 2 :, None] - tail @ drawn
        limits = np.where(scale[:, :, None] > 1e-7, limits / scale[:, :, None], np.copysign(np.inf, limits))
        rho = np.where(scale.min(axis=1) > 1e-7, rest[:, 0, 1] / scale.prod(axis=1), 0.0)
    return np.asarray(weight * bivariate_cases(limits[:, 0], limits[:, 1], rho))


def _cholesky(correlation: Array) -> Array:
    """Lower triangular factors of positive semi-definite matrices; zero pivots give zero columns."""
    factor = np.zeros_like(correlation)
    for j in range(correlation.shape[1]):
        column = correlation[:, :, j] - (factor[:, :, :j] @ factor[:, j, :j, None])[:, :, 0]
        pivot = column[:, j, None]
        factor[:, j:, j] = np.where(
            pivot > 1e-14, column[:, j:] / np.sqrt(np.where(pivot > 1e-14, pivot, 1.0)), 0.0
        )
    return factor
