r"""Products with a Gaussian matrix, revealed one after the other, where variances differ by block.

Z is p x n with independent standard normal entries, S a diagonal matrix with few distinct entries.  What
ridge regression on sqrt(S) Z needs of it is the Krylov space of Z^T S Z: right vectors v_1, v_2, ..., the
products z_j = Z v_j, and those of Z^T with left vectors, first sqrt(S) times the known ones, then S z_j.
With q_1, ..., q_k an orthonormal basis of the left vectors that have been multiplied,

    Z^T q_{k+1} = sum_j <z_j, q_{k+1}> v_j + chi_{n-j} v_{j+1},
    z_{j+1}     = chi_{n-j} q_{k+1} + (1 - Q Q^T) xi,      xi standard normal in R^p,

because given all that, Z is still standard normal between the complements of Q and of V.  Nothing else of xi
matters than its components, within each block, along the vectors in use, and its length outside of them: k
normal numbers and a chi.  So p and n are degrees of freedom only.  For equal variances S z_j adds to Q what
z_j does, all is banded, and this is the chain of the isotropic model; for different ones every step remembers
all steps before.  The page "Simulation" of the documentation tells more.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.blocks.coordinates import ROUNDING, Coordinates, longer

REMEDY = "raise the ridge or `truncate`, which shortens the chain, or take smaller p and n"


class Orbit:
    """Z V and the multiplied left vectors Q, in coordinates that grow with every step.

    Parameters
    ----------
    space : Coordinates
        In which the starts are given.
    variance : ndarray, shape (blocks,)
        S by block.
    starts : ndarray, shape (D, l)
        Known vectors, not yet multiplied by sqrt(S).
    right : int
        Known right vectors, an orthonormal set.
    freedom : int
        Dimensions of right vectors outside of these.
    rng : Generator
        Source of all numbers.
    """

    def __init__(
        self,
        space: Coordinates,
        variance: FloatArray,
        starts: FloatArray,
        right: int,
        freedom: int,
        rng: np.random.Generator,
    ) -> None:
        self.member = space.member
        """The block of each coordinate."""
        self.q = np.zeros((len(self.member), 0))
        self.z = np.zeros((len(self.member), 0))
        self._variance, self._rng = variance, rng
        # Where the variance is 0 nothing random is seen.
        self._free = np.where(variance > 0, space.free, 0)
        self._freedom = freedom
        self._left = np.sqrt(variance)[self.member][:, None] * starts
        self._reveal(np.zeros((len(self.member), right)))

    @property
    def complete(self) -> bool:
        """Whether the spaces are invariant, so that nothing is cut."""
        return not self._left.shape[1]

    def grow(self, steps: int) -> None:
        """Multiply Z^T, and then Z, ``steps`` times into all vectors that the step before has found."""
        for _ in range(steps):
            if self.complete:
                return
            new = self._orthogonal(self._left)
            self.q = np.hstack([self.q, new])
            self._left = np.zeros((len(self.member), 0))
            factor = triangle(self._freedom, new.shape[1], self._rng)
            self._freedom -= len(factor)
            if len(factor):
                self._reveal(new @ factor.T)

    def _reveal(self, known: FloatArray) -> None:
        """Add products Z v, of which the part within the span of Q is ``known``."""
        check_memory(32.0 * len(known) * (self.z.shape[1] + known.shape[1]), "the Krylov space", REMEDY)
        count = known.shape[1]
        fresh = self._rng.standard_normal(known.shape)
        old = known + fresh - self.q @ (self.q.T @ fresh)
        parts = {
            block: triangle(self._free[block], count, self._rng) for block in np.flatnonzero(self._free > 0)
        }
        for block, part in parts.items():
            self._free[block] -= len(part)
        lengths = [len(part) for part in parts.values()]
        self.member = np.concatenate([self.member, np.repeat(np.array([*parts], int), lengths)])
        z = np.concatenate([old, *parts.values()])
        size = len(z)
        self.q, self.z = longer(self.q, size), np.hstack([longer(self.z, size), z])
        variance = self._variance[self.member][:, None]
        self._left = np.hstack([longer(self._left, size), variance * z])

    def _orthogonal(self, vectors: FloatArray) -> FloatArray:
        """An orthonormal basis of what they add to the span of Q; empty if nothing."""
        length = np.linalg.norm(vectors, axis=0)
        vectors = vectors[:, length > 0] / length[length > 0]
        for _ in range(2):
            vectors = vectors - self.q @ (self.q.T @ vectors)
        if not vectors.size:
            return vectors[:, :0]
        basis, factor, _ = scipy.linalg.qr(vectors, mode="economic", pivoting=True)
        basis = basis[:, : int((abs(factor.diagonal()) > ROUNDING).sum())]
        basis = basis - self.q @ (self.q.T @ basis)  # of short vectors a rounding error would remain
        return np.asarray(np.linalg.qr(basis)[0])


def triangle(freedom: int, columns: int, rng: np.random.Generator) -> FloatArray:
    """R of a Gaussian matrix = QR with ``freedom`` rows: chi numbers on its diagonal, normal ones above."""
    rows = min(freedom, columns)
    factor = np.triu(rng.standard_normal((rows, columns)), 1)
    diagonal = np.arange(rows)
    factor[diagonal, diagonal] = np.sqrt(rng.chisquare(freedom - diagonal)) if rows else 0.0
    return factor
