r"""`ConvexSolution`: a convex fit at one ridge and alpha, its leave-one-out outputs, and their tangents.

Leaving out one of the copies of sample i takes :math:`\ell_i / n` from the objective, and one Newton step
from the fit to all samples follows (Rad and Maleki, arXiv 1801.10243).  An average correction that is shrunk,
with the penalty :math:`\tfrac{k_0}{2n} a^2`, is one over the samples, and leaving one out refits it, too:
with the correction r of sample i and s = 1/n,

.. math:: a \to \frac{a - s\, r}{1 - s} .

In the functionals (r, a) of the sample, with the inverse Hessian G between them, the change of the objective
has a slope g and second derivatives S, and

.. math:: (r, a)_{-i} = (r, a) - (1 + G S)^{-1} G g .

It is exact for squared loss.  The prior mean enters through z alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.convex.curvature import Curvature
from rmt_alpha.from_data.convex.exact import ExactCurvature
from rmt_alpha.from_data.convex.label_loss import LabelLoss
from rmt_alpha.from_data.convex.newton import Minimum, solved
from rmt_alpha.from_data.convex.trainable import Trainable

TANGENT = 1e-2
"""Relative precision of tangents where there is no factorisation."""


@dataclass(frozen=True, eq=False)
class ConvexSolution:
    """A fit, and what follows from its Hessian."""

    minimum: Minimum
    """Coefficients and outputs."""
    trainable: Trainable
    """Features and penalties."""
    curvature: Curvature
    """The Hessian, or an approximation of it."""
    share: FloatArray
    """What leaving out takes from each weight: one sample, or all there is if that is less; shape (n,)."""
    loss: LabelLoss
    """The loss, with the labels."""
    alpha: FloatArray
    """How much of each source is kept; shape (k,)."""
    scores: FloatArray
    """Outputs of the sources; shape (k, n, m)."""

    @cached_property
    def product(self) -> Callable[[FloatArray], FloatArray]:
        """Second derivatives of the loss of each sample times (..., n, m)."""
        return self.loss.product(self.minimum.outputs)

    def _at_sites(self, values: FloatArray) -> FloatArray:
        """Numbers (n,) of samples, to multiply blocks (..., b) of their sites; one if they are all alike."""
        values = values[:1] if (values == values[0]).all() else values
        return values.reshape(-1, *(1,) * (self.curvature.own.ndim - 2))

    @cached_property
    def _shrinking(self) -> tuple[float, FloatArray, FloatArray]:
        """Penalty of the average, and 1/(1 - s) and s/(1 - s) at the sites."""
        rest = self._at_sites(1.0 - self.share)
        return self.trainable.pull or 0.0, 1.0 / rest, self._at_sites(self.share) / rest

    def _slopes(self, slope: FloatArray, correction: FloatArray, average: FloatArray) -> FloatArray:
        """g, linear in slopes (n, m), corrections (n, m) and averages (m,); sites, then (f b,)."""
        split, pull = self.curvature.split, self.trainable.pull
        own = -self._at_sites(self.share) * split(slope)
        if not pull:
            return np.asarray(own)
        _, u, v = self._shrinking
        a = split(average[None])
        moved = u * a - v * split(correction)
        return np.concatenate([own - pull * v * moved, pull * (u * moved - a)], axis=-1)

    def _lost(self, own: FloatArray, vectors: FloatArray) -> FloatArray:
        """The part of S that is the loss's, by its second derivatives, times functionals (..., f b)."""
        b, result = own.shape[-1], np.zeros_like(vectors)
        result[..., :b] = -self._at_sites(self.share) * _apply(own, vectors[..., :b])
        return result

    def _shrunk(self, vectors: FloatArray) -> FloatArray:
        """The part of S that is the penalty's of the average, times functionals (..., f b)."""
        pull, u, v = self._shrinking
        if not pull:
            return np.zeros_like(vectors)
        b = vectors.shape[-1] // 2
        average = vectors[..., b:]
        moved = u * average - v * vectors[..., :b]
        return np.concatenate([-pull * v * moved, pull * (u * moved - average)], axis=-1)

    @cached_property
    def _system(self) -> FloatArray:
        """1 + G S; sites, then (f b, f b)."""
        (pull, u, v), leverage, own = self._shrinking, self.curvature.leverage, self.curvature.own
        b = own.shape[-1]
        system: FloatArray = np.empty_like(leverage)
        system[..., :b] = -self._at_sites(self.share)[..., None] * _product(leverage[..., :b], own)
        if pull:
            u, v = u[..., None], v[..., None]
            moved = u * leverage[..., b:] - v * leverage[..., :b]
            system[..., :b] -= pull * v * moved
            system[..., b:] = pull * (u * moved - leverage[..., b:])
        system[..., range(system.shape[-1]), range(system.shape[-1])] += 1.0
        return system

    @cached_property
    def _small(self) -> FloatArray | None:
        """Its inverse, where that is a formula."""
        return _inverse(self._system) if self._system.shape[-1] <= 2 else None

    def _solved(self, right: FloatArray) -> FloatArray:
        """(1 + G S)^-1 times vectors at the sites."""
        if self._small is not None:
            return _apply(self._small, right)
        return np.asarray(np.linalg.solve(self._system, right[..., None])[..., 0])

    @cached_property
    def _first(self) -> FloatArray:
        """The slope g; sites, then (f b,)."""
        return self._slopes(self.minimum.gradient, *self._correction)

    def _step(self, slope: FloatArray) -> FloatArray:
        """-(1 + G S)^-1 G g."""
        return -self._solved(_apply(self.curvature.leverage, slope))

    @cached_property
    def _moved(self) -> FloatArray:
        """What leaving out does to the functionals; sites, then (f b,)."""
        return self._step(self._first)

    def _output(self, functionals: FloatArray) -> FloatArray:
        """The part of the outputs, (n, m), of functionals at the sites."""
        return self.curvature.join(functionals[..., : self.curvature.own.shape[-1]])

    @cached_property
    def _missed(self) -> FloatArray:
        """z_{-i} - z_i; shape (n, m)."""
        return self._output(self._moved)

    @property
    def left_out(self) -> FloatArray:
        """Outputs z_{-i} of each sample by the fit without it; shape (n, m)."""
        return np.asarray(self.minimum.outputs + self._missed)

    @cached_property
    def trends(self) -> FloatArray:
        """Derivatives of the coefficients by each alpha; shape (k, d, m)."""
        right = -self.trainable.adjoint(self.product(self.scores))
        if isinstance(self.curvature, ExactCurvature):
            return self.curvature.solve(right)
        z = self.minimum.outputs
        found = [solved(self.trainable, self.loss, z, one, TANGENT)[0] for one in right]
        return np.asarray(found).reshape(right.shape)

    @cached_property
    def tangents(self) -> FloatArray:
        """dz/d alpha_k: the scores of a source minus what the fit takes from them; (k, n, m)."""
        return np.asarray(self.scores + self.trainable.times(self.trends))

    @cached_property
    def _bent(self) -> list[FloatArray]:
        """Changes of the curvature by each alpha."""
        return [self.curvature.bend(self.minimum.outputs, one) for one in self.tangents]

    @cached_property
    def volume_gradient(self) -> FloatArray:
        """Derivatives of half the log determinant of the Hessian by each alpha; shape (k,)."""
        return np.array([self.curvature.volume_change(one) for one in self._bent])

    def _loss_part(self, outputs: FloatArray) -> FloatArray:
        """Outputs (n, m) as functionals of the loss, which does not see the average."""
        parts = self.curvature.split(outputs)
        return np.concatenate([parts, np.zeros_like(parts)], axis=-1) if self.trainable.pull else parts

    def _penalty_part(self, k: int) -> FloatArray:
        """Derivatives of correction and average by an alpha, as functionals."""
        own = self.curvature.split(self.tangents[k] - self.scores[k])
        if not self.trainable.pull:
            return np.zeros_like(own)
        average = np.broadcast_to(self.curvature.split(self.trends[k, -1:]), own.shape)
        return np.concatenate([own, average], axis=-1)

    def _slopes_along(self, k: int) -> FloatArray:
        """Derivative of the slope g by an alpha at fixed second derivatives; sites, then (f b,)."""
        moved = self.tangents[k]
        average = self.trends[k, -1:].sum(axis=0)
        return self._slopes(self.product(moved), moved - self.scores[k], average)

    @cached_property
    def left_out_tangents(self) -> FloatArray:
        """d z_{-i} / d alpha_k, the movement of the curvature included; (k, n, m)."""
        result = np.empty_like(self.tangents)
        left = self._first + self._lost(self.curvature.own, self._moved) + self._shrunk(self._moved)
        for k, bend in enumerate(self._bent):
            slope = self._slopes_along(k) + self._lost(bend, self._moved)
            change = _apply(self.curvature.leverage, slope)
            change += _apply(self.curvature.leverage_change(bend), left)
            result[k] = self.tangents[k] - self._output(self._solved(change))
        return result

    @cached_property
    def pulls(self) -> tuple[FloatArray, FloatArray]:
        """What one copy of each sample adds to slope (n, k) and curvature (n, k, k) of the minimum."""
        k, n = self.scores.shape[:2]
        # The loss sees outputs, and the penalty of the average what is trained.
        own = self.curvature.own
        slope = self.minimum.gradient - self._output(self._lost(own, self._moved)) / self.share[:, None]
        slopes = np.einsum("ia,kia->ik", slope, self.tangents)
        outputs = [self._loss_part(one) for one in self.tangents]
        averages = [self._penalty_part(j) for j in range(k)]
        lost, shrunk = [self._lost(own, one) for one in outputs], [self._shrunk(one) for one in averages]
        moved = [one + other for one, other in zip(lost, shrunk, strict=True)]
        kept = self._slopes(np.zeros_like(slope), *self._correction) + self._shrunk(self._moved)
        bends = np.empty((n, k, k))
        for i in range(k):
            slopes[:, i] -= self._summed(kept * averages[i]) / self.share
            for j in range(k):
                second = outputs[i] * lost[j] + averages[i] * shrunk[j] + moved[i] * self._step(moved[j])
                bends[:, i, j] = -self._summed(second) / self.share
        return slopes, bends

    @property
    def _correction(self) -> tuple[FloatArray, FloatArray]:
        """What is trained: outputs (n, m) and their average (m,)."""
        correction = self.minimum.outputs - np.tensordot(self.alpha, self.scores, 1)
        return correction, self.minimum.coefficients[-1:].sum(axis=0)

    def _summed(self, values: FloatArray) -> FloatArray:
        """Sum over everything but the samples, (n,)."""
        return np.asarray(values.reshape(len(self.share), -1).sum(axis=1))


def _apply(blocks: FloatArray, vectors: FloatArray) -> FloatArray:
    """Products of many small matrices (..., a, b) and vectors (..., b)."""
    return np.asarray(_product(blocks, vectors[..., None])[..., 0])


def _product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Products of many small matrices; of very small ones without as many calls."""
    size = left.shape[-1]
    if size > 2:
        return np.asarray(left @ right)
    return np.asarray(sum(left[..., :, j, None] * right[..., j, None, :] for j in range(size)))


def _inverse(blocks: FloatArray) -> FloatArray:
    """Inverses of many matrices of one or two rows."""
    if blocks.shape[-1] == 1:
        return np.asarray(1.0 / blocks)
    a, b, c, d = (blocks[..., i, j] for i in range(2) for j in range(2))
    scale, result = 1.0 / (a * d - b * c), np.empty(blocks.shape)
    for (i, j), value in {(0, 0): d, (0, 1): -b, (1, 0): -c, (1, 1): a}.items():
        np.multiply(value, scale, out=result[..., i, j])
    return result
