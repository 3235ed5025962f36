"""One sampler for each kind of problem and method: how to draw, how much at a time, what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation import regression
from rmt_alpha.simulation.arguments import check_alpha
from rmt_alpha.simulation.convex import draws as loss_draws
from rmt_alpha.simulation.convex.draws import LossDraws
from rmt_alpha.simulation.convex.formulas import formula
from rmt_alpha.simulation.isotropic import dense, krylov
from rmt_alpha.simulation.isotropic.draws import Draws
from rmt_alpha.simulation.isotropic.setting import Setting, read_setting
from rmt_alpha.simulation.mixtures import dense as mixture_dense
from rmt_alpha.simulation.mixtures.draws import MixtureDraws, check_mixture_alpha
from rmt_alpha.simulation.regression import (
    RegressionDraws,
    RegressionSetting,
    is_regression,
    read_regression_setting,
)
from rmt_alpha.simulation.setting import MixtureSetting, is_fine_tuning, read_mixture_setting

Batch = tuple[FloatArray, FloatArray, float, int]
AnyDraws = Draws | LossDraws | MixtureDraws | RegressionDraws


class Sampler(Protocol):
    """What `simulate` asks of a problem and a method."""

    @property
    def method(self) -> str:
        """How it is simulated."""

    def batch_size(self) -> int:
        """Replicates drawn together; by the problem alone, so that results do not depend on n_jobs."""

    def check_memory(self, jobs: int, limit: float) -> None:
        """ValueError if ``jobs`` batches at a time take more than ``limit`` bytes."""

    def check_alpha(self, alpha: Any) -> FloatArray:
        """``alpha`` as a float64 array of a shape that fits the problem."""

    def draw(self, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """Two arrays, the error from cutting a chain, and the chain's length."""

    def collect(self, alpha: FloatArray, first: FloatArray, second: FloatArray) -> AnyDraws:
        """All draws, from the two arrays of all batches joined."""


