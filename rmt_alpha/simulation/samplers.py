"""The sampler of each kind of problem: how to draw, how much at a time, what comes of it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import FloatArray
from rmt_alpha.errors import NotAvailable
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import Loss
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation.arguments import check_vector_alpha
from rmt_alpha.simulation.blocks.stages import BlockMixture, BlockRegression, Drawn
from rmt_alpha.simulation.convex.draws import LossDraws
from rmt_alpha.simulation.convex.fit import Trainer
from rmt_alpha.simulation.convex.formulas import Formula, formula
from rmt_alpha.simulation.convex.softmax import SoftmaxDraws, SoftmaxTrainer
from rmt_alpha.simulation.isotropic import dense, krylov
from rmt_alpha.simulation.isotropic.draws import TransferDraws
from rmt_alpha.simulation.low_rank import low_rank_sampler
from rmt_alpha.simulation.mixtures.draws import MixtureDraws
from rmt_alpha.simulation.mixtures.fit import ridge
from rmt_alpha.simulation.regression import RegressionDraws
from rmt_alpha.simulation.scores import SIGNS, Batch, Draws, Sampler, batch_of
from rmt_alpha.simulation.setting import (
    MixtureSetting,
    Problem,
    RegressionSetting,
    TransferSetting,
    check_problem,
    mixture_setting,
    regression_setting,
    transfer_setting,
)

KRYLOV_BATCH = 4
"""Replicates of a mixture or regression that are drawn together."""


@dataclass(frozen=True)
class _Transfer(Sampler):
    setting: TransferSetting
    truncate: float | None
    method: str
    remedy = (
        "use method='krylov', which is exact in distribution and needs none of them, or raise memory_limit"
    )

    def batch_size(self) -> int:
        if self.method == "dense":
            return dense.batch_size(self.setting)
        return krylov.batch_size(self.setting, self.truncate)

    def memory(self) -> int:
        return dense.memory(self.setting) if self.method == "dense" else 0

    def sizes(self) -> str:
        return f"p={self.setting.p}, n={self.setting.n}, N={self.setting.source_samples}"

    def kept(self, alpha: FloatArray) -> int:
        return 5

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        if self.method == "dense":
            return Batch(dense.draw(self.setting, replicates, seed))
        along, across, error, length = krylov.draw(self.setting, replicates, seed, self.truncate)
        return Batch((along, across), error, length)

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> TransferDraws:
        return TransferDraws(alpha, self.setting.target_norm, *arrays)


@dataclass(frozen=True)
class _Mixture(Sampler):
    setting: MixtureSetting
    counts: str

    def batch_size(self) -> int:
        return batch_of(max(stage.p * stage.n for stage in self.setting.drawn))

    def memory(self) -> int:
        # Of one replicate at its peak: data, normals, the smaller Gram matrix, its factor.
        drawn = self.setting.drawn
        matrices = max(2 * stage.p * stage.n + 2 * min(stage.p, stage.n) ** 2 for stage in drawn)
        full = {id(c): c.p**2 for stage in drawn for c in stage.covariances if c.full}
        return 8 * (matrices + 2 * sum(full.values()))

    def sizes(self) -> str:
        return "data of " + ", ".join(f"{stage.p} x {stage.n}" for stage in self.setting.drawn)

    def kept(self, alpha: FloatArray) -> int:
        target = self.setting.target
        size = (1 + (self.setting.components or 1)) * target.outputs
        return target.classes * size * (1 + size)

    def check_alpha(self, alpha: ArrayLike) -> FloatArray:
        return check_vector_alpha(alpha, self.setting.components)

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        rng = np.random.default_rng(seed)
        means, grams = zip(*(self._replicate(rng) for _ in range(replicates)), strict=True)
        return Batch((np.stack(means), np.stack(grams)))

    def _replicate(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        target = self.setting.target
        w, offset = target.train(self.setting.source_weights(self.counts, rng), self.counts, rng)
        mean = target.means @ w + offset
        gram = np.stack([covariance.gram(w) for covariance in target.covariances])
        parts = (w.shape[1] // target.outputs, target.outputs)
        return mean.reshape(target.classes, *parts), gram.reshape(target.classes, *parts, *parts)

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> Draws:
        target = self.setting.target
        return MixtureDraws(alpha, self.setting.components, target.priors, target.targets, *arrays)


@dataclass(frozen=True)
class _Loss(_Mixture):
    """Another loss than the squared one: every alpha is trained by itself."""

    loss: str | Loss

    def batch_size(self) -> int:
        return min(8, super().batch_size())

    def kept(self, alpha: FloatArray) -> int:
        return 6 * (alpha.size // (self.setting.components or 1))

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        alphas, phi = alpha.reshape(-1, self.setting.components or 1), formula(self.loss)
        rng = np.random.default_rng(seed)
        drawn = (self._trained(alphas, phi, rng) for _ in range(replicates))
        scores, training = zip(*drawn, strict=True)
        return Batch((np.stack(scores), np.stack(training)))

    def _trained(
        self, alphas: FloatArray, phi: Formula | None, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        target, sources = self.setting.target, self.setting.source_weights(self.counts, rng)
        x, labels = target.draw(self.counts, rng)
        trainer = Trainer(x, SIGNS[labels], target.gamma, target.intercept, phi)
        scores, training = np.empty((len(alphas), 2, 2)), np.empty((len(alphas), 2))
        for i, alpha in enumerate(alphas):
            w, b, training[i] = trainer.fit(sources @ alpha)
            scores[i, :, 0] = target.means @ w + b
            scores[i, :, 1] = [covariance.gram(w[:, None])[0, 0] for covariance in target.covariances]
        return scores, training

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> LossDraws:
        shape = alpha.shape if self.setting.components is None else alpha.shape[:-1]
        scores, training = (each.reshape(len(each), *shape, *each.shape[2:]) for each in arrays)
        return LossDraws(alpha, self.setting.target.priors, scores, training)


@dataclass(frozen=True)
class _Softmax(_Mixture):
    """The logistic loss with one output per class."""

    def batch_size(self) -> int:
        return min(8, super().batch_size())

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        alphas = alpha.reshape(-1, self.setting.components or 1)
        rng = np.random.default_rng(seed)
        drawn = (self._trained(alphas, rng) for _ in range(replicates))
        return Batch(tuple(np.stack(each) for each in zip(*drawn, strict=True)))

    def _trained(
        self, alphas: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        target, classes = self.setting.target, self.setting.target.classes
        # (p, k outputs), side by side.
        sources = self.setting.source_weights(self.counts, rng).reshape(target.p, -1, classes)
        x, labels = target.draw(self.counts, rng)
        trainer = SoftmaxTrainer(x, labels, classes, target.gamma, target.intercept)
        means = np.empty((len(alphas), classes, classes))
        covariances, training = np.empty((len(alphas), classes, classes, classes)), np.empty(len(alphas))
        for i, alpha in enumerate(alphas):
            w, b, training[i] = trainer.fit(np.tensordot(sources, alpha, axes=(1, 0)))
            w, b = w - w.mean(axis=1, keepdims=True), b - b.mean()
            means[i] = target.means @ w + b
            covariances[i] = [covariance.gram(w) for covariance in target.covariances]
        return means, covariances, training

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> SoftmaxDraws:
        shape = alpha.shape if self.setting.components is None else alpha.shape[:-1]
        shaped = (each.reshape(len(each), *shape, *each.shape[2:]) for each in arrays)
        return SoftmaxDraws(alpha, self.setting.target.priors, *shaped)


@dataclass(frozen=True)
class _Regression(Sampler):
    setting: RegressionSetting

    def batch_size(self) -> int:
        return batch_of(len(self.setting.target) * self.setting.n)

    def memory(self) -> int:
        p, n = len(self.setting.target), self.setting.n
        full = 2 * p * p if self.setting.covariance.full else 0
        return 8 * (2 * p * n + 2 * min(p, n) ** 2 + full)

    def sizes(self) -> str:
        return f"data of {len(self.setting.target)} x {self.setting.n}"

    def kept(self, alpha: FloatArray) -> int:
        return 4

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        rng = np.random.default_rng(seed)
        return Batch((np.stack([self._replicate(rng) for _ in range(replicates)]),))

    def _replicate(self, rng: np.random.Generator) -> FloatArray:
        setting, outputs = self.setting, len(self.setting.noise)
        x = setting.covariance.samples(setting.n, rng)
        noise = rng.standard_normal((setting.n, outputs)) * setting.noise
        fit = ridge(x, x.T @ setting.target + noise, setting.gamma, setting.source, intercept=False)
        gram = setting.covariance.gram(np.hstack([fit.base - setting.target, fit.slopes]))
        return np.asarray(np.einsum("iojo->ij", gram.reshape(2, outputs, 2, outputs)))

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> RegressionDraws:
        return RegressionDraws(alpha, float(np.sum(self.setting.noise**2)), *arrays)


class _Krylov(Sampler):
    """Replicates one by one, from Krylov spaces."""

    method = "krylov"

    def batch_size(self) -> int:
        return KRYLOV_BATCH

    def memory(self) -> int:
        return 0  # not known in advance: asked for as the space grows

    @abstractmethod
    def _one(self, rng: np.random.Generator) -> Drawn:
        """One replicate."""

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        rng = np.random.default_rng(seed)
        drawn = [self._one(rng) for _ in range(replicates)]
        arrays = tuple(np.stack(each) for each in zip(*(one.arrays for one in drawn), strict=True))
        return Batch(arrays, max(one.error for one in drawn), max(one.length for one in drawn))


@dataclass(frozen=True)
class _KrylovMixture(_Krylov, _Mixture):
    blocks: BlockMixture
    truncate: float | None

    def _one(self, rng: np.random.Generator) -> Drawn:
        return self.blocks.draw(self.counts, self.truncate, rng)


@dataclass(frozen=True)
class _KrylovRegression(_Krylov, _Regression):
    blocks: BlockRegression
    truncate: float | None

    def _one(self, rng: np.random.Generator) -> Drawn:
        return self.blocks.draw(self.truncate, rng)


def choose_sampler(
    problem: Problem, method: str, truncate: float | None, counts: str, rank: int | None = None
) -> Sampler:
    """The sampler for ``problem``; TypeError or ValueError if there is none."""
    if rank is not None and not isinstance(problem, LowRankTransfer):
        raise TypeError(f"rank is for a LowRankTransfer only, not for a {type(problem).__name__}")
    if isinstance(problem, TransferProblem):
        return _Transfer(transfer_setting(problem), truncate, "krylov" if method == "auto" else method)
    check_problem(problem)
    if method == "krylov" and (isinstance(problem, LowRankTransfer) or not _is_linear(problem)):
        raise ValueError(
            "method='krylov' needs fits that are linear in the targets: a TransferProblem, a FineTuning with "
            f"loss='squared' or a RidgeRegressionTransfer, got {problem!r}; use method='dense' (or 'auto', "
            "which chooses it)"
        )
    if isinstance(problem, LowRankTransfer):
        return low_rank_sampler(problem, rank)
    if isinstance(problem, RidgeRegressionTransfer):
        regression = regression_setting(problem)
        if method == "krylov":
            return _KrylovRegression(regression, BlockRegression.of(regression), truncate)
        return _Regression(regression)
    setting = mixture_setting(problem)
    if problem.squared:
        if method == "krylov":
            return _KrylovMixture(setting, counts, BlockMixture.of(setting), truncate)
        return _Mixture(setting, counts)
    if problem.outputs > 1:
        return _Softmax(setting, counts)
    formula(problem.loss)  # refuses what cannot be trained before anything is drawn
    if problem.gamma == 0:
        raise NotAvailable(
            f"simulation with loss={problem.loss!r} needs gamma > 0, got 0: train with a small one; the "
            "curve knows its limit"
        )
    return _Loss(setting, counts, problem.loss)


def _is_linear(problem: Problem) -> bool:
    return isinstance(problem, RidgeRegressionTransfer) or (
        isinstance(problem, FineTuning) and problem.squared
    )
