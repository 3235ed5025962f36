r"""Ridge regression on a `Chain`, eliminated from the far end, one piece in memory at a time.

With F the banded data matrix over sqrt(n), the two parts of the trained vector w = w_0 + alpha w_1 are, on
the row side and on the column side (e the first column, d the prior; both live at the near end),

    w_0 = (F F^T + gamma I)^-1 F e               =  F z_0,        z_0 =  (F^T F + gamma I)^-1 e,
    w_1 = (F F^T + gamma I)^-1 gamma d           =  d + F z_1,    z_1 = -(F^T F + gamma I)^-1 F^T d.

Only the first entries of w and its norm are wanted.  Far pieces of the unknowns are therefore eliminated
and forgotten: of everything beyond a cut, all that matters are two s x s matrices in the last s unknowns
before it, the Schur complement and the squared norm of the part of w beyond.

Replicates are stacked into one long banded system, so that a single LAPACK call serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.isotropic.chain import Chain

PIECE_ENTRIES = 1 << 14
"""Unknowns of all replicates together in one piece: its dozen arrays stay in the processor's cache."""
SHORTEST_PIECE = 64
NORMAL_ZERO = 1e-200
"""Stands for 0 in right-hand sides.  Solutions decay geometrically along the chain, down to denormal numbers,
on which processors are many times slower; this keeps them above, far below the rounding of any result."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What lies beyond a cut, in terms of the s unknowns x before it; both of shape (replicates, s, s)."""

    schur: FloatArray
    """Elimination subtracts this from the matrix of x."""
    energy: FloatArray
    """x^T energy x is the squared norm of the part of w beyond the cut."""


def solve(
    chain: Chain,
    gamma: float,
    prior: tuple[FloatArray, ...] | None,
    replicates: int,
    seed: np.random.SeedSequence,
    length: int,
) -> tuple[FloatArray, FloatArray]:
    """The first ``length`` unknowns of the chain (s at least, or all), solved as if it ended there.

    ``prior`` holds the components of d in the starting vectors, each of shape (replicates,), or is None.
    Returns w along the first starting vector, shape (replicates, m), and the Gram matrix of the rest of w,
    shape (replicates, m, m), with m = 1 without a prior and 2 with one.
    """
    size = max(SHORTEST_PIECE, PIECE_ENTRIES // replicates)
    count = -(-length // size)

    def piece(number: int) -> FloatArray:
        # s idle unknowns close the chain, so that every row of w belongs to some piece.
        lines = slice(number * size, min((number + 1) * size, length))
        idle = chain.width if number == count - 1 else 0
        key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
        return chain.draw(lines, idle, replicates, key)

    band, tail = piece(count - 1), None
    for number in range(count - 2, -1, -1):
        near = piece(number)
        tail = _eliminate(chain, band, near, gamma, tail)
        band = near
    return _near_end(chain, band, gamma, tail, prior)


def _eliminate(chain: Chain, band: FloatArray, near: FloatArray, gamma: float, tail: Tail | None) -> Tail:
    """The `Tail` that the piece ``band`` and all beyond it form for the piece ``near`` before it."""
    s = chain.width
    _, replicates, size = band.shape
    coupling = np.zeros((replicates, s, s))  # first s unknowns of the piece, last s of the one before
    for a in range(s):
        for b in range(a, s):
            m = s + a - b
            for q in range(m, s + 1):
                coupling[:, a, b] += band[q, :, a] * near[q - m, :, b - s]
    sides = np.full((s, replicates, size), NORMAL_ZERO)
    sides[:, :, :s] = coupling.transpose(2, 0, 1)
    # The piece's unknowns are -x^T y, x the s unknowns before it.
    y = _banded_solve(band, gamma, tail, sides)
    schur = coupling.transpose(0, 2, 1) @ y[:, :, :s].transpose(1, 2, 0)
    if chain.on_rows:
        part = y
    else:
        part = _times(band, y)
        for r in range(s):
            for b in range(r, s):
                part[b, :, r] -= near[b - r, :, b - s]
    return Tail(schur, _gram(part, y, tail))


def _near_end(
    chain: Chain, band: FloatArray, gamma: float, tail: Tail | None, prior: tuple[FloatArray, ...] | None
) -> tuple[FloatArray, FloatArray]:
    """Solve the first piece and read off w."""
    k, s = chain.starts, chain.width
    _, replicates, size = band.shape
    sides = np.zeros((1 if prior is None else 2, replicates, size))
    if chain.on_rows:
        for i in range(s):
            sides[0, :, i] = band[i + 1, :, i]
        for i, component in enumerate(prior or ()):
            sides[1, :, i] = gamma * component
        w = x = _banded_solve(band, gamma, tail, sides)
    else:
        sides[0, :, 0] = 1.0
        for i, component in enumerate(prior or ()):
            for j in range(i + 2):
                sides[1, :, j] -= band[j + k - i, :, j] * component
        x = _banded_solve(band, gamma, tail, sides)
        w = _times(band, x)[:, :, 1:]
        for i, component in enumerate(prior or ()):
            w[1, :, i] += component
    return w[:, :, 0].T, _gram(w[:, :, 1:], x, tail)


def _banded_solve(band: FloatArray, gamma: float, tail: Tail | None, sides: FloatArray) -> FloatArray:
    """Solve with the piece's matrix less its tail; overwrites ``sides``, shape (m, replicates, size)."""
    width, replicates, size = band.shape
    matrix = np.zeros((replicates, size, width))  # LAPACK's lower band storage, transposed
    for m in range(width):
        diagonal = band[m, :, m:] * band[0, :, : size - m]
        for q in range(m + 1, width):
            diagonal += band[q, :, m:] * band[q - m, :, : size - m]
        matrix[:, : size - m, m] = diagonal
    matrix[:, :, 0] += gamma
    s = width - 1
    if tail is None:
        matrix[:, size - s :, 0] = 1.0  # the idle unknowns: zero, even at gamma = 0
    else:
        for i in range(s):
            for j in range(i + 1):
                matrix[:, size - s + j, i - j] -= tail.schur[:, i, j]
    try:
        factor = linalg.cholesky_banded(
            matrix.reshape(-1, width).T, overwrite_ab=True, lower=True, check_finite=False
        )
    except np.linalg.LinAlgError:
        raise ArithmeticError(
            f"ridge {gamma:g} is too small for float64 with a dimension so close to the number of "
            "samples: the normal equations are singular to rounding; use a ridge of at least 1e-14, or move "
            "p away from it"
        ) from None
    stacked = sides.reshape(len(sides), -1).T
    solution = linalg.cho_solve_banded((factor, True), stacked, overwrite_b=True, check_finite=False)
    return np.asarray(solution.T.reshape(sides.shape))


def _times(band: FloatArray, x: FloatArray) -> FloatArray:
    """The rows of F x whose last nonzero column is in the piece: from one row before its first column on."""
    s, size = len(band) - 1, band.shape[2]
    result = np.zeros_like(x)
    for q in range(s + 1):
        result[:, :, s - q :] += band[q, :, : size - s + q] * x[:, :, : size - s + q]
    return result


def _gram(part: FloatArray, x: FloatArray, tail: Tail | None) -> FloatArray:
    """Gram matrix (replicates, m, m) of the piece's part of w, and of what follows from its last unknowns."""
    rows = part.transpose(1, 0, 2)
    gram = rows @ rows.transpose(0, 2, 1)
    if tail is not None:
        last = x[:, :, -tail.energy.shape[1] :].transpose(1, 0, 2)
        gram += last @ tail.energy @ last.transpose(0, 2, 1)
    return np.asarray(gram)