@dataclass(frozen=True)
class TransferSampler:
    """`TransferProblem`, by either method."""

    setting: Setting
    method: str
    truncate: float | None

    def batch_size(self) -> int:
        """See `Sampler`."""
        if self.method == "dense":
            return dense.batch_size(self.setting)
        return krylov.batch_size(self.setting, self.truncate)

    def check_memory(self, jobs: int, limit: float) -> None:
        """See `Sampler`."""
        if self.method == "dense" and (need := jobs * dense.memory(self.setting)) > limit:
            setting = self.setting
            raise ValueError(
                f"method='dense' would hold {_gib(need)} of matrices (p={setting.p}, n={setting.n}, "
                f"N={setting.source_samples}, {jobs} at a time), above memory_limit={_gib(limit)}; use "
                "method='krylov', which is exact in distribution and needs none of them, or raise "
                "memory_limit"
            )

    def check_alpha(self, alpha: Any) -> FloatArray:
        """See `Sampler`."""
        return check_alpha(alpha)

    def draw(self, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """See `Sampler`."""
        if self.method == "dense":
            return *dense.draw(self.setting, replicates, seed), 0.0, 0
        return krylov.draw(self.setting, replicates, seed, self.truncate)

    def collect(self, alpha: FloatArray, first: FloatArray, second: FloatArray) -> Draws:
        """See `Sampler`."""
        return Draws(alpha, self.setting.target_norm, first, second)


@dataclass(frozen=True)
class MixtureSampler:
    """`FineTuning`, densely."""

    setting: MixtureSetting
    counts: str
    method: str = "dense"

    def batch_size(self) -> int:
        """See `Sampler`."""
        return mixture_dense.batch_size(self.setting)

    def check_memory(self, jobs: int, limit: float) -> None:
        """See `Sampler`."""
        if (need := jobs * mixture_dense.memory(self.setting)) > limit:
            stages = ", ".join(f"{stage.mixture.p} x {stage.n}" for stage in self.setting.drawn)
            raise ValueError(_too_large(need, stages, jobs, limit))

    def check_alpha(self, alpha: Any) -> FloatArray:
        """See `Sampler`."""
        return check_mixture_alpha(alpha, self.setting.components)

    def draw(self, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """See `Sampler`."""
        return *mixture_dense.draw(self.setting, replicates, seed, self.counts), 0.0, 0

    def collect(self, alpha: FloatArray, first: FloatArray, second: FloatArray) -> MixtureDraws:
        """See `Sampler`."""
        target = self.setting.target
        return MixtureDraws(
            alpha, self.setting.components, target.mixture.priors, target.targets, first, second
        )


@dataclass(frozen=True)
class LossSampler:
    """`FineTuning` with a loss that is not squared: every alpha is trained by itself."""

    setting: MixtureSetting
    loss: Any
    counts: str
    method: str = "dense"
    alphas: list[FloatArray] = field(default_factory=list)
    """The alphas to train at, once they are known."""

    def batch_size(self) -> int:
        """See `Sampler`."""
        return min(8, mixture_dense.batch_size(self.setting))

    def check_memory(self, jobs: int, limit: float) -> None:
        """See `Sampler`."""
        MixtureSampler(self.setting, self.counts).check_memory(jobs, limit)

    def check_alpha(self, alpha: Any) -> FloatArray:
        """See `Sampler`."""
        values = check_mixture_alpha(alpha, self.setting.components)
        self.alphas[:] = [values]
        return values

    def draw(self, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """See `Sampler`."""
        rows = self.alphas[0].reshape(-1, self.setting.components or 1)
        return *loss_draws.draw(self.setting, self.loss, rows, replicates, seed, self.counts), 0.0, 0

    def collect(self, alpha: FloatArray, first: FloatArray, second: FloatArray) -> LossDraws:
        """See `Sampler`."""
        shape = alpha.shape if self.setting.components is None else alpha.shape[:-1]
        scores = first.reshape(len(first), *shape, 2, 2)
        priors = self.setting.target.mixture.priors
        trained = second.reshape(len(second), *shape, 2)
        return LossDraws(alpha, priors, scores[..., 0], scores[..., 1], trained[..., 0], trained[..., 1])


@dataclass(frozen=True)
class RegressionSampler:
    """`RidgeRegressionTransfer`, densely."""

    setting: RegressionSetting
    method: str = "dense"

    def batch_size(self) -> int:
        """See `Sampler`."""
        return mixture_dense.batch_of(self.setting.target.shape[0] * self.setting.n)

    def check_memory(self, jobs: int, limit: float) -> None:
        """See `Sampler`."""
        p, n = self.setting.target.shape[0], self.setting.n
        full = 2 * p * p if self.setting.covariance.full else 0
        if (need := 8 * jobs * (2 * p * n + 2 * min(p, n) ** 2 + full)) > limit:
            raise ValueError(_too_large(need, f"{p} x {n}", jobs, limit))

    def check_alpha(self, alpha: Any) -> FloatArray:
        """See `Sampler`."""
        return check_alpha(alpha)

    def draw(self, replicates: int, seed: np.random.SeedSequence) -> Batch:
        """See `Sampler`."""
        return regression.draw(self.setting, replicates, seed), np.empty(0), 0.0, 0

    def collect(self, alpha: FloatArray, first: FloatArray, second: FloatArray) -> RegressionDraws:
        """See `Sampler`."""
        return RegressionDraws(alpha, float(np.sum(self.setting.noise**2)), first)


def choose_sampler(problem: Any, method: str, truncate: float | None, counts: str) -> Sampler:
    """The sampler for ``problem``; TypeError or ValueError if there is none."""
    mixture = is_fine_tuning(problem)
    if not mixture and not is_regression(problem):
        transfer = read_setting(problem)
        return TransferSampler(transfer, "krylov" if method == "auto" else method, truncate)
    if method == "krylov":
        raise ValueError(
            "method='krylov' needs identity covariances and simulates a TransferProblem only, got a "
            f"{type(problem).__name__}; use method='dense' (or 'auto', which chooses it)"
        )
    if mixture:
        setting = read_mixture_setting(problem)
        loss = getattr(problem, "loss", "squared")
        if isinstance(loss, str) and loss == "squared":
            return MixtureSampler(setting, counts)
        formula(loss)  # refuses what cannot be trained before anything is drawn
        return LossSampler(setting, loss, counts)
    return RegressionSampler(read_regression_setting(problem))


def _too_large(need: float, data: str, jobs: int, limit: float) -> str:
    return (
        f"the simulation would hold {_gib(need)} of matrices (data of {data}, {jobs} at a time), above "
        f"memory_limit={_gib(limit)}; take smaller p and n, fewer jobs, or raise memory_limit"
    )


def _gib(size: float) -> str:
    return f"{size / 2**30:.3g} GiB"
