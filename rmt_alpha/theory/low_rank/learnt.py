"""`LearntCorrection`: what a correction is made of; the best rank, and when a spike is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from rmt_alpha._core.alphas import FINITE
from rmt_alpha._core.checks import check_scalar
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot
from rmt_alpha._core.types import BoolArray, FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.theory.low_rank.bulk import bulk
from rmt_alpha.theory.low_rank.curve import best_rank, default_alpha
from rmt_alpha.theory.low_rank.model import Model, model
from rmt_alpha.theory.low_rank.outliers import Outliers, edge, location, moved, outliers, rate, slope

FEWEST_SAMPLES, MOST_SAMPLES = 1e-6, 1e12
"""Between which a threshold is searched, in units of p."""
ANGLES = 256
DRAWN = 60
"""Ranks in the picture of a problem."""


@dataclass(frozen=True, eq=False, repr=False)
class LearntCorrection(Value, Shown):
    r"""The correction R at one alpha, component by component; the i-th belongs to the i-th spike.

    .. math:: R\, (X X^\top/n + \gamma)^{1/2} = \sum_k s_k \hat u_k \hat v_k^\top, \qquad
        R_k = s_k \hat u_k \hat v_k^\top (X X^\top/n + \gamma)^{-1/2}

    The s_k, singular values on the sample, are what the training orders components by.  Comes from
    ``LowRankTransfer.learnt(alpha)``.

    Parameters
    ----------
    problem : LowRankTransfer
        What was asked.
    alpha : float
        Factor of the source.
    seen : ndarray of bool, shape (k,)
        Whether the spike stands out of the bulk.  What is said below of one that does not is said of the
        component at the edge of the bulk, which has nothing of the spike.
    singular_values : ndarray, shape (k,)
        s.
    sizes : ndarray, shape (k,)
        Frobenius norms of the components R_k; the true ones are the spikes.
    left, right : ndarray, shape (k,)
        Squared cosines of the component's singular vectors with the true u_i and v_i.
    change : ndarray, shape (k,)
        What keeping the component does to the risk.
    edge, lower_edge : float
        Ends of the bulk of the other s_k.
    edge_change : float
        What keeping a component at the edge does to the risk.
    bulk_values, bulk_density : ndarray
        Values of s in the bulk, downwards, and the density of all s there, as a probability density.

    Examples
    --------
    >>> from rmt_alpha import LowRankTransfer
    >>> problem = LowRankTransfer(0.6, [3, 2, 0.5], 6.0, 1.0, n=500, p=200, d=150)
    >>> problem.learnt(0.6)
    LearntCorrection(2 of 3 spikes seen, up to 3.12, bulk up to 1.18)
    >>> problem.learnt(0.6).left.round(2)
    array([0.97, 0.92, 0.  ])
    """

    problem: LowRankTransfer
    alpha: float
    seen: BoolArray
    singular_values: FloatArray
    sizes: FloatArray
    left: FloatArray
    right: FloatArray
    change: FloatArray
    edge: float
    lower_edge: float
    edge_change: float
    bulk_values: FloatArray
    bulk_density: FloatArray

    def _card(self) -> Card:
        rows = {"problem": repr(self.problem), "alpha": self.alpha, "singular values": self.singular_values}
        rows |= {"of spikes": self.problem.spikes, "squared cosines": np.sqrt(self.left * self.right)}
        rows |= {"edge of the bulk": self.edge, "change of the risk": self.change}
        marks = np.zeros(int(self.seen.sum()))
        picture = plot(
            "density of the singular values",
            ("singular value", "density"),
            lines={"": (self.bulk_values, self.bulk_density)},
            points=(self.singular_values[self.seen], marks, marks),
        )
        return Card(rows, picture, "Picture: points are spikes that are seen.")

    def __repr__(self) -> str:
        most = f", up to {self.singular_values[self.seen].max():.3g}" if self.seen.any() else ""
        seen = f"{int(self.seen.sum())} of {self.seen.size} spikes seen"
        return f"LearntCorrection({seen}{most}, bulk up to {self.edge:.3g})"


def learnt_correction(problem: LowRankTransfer, alpha: float) -> LearntCorrection:
    """See `LowRankTransfer.learnt`."""
    alpha = check_scalar("alpha", alpha, FINITE)
    law = model(problem, np.array([alpha]))
    top, bottom = edge(law, 1), edge(law, -1)
    spikes = outliers(law, top)
    risk = law.risk_direction()
    size, truth, left = _components(law, spikes)
    inside = bulk(replace(law, spikes=law.spikes[:0]), top, bottom, ANGLES)  # what spikes take is 1 of d
    values = np.sqrt(inside.location[0])
    density = np.divide(inside.count[0], inside.stretch[0]) * 2 * values / law.rank
    present = problem.spikes > 0

    def placed(found: FloatArray, otherwise: float) -> FloatArray:
        every = np.full(problem.spikes.size, otherwise)
        every[present] = np.where(spikes.seen[0], found[0], otherwise)
        every.flags.writeable = False
        return every

    seen = placed(np.ones_like(spikes.mu), 0.0) > 0
    top_value = float(np.sqrt(location(law, top)[0]))
    # Inner product with theta u v^T over both norms, over the cosine of the left vectors.
    right = (truth / 2) ** 2 / (law.spikes**2 * left * size)
    bottom_value = float(np.sqrt(max(location(law, bottom)[0], 0.0)))
    return LearntCorrection(
        problem=problem,
        alpha=alpha,
        seen=seen,
        singular_values=placed(np.sqrt(location(law, spikes.mu)), top_value),
        sizes=placed(np.sqrt(size), float(np.sqrt(moved(law, top, law.size_direction())[0]))),
        left=placed(left, 0.0),
        right=placed(right, 0.0),
        change=placed(rate(law, spikes.mu, risk), float(moved(law, top, risk)[0])),
        edge=top_value,
        lower_edge=bottom_value,
        edge_change=float(moved(law, top, risk)[0]),
        bulk_values=values,
        bulk_density=density,
    )


def _components(law: Model, spikes: Outliers) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Squared norms, inner products with the spike (twice), squared cosines on the left; of unseen ones 1."""
    size = rate(law, spikes.mu, law.size_direction())
    truth = rate(law, spikes.mu, law.truth_direction())
    # With e u u^T added to M M^T the spike's equation is D(z) = e m, so (u.uh)^2 = m/(dD/dz).
    pull = law.spikes**2 * (
        (1 / (spikes.mu[..., None] - law.d * law.T[:, None])) ** 2 @ (law.weights * law.q)
    )
    left = slope(law, spikes.mu) / (spikes.mu * pull)
    return tuple(np.where(spikes.seen, each, 1.0) for each in (size, truth, left))  # type: ignore[return-value]


