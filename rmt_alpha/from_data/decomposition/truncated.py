"""In place of a decomposition, where a kernel is too large for one: what needs only its products."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray

POWERS = 3
"""Times that the kernel is applied to random columns to find its largest eigenvectors."""
SPARE = 10
"""Random columns more than eigenvectors (Halko, Martinsson and Tropp 2011)."""
PRECISE = 1e-8
"""Residual of conjugate gradients, relative to the labels: the mean error of the scores is no larger."""
PROBES = 32
"""Random columns that measure leverages, to about 1/sqrt(32) of what the approximate kernel says wrongly."""
STEPS = 1000


def largest_eigenvectors(
    times: Callable[[FloatArray], FloatArray], root: FloatArray, size: int, rank: int
) -> FloatArray:
    """Orthonormal columns (n, m) that nearly span the ``size`` largest eigenvectors; m is a few more.

    ``times`` multiplies columns by a kernel of this rank, in which the unit vector ``root`` has no part.  The
    columns are random, from a fixed seed: the same samples give the same model.
    """
    columns = np.random.default_rng(0).standard_normal((len(root), min(size + SPARE, rank)))
    for _ in range(POWERS):
        columns = np.column_stack([root, times(columns)])
        columns = linalg.qr(columns, mode="economic", overwrite_a=True, check_finite=False)[0][:, 1:]
    return np.asarray(columns)


def conjugate_gradients(
    times: Callable[[FloatArray], FloatArray],
    inverse: Callable[[FloatArray], FloatArray],
    right: FloatArray,
    precise: float = PRECISE,
) -> FloatArray:
    """Solve times(a) = right for each column, (n, K); ``inverse`` is nearly the inverse of ``times``."""
    found, left = np.zeros_like(right), right.copy()
    enough = precise * np.linalg.norm(right, axis=0)
    along = conjugate = inverse(left)
    slope = _dots(left, conjugate)
    for _ in range(STEPS):
        open_ = np.linalg.norm(left, axis=0) > enough
        if not open_.any():
            return found
        image = times(along)
        curvature = _dots(along, image)
        step = np.divide(slope, curvature, out=np.zeros_like(slope), where=open_ & (curvature > 0))
        found += step * along
        left -= step * image
        conjugate = inverse(left)
        before, slope = slope, _dots(left, conjugate)
        along = conjugate + np.divide(slope, before, out=np.zeros_like(slope), where=before > 0) * along
    size = np.linalg.norm(right, axis=0)
    error = float(
        np.divide(np.linalg.norm(left, axis=0), size, out=np.zeros_like(size), where=size > 0).max()
    )
    warnings.warn(
        f"{STEPS} steps of conjugate gradients leave a residual of {error:.2g} of the labels at this ridge: "
        "the weights are as precise, and a larger ridge needs fewer steps",
        UserWarning,
        stacklevel=2,
    )
    return found


def _dots(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("nk,nk->k", one, other))
