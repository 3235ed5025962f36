r"""What one training sample adds to the covariance of overlaps, for the squared loss.

In units of the largest effective ridge k, with d_g = k / kappa_g, the envelope of a sample of residual e =
r - score is M = e d e^T / 2, and the force d e.  A source of w O w^T / 2 changes kappa by Delta, the solution
of Delta_g = sum_h V_gh Y_h Delta_h - (1/n) tr C_g Q O Q, with Y_g = pi_g d_g^2; and the forces of class a by
phi_a, the solution of

    phi_a / d_a + sum_b pi_b (m_a Q m_b) phi_b + db = -m_a v - d_a Delta_a E r_a,   sum_a pi_a phi_a = o,

with v = -Q (u + E w X), X = O - sum_g Y_g Delta_g C_g.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.kernel import Kernel
from rmt_alpha.theory.error_bars.pairs import Overlaps, Response, Trained, joint_covariance


class SampleCells(NamedTuple):
    """The training samples by class and label: C of these cells, K classes, G covariances."""

    means: Array
    """Class means, (K, p)."""
    priors: Array
    """Of the classes, (K,)."""
    group: Array
    """Covariance of each class, (K,)."""
    row: Array
    """Class of each cell, (C,)."""
    chance: Array
    """Share of the cell in its class, (C,)."""
    label: Array
    """Training label of the cell minus the average of its class, (C, q)."""

    @property
    def share(self) -> Array:
        """Share of each cell among all samples, (C,)."""
        return np.asarray(self.priors[self.row] * self.chance)

    def count_covariance(self, counts: str) -> Array:
        """n Cov of the shares of the cells in a sample, (C, C): class sizes "fixed" or "random"."""
        share, same = self.share, self.row[:, None] == self.row
        within = np.diag(share) - np.where(same, share[:, None] * self.chance, 0.0)
        if counts == "fixed":
            return np.asarray(within)
        between = np.diag(self.priors) - np.outer(self.priors, self.priors)
        table = self.chance[:, None] * (self.row[:, None] == np.arange(len(self.priors)))
        return np.asarray(within + table @ between @ table.T)


@dataclass(frozen=True, eq=False)
class SquaredFit:
    """Fits with the squared loss to one sample, with J priors; q outputs."""

    trained: Trained
    cells: SampleCells
    step: Array
    """d = largest effective ridge over that of each covariance, (G,)."""
    residual: Array
    """Expected training label minus score of each class, (J, K, q)."""
    outer: Array | float
    """What is added to the covariance of the score: that of noise in the labels, (q, q)."""
    intercept: bool

    @property
    def kernel(self) -> Kernel:
        """The resolvent of the fits."""
        return self.trained.kernel

    @cached_property
    def share(self) -> Array:
        """Share of the samples that have each covariance, (G,)."""
        if not len(self.cells.priors):
            return np.ones(1)
        return np.bincount(self.cells.group, self.cells.priors, len(self.step))

    @cached_property
    def stiffness(self) -> Array:
        """Y = pi d^2, (G,)."""
        return np.asarray(self.share * self.step**2)

    @cached_property
    def errors(self) -> Array:
        """Residual of the samples of each cell, (J, C, q)."""
        return np.asarray(self.residual[:, self.cells.row] + self.cells.label)

    @property
    def cell_group(self) -> Array:
        """Covariance of each cell."""
        return np.asarray(self.cells.group[self.cells.row])

    def spread(self, i: int, j: int) -> tuple[Array, Array]:
        """Covariance q of the scores of a fresh sample under fits i and j, and s, both (G, q, q)."""
        groups, coupling = len(self.step), self.kernel.second[:, : len(self.step)]
        squares = self._by_group(np.einsum("ca,cb->cab", self.errors[i], self.errors[j]))
        mean_square = squares / self.share[:, None, None]
        flow = coupling * self.stiffness
        start = self.trained.product(i, j) + self.outer + np.einsum("gh,hab->gab", flow, mean_square)
        flat = np.linalg.solve(np.eye(groups) - flow, start.reshape(groups, -1))
        scores = flat.reshape(start.shape)
        return scores, self.stiffness[:, None, None] * (scores + mean_square)

    def _by_group(self, values: Array) -> Array:
        """Average over the sample of something of each cell, (C, ...), by covariance: (G, ...)."""
        table = (self.cell_group == np.arange(len(self.step))[:, None]) * self.cells.share
        return np.tensordot(table, values, axes=1)


@dataclass(frozen=True, eq=False)
class SquaredAnswer:
    """The answer of a `SquaredFit` to sources."""

    fit: SquaredFit
    overlaps: Overlaps
    stretch: Array
    """Delta, (F, G)."""
    response: Response
    force: Array
    """d(force)/dh in each class without its labels' noise, phi, (J, F, K, q)."""

    @classmethod
    def of(cls, fit: SquaredFit, overlaps: Overlaps) -> SquaredAnswer:
        """By implicit differentiation of the fixed point."""
        kernel, groups = fit.kernel, len(fit.step)
        flow = kernel.second[:, :groups] * fit.stiffness
        pushed = overlaps.operator @ kernel.second.T  # (1/n) tr C_g Q O Q
        stretch = -np.linalg.solve(np.eye(groups) - flow, pushed.T).T
        load = overlaps.operator.copy()
        load[:, :groups] -= fit.stiffness * stretch
        forces, weights = zip(
            *(_moved(fit, overlaps, stretch, load, j) for j in range(len(fit.residual))), strict=True
        )
        response = Response(fit.trained, load, overlaps.pattern, np.stack(weights))
        return cls(fit, overlaps, stretch, response, np.stack(forces))

    @cached_property
    def _forces(self) -> Array:
        """d(force)/dh in each cell, (J, F, C, q)."""
        fit, cells = self.fit, self.fit.cells
        factor = (fit.step**2 * self.stretch)[:, fit.cell_group]
        turned = np.einsum("fab,cb->fca", self.overlaps.pattern, cells.label)
        return np.asarray(self.force[:, :, cells.row] - factor[..., None] * turned)

    def _pull(self, i: int, j: int, scores: Array) -> Array:
        """x = d s/dh at fixed q, (F, G, q, q)."""
        fit, step = self.fit, self.fit.step
        products = np.einsum("fca,cb->cfab", self._forces[i], fit.errors[j])
        pulled = np.moveaxis(fit._by_group(products), 1, 0) * step[:, None, None]
        factor = fit.share * step**3 * self.stretch
        return np.asarray(
            pulled - factor[..., None, None] * np.einsum("fac,gcb->fgab", self.overlaps.pattern, scores)
        )

    def covariance(self, counts: str) -> Array:
        """n Cov of all functionals under all priors, (J F, J F)."""
        fits, count = range(len(self.fit.residual)), len(self.stretch)
        table = np.empty((len(fits), count, len(fits), count))
        envelopes = np.stack([self._envelopes(j) for j in fits])
        shares = self.fit.cells.count_covariance(counts)
        for i in fits:
            for j in fits[i:]:
                block = self._block(i, j) + envelopes[i] @ shares @ envelopes[j].T
                table[i, :, j], table[j, :, i] = block, block.T
        return table.reshape(len(fits) * count, -1)

    def _block(self, i: int, j: int) -> Array:
        fit, answer, step = self.fit, self.response, self.fit.step
        scores, force = fit.spread(i, j)
        forces = self._forces
        weighted = np.einsum(
            "c,fca,cab->fcb", fit.cells.share, forces[i], scores[fit.cell_group], optimize=True
        )
        count = len(self.stretch)
        own = weighted.reshape(count, -1) @ forces[j].reshape(count, -1).T
        twisted = np.einsum("kab,gbc->kgac", self.overlaps.pattern, scores)
        back = np.einsum("lab,gcb->lgac", self.overlaps.pattern, scores)
        factor = step**2 * self.stretch
        own += np.einsum("g,kg,lg,kgac,lgca->kl", fit.share, factor, factor, twisted, back, optimize=True) / 2
        pull = self._pull(i, j, scores), np.swapaxes(self._pull(j, i, np.swapaxes(scores, -1, -2)), -1, -2)
        mirrored = np.swapaxes(force, -1, -2)
        push = (
            answer.product(i, j) + answer.echo(force),
            np.swapaxes(answer.product(j, i) + answer.echo(mirrored), -1, -2),
        )
        return joint_covariance(fit.kernel, own, answer.second(i, j, force), fit.stiffness, pull, push)

    def _envelopes(self, j: int) -> Array:
        """d(average envelope)/dh of each cell, up to what all cells of a class share, (F, C)."""
        fit, step = self.fit, self.fit.step
        errors, groups = fit.errors[j], len(fit.step)
        scores, _ = fit.spread(j, j)
        # q moves with both fits: (1 - V Y) dq = dA + dV s + V x, each with its transpose.
        slope = self.response.product(j, j) + self.response.echo(fit.spread(j, j)[1])
        pulled = self._pull(j, j, scores)
        coupling = fit.kernel.second[:, :groups]
        start = slope + np.einsum("gh,fhab->fgab", coupling, pulled)
        trace = 2 * np.trace(start, axis1=-2, axis2=-1)
        moved = np.linalg.solve(np.eye(groups) - coupling * fit.stiffness, trace.T).T
        factor = step**2 * self.stretch
        shared = step * moved - factor * np.einsum("fab,gba->fg", self.overlaps.pattern, scores)
        # d(e d e / 2)/dh = e.(force + d^2 Delta E e / 2)
        forces = self._forces[j]
        bent = np.einsum("ca,fab,cb->fc", errors, self.overlaps.pattern, errors, optimize=True)
        each = np.einsum("ca,fca->fc", errors, forces) + factor[:, fit.cell_group] * bent / 2
        return np.asarray(each + shared[:, fit.cell_group] / 2)


