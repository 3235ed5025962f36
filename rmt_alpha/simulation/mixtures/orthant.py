"""P(all coordinates of a Gaussian vector are positive), for many small Gaussian vectors at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import special

from rmt_alpha._core.types import FloatArray

SCRAMBLES = 8
"""Independent scramblings of the Sobol points; their spread is the error estimate."""
NODES = (12, 24, 48)
"""Gauss-Legendre nodes of one axis, tried in turn."""
NODES_TOLERANCE = 1e-8
"""Difference between two of these at which the better one is believed."""
POINTS = (6, 8, 10, 12, 14)
"""Binary logarithms of the numbers of Sobol points of one scrambling, tried in turn."""
POINTS_TOLERANCE = 1e-4
"""Standard error at which no more points are taken."""
GRID_DIMENSION = 4
"""Largest dimension that Gauss-Legendre nodes are tried for: a grid in two dimensions less."""
EDGE = 8.3
"""Standard deviations beyond which a normal variable has probability below 1e-16."""
CHUNK_ENTRIES = 1 << 18
SEED = 20_240_229
"""Of the Sobol points, the same for every classifier: a smooth function of alpha stays smooth."""

Place = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


def positive_orthant(mean: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Probability that every coordinate of :math:`\mathcal N(m, S)` is positive, and its standard error.

    .. math:: P(z_1 > 0, \dots, z_d > 0), \qquad z \sim \mathcal N(m, S)

    One coordinate: :math:`\Phi(m / \sqrt S)`.  Two: Owen's T function, exact to rounding.  More: the last two
    given the others by Owen's function, the others one after the other (Genz's separation of variables);
    for one or two others by Gauss-Legendre nodes, doubled until nothing changes beyond 1e-8, for more, or
    where that fails, by scrambled Sobol points, until the standard error, from 8 independent scramblings, is
    below 1e-4 or 16384 points each are spent.

    Parameters
    ----------
    mean : ndarray, shape (..., d)
        d >= 1.
    covariance : ndarray, shape (..., d, d)
        Positive semidefinite; singular matrices are allowed.

    Returns
    -------
    probability, error : ndarray, shape (...)
        The error is 0 up to rounding for d <= 2.

    Notes
    -----
    A coordinate that is identically 0 is a tie, and ties are broken at random: t of them divide the
    probability of the others by t + 1.  So a classifier that gives K classes the same score is right with
    probability 1/K.

    References
    ----------
    D. B. Owen, "Tables for computing bivariate normal probabilities", Ann. Math. Stat. 27 (1956).
    A. Genz, "Numerical computation of multivariate normal probabilities", J. Comput. Graph. Stat. 1 (1992).

    Examples
    --------
    Independent coordinates multiply, and coordinates with correlation 1/2 have all signs with equal odds:

    >>> import numpy as np
    >>> positive_orthant(np.zeros(2), np.eye(2))[0].item()
    0.25
    >>> chance, error = positive_orthant(np.zeros(3), (np.eye(3) + 1) / 2)
    >>> bool(abs(chance - 1 / 4) < 5e-5), bool(error < 1e-5)
    (True, True)
    """
    shape, dimension = mean.shape[:-1], mean.shape[-1]
    mean, covariance = mean.reshape(-1, dimension), covariance.reshape(-1, dimension, dimension)
    std = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    still = std == 0  # a coordinate that is a constant
    limit = np.where(still, np.copysign(np.inf, mean), mean / np.where(still, 1.0, std))
    tied = still & (mean == 0)
    limit[tied] = np.inf
    scale = np.where(still, 1.0, std)
    correlation = covariance / (scale[:, :, None] * scale[:, None, :])
    correlation[np.broadcast_to(still[:, :, None] | still[:, None, :], correlation.shape)] = 0.0
    correlation = np.clip(correlation, -1.0, 1.0)
    error = np.zeros(len(mean))
    if dimension == 1:
        chance = special.ndtr(limit[:, 0])
    elif dimension == 2:
        chance = bivariate(limit[:, 0], limit[:, 1], correlation[:, 0, 1])
    else:
        chance, error = _many_dimensions(limit, correlation)
    share = 1.0 + tied.sum(axis=1)
    return np.asarray((chance / share).reshape(shape)), np.asarray((error / share).reshape(shape))


