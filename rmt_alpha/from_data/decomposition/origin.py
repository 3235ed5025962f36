r"""`Origin`: rows as they come, through the decomposition of the centred ones.

In coordinates that begin with root the kernel of the rows as they come, K, borders that of the centred rows,
C = Z Z^T = U diag(lambda) U^T, by the row Z m and the corner m^T m.  So no second decomposition is needed:

.. math:: \gamma (K + \gamma)^{-1} = \gamma (C + \gamma)^{-1} - \rho \rho^\top
    + \frac{\omega \omega^\top}{\tau} , \qquad
    \omega = \rho - \sum_j \frac{g_j u_j}{\lambda_j + \gamma} , \qquad
    \tau = 1 + \frac{|m_\perp|^2}{\gamma} + \sum_j \frac{g_j^2 / \lambda_j}{\lambda_j + \gamma} ,

with rho the root, g = U^T Z m, and m_perp the part of the mean that no centred row reaches.
All parts are positive, as those of the centred rows are: nothing cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value

BESIDE = 1e-4
"""The least share of the squared mean that no centred row reaches: a difference, known to EPS times the
whole: from less, scores would not be known to 1e-10."""
HALVINGS = 60


@dataclass(frozen=True, eq=False)
class Origin(Value):
    """Where the rows as they come lie, seen from the centred ones."""

    eigenvalues: FloatArray
    """lambda, descending; shape (r,)."""
    pull: FloatArray
    """g, exactly 0 where lambda is; shape (r,)."""
    mean2: float
    """Squared length of the mean, in the units of the rows."""

    @cached_property
    def _reached2(self) -> FloatArray:
        """Squares of the parts of the mean along the right singular vectors, (r,)."""
        inverse = np.divide(1.0, self.eigenvalues, out=np.zeros(len(self.pull)), where=self.eigenvalues > 0)
        return np.asarray(self.pull**2 * inverse)

    @property
    def beside2(self) -> float:
        """Squared length of what no centred row reaches."""
        return self.mean2 - float(self._reached2.sum())

    @property
    def resolved(self) -> bool:
        """Whether that is far enough from rounding."""
        return self.beside2 > BESIDE * self.mean2

    def along(self, gammas: FloatArray) -> FloatArray:
        """g / (lambda + gamma), what omega lacks of root, for every ridge; (r, G)."""
        return np.asarray(self.pull[:, None] / (self.eigenvalues[:, None] + gammas))

    def gains(self, gammas: FloatArray) -> FloatArray:
        """The numbers tau, for ridges (G,)."""
        return np.asarray(
            1.0 + self.beside2 / gammas + self._reached2 @ (1.0 / (self.eigenvalues[:, None] + gammas))
        )

    def freedoms(self, gammas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Trained and kept degrees of freedom that are added to those of the centred rows; their sum is 1."""
        shape, gammas = gammas.shape, gammas.ravel()
        inverse = 1.0 / (self.eigenvalues[:, None] + gammas)
        trained = self.beside2 / gammas + gammas * (self._reached2 @ inverse**2)
        kept = 1.0 + self.pull**2 @ inverse**2
        gains = self.gains(gammas)
        return (trained / gains).reshape(shape), (kept / gains).reshape(shape)

    @cached_property
    def largest(self) -> float:
        """The largest eigenvalue of K: the root of x = m^T m + sum g^2/(x - lambda) beyond all lambda."""
        low = float(self.eigenvalues.max(initial=0.0))
        high = low + self.mean2
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            gap = middle - self.eigenvalues
            if not gap.min(initial=middle) > 0:
                return high
            more = self.mean2 + float(np.sum(self.pull**2 / gap)) > middle
            low, high = (middle, high) if more else (low, middle)
        return high

    @property
    def smallest(self) -> float:
        """No positive eigenvalue of K is smaller: they interlace with lambda, and their product is known."""
        least = self.eigenvalues[self.eigenvalues > 0].min(initial=self.largest)
        return self.beside2 * min(float(least) / self.largest, 1.0)
