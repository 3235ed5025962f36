"""`SampleBasis`: orthonormal axes whose span holds what fits reach."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value

LOW_FREEDOM = 0.1
"""Below this, the diagonal of a projector is computed as a squared length and not as 1 minus a sum."""


@dataclass(frozen=True, eq=False)
class SampleBasis(Value):
    r"""Axes in the space of the samples.

    Where a kernel is too large to be decomposed, the axes span its largest eigenvectors only, and what is
    beside them counts as flat: ``rest`` further eigenvalues ``tail``, whose eigenvectors could be any.
    """

    size: int
    """Number of samples n."""
    axes: FloatArray | None = None
    """(n, q), the first one root; None: the unit vectors of all samples."""
    tail: float = 0.0
    """Mean eigenvalue of the kernel beside the axes."""
    rest: int = 0
    """How many eigenvalues there are beside the axes; 0: the axes hold them all."""

    @property
    def complete(self) -> bool:
        """Whether the axes span all n dimensions."""
        return self.axes is None or self.axes.shape == (self.size, self.size)

    def outer_keep(self, gamma: float) -> float:
        """gamma / (eigenvalue + gamma) beside the axes, the mean over all directions there."""
        if not self.rest or self.axes is None:
            return 1.0
        share = self.rest / float(self.size - self.axes.shape[1])
        return 1.0 - share * self.tail / (self.tail + gamma)

    @cached_property
    def outside_diagonal(self) -> FloatArray:
        """Diagonal of the projector onto what no axis reaches, shape (n,)."""
        if self.axes is None or self.complete:
            return np.zeros(self.size)
        diagonal = 1.0 - np.einsum("ij,ij->i", self.axes, self.axes)
        for rows in np.array_split(low := np.flatnonzero(diagonal < LOW_FREEDOM), 1 + low.size // 256):
            if rows.size:
                units = np.zeros((self.size, rows.size))
                units[rows, np.arange(rows.size)] = 1.0
                diagonal[rows] = np.square(self.outside(units)).sum(axis=0)
        return np.asarray(diagonal)

    def outside(self, columns: FloatArray) -> FloatArray:
        """Projection of columns (n, m) onto what no axis reaches."""
        if self.axes is None or self.complete:
            return np.zeros_like(columns)
        for _ in range(2):  # once more: what is left of the axes after rounding
            columns = columns - self.axes @ (self.axes.T @ columns)
        return columns

    def inside(self, columns: FloatArray) -> FloatArray:
        """Columns (n, m) in the coordinates of the axes."""
        return columns if self.axes is None else np.asarray(self.axes.T @ columns)

    def expanded(self, coordinates: FloatArray) -> FloatArray:
        """Columns (n, m) from their coordinates."""
        return coordinates if self.axes is None else np.asarray(self.axes @ coordinates)