def bivariate(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    r"""P(x < h, y < k) for standard normal x and y with correlation rho; h and k may be infinite.

    .. math:: \tfrac12 [\Phi(h) + \Phi(k)] - T(h, a_h) - T(k, a_k) - \tfrac12 [h\ \text{and}\ k\
        \text{have opposite signs}], \qquad a_h = \frac{k - \rho h}{h \sqrt{1 - \rho^2}}
    """
    # Infinite limits would give inf/inf; beyond 40 the normal distribution has no mass in float64.
    h, k = np.clip(h, -40.0, 40.0), np.clip(k, -40.0, 40.0)
    sine = np.sqrt((1.0 - rho) * (1.0 + rho))
    corner = (h == 0) & (k == 0)  # a_h is 0/0 there, and the answer elementary
    signs = np.sign(h) * np.sign(k)  # h * k could underflow
    opposite = (signs < 0) | ((signs == 0) & (h + k < 0))
    value = (
        0.5 * (special.ndtr(h) + special.ndtr(k)) - _owen(h, k, rho, sine) - _owen(k, h, rho, sine)
    ) - 0.5 * opposite
    value = np.where(corner, 0.25 + np.arcsin(rho) / (2 * np.pi), value)
    return np.asarray(np.clip(value, 0.0, 1.0))


def _owen(h: FloatArray, k: FloatArray, rho: FloatArray, sine: FloatArray) -> FloatArray:
    # T(h, (k - rho h) / (h sine)); a zero denominator means an infinite slope, unless the numerator is 0 too.
    # k - rho h, without cancellation where |rho| is nearly 1.
    rise = np.where(rho > 0, (k - h) + (1.0 - rho) * h, (k + h) - (1.0 + rho) * h)
    run = h * sine
    slope = np.divide(rise, run, out=np.where(rise == 0, 0.0, np.copysign(np.inf, rise)), where=run != 0)
    # At rho = +-1 the sign of the denominator is that of h.
    slope = np.where((run == 0) & (h < 0), -slope, slope)
    return np.asarray(special.owens_t(h, slope))


def _many_dimensions(limit: FloatArray, correlation: FloatArray) -> tuple[FloatArray, FloatArray]:
    # The most restrictive coordinates first: then the later factors vary least.
    order = np.argsort(limit, axis=1)
    limit = np.take_along_axis(limit, order, axis=1)
    correlation = np.take_along_axis(correlation, order[:, :, None], axis=1)
    correlation = np.take_along_axis(correlation, order[:, None, :], axis=2)
    factor = _semidefinite_cholesky(correlation)
    chance, error = np.zeros(len(limit)), np.full(len(limit), np.inf)
    left, outer = np.arange(len(limit)), limit.shape[1] - 2
    if outer + 2 <= GRID_DIMENSION:
        for level, count in enumerate(NODES):
            values = _in_chunks(limit[left], factor[left], *_grid(outer, count), _between_edges)[0]
            change = np.abs(values - chance[left])
            chance[left] = values
            if level:
                error[left] = change
                left = left[change > NODES_TOLERANCE]
    # A grid that settled to what points would reach is as good as these.
    left = left[error[left] > POINTS_TOLERANCE]
    error[left] = np.inf
    for level, exponent in enumerate(POINTS):
        if not left.size:
            break
        values = _in_chunks(limit[left], factor[left], *_sobol(outer, exponent), _by_inversion)
        mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(SCRAMBLES)
        if level:
            # Four times the points have at most a quarter of the error, so at most a third of the change is
            # left.  Of steps (singular covariances) all scramblings may see the same, and show no spread.
            error[left] = np.maximum(spread, np.abs(mean - chance[left]) / 3)
        chance[left] = mean
        left = left[error[left] > POINTS_TOLERANCE]
    return chance, error


@lru_cache(maxsize=16)
def _grid(dimension: int, count: int) -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    axes = np.meshgrid(*[0.5 * (nodes + 1.0)] * dimension, indexing="ij")
    weight = np.meshgrid(*[0.5 * weights] * dimension, indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    return points[None], np.prod([w.ravel() for w in weight], axis=0)


@lru_cache(maxsize=16)
def _sobol(dimension: int, exponent: int) -> tuple[FloatArray, FloatArray]:
    seeds = np.random.SeedSequence(SEED).spawn(SCRAMBLES)
    from scipy.stats import qmc  # half a second to import, for four classes and more

    points = [qmc.Sobol(dimension, rng=np.random.default_rng(seed)).random_base2(exponent) for seed in seeds]
    return np.asarray(points), np.full(2**exponent, 0.5**exponent)


def _between_edges(top: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    # x runs over the part of [-EDGE, EDGE] below the limit; its weight is the normal density.
    length = np.clip(top, -EDGE, EDGE) + EDGE
    x = length * t - EDGE
    return x, length * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def _by_inversion(top: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    # x is drawn from the normal distribution below the limit; its weight is the probability of that part.
    below = special.ndtr(top)
    # Kept off 0 so that a point of weight zero has a number all the same.
    return special.ndtri(np.clip(t * below, 1e-300, 1.0 - 1e-16)), below


def _in_chunks(
    limit: FloatArray, factor: FloatArray, points: FloatArray, weights: FloatArray, place: Place
) -> FloatArray:
    # One value for every set of points (first axis) and every vector.
    values = np.empty((len(points), len(limit)))
    step = max(1, CHUNK_ENTRIES // len(weights))
    for start in range(0, len(limit), step):
        part = slice(start, start + step)
        for i, t in enumerate(points):
            values[i, part] = _separated(limit[part], factor[part], t, place) @ weights
    return values


def _semidefinite_cholesky(matrices: FloatArray) -> FloatArray:
    # Lower triangular L with L L^T = S for a stack of small semidefinite S: a pivot of rounding size is 0.
    dimension = matrices.shape[1]
    factor = np.zeros_like(matrices)
    for j in range(dimension):
        column = matrices[:, j:, j] - np.einsum("rik,rk->ri", factor[:, j:, :j], factor[:, j, :j])
        pivot = np.where(column[:, 0] > 1e-14 * dimension, column[:, 0], 0.0)
        root = np.sqrt(pivot)
        below = column / np.where(root > 0, root, np.inf)[:, None]
        factor[:, j:, j] = below
        factor[:, j, j] = root
    return factor


def _separated(limit: FloatArray, factor: FloatArray, points: FloatArray, place: Place) -> FloatArray:
    # Genz: the coordinates x_j = sum_i L_ji g_i in turn, the last two together; shape (r, points).
    dimension = limit.shape[1]
    product = np.ones((len(limit), len(points)))
    normal: list[FloatArray] = []

    def room(j: int) -> FloatArray:
        value = np.broadcast_to(limit[:, j, None], product.shape)
        for i, g in enumerate(normal):
            value = value - factor[:, j, i, None] * g
        return value

    for j in range(dimension - 2):
        top, fixed = _scaled(room(j), factor[:, j, j, None])
        g, weight = place(top, points[:, j])
        normal.append(g)
        # A coordinate that is a function of the earlier ones is inside or not; its own g is not used.
        product = product * np.where(fixed, top > 0, weight)
        if np.any(fixed):
            normal[-1] = np.where(fixed, 0.0, g)
    j = dimension - 2
    first, second = factor[:, j, j], np.hypot(factor[:, j + 1, j], factor[:, j + 1, j + 1])
    rho = np.divide(factor[:, j + 1, j], second, out=np.zeros_like(second), where=(first > 0) & (second > 0))
    h, _ = _scaled(room(j), first[:, None])
    k, _ = _scaled(room(j + 1), second[:, None])
    return np.asarray(product * bivariate(h, k, rho[:, None]))


def _scaled(room: FloatArray, pivot: FloatArray) -> tuple[FloatArray, FloatArray]:
    certain = np.where(room >= 0, np.inf, -np.inf)
    return np.divide(room, pivot, out=certain, where=pivot > 0), pivot == 0
