"""Covariances in the form that the fixed point needs: eigenvalues if they commute, else matrices."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.problems.covariances import DIAGONAL
from rmt_alpha.theory.ridge.basis import STANDARD, Basis
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.spectrum import Spectrum


def covariance_model(
    members: tuple[FloatArray, ...], group: IntArray, priors: FloatArray, p: int
) -> Spectrum | DenseCovariances:
    """Distinct covariances of shape (), (p,) or (p, p); class a has member ``group[a]``."""
    shares: FloatArray = np.bincount(group, weights=priors).astype(float, copy=False)
    matrices = [c for c in members if c.ndim == 2]
    if not matrices:
        width = p if any(c.ndim for c in members) else 1
        return Spectrum(STANDARD, np.stack([np.broadcast_to(c, (width,)) for c in members]), shares, p)
    _check_memory(len(members), p)
    factors = [_multiple_of(matrices[0], c) for c in members]
    if all(factor is not None for factor in factors):
        # Multiples of one matrix and of the identity: one eigendecomposition serves all.
        values, vectors = np.linalg.eigh(matrices[0])
        values[values <= p * np.finfo(float).eps * values[-1]] = 0.0  # rounding, of either sign
        spectra = np.stack([a * values + b for a, b in factors])  # type: ignore[misc]
        return Spectrum(Basis(vectors), spectra, shares, p)
    full = [c if c.ndim == 2 else np.diag(np.broadcast_to(c, (p,))) for c in members]
    return DenseCovariances.from_matrices(np.stack(full), shares)


def _check_memory(members: int, p: int) -> None:
    """A decomposition and its workspace for one; for several a copy, a root and two products for each."""
    matrices = 4 if members == 1 else 4 * members + 3
    what = f"the theory of {members} full covariance{'s' * (members > 1)} in dimension {p}"
    check_memory(8.0 * p * p * matrices, what, DIAGONAL)


def _multiple_of(first: FloatArray, other: FloatArray) -> tuple[float, float] | None:
    """(a, b) with other = a first + b I up to rounding, or None; ``first`` is dense."""
    if other is first:
        return 1.0, 0.0
    if other.ndim == 0:
        return 0.0, float(other)
    index = np.unravel_index(np.argmax(np.abs(first)), first.shape)
    if other.ndim != 2 or first[index] == 0:
        return None
    ratio = float(other[index] / first[index])
    close = np.max(np.abs(other - ratio * first)) <= 8 * np.finfo(float).eps * np.max(np.abs(other))
    return (ratio, 0.0) if close else None
