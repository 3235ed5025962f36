"""Error bars of fine-tuning with a convex loss, at one alpha after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.error_bars.any_loss import LossFit, covariance
from rmt_alpha.theory.error_bars.delta import ScoresAt, gradients, score_overlaps
from rmt_alpha.theory.error_bars.expected import SampleForces, expected_accuracies
from rmt_alpha.theory.error_bars.stages import SourceStage, source_covariance
from rmt_alpha.theory.error_bars.two_fits import HermiteFit, covariance_between


@dataclass(frozen=True, eq=False)
class LossSpread:
    """Standard deviations over draws of the data, at one alpha after the other."""

    reduction: Reduction
    """The problem with all its sources."""
    sources: tuple[SourceStage | None, ...]
    """Of each source its own training, None for a known one."""
    directions: Array
    """alpha = directions @ (m numbers), (k, m)."""

    def along(self, direction: Array) -> LossSpread:
        """For alpha = s * direction."""
        return replace(self, directions=(self.directions @ direction)[:, None])

    def covariance(self, equations: Equations, state: State, counts: str) -> Array:
        """Of the mean scores and of the variances of the scores, for the solution at one alpha."""
        reduction, fit = self.reduction, self._fit(equations, state)
        overlaps = score_overlaps(reduction.task.means, fit.groups, 1).of_one_output()
        total, response = covariance(fit, overlaps, counts)
        return np.asarray(
            total / reduction.n + source_covariance(response, reduction.prior, self.sources, counts)
        )

    def std(self, quantity: str, equations: Equations, state: State, counts: str) -> Array:
        """Of a quantity, a number or one for each class."""
        slopes, table = gradients(quantity, self._moments(state)), self.covariance(equations, state, counts)
        return np.asarray(np.sqrt(np.maximum(((slopes @ table) * slopes).sum(axis=-1), 0.0)))

    def slope_std(
        self,
        quantity: str,
        points: list[tuple[Equations, State]],
        lifts: Array,
        weights: Array,
        counts: str,
    ) -> float:
        """Of a combination of a quantity at several alphas, in fits to the same data, with known sources.

        Accuracies are taken times exp of their ``lifts``.
        """
        found = []
        for (equations, state), lift in zip(points, lifts.tolist(), strict=True):
            fit = self._fit(equations, state)
            overlaps = score_overlaps(self.reduction.task.means, fit.groups, 1).of_one_output()
            at = self._moments(state)._replace(lift=lift)
            found.append((HermiteFit.of(fit, overlaps), gradients(quantity, at)))
        variance = 0.0
        for i, (one, left) in enumerate(found):
            for j, (two, right) in enumerate(found[: i + 1]):
                twice = weights[i] * weights[j] * (1 if i == j else 2)
                variance += twice * float(left @ covariance_between(one, two, counts) @ right)
        return float(np.sqrt(max(variance, 0.0) / self.reduction.n))

    def expected(self, equations: Equations, state: State) -> Array:
        """Class accuracies averaged over Gaussian weights, (2,)."""
        fit, reduction = self._fit(equations, state), self.reduction
        e = fit.expectations
        forces = SampleForces(fit.by_group(e[2, 0, 0]), -fit.by_class(e[0, 1, 0]), equations.intercept)
        return expected_accuracies(
            fit.trained, 0, forces, self._moments(state), reduction.task, reduction.prior
        )

    def _fit(self, equations: Equations, state: State) -> LossFit:
        alpha = self.directions @ equations.alpha
        return LossFit.at(replace(equations, reduction=self.reduction, alpha=alpha), state)

    def _moments(self, state: State) -> ScoresAt:
        task = self.reduction.task
        return ScoresAt(state.mean[:, None], (state.std**2)[:, None, None], task.priors, task.group)
