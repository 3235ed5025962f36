"""The excess risk for any rank and alpha: what the correction misses, plus what each singular value adds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha._core.types import FloatArray, IntArray, Real
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory.low_rank.bulk import kept_in_the_bulk
from rmt_alpha.theory.low_rank.model import Model, model
from rmt_alpha.theory.low_rank.outliers import edge, location, outliers, rate
from rmt_alpha.theory.ridge.closed_form import effective_ridge


def excess_risk(problem: LowRankTransfer, alpha: ArrayLike, rank: ArrayLike) -> Real:
    """See `LowRankTransfer.excess_risk`."""
    alphas = np.asarray(as_real("alpha", alpha), float)
    check_range("alpha", alphas, FINITE)
    ranks = problem.check_rank(rank)
    shape = np.broadcast_shapes(alphas.shape, ranks.shape)
    if 0 in shape:
        return np.zeros(shape)
    each_alpha, where_alpha = np.unique(alphas, return_inverse=True)
    each_rank, where_rank = np.unique(ranks, return_inverse=True)
    table = risk_table(problem, each_alpha, each_rank)
    index = (where_alpha.reshape(alphas.shape), where_rank.reshape(ranks.shape))
    value = table[index]
    return float(value) if value.ndim == 0 else value


def risk_table(problem: LowRankTransfer, alpha: FloatArray, rank: IntArray) -> FloatArray:
    """The excess risk at every alpha (rows) and rank (columns)."""
    law = model(problem, alpha)
    base = law.full + (law.spikes**2).sum()
    table = np.repeat(base[:, None], len(rank), axis=1)
    part = (rank > 0) & (rank < law.rank)
    if part.any():
        table[:, part] += _kept(law, rank[part])
    table[:, rank >= law.rank] = full_rank(problem, base)[:, None]
    return table


def full_rank(problem: LowRankTransfer, distance: FloatArray) -> FloatArray:
    r"""Ridge regression with an unrestricted correction, from prior weights at squared ``distance``.

    .. math:: \frac{\kappa^2 |D|_F^2 / L^2 + d \sigma^2 \eta / L^2}{1 - \eta/L^2}, \qquad L = 1 + \kappa
    """
    ridge = effective_ridge(problem.p, problem.n, problem.gamma)
    missed = (ridge.kappa / ridge.lift) ** 2 * distance
    return np.asarray((missed + problem.d * problem.noise**2 * ridge.noise) / ridge.freedom)


def _kept(law: Model, rank: IntArray) -> FloatArray:
    """Change of the risk by keeping the largest singular values, shape (alphas, ranks)."""
    top = edge(law, 1)
    spikes = outliers(law, top)
    order = np.argsort(np.where(spikes.seen, -location(law, spikes.mu), np.inf), axis=1)
    change = np.where(spikes.seen, rate(law, spikes.mu, law.risk_direction()), 0.0)
    sums = np.cumsum(np.take_along_axis(change, order, 1), axis=1)
    sums = np.concatenate([np.zeros((len(top), 1)), sums], axis=1)
    seen = spikes.seen.sum(axis=1)[:, None]
    total = np.take_along_axis(sums, np.minimum(rank, seen), 1)
    beyond = np.maximum(rank - seen, 0)
    rows = beyond.any(axis=1)
    if rows.any():
        some = law.take(rows) if not rows.all() else law
        total[rows] += kept_in_the_bulk(some, top[rows], beyond[rows].astype(float))
    return total
