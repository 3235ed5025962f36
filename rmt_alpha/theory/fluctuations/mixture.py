"""Error bars of fine-tuning on a mixture with the squared loss, sources trained by ridge included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.sources import RidgeSource, Source
from rmt_alpha.theory.fluctuations.delta import Moments, gradients, score_overlaps
from rmt_alpha.theory.fluctuations.kernel import Kernel, crossed_traces, noise_traces
from rmt_alpha.theory.fluctuations.pairs import Overlaps, Response, Trained
from rmt_alpha.theory.fluctuations.squared import Cells, SquaredAnswer, SquaredFit
from rmt_alpha.theory.mixtures.score_law import Prior, ScoreLaw, Task
from rmt_alpha.theory.ridge.basis import Operator
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.mixture import MixtureRidge
from rmt_alpha.theory.ridge.spectrum import Spectrum

IMAGINARY = 1e-25
"""Step of exact differentiation: f'(t) = Im f(t + i STEP) / STEP, without any cancellation."""
STEP = 1e-3
"""Step of differences where only numbers will do, in units of alpha."""

Model = Spectrum | DenseCovariances


@dataclass(frozen=True, eq=False)
class Stage:
    """One ridge fit on data of its own, as a theory of its error bars needs it."""

    model: Model
    task: Task
    ridge: MixtureRidge
    residual: Array
    """Training target minus mean score, as a function of (1, t), (K, q, 1 + k)."""
    prior: Prior | None
    intercept: bool

    def fit(self, points: Array, others: tuple[Operator, ...] = ()) -> SquaredFit:
        """At t = ridge times alpha, shape (J, k)."""
        ridge, task = self.ridge, self.task
        k = float(ridge.kappa_max)
        step = k / ridge.kappa
        kernel = Kernel.of_model(self.model, self.model.priors * step, k, float(ridge.n), others)
        z = np.concatenate([np.ones((len(points), 1)), points], axis=1)
        residual = np.einsum("kqz,jz->jkq", self.residual, z)
        force = task.priors[:, None] * step[task.group][:, None] * residual
        weights = np.einsum("jkq,kp->jqp", force, task.means)
        noise: tuple[tuple[Array, ...], ...] = ()
        if self.prior is not None:
            weights = weights + np.einsum("jk,kqp->jqp", points, self.prior.mean)
            outputs = residual.shape[-1]
            noise = tuple(noise_traces(kernel, pairs, outputs) for pairs in self.prior.noise)
        trained = Trained(kernel, kernel.damped(weights), points, noise)
        return SquaredFit(trained, _cells(task), step, residual, 0.0, self.intercept)


def _cells(task: Task) -> Cells:
    labels = task.labels
    classes, outputs = labels.mean.shape
    # One-hot labels have their probabilities as their average.
    right = (1 + labels.mean) / 2
    chances = np.concatenate([1 - right, right], axis=1) if outputs == 1 else labels.mean
    targets = np.array([[-1.0], [1.0]]) if outputs == 1 else np.eye(classes)
    row, label = np.nonzero(chances > 0)
    return Cells(task.means, task.priors, task.group, row, chances[row, label], targets[label] - labels.mean[row])


@dataclass(frozen=True, eq=False)
class MixtureSpread:
    """Standard deviations over draws of the data, as functions of alpha."""

    target: Stage
    sources: tuple[Stage | None, ...]
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
        total = answer.covariance(counts) / float(target.ridge.n)
        for s, source in enumerate(self.sources):
            if source is not None and np.isfinite(float(source.ridge.n)):
                passed, others = passed_on(answer.response, target, s)
                moved = tuple(_in_basis(other, target, source) for other in others)
                rows = source.task.basis.coordinates(target.task.basis.vectors_from(passed.linear))
                own = source.fit(np.zeros((1, 0)), moved)
                told = SquaredAnswer.of(own, replace(passed, linear=rows, operator=_widened(passed, own)))
                total = total + told.covariance(counts) / float(source.ridge.n)
        return total + self._between_sources(answer)

    def _between_sources(self, answer: SquaredAnswer) -> Array:
        """What two independently trained sources v and v' add by tr E v Q X Q v', which has mean 0 alone."""
        fit, prior = answer.fit, self.target.prior
        nodes, count = answer.response.weights.shape[:2]
        total = np.zeros((nodes, count, nodes, count))
        if prior is None:
            return total.reshape(nodes * count, -1)
        load, pattern, t = answer.response.load, answer.response.pattern, fit.trained.scale
        for s, first in enumerate(prior.noise):
            for r, second in enumerate(prior.noise[:s]):
                size = np.outer(t[:, s] * t[:, r], t[:, s] * t[:, r])
                for one, left in first:
                    for other, right in second:
                        traces = load @ crossed_traces(fit.kernel, one, other) @ load.T
                        turned = np.einsum("kab,bc,lcd,da->kl", pattern, right, pattern, left, optimize=True)
                        total += size[:, None, :, None] * (traces * turned)[None, :, None, :]
        return total.reshape(nodes * count, -1)

    # --- answers ----------------------------------------------------------------------------------------

    def moments(self, alpha: Array) -> Moments:
        """Of the scores at alpha, shape (m,)."""
        task = self.target.task
        z = np.concatenate([np.ones(1), self.kappa * (self.directions @ alpha)])
        rows = self.rows @ z
        covariance = np.swapaxes(rows, -1, -2) @ rows
        return Moments(self.center @ z, covariance, task.priors, task.group)

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
        shape = np.shape(found[0]) if found else ()
        return np.array(found).reshape(*alphas.shape[:-1], *shape)

    def optimum_std(self, quantity: str, best: Array, counts: str) -> Array:
        """Of each component of the alpha that is best for the draw, (m,), by implicit differentiation."""
        if self.kappa == 0:
            return 0 * best
        # The gradient in alpha of a draw's quantity is a combination of its overlaps at the nodes.
        vectors = np.stack([self._derivative(lambda a: self._vector(quantity, a), best, i) for i in range(len(best))])
        hessian = np.stack([self._derivative(lambda a: self._slope(quantity, a), best, i) for i in range(len(best))])
        spread = vectors @ self.covariance(counts) @ vectors.T
        if not np.any(hessian):
            return 0 * best
        inverse = np.linalg.pinv(hessian)
        return np.sqrt(np.maximum(np.diagonal(inverse @ spread @ inverse.T), 0.0))

    def _vector(self, quantity: str, alpha: Array) -> Array:
        slopes = gradients(quantity, self.moments(alpha))
        return np.asarray((self._weights(alpha)[:, None] * slopes).ravel())

    def _slope(self, quantity: str, alpha: Array) -> Array:
        """Gradient of the quantity in alpha, (m,)."""
        slopes = gradients(quantity, self.moments(alpha))
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
            return np.asarray(function(alpha + 1j * IMAGINARY * self.unit * step).imag / (IMAGINARY * self.unit))
        h = STEP * self.unit * step
        near, far = function(alpha + h) - function(alpha - h), function(alpha + 2 * h) - function(alpha - 2 * h)
        return np.asarray((8 * near - far) / (12 * STEP * self.unit))