def spikes_behind(
    problem: LowRankTransfer, alpha: float, singular_values: FloatArray, margin: float
) -> FloatArray:
    """The spikes, downwards, that would give these singular values; the problem's own are not asked.

    Only for those whose squares exceed that of the bulk's edge by ``margin`` times it.
    """
    law = model(problem, np.array([alpha]))
    top = edge(law, 1)
    squares = singular_values[singular_values**2 > location(law, top)[0] * (1 + margin)] ** 2

    def excess(mu: float, square: float) -> float:
        return float(location(law, np.array([mu]))[0]) - square

    # z(mu) > mu, and z rises from the edge.
    mu = np.array(
        [optimize.brentq(excess, top[0], square, args=(square,), xtol=1e-300) for square in squares]
    )
    pull = (law.weights * law.q / (mu[:, None] - law.d * law.T)).sum(axis=1)
    return np.asarray(np.sort(1 / np.sqrt(pull))[::-1])


def samples_to_see(problem: LowRankTransfer, alpha: float | None = None) -> FloatArray:
    """See `LowRankTransfer.samples_to_see`."""
    at = default_alpha(problem) if alpha is None else check_scalar("alpha", alpha, FINITE)

    def excess(log_n: float, theta: float) -> float:
        law = model(problem, np.array([at]), problem.p * np.exp(log_n))
        top = edge(law, 1)
        strength = theta**2 * (law.weights * law.q / (top[:, None] - law.d * law.T)).sum()
        return float(np.log(strength))

    ends = float(np.log(FEWEST_SAMPLES)), float(np.log(MOST_SAMPLES))
    found = np.full(problem.spikes.size, np.inf)
    for i, theta in enumerate(problem.spikes):
        if theta > 0 and excess(ends[1], theta) > 0:
            found[i] = problem.p * np.exp(optimize.brentq(excess, *ends, args=(theta,), xtol=1e-13))
    return found


def low_rank_card(problem: LowRankTransfer) -> Card:
    """Numbers of a problem, and the risk against the rank at alpha = 1 and at beta."""
    best = default_alpha(problem)
    most = min(problem.largest_rank, DRAWN)
    ranks = np.arange(most + 1)
    lines = {
        name: problem.excess_risk(at, ranks) for name, at in (("alpha = 1", 1.0), ("alpha = beta", best))
    }
    rows = problem._facts() | {"best rank": best_rank(problem, None)}
    picture = plot(
        "excess risk against the rank",
        ("rank", "excess risk"),
        lines={name: (ranks.astype(float), np.asarray(risk)) for name, risk in lines.items()},
    )
    return Card(rows, picture)
