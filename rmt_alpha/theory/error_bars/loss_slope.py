"""The variance of the slope in alpha of a functional of a fit with a convex loss: `slopes` for one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses import quadrature
from rmt_alpha.theory.convex.equations import LEAST_KAPPA
from rmt_alpha.theory.error_bars.any_loss import LossFit, StateChange, changes, moved
from rmt_alpha.theory.error_bars.kernel import Kernel, crossed_traces, inside, product_trace
from rmt_alpha.theory.error_bars.pairs import Overlaps, Response
from rmt_alpha.theory.error_bars.slopes import HERE, Jet, SampleMoments, ThroughPrior, slope, slope_variance
from rmt_alpha.theory.error_bars.stages import SourceStage
from rmt_alpha.theory.mixtures.score_law import Prior
from rmt_alpha.theory.ridge.basis import Operator


@dataclass(frozen=True, eq=False)
class LossPoint:
    """A fit at one alpha, and its answer to the functional there."""

    fit: LossFit
    move: StateChange
    response: Response

    @classmethod
    def of(cls, fit: LossFit, overlaps: Overlaps, slopes: Array) -> LossPoint:
        """For a functional of the given slopes, (F,), in the overlaps."""
        parts = (overlaps.linear, overlaps.offset, overlaps.operator)
        linear, offset, operator = (np.tensordot(slopes, part, axes=1)[None] for part in parts)
        one = Overlaps(linear, offset, operator, overlaps.pattern[:1])
        return cls(fit, *moved(fit, one))

    @cached_property
    def resolvent(self) -> tuple[Array, Array]:
        """Q and its derivative by h."""
        kernel = self.fit.trained.kernel
        load = np.tensordot(self.response.load[0], kernel.operators, axes=1)
        return kernel.resolvent, -kernel.times(kernel.times(kernel.resolvent, load), kernel.resolvent)

    @property
    def weights(self) -> tuple[Array, Array]:
        """E w and its derivative by h, (p,)."""
        return self.fit.trained.weights[0, 0], self.response.weights[0, 0, 0]

    @property
    def scores(self) -> tuple[Array, Array]:
        """u, sigma and kappa of each cell, (3, C), and their derivatives by h."""
        fit, move = self.fit, self.move
        kappa = np.maximum(fit.equations.reduction.at(fit.state.theta).kappa, LEAST_KAPPA)
        row, group = fit.cells.row, fit.cell_group
        return (
            np.stack([fit.state.mean[row], fit.state.std[group], kappa[group]]),
            np.stack([move.mean[0, row], move.std[0, group], move.kappa[0, group]]),
        )

    @property
    def pull(self) -> Array:
        """E (df/dh) f, by covariance."""
        return np.asarray(changes(self.fit, self.move)[1][0] / 2)


@dataclass(frozen=True, eq=False)
class LossShared:
    """`slopes.Shared` for one score."""

    kernel: Kernel
    resolvent: Jet
    weights: Jet
    reach: Jet
    """gamma alpha Q."""
    sources: Array | None
    """Covariance of the sum of the sources, in the basis of the kernel."""

    def product(self, i: int, j: int) -> Array:
        """A, (G, 1, 1)."""
        kernel, found = self.kernel, []
        for covariance in kernel.operators[: kernel.groups]:
            direct = float(kernel.apply(self.weights[i], covariance) @ self.weights[j])
            if self.sources is not None:
                passed = kernel.times(self.sources, self.reach[i])
                direct += product_trace(kernel.times(covariance, self.reach[j]), passed)
            found.append(direct)
        return np.array(found)[:, None, None]

    def coupled(self, i: int, j: int, force: Array) -> Array:
        """V s, (G, 1, 1)."""
        return np.asarray(np.einsum("gh,hab->gab", self._traces[i][j], force))

    @cached_property
    def _traces(self) -> list[list[Array]]:
        """(1/n) tr C_g Q_i C_h Q_j."""
        kernel = self.kernel
        steps = [kernel.times(kernel.operators[: kernel.groups], each) for each in self.resolvent]
        return [
            [np.array([[product_trace(a, b) for b in right] for a in left]) / kernel.n for right in steps]
            for left in steps
        ]


def best_alpha_variance(
    points: Sequence[LossPoint],
    alphas: Array,
    unit: float,
    counts: str,
    prior: Prior,
    stages: tuple[SourceStage | None, ...],
    directions: Array,
) -> float:
    """Var over draws of all data of the alpha that is best for the draw, about the one in the middle.

    Of five alphas, ``unit`` apart, around the best for the average of what the functional is the gradient of;
    the prior is alpha times the sum of ``directions`` times the sources.
    """
    kernel, gamma = points[HERE].fit.trained.kernel, points[HERE].fit.equations.reduction.gamma
    resolvents, weights = [p.resolvent for p in points], [p.weights for p in points]
    through = ThroughPrior(gamma, alphas, unit, resolvents, weights)

    def full(operator: Operator) -> Array:
        return inside(operator, kernel.basis, kernel.diagonal)

    noise: Array | None = None
    for direction, pairs in zip(directions, prior.noise, strict=True):
        for operator, scale in pairs:
            noise = direction**2 * float(scale[0, 0]) * full(operator) + (0 if noise is None else noise)
    resolvent, weight, reach = (Jet.of(each, unit) for each in (resolvents, weights, through.reach))
    shared = LossShared(kernel, resolvent, weight, reach, noise)
    total = slope_variance(shared, _sample_moments(points, unit, counts)) / kernel.n
    bent, linear = through.bent, through.linear
    for s, stage in enumerate(stages):
        if stage is not None and np.isfinite(stage.n):
            size = float(directions[s])
            operator = Operator(kernel.basis, size**2 * bent)
            rows = size * linear - kernel.apply(prior.mean[s, 0], operator.entries)
            total += _of_stage(stage, kernel, rows, operator, counts)
        for r in range(s):  # two random sources add the variance of their product
            size = float(directions[s] * directions[r]) ** 2
            for one, left in prior.noise[s]:
                for other, right in prior.noise[r]:
                    crossed = crossed_traces(kernel, bent[None], one, other)[0, 0]
                    total += size * float(left[0, 0] * right[0, 0] * crossed)
    # The minimum has the derivative gamma (P - w) by P: by h once more it is the slope of the average.
    source = gamma * np.tensordot(directions, prior.mean[:, 0], axes=1)
    steep = [-float(source @ moved_w) for _, moved_w in weights]
    if noise is not None:
        reached = [product_trace(moved, noise) for _, moved in through.reach]
        steep = [each - gamma * more for each, more in zip(steep, reached, strict=True)]
    return through.best_alpha(total, steep)


def _sample_moments(points: Sequence[LossPoint], unit: float, counts: str) -> SampleMoments:
    fit = points[HERE].fit
    cells, loss, group = fit.cells, fit.equations.loss, fit.cell_group
    sign, state = cells.label[:, 0], fit.state
    own, by_alpha, by_source, by_both = Jet.of([point.scores for point in points], unit)
    mean, std, kappa = sign * own[0], own[1], own[2]

    def along(change: Array, force: Array, xi: Array, owner: Array) -> Array:
        return np.asarray(change[0, owner] + change[1, owner] * xi + change[2, owner] * force)

    halved = by_both * np.array([1.0, 1.0, 0.5])[:, None]

    def integrands(z: Array, owner: Array) -> Array:
        pull, stiffness = loss.force(z, kappa[owner])
        force, xi = sign[owner] * pull, sign[owner] * (z - mean[owner]) / std[owner]
        moved, answered = (-stiffness * along(d, force, xi, owner) for d in (by_alpha, by_source))
        # D moves, and its gradient.
        turned = -moved * along(by_source, force, xi, owner) - force * along(halved, force, xi, owner)
        gradient = answered + force * by_source[1, owner] / std[owner]
        products = (force * force, moved * force, moved * moved, answered * moved, stiffness**2)
        return np.stack([turned, turned**2, gradient**2, *products])

    found = quadrature.expectation(integrands, mean, std, loss.breaks(kappa), loss.name)
    average, square = found[:2]
    gradient, force, moved, twice, pulled, stiffness = (_matrices(fit.by_group(row)) for row in found[2:])
    of_cells = cells.count_covariance(counts)
    turn, turn_source = (np.zeros(fit.groups) for _ in range(2))
    turn_both = np.zeros(fit.groups)
    turn[group], turn_source[group] = by_alpha[1] / std, by_source[1] / std
    turn_both[group] = by_both[1] / std - by_source[1] * by_alpha[1] / std**2
    return SampleMoments(
        covariance=_matrices(state.std**2),
        turn=_matrices(turn),
        turn_source=_matrices(turn_source),
        turn_both=_matrices(turn_both),
        force=force,
        moved=moved,
        twice=twice,
        pull=_matrices(points[HERE].pull),
        pull_slope=_matrices(slope([point.pull for point in points], unit)),
        pull_moved=pulled,
        stiffness=np.diag(stiffness[:, 0, 0]),
        gradient=gradient,
        own=float(cells.share @ (square - average**2) + average @ of_cells @ average),
    )


def _matrices(values: Array) -> Array:
    """(G,) as (G, 1, 1)."""
    return values[:, None, None]


def _of_stage(stage: SourceStage, kernel: Kernel, linear: Array, operator: Operator, counts: str) -> float:
    """Var of a functional linear and quadratic in the weights of a source."""
    rows = linear[None, None]
    if stage.basis is not kernel.basis:
        rows = stage.basis.coordinates(kernel.basis.vectors_from(rows))
    passed = Overlaps(rows, np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1, 1)))
    return float(stage.covariance(passed, (operator,), counts)[0, 0]) / stage.n