def mixture_spread(
    problem: FineTuning, task: Task, prior: Prior, ridge: MixtureRidge, law: ScoreLaw, kappa: float
) -> MixtureSpread:
    """Of a problem with the squared loss."""
    target = Stage(problem.target.model, task, ridge, law.residual, prior, problem.intercept)
    size = np.sqrt((law.spread.astype(float) ** 2).sum(axis=(0, 1, 2)))
    moved = float(size[1:].max(initial=0.0)) * float(kappa)
    unit = float(size[0]) / moved if moved > 0 and size[0] > 0 else 1.0
    sources = source_stages(problem.sources)
    directions = np.eye(law.center.shape[-1] - 1)
    return MixtureSpread(target, sources, law.center, law.spread, float(kappa), unit, directions)


def source_stages(sources: tuple[Source, ...]) -> tuple[Stage | None, ...]:
    """The training of each source, None for each vector of known weights."""
    found: list[Stage | None] = []
    for source in sources:
        if isinstance(source, RidgeSource):
            law = source.law
            found.append(
                Stage(source.mixture.model, law.task, source.ridge, law.residual, None, source.intercept)
            )
        else:
            found += [None] * (source.count or 1)
    return tuple(found)


def passed_on(response: Response, target: Stage, source: int) -> tuple[Overlaps, list[Operator]]:
    """Overlaps of the target as functionals of the random weights v of a source, and the operators in them.

    The minimum F has the derivative ridge (P - w) by the prior P, so that an overlap dF/dh has -ridge dw/dh.
    Its part -t Q X Q v is quadratic in v; in all else v enters through few numbers, and is linearised.
    """
    fit = response.fit
    kernel, groups = fit.kernel, fit.kernel.groups
    nodes, count, outputs = response.weights.shape[:3]
    assert target.prior is not None
    damped = kernel.damped(target.prior.mean[source])
    turned = np.stack([kernel.damped(kernel.apply(damped, c)) for c in kernel.operators[:groups]])
    quadratic = np.einsum("fg,gbp,fab->fap", response.load[:, :groups], turned, response.pattern, optimize=True)
    t = fit.scale[:, source][:, None]
    linear = -t[..., None, None] * response.weights - (t**2)[..., None, None] * quadratic
    operator = (t**2)[..., None] * response.load[:, :groups]
    shape = nodes * count
    passed = Overlaps(
        linear.reshape(shape, outputs, -1),
        np.zeros((shape, outputs)),
        operator.reshape(shape, groups),
        np.tile(response.pattern, (nodes, 1, 1)),
    )
    return passed, kernel.sandwiches()


def _in_basis(operator: Operator, target: Stage, source: Stage) -> Operator:
    """In the basis object of the source, where that is the target's."""
    return operator if source.task.basis is not target.task.basis else Operator(source.task.basis, operator.entries)


def _widened(passed: Overlaps, fit: SquaredFit) -> Array:
    """Weights of all operators of the source's kernel: its own covariances have none."""
    return np.concatenate([np.zeros((len(passed.operator), fit.kernel.groups)), passed.operator], axis=1)


def _monomials(points: Array, count: int) -> Array:
    """1, t_i, t_i t_j at points (..., m); only the first ``count``."""
    m = points.shape[-1]
    pairs = [points[..., i] * points[..., j] for i in range(m) for j in range(i + 1)]
    return np.stack([np.ones_like(points[..., 0]), *np.moveaxis(points, -1, 0), *pairs], axis=-1)[..., :count]
