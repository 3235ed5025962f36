"""What a user may pass as covariances, checked, with equal ones made one object."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lapack

from rmt_alpha._core.checks import Range, as_real, brief, check_scalar, frozen
from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.ranges import check_entries

FORM = "None (identity), a number, or an array of shape (p,) (diagonal) or (p, p)"
EXPONENT = Range("a finite number", -np.inf, np.inf)
DIAGONAL = (
    "work in the basis of its eigenvectors, where it is diagonal, an array of shape (p,), and takes no memory"
)
"""What to do instead of a full matrix."""
ASYMMETRY = 1e-10
"""Largest |C - C^T| relative to the largest entry that is taken for rounding."""
ROUNDING = 8 * np.finfo(float).eps
"""Negative eigenvalues up to p times this fraction of the largest count as zero."""


def parse_covariances(value: Any, classes: int, p: int) -> tuple[FloatArray, ...]:
    """The covariance of each class, equal ones the same object; refusals name the class and the entry."""
    if is_ambiguous(value, classes, p):
        raise ValueError(
            f"covariances = {brief(value)} could be one covariance of all classes or one per class, as "
            f"there are K = {p} classes in dimension {p}: pass np.array(covariances) for one of all classes, "
            "the arrays [np.array(c) for c in covariances] for one per class"
        )
    per_class = _per_class(value, classes, p)
    if per_class is None:
        return (parse_one("covariances", value, p),) * classes
    found: list[FloatArray] = []
    for index, item in enumerate(per_class):
        known = next((found[i] for i in range(index) if per_class[i] is item), None)
        member = parse_one(f"covariances[{index}]", item, p) if known is None else known
        found.append(next((other for other in found if np.array_equal(other, member)), member))
    return tuple(found)


def power_law(exponent: float, p: int) -> FloatArray:
    r"""Eigenvalues :math:`\lambda_j = j^{-a} / \frac1p \sum_k k^{-a}`, j = 1..p, of average 1 for any a.

    Examples
    --------
    >>> power_law(1.0, 3).round(3)
    array([1.636, 0.818, 0.545])
    """
    logs = -check_scalar("exponent", exponent, EXPONENT) * np.log(np.arange(1.0, p + 1))
    values = np.exp(logs - logs.max())
    eigenvalues: FloatArray = values / values.mean()
    return eigenvalues


def is_ambiguous(value: Any, classes: int, p: int) -> bool:
    """Whether a list of numbers, nested or not, could be one covariance as well as K of them: for K = p.

    Members that are NumPy objects or None are covariances by themselves: nobody writes a diagonal like that.
    """
    if not isinstance(value, list | tuple) or not len(value) == classes == p:
        return False
    if any(item is None or isinstance(item, np.ndarray | np.generic) for item in value):
        return False
    nested = [isinstance(item, list | tuple) for item in value]
    shape = np.asarray(value, dtype=object).shape
    return shape == (p, p) if all(nested) else shape == (p,) and not any(nested)


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


def parse_one(name: str, value: Any, p: int) -> FloatArray:
    """One covariance as a read-only array of shape (), (p,) or (p, p), checked."""
    if value is None:
        return frozen(name, np.ones(()))
    if np.ndim(value) == 2:
        check_memory(4 * 8.0 * p * p, f"checking {name} of shape ({p}, {p})", DIAGONAL)
    array = np.array(as_real(name, value), dtype=np.float64)
    if array.shape not in ((), (p,), (p, p)):
        raise ValueError(f"{name} must be {FORM} with p = {p}, got shape {array.shape}")
    check_entries(name, array)
    if array.ndim == 2:
        return _dense(name, array)
    if (array < 0).any():
        index = int(np.argmin(array))
        entry = f"entry {index} is {array[index]:g}" if array.ndim else f"got {float(array):g}"
        raise ValueError(f"{name} must be positive semi-definite, but {entry}: variances must be >= 0")
    return frozen(name, array)


def _dense(name: str, array: FloatArray) -> FloatArray:
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
    shifted = array.copy()
    shifted.flat[:: len(array) + 1] += allowed
    if scale > 0 and lapack.dpotrf(shifted, lower=1, overwrite_a=1)[1] != 0:
        smallest, largest = np.linalg.eigvalsh(array)[[0, -1]]
        if smallest < -len(array) * ROUNDING * max(largest, -smallest):
            raise ValueError(
                f"{name} must be positive semi-definite, but its smallest eigenvalue is {smallest:g} "
                f"(the largest is {largest:g}); project it on the semi-definite cone first"
            )
    return frozen(name, array)
