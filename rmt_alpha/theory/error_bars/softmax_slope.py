"""The variance of the slope in alpha of a functional of a fit with softmax: `slopes` for d contrasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.slopes import HERE, Jet, SampleMoments, slope
from rmt_alpha.theory.error_bars.softmax_fit import BLOCK, FitChange, Functionals, Move, SoftmaxFit
from rmt_alpha.theory.softmax.forces import stiffness_at


@dataclass(frozen=True, eq=False)
class SoftmaxPoint:
    """A fit at one alpha, and its answer to the functional there."""

    fit: SoftmaxFit
    move: Move
    answer: FitChange

    @classmethod
    def of(cls, fit: SoftmaxFit, sources: Functionals) -> SoftmaxPoint:
        """For one functional."""
        return cls(fit, *fit.moved(sources))

    @property
    def resolvent(self) -> tuple[Array, Array]:
        """G and its derivative by h, (J, d, d)."""
        return self.fit.resolvent.inverse, self.answer.resolvent[0]

    @property
    def weights(self) -> tuple[Array, Array]:
        """E W and its derivative by h, (p, d)."""
        return self.fit.weights, self.answer.weights[0]

    @property
    def step(self) -> tuple[Array, Array]:
        """V and its derivative by h, (G, d, d)."""
        return self.fit.resolvent.step, self.answer.step[0]

    @property
    def mean(self) -> tuple[Array, Array]:
        """u and its derivative by h, (K, d)."""
        return self.fit.state.mean, self.move.mean[0]

    def turned(self) -> tuple[Array, Array]:
        """T, with which h does nothing to q beyond the motion of the scores, and E c f^T, (G, d, d)."""
        push = self.fit.pushed(self.answer.resolvent, self.answer.weights)[0]
        return with_all_of_q(self.fit, push, self.move.covariance[0], self.answer.pull[0])


def with_all_of_q(fit: SoftmaxFit, push: Array, change: Array, pull: Array) -> tuple[Array, Array]:
    """T and E c f^T, from dSigma, from A_h + V_h s, and from E c f^T at T Sigma = dSigma / 2."""
    coupling, stiffness, size = fit.coupling, fit.stiffness, pull.size
    start = (push - change / 2).ravel() + coupling @ pull.ravel()
    left = np.linalg.solve(np.eye(size) - coupling @ stiffness, start)
    turn = (change / 2 + left.reshape(pull.shape)) @ np.linalg.inv(fit.state.covariance)
    return turn, pull + (stiffness @ left).reshape(pull.shape)


@dataclass(frozen=True, eq=False)
class SoftmaxShared:
    """`slopes.Shared` for d contrasts."""

    fit: SoftmaxFit
    resolvent: Jet
    weights: Jet
    reach: Jet
    """gamma alpha G."""
    sources: Array
    """Covariance of the sum of the sources at every coordinate, (J, d, d)."""

    def product(self, i: int, j: int) -> Array:
        """A, (G, d, d)."""
        reduction = self.fit.equations.reduction
        values = np.broadcast_to(reduction.model.values, (len(reduction.model.values), reduction.model.p))
        direct = np.einsum("pa,gp,pb->gab", self.weights[i], values, self.weights[j], optimize=True)
        return np.asarray(direct + self._sum(self.reach[i] @ self.sources @ self.reach[j]))

    def coupled(self, i: int, j: int, force: Array) -> Array:
        """V s, (G, d, d)."""
        middle = np.tensordot(self.fit.values.T, force, axes=1)
        return self._sum(self.resolvent[i] @ middle @ self.resolvent[j]) / self.fit.equations.reduction.n

    def _sum(self, entries: Array) -> Array:
        fit = self.fit
        return np.asarray(fit.multiplicity * np.tensordot(fit.values, entries, axes=1))


def sample_moments(
    points: Sequence[SoftmaxPoint], shared: SoftmaxShared, unit: float, counts: str
) -> SampleMoments:
    """Averages over the samples, at five alphas ``unit`` apart."""
    fit = points[HERE].fit
    mean = Jet.of([point.mean for point in points], unit)
    step = Jet.of([point.step for point in points], unit)
    # Of alpha as of h: the motion of the scores that takes all of q with it.
    states = [point.fit.state for point in points]
    covariance, theta = (slope([getattr(s, n) for s in states], unit) for n in ("covariance", "stiffness"))
    offset = slope([state.offset for state in states], unit)
    move = Move(mean.by_alpha[None], offset[None], covariance[None], theta[None])
    pull = fit.by_forces(move, step.by_alpha[None])[1][0]
    push = shared.product(1, 0) + shared.coupled(1, 0, fit.power)
    turn, moved = with_all_of_q(fit, push, covariance, pull)
    turns, pulls = zip(*(point.turned() for point in points), strict=True)
    turn_source, turn_both = turns[HERE], slope(turns, unit)
    accelerated = turn_both + turn_source @ turn
    d, groups = len(offset), len(covariance)
    twice, pulled, gradient = np.zeros((3, groups, d, d))
    own, averages = 0.0, []
    priors = fit.equations.reduction.priors
    for share, one in zip(fit.cells.share, fit.samples, strict=True):
        a, g, total, square = one.row, one.group, 0.0, 0.0
        for start in range(0, len(one.weights), BLOCK):
            part = slice(start, start + BLOCK)
            away, force, weights = one.away[:, part], one.force[:, part], one.weights[part]
            theta = stiffness_at(fit.steps[g], one.stated[:, part])

            by_source = mean.by_source[a][:, None] + turn_source[g] @ away + step.by_source[g] @ force
            by_alpha = mean.by_alpha[a][:, None] + turn[g] @ away + step.by_alpha[g] @ force
            moving = mean.by_both[a][:, None] + accelerated[g] @ away + step.by_both[g] @ force / 2
            f1, c = -_applied(theta, by_alpha), -_applied(theta, by_source)
            value = -(f1 * by_source).sum(axis=0) - (force * moving).sum(axis=0)
            grad = c + turn_source[g].T @ force
            total += float(value @ weights)
            square += float(value**2 @ weights)
            scale = priors[a] * one.chance
            twice[g] += scale * (f1 * weights) @ f1.T
            pulled[g] += scale * (c * weights) @ f1.T
            gradient[g] += scale * (grad * weights) @ grad.T
        own += share * (square - total**2)
        averages.append(total)
    table = np.array(averages)
    return SampleMoments(
        covariance=fit.state.covariance,
        turn=turn,
        turn_source=turn_source,
        turn_both=turn_both,
        force=fit.power,
        moved=moved,
        twice=twice,
        pull=pulls[HERE],
        pull_slope=slope(pulls, unit),
        pull_moved=pulled,
        stiffness=fit.stiffness,
        gradient=gradient,
        own=float(own + table @ fit.cells.count_covariance(counts) @ table),
    )


def _applied(matrices: Array, vectors: Array) -> Array:
    """(N, d, d) times (d, N)."""
    return np.asarray(np.einsum("nab,bn->an", matrices, vectors))
