"""What is drawn and trained, from the validated fields of a problem.

The one place that checks what only drawing needs, single numbers and whole sizes, and factorises covariances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.sources import FixedSource, RidgeSource
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation.mixtures.stage import Covariance, Stage

Problem: TypeAlias = TransferProblem | FineTuning | RidgeRegressionTransfer


@dataclass(frozen=True, slots=True)
class TransferSetting:
    """One `TransferProblem` in plain numbers."""

    p: int
    n: int
    """Dimension and target samples."""
    source_samples: int | None
    """Source samples to be drawn; None if the source vector is not trained on finite data."""
    source_length: float
    """Length of the source vector that is not trained (its direction is the source mean's); else unused."""
    mu: float
    along: float
    across: float
    """Length of the source mean; components of the target mean along it and across it."""
    gamma: float
    gamma_source: float
    """Ridges, per sample."""

    @property
    def target_norm(self) -> float:
        """Length of the target mean."""
        return math.hypot(self.along, self.across)

    @property
    def target_direction(self) -> tuple[float, float]:
        """Cosine and sine of the angle between the two means; (1, 0) without a target mean."""
        norm = self.target_norm
        return (self.along / norm, self.across / norm) if norm > 0 else (1.0, 0.0)


def transfer_setting(problem: TransferProblem) -> TransferSetting:
    """The `TransferSetting` of ``problem``; ValueError if it cannot be drawn."""
    for field in fields(problem):
        if np.ndim(value := getattr(problem, field.name)) > 0:
            raise ValueError(
                f"{field.name} must be a single number to be simulated, got an array of shape "
                f"{np.shape(value)}; simulate one problem at a time"
            )
    p, n = _whole("p", problem.p), _whole("n", problem.n)
    mu, gamma_source = float(problem.mu), float(problem.gamma_source)
    along, across = float(problem.along), float(problem.across)
    if mu == 0:
        # No source mean, no direction of its own: call the target mean's direction the source's.
        along, across = math.hypot(along, across), 0.0
    if p == 1 and across != 0:
        raise ValueError(
            f"p = 1 leaves no room for a target mean with a part {across:g} across the source mean; "
            "set beta to 1 or -1, or mu_orth=0, or p >= 2"
        )
    samples, length = None, mu
    if math.inf == problem.N:
        # (E x x^T + gamma_source I)^-1 E y x, where E x x^T = I + mu mu^T.
        length = mu / (1.0 + gamma_source + mu * mu)
    elif problem.N is not None:
        samples = _whole("N", problem.N)
    return TransferSetting(p, n, samples, length, mu, along, across, float(problem.gamma), gamma_source)


@dataclass(frozen=True, eq=False)
class MixtureSetting:
    """What is drawn and trained of a `FineTuning`: the target, and sources that are known or trained too."""

    target: Stage
    sources: tuple[Stage | FloatArray, ...]
    """Stages, or weights of shape (p, outputs), those of several sources side by side."""
    components: int | None
    """Components of alpha; None if it is a number."""

    @property
    def drawn(self) -> tuple[Stage, ...]:
        """The stages whose data are drawn."""
        return (self.target, *(source for source in self.sources if isinstance(source, Stage)))

    def source_weights(self, counts: str, rng: np.random.Generator) -> FloatArray:
        """Weights (p, k outputs), of trained sources from fresh data; their intercepts are not passed on."""
        weights = [
            each.train(None, counts, rng)[0] if isinstance(each, Stage) else each for each in self.sources
        ]
        return np.hstack(weights)


def mixture_setting(problem: FineTuning) -> MixtureSetting:
    """The `MixtureSetting` of ``problem``; ValueError if it cannot be drawn."""
    factorised: dict[int, Covariance] = {}  # classes and stages that share a covariance share its root
    outputs = problem.sources[0].outputs

    def stage(fit: FineTuning | RidgeSource, data: GaussianMixture, n: int) -> Stage:
        for entries in data.covariances:
            if id(entries) not in factorised:
                factorised[id(entries)] = Covariance(entries, data.p)
        covariances = tuple(factorised[id(entries)] for entries in data.covariances)
        return Stage(
            data.means, covariances, data.priors, n, fit.gamma, fit.intercept, fit.label_noise, outputs
        )

    def weights_or_stage(source: FixedSource | RidgeSource) -> Stage | FloatArray:
        if isinstance(source, FixedSource):
            # (p,), (outputs, p), (k, p) or (k, outputs, p): rows to columns.
            return np.array(source.weights.reshape(-1, source.p).T, order="C")
        if source.n == math.inf:
            return stage(source, source.mixture, 1).population_weights()
        return stage(source, source.mixture, _whole("n of the source", source.n))

    target = stage(problem, problem.target, _whole("n", problem.n))
    sources = tuple(weights_or_stage(source) for source in problem.sources)
    return MixtureSetting(target, sources, alpha_components(problem))


def check_problem(problem: Any) -> Problem:
    """``problem`` if it can be simulated, else TypeError."""
    if not isinstance(problem, Problem):
        raise TypeError(
            "problem must be a TransferProblem, a FineTuning or a RidgeRegressionTransfer, got "
            f"{type(problem).__name__}"
        )
    return problem


def alpha_components(problem: Problem) -> int | None:
    """Components of alpha if it is a vector, one for each source; None if it is a number."""
    if not isinstance(problem, FineTuning):
        return None
    counts = [source.count for source in problem.sources]
    if not isinstance(problem.source, tuple) and counts[0] is None:
        return None
    return sum(1 if count is None else count for count in counts)


@dataclass(frozen=True, eq=False)
class RegressionSetting:
    """One `RidgeRegressionTransfer`; weights have the shape (p, d) for d outputs."""

    covariance: Covariance
    target: FloatArray
    source: FloatArray
    noise: FloatArray
    """Standard deviation of the noise of each output, (d,)."""
    n: int
    gamma: float


def regression_setting(problem: RidgeRegressionTransfer) -> RegressionSetting:
    """The `RegressionSetting` of ``problem``; ValueError if it cannot be drawn."""
    target, source = (np.atleast_2d(w).T for w in (problem.coef_target, problem.coef_source))
    noise = np.array(np.broadcast_to(problem.noise, (target.shape[1],)))
    covariance = Covariance(problem.covariance, problem.p)
    return RegressionSetting(covariance, target, source, noise, _whole("n", problem.n), problem.gamma)


def _whole(name: str, value: Any) -> int:
    number = float(value)
    if not (math.isfinite(number) and number >= 1 and number == int(number)):
        raise ValueError(f"{name} must be a whole number of at least 1 to be simulated, got {number:g}")
    return int(number)
