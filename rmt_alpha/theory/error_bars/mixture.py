"""Error bars of fine-tuning on a mixture with the squared loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.delta import ScoresAt, gradients, least_power, score_overlaps
from rmt_alpha.theory.error_bars.expected import SampleForces, expected_accuracies
from rmt_alpha.theory.error_bars.expected_classes import expected_class_accuracies
from rmt_alpha.theory.error_bars.squared import SquaredAnswer
from rmt_alpha.theory.error_bars.stages import RidgeStage, SourceStage, source_covariance
from rmt_alpha.theory.mixtures.score_law import ScoreLaw

IMAGINARY = 1e-25
"""Step of exact differentiation: f'(t) = Im f(t + i STEP) / STEP, without any cancellation."""
STEP = 1e-3
"""Step of differences where only numbers will do, in units of alpha."""


@dataclass(frozen=True, eq=False)
class MixtureSpread:
    """Standard deviations over draws of the data, as functions of alpha."""

    target: RidgeStage
    sources: tuple[SourceStage | None, ...]
    """Of each source its own training, None for a known one."""
    center: Array
    """Mean scores as functions of (1, t), (K, q, 1 + k)."""
    rows: Array
    """Square roots of their covariances, (G, J, q, 1 + k)."""
    kappa: float
    """t = kappa alpha."""
    unit: float
    """A natural size of alpha."""
    directions: Array
    """alpha = directions @ (m numbers), (k, m)."""

    def along(self, direction: Array) -> MixtureSpread:
        """For alpha = s * direction."""
        size = float(np.max(abs(direction)))
        unit = self.unit / size if size > 0 else self.unit
        return replace(self, directions=(self.directions @ direction)[:, None], unit=unit)

    @cached_property
    def _nodes(self) -> Array:
        """Where overlaps are followed, in units of alpha, (J, m): enough for quadratic functions."""
        m = self.directions.shape[1]
        if self.kappa == 0:
            return np.zeros((1, m))
        unit = np.eye(m)
        mixed = [unit[i] + unit[j] for i in range(m) for j in range(i)]
        return np.concatenate([np.zeros((1, m)), unit, -unit, np.reshape(mixed, (-1, m))])

    @cached_property
    def _inverse(self) -> Array:
        """From values at the nodes to coefficients of monomials."""
        return np.linalg.inv(_monomials(self._nodes, len(self._nodes)))

    def _weights(self, alpha: Array) -> Array:
        """Overlaps at alpha, shape (m,), as combinations of those at the nodes, (J,)."""
        return np.asarray(_monomials(alpha[None] / self.unit, len(self._nodes))[0] @ self._inverse)

    def covariance(self, counts: str) -> Array:
        """Covariance of all overlaps at all nodes, (J F, J F)."""
        if counts not in self._covariances:
            self._covariances[counts] = self._covariance(counts)
        return self._covariances[counts]

    @cached_property
    def _covariances(self) -> dict[str, Array]:
        return {}

    def _covariance(self, counts: str) -> Array:
        target, outputs = self.target, self.center.shape[1]
        alphas = self._nodes @ self.directions.T * self.unit
        fit = target.fit(float(self.kappa) * alphas)
        overlaps = score_overlaps(target.task.means, len(fit.step), outputs)
        answer = SquaredAnswer.of(fit, overlaps)
        own = answer.covariance(counts) / float(target.ridge.n)
        assert target.prior is not None
        return own + source_covariance(answer.response, target.prior, self.sources, counts)

    # --- answers ----------------------------------------------------------------------------------------

    def moments(self, alpha: Array) -> ScoresAt:
        """Of the scores at alpha, shape (m,)."""
        task = self.target.task
        z = np.concatenate([np.ones(1), self.kappa * (self.directions @ alpha)])
        rows = self.rows @ z
        covariance = np.swapaxes(rows, -1, -2) @ rows
        return ScoresAt(self.center @ z, covariance, task.priors, task.group)

    def std(self, quantity: str, alphas: Array, counts: str) -> Array:
        """Of a quantity at alphas of shape (..., m); those by class have one more axis."""
        flat = alphas.reshape(-1, alphas.shape[-1])
        covariance = self.covariance(counts)
        found = []
        for alpha in flat:
            slopes = gradients(quantity, self.moments(alpha))
            weights = self._weights(alpha)[:, None] * slopes[..., None, :]
            vector = weights.reshape(*slopes.shape[:-1], -1)
            found.append(np.sqrt(np.maximum(((vector @ covariance) * vector).sum(axis=-1), 0.0)))
        shape = (len(self.center),) if quantity == "class_accuracy" else ()
        return np.array(found).reshape((*alphas.shape[:-1], *shape))

    def expected(self, alphas: Array) -> Array:
        """Class accuracies averaged over Gaussian weights, (..., K)."""
        flat = alphas.reshape(-1, alphas.shape[-1])
        fit = self.target.fit(self.kappa * flat @ self.directions.T)
        task, prior = self.target.task, self.target.prior
        found = []
        for j, alpha in enumerate(flat):
            square, at = fit.spread(j, j)[1], self.moments(alpha)
            one = square.shape[-1] == 1
            forces = SampleForces(square[:, 0, 0] if one else square, fit.step[task.group], fit.intercept)
            average = expected_accuracies if one else expected_class_accuracies
            found.append(average(fit.trained, j, forces, at, task, prior))
        return np.array(found).reshape((*alphas.shape[:-1], len(self.center)))

    def optimum_std(self, quantity: str, best: Array, counts: str) -> Array:
        """Of each component of the alpha that is best for the draw, (m,), by implicit differentiation."""
        lift = least_power(self.moments(best)) if quantity == "accuracy" else 0.0
        # The gradient in alpha of a draw's quantity is a combination of its overlaps at the nodes.
        vectors = np.stack(
            [self._derivative(lambda a: self._vector(quantity, a, lift), best, i) for i in range(len(best))]
        )
        hessian = np.stack(
            [self._derivative(lambda a: self._slope(quantity, a, lift), best, i) for i in range(len(best))]
        )
        spread = vectors @ self.covariance(counts) @ vectors.T
        if not np.any(hessian):
            return 0 * best
        inverse = np.linalg.pinv(hessian)
        return np.asarray(np.sqrt(np.maximum(np.diagonal(inverse @ spread @ inverse.T), 0.0)))

    def _vector(self, quantity: str, alpha: Array, lift: float) -> Array:
        slopes = gradients(quantity, self.moments(alpha)._replace(lift=lift))
        return np.asarray((self._weights(alpha)[:, None] * slopes).ravel())

    def _slope(self, quantity: str, alpha: Array, lift: float) -> Array:
        """Gradient of the quantity in alpha, (m,)."""
        slopes = gradients(quantity, self.moments(alpha)._replace(lift=lift))
        return np.array([slopes @ self._overlap_slope(alpha, i) for i in range(len(alpha))])

    def _overlap_slope(self, alpha: Array, i: int) -> Array:
        z = np.concatenate([np.ones(1), self.kappa * (self.directions @ alpha)])
        change = np.concatenate([np.zeros(1), self.kappa * self.directions[:, i]])
        rows, moved = self.rows @ z, self.rows @ change
        turned = np.swapaxes(rows, -1, -2) @ moved
        both = turned + np.swapaxes(turned, -1, -2)
        left, right = np.triu_indices(self.center.shape[1])
        return np.concatenate([(self.center @ change).ravel(), both[:, left, right].ravel()])

    def _derivative(self, function: Callable[[Array], Array], alpha: Array, i: int) -> Array:
        """Derivative in component i: exact for one output, by differences where orthants are integrated."""
        step = np.eye(len(alpha))[i]
        if self.center.shape[1] == 1:
            return np.asarray(
                function(alpha + 1j * IMAGINARY * self.unit * step).imag / (IMAGINARY * self.unit)
            )
        h = STEP * self.unit * step
        near, far = (
            function(alpha + h) - function(alpha - h),
            function(alpha + 2 * h) - function(alpha - 2 * h),
        )
        return np.asarray((8 * near - far) / (12 * STEP * self.unit))


def mixture_spread(
    target: RidgeStage, sources: tuple[SourceStage | None, ...], law: ScoreLaw, kappa: float
) -> MixtureSpread:
    """Of a problem with the squared loss."""
    size = np.sqrt((law.spread.astype(float) ** 2).sum(axis=(0, 1, 2)))
    moved = float(size[1:].max(initial=0.0)) * float(kappa)
    unit = float(size[0]) / moved if moved > 0 and size[0] > 0 else 1.0
    directions = np.eye(law.center.shape[-1] - 1)
    return MixtureSpread(target, sources, law.center, law.spread, float(kappa), unit, directions)


def _monomials(points: Array, count: int) -> Array:
    """1, t_i, t_i t_j at points (..., m); only the first ``count``."""
    m = points.shape[-1]
    pairs = [points[..., i] * points[..., j] for i in range(m) for j in range(i + 1)]
    return np.stack([np.ones_like(points[..., 0]), *np.moveaxis(points, -1, 0), *pairs], axis=-1)[..., :count]
