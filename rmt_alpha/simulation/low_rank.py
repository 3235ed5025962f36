r"""Reduced-rank regression on random data: the exact minimiser, for every rank from one decomposition.

With S = X X^T/n + gamma, the training error of a correction R is |(R - R_full) S^(1/2)|_F^2 and a constant,
R_full = Y' X^T/n S^-1 the ridge fit of what alpha W_s leaves.  So the best R of rank r is the truncation of
R_full S^(1/2) to its r largest singular values (Eckart and Young), times S^(-1/2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.simulation.scores import Batch, Draws, Sampler, batch_of
from rmt_alpha.simulation.setting import LowRankSetting, low_rank_setting

NULL = 1e-10
"""Eigenvalues of X X^T/n below this share of the largest belong to directions without samples."""


@dataclass(frozen=True, eq=False, repr=False)
class LowRankDraws(Draws):
    r"""Every correction of a simulated `LowRankTransfer`, of all ranks.

    .. math:: |\alpha W_s + R_r - W_t|_F^2 = |D|_F^2 + \sum_{k \le r} \big( |R_k|_F^2
        - 2 \langle R_k, D \rangle \big), \qquad D = W_t - \alpha W_s,

    exactly: the components R_k have orthogonal left vectors.

    Parameters
    ----------
    alpha : ndarray
        Where corrections were trained, any shape.
    floor : float
        Variance of the noise, all outputs together.
    rank : int
        Of the correction that `risk` is about.
    of_rank : ndarray, shape (replicates, *alpha.shape, min(d, p) + 1)
        Excess risk of each rank from 0.
    singular_values : ndarray, shape (replicates, *alpha.shape, min(d, p))
        Of the correction of full rank on the sample, R (X X^T/n + gamma)^(1/2), downwards.
    left, right : ndarray, shape (replicates, *alpha.shape, k)
        Squared cosines of the first components' singular vectors with those of the spikes, downwards.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> problem = ra.LowRankTransfer(0.5, [4.0], 3.0, 1.0, n=60, p=30, d=20)
    >>> run = ra.simulate(problem, [0, 0.5], rank=1, replicates=10, rng=0)
    >>> run.draws.of_rank.shape
    (10, 2, 21)
    """

    alpha: FloatArray
    floor: float
    rank: int
    of_rank: FloatArray
    singular_values: FloatArray
    left: FloatArray
    right: FloatArray
    kind = "a regression of low rank"
    quantities = ("risk", "excess_risk")

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.of_rank)

    @property
    def excess_risk(self) -> FloatArray:
        """Squared distance of the weights from the target, shape (replicates, *alpha.shape)."""
        return self.of_rank[..., self.rank]

    @property
    def risk(self) -> FloatArray:
        """Squared error on fresh data, their noise included."""
        return self.floor + self.excess_risk

    def at(self, alpha: ArrayLike) -> LowRankDraws:
        """Not available: every alpha is trained by itself."""
        raise self._missing("classifiers at other alphas")

    def at_rank(self, rank: int) -> LowRankDraws:
        """The same data with corrections of another rank; nothing is drawn again."""
        if not 0 <= rank < self.of_rank.shape[-1]:
            raise ValueError(f"rank must be from 0 to {self.of_rank.shape[-1] - 1}, got {rank}")
        return replace(self, rank=int(rank))

    def optimal_alpha(self, criterion: str = "risk") -> FloatArray:
        """Among the simulated alphas, that of least risk of every replicate."""
        check_choice("criterion", criterion, ("risk",))
        return np.asarray(self.alpha.ravel()[self.risk.reshape(self.replicates, -1).argmin(axis=1)])


@dataclass(frozen=True)
class LowRankSampler(Sampler):
    """Draws data and trains on them."""

    setting: LowRankSetting

    def batch_size(self) -> int:
        """See `Sampler`."""
        return batch_of(self.setting.p * self.setting.n)

    def memory(self) -> int:
        """See `Sampler`."""
        s = self.setting
        return 8 * (2 * s.n * (s.p + s.d) + 4 * s.p * s.p + 8 * s.d * s.p)

    def sizes(self) -> str:
        """See `Sampler`."""
        return f"data of {self.setting.p} x {self.setting.n}, weights of {self.setting.d} x {self.setting.p}"

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """See `Sampler`."""
        rng = np.random.default_rng(seed)
        found = [self._replicate(alpha.ravel(), rng) for _ in range(replicates)]
        arrays = [np.stack(each) for each in zip(*found, strict=True)]
        return Batch(tuple(a.reshape(len(a), *alpha.shape, a.shape[-1]) for a in arrays))

    def _replicate(self, alphas: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, ...]:
        s = self.setting
        left, right, source, target = weights(s, rng)
        x = rng.standard_normal((s.n, s.p))
        y = x @ target.T + s.noise * rng.standard_normal((s.n, s.d))
        values, basis = linalg.eigh(x.T @ x / s.n)
        shifted = values + s.gamma
        used = values > NULL * values[-1]  # a direction without samples is not trained
        root = np.zeros_like(values)
        root[used] = 1 / np.sqrt(shifted[used])
        to_sample = basis * root  # S^(-1/2), up to a rotation
        rows = []
        for alpha in alphas:
            residual = y - alpha * (x @ source.T)
            u, sv, vt = linalg.svd(residual.T @ (x @ to_sample) / s.n, full_matrices=False)
            back = vt @ to_sample.T  # component k is sv_k u_k back_k
            distance = target - alpha * source
            norms = np.einsum("kp,kp->k", back, back)
            inner = np.einsum("dk,dp,kp->k", u, distance, back, optimize=True)
            change = sv**2 * norms - 2 * sv * inner
            risk = np.concatenate([[0.0], np.cumsum(change)]) + np.sum(distance**2)
            k = left.shape[1]
            across = np.einsum("dk,dk->k", u[:, :k], left) ** 2
            along = np.einsum("kp,pk->k", back[:k], right) ** 2 / norms[:k]
            rows.append((risk, sv, across, along))
        return tuple(np.stack(each) for each in zip(*rows, strict=True))

    def kept(self, alpha: FloatArray) -> int:
        """See `Sampler`: risks, singular values, and two overlaps of every spike."""
        return alpha.size * (2 * min(self.setting.d, self.setting.p) + 1 + 2 * self.setting.spikes.size)

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> LowRankDraws:
        """See `Sampler`."""
        return LowRankDraws(alpha, self.setting.d * self.setting.noise**2, self.setting.rank, *arrays)


def weights(
    setting: LowRankSetting, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(U, V, W_s, W_t) of one draw: the spikes' singular vectors, largest spike first, and both weights."""
    s = setting
    left = linalg.qr(rng.standard_normal((s.d, s.spikes.size)), mode="economic")[0]
    right = linalg.qr(rng.standard_normal((s.p, s.spikes.size)), mode="economic")[0]
    source, rest = (_gaussian(norm, (s.d, s.p), rng) for norm in (s.source_norm, s.rest))
    return left, right, source, s.beta * source + (left * s.spikes) @ right.T + rest


def _gaussian(norm: float, shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """A Gaussian matrix scaled to a Frobenius norm."""
    drawn = rng.standard_normal(shape)
    return np.asarray(drawn * (norm / linalg.norm(drawn)))


def low_rank_sampler(problem: LowRankTransfer, rank: int | None) -> LowRankSampler:
    """The sampler of ``problem``; TypeError or ValueError if it cannot be drawn at this rank."""
    if rank is None:
        raise TypeError("rank is needed to simulate a LowRankTransfer: the rank of its correction")
    return LowRankSampler(low_rank_setting(problem, rank))
