"""Orthonormal bases in which covariances are diagonal, and operators written in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core.types import Array

KEPT = 8
"""Results of `Basis.kept_coordinates`."""


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis of R^p; ``vectors`` are its columns, None the standard basis.

    Bases are compared by identity: two operators in one `Basis` object combine in O(p).
    """

    vectors: Array | None = None

    def __reduce__(self) -> str | tuple[Any, ...]:
        return "STANDARD" if self is STANDARD else (Basis, (self.vectors,))

    def coordinates(self, rows: Array) -> Array:
        """Coordinates of vectors given as rows, shape (..., p)."""
        return rows if self.vectors is None else rows @ self.vectors

    def kept_coordinates(self, rows: Array) -> Array:
        """`coordinates` of an array that never changes, in O(p^2) once: the last few results are kept."""
        if self.vectors is None:
            return rows
        found = self._kept.get(id(rows))
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            found = self._kept[id(rows)] = rows, self.coordinates(rows)
        return found[1]

    @cached_property
    def _kept(self) -> dict[int, tuple[Array, Array]]:
        return {}  # with the rows themselves, whose ids stay taken as long as they are here

    def vectors_from(self, coordinates: Array) -> Array:
        """The inverse of `coordinates`."""
        return coordinates if self.vectors is None else coordinates @ self.vectors.T

    def squared_overlaps(self, other: Basis) -> Array:
        """(u_i . v_j)^2 for the vectors u_i of this basis and v_j of another; the last result is kept."""
        last = next(iter(self._overlaps), None)
        if last is None or last[0] is not other:
            left, right = self.vectors, other.vectors
            product = right if left is None else left.T if right is None else left.T @ right
            last = other, np.asarray(product) ** 2
            self._overlaps[:] = [last]
        return last[1]

    @cached_property
    def _overlaps(self) -> list[tuple[Basis, Array]]:
        return []


STANDARD = Basis()


@dataclass(frozen=True, eq=False)
class Operator:
    """A symmetric matrix: diagonal (``entries`` of shape (p,)) or dense (p, p) in a basis."""

    basis: Basis
    entries: Array

    def in_standard_basis(self) -> Array:
        """The matrix itself."""
        vectors, entries = self.basis.vectors, self.entries
        if vectors is None:
            return np.diag(entries) if entries.ndim == 1 else entries
        return (vectors * entries) @ vectors.T if entries.ndim == 1 else vectors @ entries @ vectors.T


def trace_product(a: Operator, b: Operator) -> Any:
    """tr(A B): O(p) for two diagonal operators in one basis, O(p^2) in two bases seen before."""
    diagonal = a.entries.ndim == b.entries.ndim == 1
    if a.basis is b.basis:
        if a.entries.ndim == b.entries.ndim:
            return (a.entries * b.entries).sum()
        matrix, entries = (a, b) if b.entries.ndim == 1 else (b, a)
        return np.diagonal(matrix.entries) @ entries.entries
    if diagonal:
        return a.entries @ a.basis.squared_overlaps(b.basis) @ b.entries
    return (a.in_standard_basis() * b.in_standard_basis()).sum()
