"""The random fits that a fine-tuned classifier depends on: its own, and those of its trained sources."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.error_bars import any_loss
from rmt_alpha.theory.error_bars.kernel import Kernel, crossed_traces, noise_traces
from rmt_alpha.theory.error_bars.pairs import Overlaps, Response, Trained
from rmt_alpha.theory.error_bars.squared import SampleCells, SquaredAnswer, SquaredFit
from rmt_alpha.theory.mixtures.score_law import Prior, Task
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.mixture import MixtureRidge
from rmt_alpha.theory.ridge.spectrum import Spectrum


class SourceStage(Protocol):
    """The training of a source on data of its own."""

    @property
    def basis(self) -> Basis:
        """Of its weights."""

    @property
    def n(self) -> float:
        """Samples."""

    def covariance(self, overlaps: Overlaps, others: tuple[Operator, ...], counts: str) -> Array:
        """n Cov of functionals of its weights, (F, F), quadratic in ``others``."""


@dataclass(frozen=True, eq=False)
class RidgeStage:
    """One ridge fit on data of its own, as a theory of its error bars needs it."""

    model: Spectrum | DenseCovariances
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

    @property
    def basis(self) -> Basis:
        """Of its weights."""
        return self.task.basis

    @property
    def n(self) -> float:
        """Samples."""
        return float(self.ridge.n)

    def covariance(self, overlaps: Overlaps, others: tuple[Operator, ...], counts: str) -> Array:
        """n Cov of functionals of a source's weights, (F, F), quadratic in ``others``."""
        fit = self.fit(np.zeros((1, 0)), others)
        return SquaredAnswer.of(fit, overlaps.beside(len(fit.step))).covariance(counts)


@dataclass(frozen=True, eq=False)
class ConvexStage:
    """One fit with a convex loss on data of its own, without a source: its fixed point."""

    equations: Equations
    state: State

    @property
    def basis(self) -> Basis:
        """Of its weights."""
        return self.equations.reduction.task.basis

    @property
    def n(self) -> float:
        """Samples."""
        return float(self.equations.reduction.n)

    def covariance(self, overlaps: Overlaps, others: tuple[Operator, ...], counts: str) -> Array:
        """n Cov of functionals of the weights, (F, F), quadratic in ``others``."""
        fit = any_loss.LossFit.at(self.equations, self.state, others)
        return any_loss.covariance(fit, overlaps.of_one_output().beside(fit.groups), counts)[0]


def _cells(task: Task) -> SampleCells:
    labels = task.labels
    classes, outputs = labels.mean.shape
    # One-hot labels have their probabilities as their average.
    right = (1 + labels.mean) / 2
    chances = np.concatenate([1 - right, right], axis=1) if outputs == 1 else labels.mean
    targets = np.array([[-1.0], [1.0]]) if outputs == 1 else np.eye(classes)
    row, label = np.nonzero(chances > 0)
    return SampleCells(
        task.means, task.priors, task.group, row, chances[row, label], targets[label] - labels.mean[row]
    )


def source_covariance(
    response: Response, prior: Prior, sources: tuple[SourceStage | None, ...], counts: str
) -> Array:
    """What the random training of the sources adds to the covariance of overlaps, (J F, J F)."""
    total = _between_sources(response, prior)
    for s, source in enumerate(sources):
        if source is not None and np.isfinite(source.n):
            passed, others = passed_on(response, prior, s)
            basis, own = response.fit.kernel.basis, source.basis
            rows = passed.linear if own is basis else own.coordinates(basis.vectors_from(passed.linear))
            found = source.covariance(replace(passed, linear=rows), others, counts)
            total = total + found / source.n
    return total


def passed_on(response: Response, prior: Prior, source: int) -> tuple[Overlaps, tuple[Operator, ...]]:
    """Overlaps of the target as functionals of the random weights v of a source, and the operators in them.

    The minimum F has the derivative ridge (P - w) by the prior P, so that an overlap dF/dh has -ridge dw/dh.
    Its part -t Q X Q v is quadratic in v; in all else v enters through few numbers, and is linearised.
    """
    fit = response.fit
    kernel, groups = fit.kernel, fit.kernel.groups
    nodes, count, outputs = response.weights.shape[:3]
    damped = kernel.damped(prior.mean[source])
    turned = np.stack([kernel.damped(kernel.apply(damped, c)) for c in kernel.operators[:groups]])
    quadratic = np.einsum(
        "fg,gbp,fab->fap", response.load[:, :groups], turned, response.pattern, optimize=True
    )
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


def _between_sources(response: Response, prior: Prior) -> Array:
    """What two independently trained sources v and v' add by tr E v Q X Q v', which has mean 0 alone."""
    kernel, load, pattern, t = response.fit.kernel, response.load, response.pattern, response.fit.scale
    nodes, count = response.weights.shape[:2]
    total = np.zeros((nodes, count, nodes, count))
    products = kernel.times(kernel.resolvent, kernel.steps[: kernel.groups])
    for s, first in enumerate(prior.noise):
        for r, second in enumerate(prior.noise[:s]):
            size = np.outer(t[:, s] * t[:, r], t[:, s] * t[:, r])
            for one, left in first:
                for other, right in second:
                    traces = load @ crossed_traces(kernel, products, one, other) @ load.T
                    turned = np.einsum("kab,bc,lcd,da->kl", pattern, right, pattern, left, optimize=True)
                    total += size[:, None, :, None] * (traces * turned)[None, :, None, :]
    return total.reshape(nodes * count, -1)
