"""`GaussianMixture`: what the data of one task look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core.checks import as_real
from rmt_alpha.problems.covariances import Covariances, parse_covariances, proportional
from rmt_alpha.theory.ridge.basis import STANDARD, Basis
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.spectrum import Spectrum

Array = np.ndarray[Any, Any]

SUM_TOLERANCE = 1e-9
"""How far the priors may be from summing to 1; closer ones are normalised."""


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    r"""Classes with Gaussian features, :math:`x \mid a \sim \mathcal N(m_a, C_a)` for a share :math:`\pi_a`.

    Parameters
    ----------
    means : array_like of shape (K, p)
        Class means, K >= 2.  For K = 2 the first class has the label -1, the second +1.
    covariances : None, float, array_like or list
        Covariance within the classes: None for the identity, a number for a multiple of it, an array of
        shape (p,) for a diagonal matrix or (p, p) for a full one.  One of these for all classes; or one per
        class, as a list of K of them or an array of shape (K, p) or (K, p, p).  (A *list* of length K is
        always read per class.)  Singular matrices are allowed.
    priors : array_like of shape (K,), optional
        Probabilities of the classes, positive, summing to 1; equal if None.

    Raises
    ------
    TypeError
        If an argument is not made of real numbers.
    ValueError
        If shapes do not match, priors do not sum to 1, or a covariance is not symmetric positive
        semi-definite; the message names the class and the offending entry or eigenvalue.

    Notes
    -----
    Scalar and diagonal covariances, shared or not, need O(p) memory and no linear algebra.  A full
    covariance shared by all classes is diagonalised once, when it is first needed; the mixture keeps the
    result.  Full covariances that differ cost a few factorisations for every ridge.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import GaussianMixture
    >>> means = np.array([[-1.0, 0.0, 0.0], [1.0, 0.5, 0.0]])
    >>> mixture = GaussianMixture(
    ...     means, covariances=np.array([1.0, 0.5, 2.0]), priors=[0.3, 0.7]
    ... )
    >>> mixture
    GaussianMixture(K=2, p=3, covariance: diagonal, priors: 0.3 0.7)
    >>> GaussianMixture(means, covariances=np.array([1.0, -0.5, 2.0]))
    Traceback (most recent call last):
        ...
    ValueError: covariances must be positive semi-definite, but entry 1 is -0.5: variances must be >= 0
    """

    means: Any
    covariances: Any = None
    priors: Any = None

    def __post_init__(self) -> None:
        means = _matrix("means", self.means)
        classes, p = means.shape
        if classes < 2:
            raise ValueError(f"means must have shape (K, p) with K >= 2 classes, got {means.shape}")
        if np.ma.isMaskedArray(self.covariances):
            raise TypeError("covariances must not be masked arrays")
        parsed = parse_covariances(self.covariances, classes, p)
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "priors", _priors(self.priors, classes))
        # What was passed is not kept: `groups` has the one validated copy.
        object.__setattr__(self, "covariances", tuple(parsed.members[g] for g in parsed.group))
        object.__setattr__(self, "_parsed", parsed)

    @classmethod
    def symmetric(cls, mean: Any, covariance: Any = None) -> GaussianMixture:
        """Two balanced classes with means -mean (label -1) and +mean (label +1) and one covariance.

        Parameters
        ----------
        mean : array_like of shape (p,)
            Mean of the second class.
        covariance : None, float, array_like of shape (p,) or (p, p)
            Shared covariance; None is the identity.

        Examples
        --------
        >>> GaussianMixture.symmetric([1.0, 0.0, 2.0]).means
        array([[-1., -0., -2.],
               [ 1.,  0.,  2.]])
        """
        vector = np.array(as_real("mean", mean), dtype=np.float64)
        if vector.ndim != 1:
            raise ValueError(f"mean must be a vector of shape (p,), got shape {vector.shape}")
        if isinstance(covariance, list | tuple):
            covariance = np.asarray(covariance, dtype=np.float64)
        return cls(np.stack([-vector, vector]), covariance)

    @property
    def classes(self) -> int:
        """Number of classes, K."""
        return int(self.means.shape[0])

    @property
    def p(self) -> int:
        """Dimension."""
        return int(self.means.shape[1])

    @property
    def group(self) -> Array:
        """Index of each class's covariance among the distinct ones, shape (K,)."""
        parsed: Covariances = self.__dict__["_parsed"]
        return parsed.group

    @cached_property
    def model(self) -> Spectrum | DenseCovariances:
        """The covariances in the form that the fixed point needs; computed once."""
        parsed: Covariances = self.__dict__["_parsed"]
        return covariance_model(parsed.members, np.bincount(parsed.group, weights=self.priors), self.p)

    @cached_property
    def mean_coordinates(self) -> Array:
        """Means in the basis of `model`, shape (K, p)."""
        return self.model.basis.coordinates(self.means)

    def __repr__(self) -> str:
        names = {0: "scalar", 1: "diagonal", 2: "full"}
        parsed: Covariances = self.__dict__["_parsed"]
        kinds = [names[c.ndim] for c in parsed.members]
        covariance = kinds[0] if len(kinds) == 1 else ", ".join(kinds[g] for g in parsed.group)
        priors = " ".join(f"{x:.4g}" for x in self.priors)
        return f"GaussianMixture(K={self.classes}, p={self.p}, covariance: {covariance}, priors: {priors})"


