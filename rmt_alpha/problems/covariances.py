"""What a user may pass as covariances, checked and sorted into groups of equal ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import lapack

from rmt_alpha._core.checks import as_real

Array = np.ndarray[Any, Any]

FORM = "None (identity), a number, or an array of shape (p,) (diagonal) or (p, p)"
ASYMMETRY = 1e-10
"""Largest |C - C^T| relative to the largest entry that is taken for rounding."""
ROUNDING = 8 * np.finfo(float).eps
"""Negative eigenvalues up to p times this fraction of the largest count as zero."""


@dataclass(frozen=True, eq=False)
class Covariances:
    """The distinct covariances of a mixture.

    Attributes
    ----------
    members : tuple of ndarray
        Distinct covariances: shape () for a multiple of the identity, (p,) diagonal, (p, p) dense.
    group : ndarray of shape (K,)
        Which member each class has.
    """

    members: tuple[Array, ...]
    group: Array


def parse_covariances(value: Any, classes: int, p: int) -> Covariances:
    """Read the ``covariances`` argument of a mixture; every refusal names the class and the entry."""
    per_class = _per_class(value, classes, p)
    if per_class is None:
        return Covariances((parse_one("covariances", value, p),), np.zeros(classes, int))
    members: list[Array] = []
    originals: list[Any] = []
    group = []
    for index, item in enumerate(per_class):
        known = next((g for g, other in enumerate(originals) if other is item), None)
        if known is None:
            member = parse_one(f"covariances[{index}]", item, p)
            known = next(
                (g for g, other in enumerate(members) if np.array_equal(other, member)), len(members)
            )
            if known == len(members):
                members.append(member)
                originals.append(item)
        group.append(known)
    return Covariances(tuple(members), np.array(group))


def _per_class(value: Any, classes: int, p: int) -> list[Any] | None:
    """The K items of a per-class argument, None if it is one covariance for all classes."""
    if isinstance(value, list | tuple):
        if len(value) == classes:
            return list(value)
        value = np.asarray(value, dtype=object)
        value = value if value.ndim in (1, 2) else np.empty(())
    shape = np.shape(value)
    if shape in ((), (p,), (p, p)):
        return None
    if shape in ((classes, p), (classes, p, p)):
        return list(value)
    raise ValueError(
        f"covariances must be {FORM}, or one of these per class; for {classes} classes in dimension {p} got "
        f"shape {shape}"
    )


def parse_one(name: str, value: Any, p: int) -> Array:
    """One covariance as a read-only array of shape (), (p,) or (p, p), checked."""
    if value is None:
        return _frozen(np.ones(()))
    array = np.array(as_real(name, value), dtype=np.float64)
    if array.shape not in ((), (p,), (p, p)):
        raise ValueError(f"{name} must be {FORM} with p = {p}, got shape {array.shape}")
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{name} must have finite entries, got {array[where]} at index {where}")
    if array.ndim == 2:
        return _dense(name, array)
    if (array < 0).any():
        index = int(np.argmin(array))
        entry = f"entry {index} is {array[index]:g}" if array.ndim else f"got {float(array):g}"
        raise ValueError(f"{name} must be positive semi-definite, but {entry}: variances must be >= 0")
    return _frozen(array)


def _dense(name: str, array: Array) -> Array:
    scale = np.max(np.abs(array))
    skew = np.abs(array - array.T)
    if np.max(skew) > ASYMMETRY * scale:
        i, j = (int(x) for x in np.unravel_index(np.argmax(skew), skew.shape))
        raise ValueError(
            f"{name} must be symmetric, but entry ({i}, {j}) is {array[i, j]:g} and entry ({j}, {i}) is "
            f"{array[j, i]:g}; use (C + C.T) / 2 if that is what you mean"
        )
    array = (array + array.T) / 2
    # A Cholesky factorisation costs a twentieth of an eigendecomposition, and settles the matter when it
    # exists.
    allowed = len(array) * ROUNDING * scale
    shifted = array + allowed * np.eye(len(array))
    if scale > 0 and lapack.dpotrf(shifted, lower=1, overwrite_a=1)[1] != 0:
        smallest, largest = np.linalg.eigvalsh(array)[[0, -1]]
        if smallest < -len(array) * ROUNDING * max(largest, -smallest):
            raise ValueError(
                f"{name} must be positive semi-definite, but its smallest eigenvalue is {smallest:g} "
                f"(the largest is {largest:g}); project it on the semi-definite cone first"
            )
    return _frozen(array)


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


def proportional(first: Array, second: Array) -> float | None:
    """s if second = s * first up to rounding, else None; both dense."""
    index = np.unravel_index(np.argmax(np.abs(first)), first.shape)
    if first[index] == 0:
        return None
    ratio = float(second[index] / first[index])
    close = np.max(np.abs(second - ratio * first)) <= 8 * np.finfo(float).eps * np.max(np.abs(second))
    return ratio if close else None
