r"""The matrix that a low-rank correction truncates, as a law of numbers.

With S = X X^T/n, D = W_t - alpha W_s and (S + gamma)^(-1/2) X Y' the data seen through the ridge, the
correction of rank r is the truncation of

    M = D S (S + gamma)^(-1/2) + (sigma/sqrt n) G (S/(S + gamma))^(1/2)

to its r largest singular values s_k, times (S + gamma)^(-1/2).  Its rows, the spikes of D left out, have the
covariance T(S), and a spike direction v of D enters as v^T S (S + gamma)^(-1/2), of squared length q(S):

    q = l^2/(l + gamma),     T = a^2 q + (sigma^2/n) l/(l + gamma),     l the eigenvalues of S,

a^2 the variance of an entry of the full-rank part of D.  Everything is diagonal in the basis of S, whose
eigenvalues follow the law of Marchenko and Pastur.

The risk is a derivative.  Keeping s_k changes |D - R|_F^2 by s_k^2 v^T (S + gamma)^-1 v - 2 s_k u^T D
(S + gamma)^(-1/2) v, and that is the rate of s_k^2 along

    M -> M (1 + e (S + gamma)^-1/2) - e D (S + gamma)^(-1/2),

which stays in the family: only q and T move, at the rates `Direction` of `risk_direction`.  So no singular
vector is ever needed: solve for the singular values, and differentiate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import BoolArray, FloatArray, IntArray
from rmt_alpha.problems.low_rank import LowRankTransfer

MOST_NODES = 4000
NEWTON = 8
"""Steps to the nodes of a quadrature, from the middle of intervals of a quarter of a period."""


class Direction(NamedTuple):
    """Rates of q, shape (nodes,), and of T, shape (alphas, nodes)."""

    q: FloatArray
    T: FloatArray


@lru_cache(maxsize=256)
def sample_spectrum(aspect: float, gamma: float) -> tuple[FloatArray, FloatArray]:
    r"""Nodes and weights of the law of Marchenko and Pastur, without its atom at 0.

    .. math:: \rho(l) = \frac{\sqrt{(l_+ - l)(l - l_-)}}{2 \pi c\, l}, \qquad l_\pm = (1 \pm \sqrt c)^2,
        \quad c = p/n

    By the K-point Gauss quadrature of this very law: its orthonormal polynomials are :math:`p_k = U_k +
    \sqrt c U_{k-1}` in :math:`t = (l - 1 - c)/(2 \sqrt c)`, U Chebyshev's of the second kind, so that nodes
    are roots of sin (K + 1) phi + sqrt c sin K phi, one in each of K known intervals, and weights the inverse
    sums of squares of the polynomials (Christoffel and Darboux).  The error falls like :math:`r^{-2K}` for an
    integrand whose nearest pole, here that of 1/(l + gamma), lies on the ellipse of radius r.  The weights
    add up to min(1, n/p): for p > n the law is that of n/p, scaled.
    """
    c, scale = min(aspect, 1 / aspect), max(aspect, 1.0)
    root = np.sqrt(c)
    pole = (1 + c + min(gamma / scale, 10.0)) / (2 * root)
    radius = np.log(pole + np.sqrt(max(pole * pole - 1, 0)))
    count = int(np.clip(20 / max(radius, 1e-9), 48, MOST_NODES))
    order = np.arange(1, count + 1)
    low, high = order * np.pi / (count + 1), order * np.pi / (count + 0.5)
    angle = (low + high) / 2
    for _ in range(NEWTON):
        value = np.sin((count + 1) * angle) + root * np.sin(count * angle)
        slope = (count + 1) * np.cos((count + 1) * angle) + root * count * np.cos(count * angle)
        angle = np.clip(angle - value / slope, low, high)
    slope = (count + 1) * np.cos((count + 1) * angle) + root * count * np.cos(count * angle)
    last = np.sin(count * angle) + root * np.sin((count - 1) * angle)
    nodes = scale * (1 + c + 2 * root * np.cos(angle))
    weights = -2 * np.sin(angle) ** 3 / (slope * last) / scale
    for array in (nodes, weights):
        array.flags.writeable = False
    return nodes, weights


@dataclass(frozen=True)
class Model:
    """The law of M for several alphas, arrays of shape (alphas, nodes) or (nodes,)."""

    d: int
    weights: FloatArray
    """Of the nodes; they add up to min(p, n)/p."""
    p: int
    q: FloatArray
    T: FloatArray
    spikes: FloatArray
    full: FloatArray
    """Squared norm of the full-rank part of D, shape (alphas,)."""
    nodes: FloatArray
    gamma: float
    noise: float
    """sigma^2/n."""

    @property
    def rank(self) -> float:
        """Number of nonzero singular values of M."""
        return float(min(self.d, round(self.p * self.weights.sum(), 9)))

    def take(self, part: BoolArray | IntArray) -> Model:
        """Some of the alphas."""
        return Model(**vars(self) | {"T": self.T[part], "full": self.full[part]})

    def _along(self, q: FloatArray) -> Direction:
        # T = a^2 q + noise; what is kept of the noise is its share l/(l + gamma) of 1/(l + gamma).
        entry = self.full[:, None] / (self.d * self.p)
        return Direction(q, entry * q + self.noise * self.nodes / (self.nodes + self.gamma) ** 2)

    def risk_direction(self) -> Direction:
        """Along which the rate of s_k^2 is the change of the risk by keeping it."""
        kept = self.nodes / (self.nodes + self.gamma)
        return self._along(kept**2 - 2 * kept)

    def size_direction(self) -> Direction:
        """Along which it is the squared norm of what is kept, s_k^2 v^T (S + gamma)^-1 v."""
        return self._along((self.nodes / (self.nodes + self.gamma)) ** 2)

    def truth_direction(self) -> Direction:
        """Along which it is twice the inner product of what is kept with the spikes of D."""
        return Direction(2 * self.nodes / (self.nodes + self.gamma), np.zeros_like(self.T))


def model(problem: LowRankTransfer, alpha: FloatArray, n: float | None = None) -> Model:
    """The law at ``alpha``, shape (alphas,); ``n`` samples instead of the problem's."""
    n = problem.n if n is None else n
    nodes, weights = sample_spectrum(problem.p / n, problem.gamma)
    full = ((alpha - problem.beta) * problem.source_norm) ** 2 + problem.rest**2
    q, noise = nodes**2 / (nodes + problem.gamma), problem.noise**2 / n
    T = full[:, None] / (problem.d * problem.p) * q + noise * nodes / (nodes + problem.gamma)
    spikes = problem.spikes[problem.spikes > 0]
    return Model(problem.d, weights, problem.p, q, T, spikes, full, nodes, problem.gamma, noise)