def covariance_model(members: tuple[Array, ...], shares: Array, p: int) -> Spectrum | DenseCovariances:
    """Distinct covariances in the form that the fixed point needs; ``shares`` of the samples have them."""
    matrices = [c for c in members if c.ndim == 2]
    if not matrices:
        width = p if any(c.ndim for c in members) else 1
        return Spectrum(STANDARD, np.stack([np.broadcast_to(c, (width,)) for c in members]), shares, p)
    factors = [_multiple_of(matrices[0], c) for c in members]
    if all(factor is not None for factor in factors):
        # Multiples of one matrix and of the identity: one eigendecomposition serves all.
        values, vectors = np.linalg.eigh(matrices[0])
        values[values <= p * np.finfo(float).eps * values[-1]] = 0.0  # rounding, of either sign
        spectra = np.stack([a * values + b for a, b in factors])  # type: ignore[misc]
        return Spectrum(Basis(vectors), spectra, shares, p)
    full = [c if c.ndim == 2 else np.diag(np.broadcast_to(c, (p,))) for c in members]
    return DenseCovariances.from_matrices(np.stack(full), shares)


def _multiple_of(first: Array, other: Array) -> tuple[float, float] | None:
    """(a, b) with other = a first + b I, or None."""
    if other is first:
        return 1.0, 0.0
    if other.ndim == 0:
        return 0.0, float(other)
    factor = proportional(first, other) if other.ndim == 2 else None
    return None if factor is None else (factor, 0.0)


def _matrix(name: str, value: Any) -> Array:
    array = np.array(as_real(name, value), dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix with one row per class, shape (K, p), got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must have finite entries, got {array[where]} at index {where}")
    array.flags.writeable = False
    return array


def _priors(value: Any, classes: int) -> Array:
    if value is None:
        return np.full(classes, 1 / classes)
    array = np.array(as_real("priors", value), dtype=np.float64)
    if array.shape != (classes,):
        raise ValueError(f"priors must have shape ({classes},), one per class, got shape {array.shape}")
    if not (array > 0).all():
        index = int(np.flatnonzero(~(array > 0))[0])
        raise ValueError(
            f"priors must be positive, got {array[index]} at index {index}; leave empty classes out"
        )
    total = float(array.sum())
    if not abs(total - 1) <= SUM_TOLERANCE:
        raise ValueError(
            f"priors must sum to 1, got the sum {total!r}; divide them by it if they are weights"
        )
    array /= total
    array.flags.writeable = False
    return array
