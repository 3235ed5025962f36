"""One sampler for each kind of problem: how to draw, how much at a time, what comes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import Loss
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import regression
from rmt_alpha.simulation.arguments import check_alpha, check_vector_alpha
from rmt_alpha.simulation.convex import draws as convex
from rmt_alpha.simulation.convex.formulas import formula
from rmt_alpha.simulation.isotropic import dense, krylov
from rmt_alpha.simulation.isotropic.draws import TransferDraws
from rmt_alpha.simulation.mixtures import dense as mixtures
from rmt_alpha.simulation.mixtures.draws import MixtureDraws
from rmt_alpha.simulation.scores import Draws
from rmt_alpha.simulation.setting import (
    MixtureSetting,
    Problem,
    RegressionSetting,
    TransferSetting,
    mixture_setting,
    regression_setting,
    transfer_setting,
)


class Batch(NamedTuple):
    """Some replicates, and how far the chains of their Krylov spaces went."""

    arrays: tuple[FloatArray, ...]
    """What `Sampler.collect` makes draws of; replicates on the first axis."""
    truncation_error: float = 0.0
    chain_length: int = 0


class Sampler(ABC):
    """What `simulate` asks of a problem and a method."""

    method: str = "dense"
    remedy: str = "take smaller p and n, fewer jobs, or raise memory_limit"

    @abstractmethod
    def batch_size(self) -> int:
        """Replicates drawn together; by the problem alone, so that results do not depend on n_jobs."""

    @abstractmethod
    def memory(self) -> int:
        """Bytes of the matrices of one batch."""

    @abstractmethod
    def sizes(self) -> str:
        """What is so large."""

    def check_memory(self, jobs: int, limit: float) -> None:
        """ValueError if ``jobs`` batches at a time take more than ``limit`` bytes."""
        if (need := jobs * self.memory()) > limit:
            raise ValueError(
                f"method='dense' would hold {_gib(need)} of matrices ({self.sizes()}, {jobs} at a time), "
                f"above memory_limit={_gib(limit)}; {self.remedy}"
            )

    def check_alpha(self, alpha: ArrayLike) -> FloatArray:
        """``alpha`` as a float64 array of a shape that fits the problem."""
        return check_alpha(alpha)

    @abstractmethod
    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """Train classifiers; where they are affine in alpha it is not needed."""

    @abstractmethod
    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> Draws:
        """All draws, from the arrays of all batches joined."""


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
        return mixtures.batch_size(self.setting)

    def memory(self) -> int:
        return mixtures.memory(self.setting)

    def sizes(self) -> str:
        return "data of " + ", ".join(f"{stage.p} x {stage.n}" for stage in self.setting.drawn)

    def check_alpha(self, alpha: ArrayLike) -> FloatArray:
        return check_vector_alpha(alpha, self.setting.components)

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        return Batch(mixtures.draw(self.setting, replicates, seed, self.counts))

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> Draws:
        target = self.setting.target
        return MixtureDraws(alpha, self.setting.components, target.priors, target.targets, *arrays)


@dataclass(frozen=True)
class _Loss(_Mixture):
    """Another loss than the squared one: every alpha is trained by itself."""

    loss: str | Loss

    def batch_size(self) -> int:
        return min(8, super().batch_size())

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        rows = alpha.reshape(-1, self.setting.components or 1)
        return Batch(convex.draw(self.setting, formula(self.loss), rows, replicates, seed, self.counts))

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> convex.LossDraws:
        shape = alpha.shape if self.setting.components is None else alpha.shape[:-1]
        scores, training = (each.reshape(len(each), *shape, *each.shape[2:]) for each in arrays)
        return convex.LossDraws(alpha, self.setting.target.priors, scores, training)


@dataclass(frozen=True)
class _Regression(Sampler):
    setting: RegressionSetting

    def batch_size(self) -> int:
        return mixtures.batch_of(len(self.setting.target) * self.setting.n)

    def memory(self) -> int:
        p, n = len(self.setting.target), self.setting.n
        full = 2 * p * p if self.setting.covariance.full else 0
        return 8 * (2 * p * n + 2 * min(p, n) ** 2 + full)

    def sizes(self) -> str:
        return f"data of {len(self.setting.target)} x {self.setting.n}"

    def draw(self, alpha: FloatArray, replicates: int, seed: np.random.SeedSequence) -> Batch:
        return Batch((regression.draw(self.setting, replicates, seed),))

    def collect(self, alpha: FloatArray, *arrays: FloatArray) -> regression.RegressionDraws:
        return regression.RegressionDraws(alpha, float(np.sum(self.setting.noise**2)), *arrays)


def choose_sampler(problem: Problem, method: str, truncate: float | None, counts: str) -> Sampler:
    """The sampler for ``problem``; TypeError or ValueError if there is none."""
    if isinstance(problem, TransferProblem):
        return _Transfer(transfer_setting(problem), truncate, "krylov" if method == "auto" else method)
    if not isinstance(problem, FineTuning | RidgeRegressionTransfer):
        raise TypeError(
            "problem must be a TransferProblem, a FineTuning or a RidgeRegressionTransfer, got "
            f"{type(problem).__name__}"
        )
    if method == "krylov":
        raise ValueError(
            "method='krylov' needs identity covariances and simulates a TransferProblem only, got a "
            f"{type(problem).__name__}; use method='dense' (or 'auto', which chooses it)"
        )
    if isinstance(problem, RidgeRegressionTransfer):
        return _Regression(regression_setting(problem))
    setting = mixture_setting(problem)
    if isinstance(problem.loss, str) and problem.loss == "squared":
        return _Mixture(setting, counts)
    formula(problem.loss)  # refuses what cannot be trained before anything is drawn
    return _Loss(setting, counts, problem.loss)


def _gib(size: float) -> str:
    return f"{size / 2**30:.3g} GiB"
