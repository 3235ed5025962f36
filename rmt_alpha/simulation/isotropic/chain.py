r"""The data matrix in the basis of its Krylov space: a banded random matrix whose entries are independent.

Take the p x n matrix X of samples times labels: a mean with components c in orthonormal vectors u_1..u_k,
plus standard normal noise.  Start a Golub-Kahan bidiagonalisation from the right vector
e = (1, ..., 1)/sqrt(n) and the left vectors u_1, ..., u_k.  Each step multiplies X into a vector that is
orthogonal to all that were used before, so that only the component of the product outside the vectors
already found is still random; it is a Gaussian vector, independent of the past, and its direction is the next
vector.  In the bases of these vectors X becomes F, with rows i = 0, 1, ... and columns j = 0, 1, ...,

    F[i, i+1] ~ chi_{n-1-i},      F[i, i-k] ~ chi_{p-i},      F[i, j] ~ N(0, 1) for i-k < j < i+1,

all independent, zero elsewhere, plus sqrt(n) c in column 0.  It ends where the degrees of freedom do.
The page "Simulation" of the documentation tells the derivation at length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import FloatArray


@dataclass(frozen=True, slots=True)
class Chain:
    """The law of F/sqrt(n), and how pieces of it are drawn.

    The unknowns of the ridge problem live on the smaller side, where the matrix is best conditioned, and
    regular even without a ridge: on the rows of F (the p side, F F^T) if p <= n, else on its columns (the n
    side, F^T F). A row or column that carries an unknown is called a line.
    """

    p: int
    n: int
    """Dimension and samples."""
    mean: tuple[float, ...]
    """Components of the mean in the starting vectors u_1..u_k; k <= p."""

    @property
    def starts(self) -> int:
        """The number k of starting vectors."""
        return len(self.mean)

    @property
    def width(self) -> int:
        """Bandwidth s = k + 1 of F F^T and F^T F; also the vectors that one block Krylov step adds."""
        return self.starts + 1

    @property
    def on_rows(self) -> bool:
        """Whether the unknowns belong to the rows of F or to its columns."""
        return self.p <= self.n

    @property
    def length(self) -> int:
        """The number of unknowns, min(p, n)."""
        return min(self.p, self.n)

    def freedom(self, index: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Degrees of freedom of the outermost entries of lines ``index``; no entry where they are <= 0."""
        if self.on_rows:  # F[i, i+1] and F[i, i-k]
            return self.n - 1.0 - index, np.where(index >= self.starts, self.p - index, 0.0)
        # F[j+k, j] and F[j-1, j]
        return self.p - self.starts - index, np.where(index >= 1, self.n - index, 0.0)

    def draw(self, lines: slice, idle: int, replicates: int, seed: np.random.SeedSequence) -> FloatArray:
        """Lines of F/sqrt(n) as an array H of shape (s + 1, replicates, lines + idle).

        H[q, :, i] = F[i, i + 1 - q] on the row side and F[i + k - q, i] on the column side, so that either
        way entry [i, i - m] of the matrix (F F^T or F^T F) is the sum over q of H[q, :, i] H[q-m, :, i-m].
        ``idle`` lines of zeros are appended.  The three kinds of entries have a stream of random numbers
        each, line after line, so that a shorter piece is the beginning of a longer one.
        """
        count, k = lines.stop - lines.start, self.starts
        index = np.arange(lines.start, lines.stop, dtype=np.float64)
        *outer_streams, inner_stream = (_stream(seed, kind) for kind in range(3))
        band = np.zeros((k + 2, replicates, count + idle))
        for q, rng, freedom in zip((0, k + 1), outer_streams, self.freedom(index), strict=True):
            squares = rng.chisquare(np.maximum(freedom, 1.0)[:, None], size=(count, replicates))
            np.sqrt(squares.T, out=band[q, :, :count])
            band[q, :, :count][:, freedom <= 0] = 0.0
        inner = inner_stream.standard_normal((count, k, replicates))
        band[1 : k + 1, :, :count] = inner.transpose(1, 2, 0)
        self._clear_outside(band, lines)
        if lines.start == 0:
            for i, component in enumerate(self.mean):
                q, line = (i + 1, i) if self.on_rows else (k - i, 0)
                band[q, :, line] += np.sqrt(float(self.n)) * component
        band /= np.sqrt(float(self.n))
        return band

    def _clear_outside(self, band: FloatArray, lines: slice) -> None:
        # The normal entries that fall outside of F, near its corners.
        for q in range(1, self.starts + 1):
            if self.on_rows:  # column i + 1 - q < 0
                band[q, :, : max(0, q - 1 - lines.start)] = 0.0
            else:  # row i + k - q >= p
                band[q, :, max(0, self.p - self.starts + q - lines.start) :] = 0.0


def _stream(seed: np.random.SeedSequence, kind: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, kind)))
