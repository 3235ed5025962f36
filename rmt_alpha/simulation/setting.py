"""A fine-tuning problem in plain arrays, read from its fields alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.isotropic.setting import scalar, whole
from rmt_alpha.simulation.mixtures.covariance import Covariance, Mixture
from rmt_alpha.simulation.mixtures.population import population_ridge


@dataclass(frozen=True, eq=False)
class Stage:
    """One ridge fit on data of its own."""

    mixture: Mixture
    n: int
    gamma: float
    intercept: bool
    noise: FloatArray
    """Probability that the label of a sample is wrong, by class."""
    outputs: int
    """Scores of the classifier: 1 for labels -1 and +1, else K, one-hot."""

    @property
    def targets(self) -> FloatArray:
        """What the scores of each class are fitted to, shape (K, outputs)."""
        return np.array([[-1.0], [1.0]]) if self.outputs == 1 else np.eye(self.mixture.classes)


@dataclass(frozen=True, eq=False)
class MixtureSetting:
    """What is drawn and trained: the target's stage, and sources that are known or trained too."""

    target: Stage
    sources: tuple[Stage | FloatArray, ...]
    """Stages, or weights of shape (p, outputs), those of several sources side by side."""
    components: int | None
    """Components of alpha; None if it is a number."""

    @property
    def drawn(self) -> tuple[Stage, ...]:
        """The stages whose data are drawn."""
        return (self.target, *(source for source in self.sources if isinstance(source, Stage)))


def is_fine_tuning(problem: Any) -> bool:
    """Whether ``problem`` has the fields of a `FineTuning`."""
    return all(hasattr(problem, name) for name in ("target", "source", "n", "gamma"))


def sources_of(problem: Any) -> tuple[Any, ...]:
    """The sources of a `FineTuning`, which has one of them or a sequence."""
    return tuple(problem.source) if isinstance(problem.source, Sequence) else (problem.source,)


def alpha_components(problem: Any) -> int | None:
    """Components of alpha if it is a vector, one for each source; None if it is a number."""
    if not is_fine_tuning(problem):
        return None
    counts = [source.count for source in sources_of(problem)]
    vector = isinstance(problem.source, Sequence) or counts[0] is not None
    return sum(1 if count is None else count for count in counts) if vector else None


def read_mixture_setting(problem: Any) -> MixtureSetting:
    """The `MixtureSetting` of a `FineTuning`; ValueError if it cannot be drawn."""
    known: dict[int, Covariance] = {}  # a covariance shared by classes or stages is factorised once
    given = sources_of(problem)
    outputs = int(given[0].outputs)
    target = _stage(problem, problem.target, whole("n", scalar("n", problem.n)), outputs, known)
    sources = tuple(_source(source, outputs, known) for source in given)
    return MixtureSetting(target, sources, alpha_components(problem))


def _source(source: Any, outputs: int, known: dict[int, Covariance]) -> Stage | FloatArray:
    if hasattr(source, "weights"):
        # (p,), (outputs, p), (k, p) or (k, outputs, p): rows to columns.
        weights = np.asarray(source.weights, float)
        return weights.reshape(-1, weights.shape[-1]).T.copy()
    samples = scalar("n of the source", source.n)
    if samples == math.inf:
        return population_ridge(_stage(source, source.mixture, 1, outputs, known))
    return _stage(source, source.mixture, whole("n of the source", samples), outputs, known)


def _stage(fit: Any, data: Any, n: int, outputs: int, known: dict[int, Covariance]) -> Stage:
    mixture = _mixture(data, known)
    noise = np.broadcast_to(np.asarray(fit.label_noise, float), (mixture.classes,))
    return Stage(mixture, n, scalar("gamma", fit.gamma), bool(fit.intercept), noise, outputs)


def _mixture(mixture: Any, known: dict[int, Covariance]) -> Mixture:
    means = np.asarray(mixture.means, float)
    made = []
    for entries in mixture.covariances:  # one for each class
        if id(entries) not in known:
            known[id(entries)] = Covariance(entries, means.shape[1])
        made.append(known[id(entries)])
    return Mixture(means, tuple(made), np.asarray(mixture.priors, float))
