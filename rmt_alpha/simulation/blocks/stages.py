"""Draws of a `FineTuning` with the squared loss and of a `RidgeRegressionTransfer`, without their data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.simulation.blocks.coordinates import (
    ROUNDING,
    Coordinates,
    coordinates_of,
    longer,
    with_weights,
)
from rmt_alpha.simulation.blocks.orbit import triangle
from rmt_alpha.simulation.blocks.reduced import Fit, FitTask, train
from rmt_alpha.simulation.convex.stage import LossStage
from rmt_alpha.simulation.mixtures.stage import Covariance, Stage
from rmt_alpha.simulation.setting import MixtureSetting, RegressionSetting

REMEDY = "use method='dense' (or 'auto', which chooses it)"


class Drawn(NamedTuple):
    """What is kept of a replicate, the estimated error of its weights, and its longest chain."""

    arrays: tuple[FloatArray, ...]
    error: float
    length: int


@dataclass(frozen=True, eq=False)
class BlockMixture:
    """A `MixtureSetting` in coordinates."""

    setting: MixtureSetting
    space: Coordinates
    variances: FloatArray
    """Of the blocks in the target and in each source that is trained, (stages, blocks)."""
    known: tuple[FloatArray, ...]
    """Of the target its means, of each source its means or weights, (D, any)."""

    @classmethod
    def of(cls, setting: MixtureSetting) -> BlockMixture:
        """ValueError unless every data set has a single covariance, and that is diagonal."""
        variances = np.stack([_variances(stage.covariances, stage.p) for stage in setting.drawn])
        if any(isinstance(stage, LossStage) for stage in setting.drawn):
            raise ValueError(f"method='krylov' needs sources trained by ridge, got a LossSource; {REMEDY}")
        parts = [s.means.T if isinstance(s, Stage) else s for s in (setting.target, *setting.sources)]
        space, first, vectors = coordinates_of(variances, np.hstack(parts))
        ends = np.cumsum([part.shape[1] for part in parts])[:-1]
        return cls(setting, space, variances[:, first], tuple(np.split(vectors, ends, axis=1)))

    def draw(self, counts: str, truncate: float | None, rng: np.random.Generator) -> Drawn:
        """Means and Gram matrices of the scores, as `MixtureDraws` has them."""
        target, sources = self.setting.target, self.setting.sources
        variance, *others = self.variances
        space, weights, fits = self.space, [], list[Fit]()
        for source, given in zip(sources, self.known[1:], strict=True):
            known = given
            if isinstance(source, Stage):
                means, nothing = longer(given, len(space.member)), np.zeros((len(space.member), 0))
                fit, _ = _fit(source, space, others.pop(0), means, nothing, counts, truncate, rng)
                fits.append(fit)
                space, known = with_weights(space, fit.member, fit.weights)
            weights.append(known)
        prior = np.hstack([longer(each, len(space.member)) for each in weights])
        means = longer(self.known[0], len(space.member))
        fit, offset = _fit(target, space, variance, means, prior, counts, truncate, rng)
        fits.append(fit)
        mean = means.T @ fit.weights[: len(means)] + offset
        half = np.sqrt(variance)[fit.member][:, None] * fit.weights
        shape = (fit.weights.shape[1] // target.outputs, target.outputs)
        gram = np.broadcast_to((half.T @ half).reshape(*shape, *shape), (target.classes, *shape, *shape))
        arrays = mean.reshape(target.classes, *shape), gram
        return Drawn(arrays, max(fit.error for fit in fits), max(fit.length for fit in fits))


@dataclass(frozen=True, eq=False)
class BlockRegression:
    """A `RegressionSetting` in coordinates."""

    setting: RegressionSetting
    space: Coordinates
    variance: FloatArray
    target: FloatArray
    source: FloatArray
    """(D, d)."""

    @classmethod
    def of(cls, setting: RegressionSetting) -> BlockRegression:
        """ValueError unless the covariance is diagonal."""
        variances = _variances((setting.covariance,), len(setting.target))[None]
        space, first, vectors = coordinates_of(variances, np.hstack([setting.target, setting.source]))
        return cls(setting, space, variances[0, first], *np.hsplit(vectors, 2))

    def draw(self, truncate: float | None, rng: np.random.Generator) -> Drawn:
        """Gram matrix of the errors, as `RegressionDraws` has it."""
        setting, outputs = self.setting, len(self.setting.noise)
        # The noise of all samples is a Gaussian matrix: its own right vectors.
        noise = triangle(setting.n, outputs, rng) * setting.noise
        noise = noise if noise.any() else noise[:0]
        task = FitTask(
            self.space,
            self.variance,
            mean=np.zeros((len(self.target), len(noise))),
            targets=noise,
            truth=self.target,
            prior=self.source,
            n=setting.n,
            freedom=setting.n - len(noise),
            gamma=setting.gamma,
        )
        fit = train(task, truncate, rng)
        errors = np.sqrt(self.variance)[fit.member][:, None] * fit.weights
        begin = len(self.target)
        errors[:begin, :outputs] -= np.sqrt(self.variance)[self.space.member][:, None] * self.target
        gram = (errors.T @ errors).reshape(2, outputs, 2, outputs)
        return Drawn((np.einsum("iojo->ij", gram),), fit.error, fit.length)


def _variances(covariances: tuple[Covariance, ...], p: int) -> FloatArray:
    """The diagonal (p,) of the one covariance."""
    entries = [each.entries for each in covariances]
    if any(each.ndim == 2 or not np.array_equal(each, entries[0]) for each in entries):
        raise ValueError(
            "method='krylov' needs one covariance for all classes, a number or a diagonal (p,): rotate the "
            f"problem into the basis of its eigenvectors, or {REMEDY}"
        )
    return np.broadcast_to(entries[0], (p,))


def _fit(
    stage: Stage,
    space: Coordinates,
    variance: FloatArray,
    means: FloatArray,
    prior: FloatArray,
    counts: str,
    truncate: float | None,
    rng: np.random.Generator,
) -> tuple[Fit, FloatArray]:
    """Train a stage on fresh data; the fit and its intercepts."""
    classes, labels, roots = _cells(stage, counts, rng)
    n, targets = stage.n, stage.targets[labels]
    # Samples of the same class and label are alike.  In the orthonormal basis of these groups of samples:
    of_class, of_target = roots[:, None] * np.eye(stage.classes)[classes], roots[:, None] * targets
    average = (of_class.T @ roots, of_target.T @ roots)
    average = (average[0] / n, average[1] / n)
    if stage.intercept:
        of_class = of_class - roots[:, None] * average[0]
        of_target = of_target - roots[:, None] * average[1]
    basis = _span(np.hstack([of_class @ _left_vectors(means), of_target]))
    task = FitTask(
        space,
        variance,
        mean=means @ (of_class.T @ basis),
        targets=basis.T @ of_target,
        truth=np.zeros((len(means), 0)),
        prior=prior,
        n=n,
        freedom=n - int(stage.intercept) - basis.shape[1],
        gamma=stage.gamma,
    )
    fit = train(task, truncate, rng)
    offset = np.zeros(fit.weights.shape[1])
    if stage.intercept:
        # The sum of the noise of all samples is independent of what is left when it is taken out.
        middle = np.sqrt(variance / n)[fit.member] * rng.standard_normal(len(fit.member))
        middle[: len(means)] += means @ average[0]
        offset[: targets.shape[1]] = average[1]
        offset -= middle @ fit.weights
    return fit, offset


def _cells(stage: Stage, counts: str, rng: np.random.Generator) -> tuple[IntArray, IntArray, FloatArray]:
    """Class and label of each group of alike samples, and the square root of their number."""
    numbers = np.stack(
        [
            rng.multinomial(count, chances)
            for count, chances in zip(stage.class_counts(counts, rng), stage.label_chances(), strict=True)
        ]
    )
    classes, labels = np.nonzero(numbers)
    return classes, labels, np.sqrt(numbers[classes, labels].astype(np.float64))


def _left_vectors(means: FloatArray) -> FloatArray:
    """Combinations of the classes (K, rank) that their means tell apart."""
    values, right = scipy.linalg.svd(means, full_matrices=False)[1:]
    return np.asarray(right[values > ROUNDING * values.max(initial=0.0)].T)


def _span(vectors: FloatArray) -> FloatArray:
    """An orthonormal basis of the span of the columns."""
    sizes = np.linalg.norm(vectors, axis=0)
    vectors = vectors[:, sizes > 0] / sizes[sizes > 0]
    left, values, _ = scipy.linalg.svd(vectors, full_matrices=False)
    return np.asarray(left[:, values > ROUNDING * values.max(initial=0.0)])
