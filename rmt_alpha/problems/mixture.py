"""`GaussianMixture`: what the data of one task look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import as_real, frozen, unmasked
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot, window
from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha._core.values import Value
from rmt_alpha.problems.covariances import parse_covariances
from rmt_alpha.problems.ranges import check_entries

if TYPE_CHECKING:
    from rmt_alpha.theory.ridge.dense import DenseCovariances
    from rmt_alpha.theory.ridge.spectrum import Spectrum

SUM_TOLERANCE = 1e-9
"""How far the priors may be from summing to 1; closer ones are normalised."""


@dataclass(frozen=True, eq=False, init=False, repr=False)
class GaussianMixture(Value, Shown):
    r"""Classes with Gaussian features, :math:`x \mid a \sim \mathcal N(m_a, C_a)` for a share :math:`\pi_a`.

    Parameters
    ----------
    means : array_like of shape (K, p)
        Class means, K >= 2.  For K = 2 the first class has the label -1, the second +1.
    covariances : None, float, array_like or list
        Covariance within the classes: None for the identity, a number for a multiple of it, an array of
        shape (p,) for a diagonal matrix or (p, p) for a full one.  One of these for all classes; or one per
        class, as a list of K of them or an array of shape (K, p) or (K, p, p).  A list of length K is read
        per class; if K = p its members must be arrays or None, since a list of numbers could be either.
        Singular matrices are allowed.
    priors : array_like of shape (K,), optional
        Probabilities of the classes, positive, summing to 1; equal if None.

    Raises
    ------
    ValueError
        If shapes do not match, priors do not sum to 1, or a covariance is not symmetric positive
        semi-definite; the message names the class and the offending entry or eigenvalue.

    Notes
    -----
    The attributes are arrays; ``covariances`` is a tuple of K, in which equal ones are the same object.
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

    means: FloatArray
    covariances: tuple[FloatArray, ...]
    priors: FloatArray

    def __init__(
        self,
        means: ArrayLike,
        covariances: ArrayLike | Sequence[ArrayLike | None] | None = None,
        priors: ArrayLike | None = None,
    ) -> None:
        rows = np.array(as_real("means", means), dtype=np.float64)
        if rows.ndim != 2 or rows.size == 0:
            raise ValueError(
                f"means must be a matrix with one row per class, shape (K, p), got shape {rows.shape}"
            )
        classes, p = rows.shape
        if classes < 2:
            raise ValueError(f"means must have shape (K, p) with K >= 2 classes, got {rows.shape}")
        vars(self).update(
            means=check_entries("means", rows),
            covariances=parse_covariances(unmasked("covariances", covariances), classes, p),
            priors=_priors(priors, classes),
        )

    @classmethod
    def symmetric(cls, mean: ArrayLike, covariance: ArrayLike | None = None) -> GaussianMixture:
        """Two balanced classes with means -mean (label -1) and +mean (label +1) and one covariance.

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
            covariance = np.asarray(unmasked("covariance", covariance), dtype=np.float64)
        return cls(np.stack([-vector, vector]), covariance)

    @property
    def classes(self) -> int:
        """Number of classes, K."""
        return int(self.means.shape[0])

    @property
    def p(self) -> int:
        """Dimension."""
        return int(self.means.shape[1])

    @cached_property
    def members(self) -> tuple[FloatArray, ...]:
        """The G distinct covariances."""
        return tuple({id(each): each for each in self.covariances}.values())

    @cached_property
    def group(self) -> IntArray:
        """Index of each class's covariance among the distinct ones, shape (K,)."""
        known = [id(each) for each in self.members]
        return np.array([known.index(id(each)) for each in self.covariances])

    @cached_property
    def model(self) -> Spectrum | DenseCovariances:
        """The covariances in the form that the fixed point needs; computed once."""
        from rmt_alpha.theory.ridge.covariance_model import covariance_model

        return covariance_model(self.members, self.group, self.priors, self.p)

    @property
    def mean_coordinates(self) -> FloatArray:
        """Means in the basis of `model`, shape (K, p)."""
        return self.model.basis.kept_coordinates(self.means)

    def _card(self) -> Card:
        variances = [c if c.ndim < 2 else c.diagonal() for c in self.members]
        rows: dict[str, object] = {"classes": self.classes, "p": self.p, "priors": self.priors}
        rows |= {"lengths of the means": np.linalg.norm(self.means, axis=1)}
        rows |= {"variances": np.concatenate([np.ravel(each) for each in variances])}
        label = "densities of the classes where their means differ most"
        return Card(rows, plot(label, ("", "density"), lines=self._densities()), note=f"Picture: {label}.")

    def _densities(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """The features along the direction in which the means vary most, by class."""
        centered = self.means - self.means.mean(axis=0)
        axis = np.linalg.svd(centered, full_matrices=False)[2][0]
        axis = axis if axis @ (self.means[-1] - self.means[0]) >= 0 else -axis
        spread = [axis @ c @ axis if c.ndim == 2 else (c * axis**2).sum() for c in self.covariances]
        # A density without a width is drawn as a narrow one.
        middle, std = self.means @ axis, np.sqrt(spread)
        std = np.maximum(std, 0.01 * (np.ptp(middle) + std.max()) or 1.0)
        x = window([*(middle - 2.5 * std), *(middle + 2.5 * std)], 121)
        heights = (
            np.exp(-0.5 * ((x - middle[:, None]) / std[:, None]) ** 2) / std[:, None] * self.priors[:, None]
        )
        shown = zip(range(1, 7), heights / np.sqrt(2 * np.pi), strict=False)
        return {f"class {k}": (x, height) for k, height in shown}

    def __repr__(self) -> str:
        names = {0: "scalar", 1: "diagonal", 2: "full"}
        kinds = [names[c.ndim] for c in self.covariances]
        covariance = kinds[0] if len(self.members) == 1 else ", ".join(kinds)
        priors = " ".join(f"{x:.4g}" for x in self.priors)
        return f"GaussianMixture(K={self.classes}, p={self.p}, covariance: {covariance}, priors: {priors})"


def check_mixture(name: str, value: Any) -> GaussianMixture:
    """``value`` if it is a mixture, else TypeError."""
    if not isinstance(value, GaussianMixture):
        raise TypeError(f"{name} must be a GaussianMixture, got {type(value).__name__}")
    return value


def _priors(value: Any, classes: int) -> FloatArray:
    if value is None:
        return frozen("priors", np.full(classes, 1 / classes))
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
    return frozen("priors", array)
