"""Error bars of fine-tuning with a convex loss, at one alpha after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.theory.error_bars.any_loss import LossFit, covariance
from rmt_alpha.theory.error_bars.delta import ScoresAt, gradients, least_power, score_overlaps
from rmt_alpha.theory.error_bars.expected import SampleForces, expected_accuracies
from rmt_alpha.theory.error_bars.loss_slope import LossPoint, best_alpha_variance
from rmt_alpha.theory.error_bars.slopes import HERE
from rmt_alpha.theory.error_bars.stages import SourceStage, source_covariance


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

    def best_alpha_std(
        self, quantity: str, points: list[tuple[Equations, State]], unit: float, counts: str
    ) -> float:
        """Of the alpha that is best for a draw, from five alphas ``unit`` apart around the best."""
        found, lift = [], 0.0
        if quantity == "accuracy":
            lift = least_power(self._moments(points[HERE][1]))
        for equations, state in points:
            fit = self._fit(equations, state)
            overlaps = score_overlaps(self.reduction.task.means, fit.groups, 1).of_one_output()
            slopes = gradients(quantity, self._moments(state)._replace(lift=lift))
            found.append(LossPoint.of(fit, overlaps, slopes))
        alphas = np.array([float(equations.alpha[0]) for equations, _ in points])
        prior, directions = self.reduction.prior, self.directions[:, 0]
        variance = best_alpha_variance(found, alphas, unit, counts, prior, self.sources, directions)
        return float(np.sqrt(max(variance, 0.0)))

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
