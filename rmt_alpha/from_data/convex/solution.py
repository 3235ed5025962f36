r"""`ConvexSolution`: a convex fit at one ridge and alpha, its leave-one-out outputs, and their tangents.

Leaving out one of the copies of sample i takes :math:`\ell_i / n` from the objective; one Newton step from
the fit to all samples gives (Rad and Maleki, arXiv 1801.10243)

.. math:: z_{-i} = z_i + (1 - h_i \ell''_i)^{-1} h_i \ell'_i, \qquad
    h_i = \frac1n x_i^\top \Big(\frac1n X^\top \mathrm{diag}(\ell'') X + \gamma\Big)^{-1} x_i ,

blocks of m x m for m outputs.  It is exact for squared loss.  The prior mean enters through z alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.convex.newton import Minimum, solve


@dataclass(frozen=True, eq=False)
class ConvexSolution:
    """A fit, and what follows from its Hessian."""

    minimum: Minimum
    """Coefficients and outputs, and the Hessian."""
    rows: FloatArray
    """Features divided by the root of the ridge, and 1 with an intercept; shape (n, d)."""
    weights: FloatArray
    """Counts over their sum; shape (n,)."""
    share: FloatArray
    """What leaving out takes from each weight: one sample, or all there is if that is less; shape (n,)."""
    loss: LabelLoss
    """The loss, with the labels."""
    alpha: FloatArray
    """How much of each source is kept; shape (k,)."""
    scores: FloatArray
    """Outputs of the sources; shape (k, n, m)."""

    @cached_property
    def _whitened(self) -> FloatArray:
        """L^-1 applied to each row in each output, with L L^T the Hessian; (m d, n, m)."""
        n, d = self.rows.shape
        m = self.minimum.outputs.shape[1]
        right = np.zeros((m, d, n, m))
        for k in range(m):
            right[k, :, :, k] = self.rows.T
        flat = linalg.solve_triangular(
            self.minimum.factor, right.reshape(m * d, n * m), lower=True, check_finite=False
        )
        return np.asarray(flat.reshape(m * d, n, m))

    @cached_property
    def leverage(self) -> FloatArray:
        """h_i times the weight that is left out; shape (n, m, m)."""
        white = np.moveaxis(self._whitened, 0, 1)
        return np.asarray(self.share[:, None, None] * (np.swapaxes(white, 1, 2) @ white))

    @cached_property
    def freedom(self) -> FloatArray:
        """Inverse of 1 - h_i l''_i; shape (n, m, m)."""
        m = self.minimum.outputs.shape[1]
        return np.asarray(np.linalg.inv(np.eye(m) - self.leverage @ self.minimum.hessian))

    @cached_property
    def _missed(self) -> FloatArray:
        """z_{-i} - z_i; shape (n, m)."""
        step = np.einsum("iab,ib->ia", self.leverage, self.minimum.gradient)
        return np.asarray(np.einsum("iab,ib->ia", self.freedom, step))

    @property
    def left_out(self) -> FloatArray:
        """Outputs z_{-i} of each sample by the fit without it; shape (n, m)."""
        return np.asarray(self.minimum.outputs + self._missed)

    @cached_property
    def left_out_gradient(self) -> FloatArray:
        """Slope of each loss, extrapolated to where its own sample is left out: l' + l'' (z_{-i} - z_i)."""
        change = np.einsum("iab,ib->ia", self.minimum.hessian, self._missed)
        return np.asarray(self.minimum.gradient + change)

    @cached_property
    def trends(self) -> FloatArray:
        """Derivatives of the coefficients by each alpha; shape (k, d, m)."""
        pulls = self.weights[:, None] * np.einsum("iab,kib->kia", self.minimum.hessian, self.scores)
        return -solve(self.minimum.factor, self.rows.T @ pulls)

    @cached_property
    def tangents(self) -> FloatArray:
        """dz/d alpha_k: the scores of a source minus what the fit takes from them; (k, n, m)."""
        return np.asarray(self.scores + self.rows @ self.trends)

    @cached_property
    def _hessian_tangents(self) -> FloatArray:
        """Derivatives of l'' by each alpha; shape (k, n, m, m)."""
        n, m = self.minimum.outputs.shape
        changes = [self.loss.hessian_along(self.minimum.outputs, one) for one in self.tangents]
        return np.asarray(changes).reshape(-1, n, m, m)

    @cached_property
    def volume_gradient(self) -> FloatArray:
        """Derivatives of log det Hessian by each alpha; shape (k,)."""
        scaled = (self.weights / self.share)[:, None, None] * self.leverage
        return np.asarray(np.einsum("iab,kiba->k", scaled, self._hessian_tangents))

    @cached_property
    def left_out_tangents(self) -> FloatArray:
        """d z_{-i} / d alpha_k, exactly, the movement of l'' and h included; (k, n, m)."""
        result = np.empty_like(self.tangents)
        white, hessian = self._whitened, self.minimum.hessian
        flat = white.reshape(len(white), -1)
        for k, (moved, bend) in enumerate(zip(self.tangents, self._hessian_tangents, strict=True)):
            change = np.zeros_like(self.leverage)
            if bend.any():
                weighted = np.einsum("dia,iab->dib", white, self.weights[:, None, None] * bend)
                # Change of the Hessian between the inverses of its factors, applied to every row.
                inner = ((weighted.reshape(flat.shape) @ flat.T) @ flat).reshape(white.shape)
                change = -self.share[:, None, None] * np.einsum("dia,dib->iab", white, inner)
            slopes = np.einsum("iab,ib->ia", hessian, moved) + np.einsum("iab,ib->ia", bend, self._missed)
            inside = np.einsum("iab,ib->ia", change, self.left_out_gradient)
            inside += np.einsum("iab,ib->ia", self.leverage, slopes)
            result[k] = moved + np.einsum("iab,ib->ia", self.freedom, inside)
        return result
