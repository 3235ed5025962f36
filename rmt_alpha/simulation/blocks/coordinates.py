"""`Coordinates`: of each block of equal variances the few directions that anything known depends on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from rmt_alpha._core.types import FloatArray, IntArray

ROUNDING = 1e-13
"""Singular values and lengths, relative to the largest, that are 0 but for rounding."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """An orthonormal basis of a part of R^p, each vector inside of one block of coordinates of R^p."""

    member: IntArray
    """The block of each basis vector, shape (D,)."""
    free: IntArray
    """Dimensions of each block outside of their span, shape (blocks,)."""

    @property
    def sizes(self) -> IntArray:
        """Dimensions of the blocks."""
        return self.free + np.bincount(self.member, minlength=len(self.free))


def coordinates_of(variances: FloatArray, vectors: FloatArray) -> tuple[Coordinates, IntArray, FloatArray]:
    """A basis in which ``vectors`` (p, L) are known, and they in it.

    Blocks are the coordinates with the same ``variances`` (k, p) in each of k data sets.  Returned are the
    basis, of each block one coordinate of R^p that belongs to it, and the vectors, shape (D, L).
    """
    _, first, block = np.unique(variances, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(block, kind="stable")
    parts = [_reduced(vectors[rows]) for rows in np.split(order, np.cumsum(np.bincount(block))[:-1])]
    lengths = np.array([len(part) for part in parts])
    space = Coordinates(np.repeat(np.arange(len(parts)), lengths), np.bincount(block) - lengths)
    return space, first, np.concatenate(parts)


def with_weights(old: Coordinates, member: IntArray, weights: FloatArray) -> tuple[Coordinates, FloatArray]:
    """``weights`` (D, q) of a larger basis, which begins with the old one, in the old one and few more.

    Within a block all directions outside of the old basis are alike, so any rotation of them will do.
    """
    begin = len(old.member)
    added, kept, free = member[begin:], [weights[:begin]], old.free.copy()
    members = [old.member]
    for block in np.unique(added):
        part = _reduced(weights[begin:][added == block])
        kept.append(part)
        members.append(np.full(len(part), block))
        free[block] -= len(part)
    return Coordinates(np.concatenate(members), free), np.concatenate(kept)


def longer(rows: FloatArray, count: int) -> FloatArray:
    """The same vectors with ``count`` coordinates, the new ones 0."""
    return np.concatenate([rows, np.zeros((count - len(rows), rows.shape[1]))])


def _reduced(rows: FloatArray) -> FloatArray:
    """The same columns, up to a rotation, in as few coordinates as they need."""
    if len(rows) <= 1 or not rows.any():
        return rows[: int(rows.any())]
    values, right = scipy.linalg.svd(rows, full_matrices=False)[1:]
    rank = int((values > ROUNDING * values[0]).sum())
    return np.asarray(rows if len(rows) <= rank else values[:rank, None] * right[:rank])