def _moved(fit: SquaredFit, overlaps: Overlaps, stretch: Array, load: Array, j: int) -> tuple[Array, Array]:
    """dforce/dh (F, K, q) and dw/dh (F, q, p) of fit j."""
    kernel, cells = fit.kernel, fit.cells
    weights, residual = fit.trained.weights[j], fit.residual[j]
    count, outputs = overlaps.offset.shape
    stack = np.stack([kernel.apply(weights, operator) for operator in kernel.operators])  # (X, q, p)
    turned = np.einsum("fx,xbp,fab->fap", load, stack, overlaps.pattern, optimize=True)
    direct = -kernel.damped(overlaps.linear + turned)
    classes = len(cells.priors)
    if not classes:
        return np.zeros((count, 0, outputs)), direct
    damped = kernel.damped(cells.means)
    step = fit.step[cells.group]
    system = np.zeros((classes + 1, classes + 1))
    system[:classes, :classes] = np.diag(1 / step) + (cells.means @ damped.T) * cells.priors
    right = np.zeros((classes + 1, count, outputs))
    bent = np.einsum("fab,kb->kfa", overlaps.pattern, residual)
    right[:classes] = -np.einsum("kp,fap->kfa", cells.means, direct)
    right[:classes] -= (step * stretch[:, cells.group]).T[:, :, None] * bent
    if fit.intercept:
        system[:classes, classes], system[classes, :classes] = 1.0, cells.priors
        right[classes] = overlaps.offset
    else:
        system[classes, classes] = 1.0
    solved = np.linalg.solve(system, right.reshape(classes + 1, -1)).reshape(right.shape)
    force = np.moveaxis(solved[:classes], 0, 1)
    return force, direct + np.einsum("k,fka,kp->fap", cells.priors, force, damped, optimize=True)
