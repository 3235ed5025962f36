"""The bias of a simulated `FineTuning` of finite size, measured at half its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from size_bias import Quantity, accuracy

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource
from rmt_alpha.simulation import Simulation, simulate


def halved(problem: FineTuning) -> FineTuning:
    """Every second feature of a problem with diagonal covariances, half the samples, lengths kept.

    Its theory is similar, but not the same.
    """

    def features(vectors):
        half = vectors[..., ::2]
        size, kept = (np.sqrt((v * v).sum(axis=-1, keepdims=True)) for v in (vectors, half))
        return half * np.divide(size, kept, out=np.ones_like(size), where=kept > 0)

    def mixture(whole):
        covariances = [c if np.ndim(c) == 0 else c[::2] for c in whole.covariances]
        return GaussianMixture(features(whole.means), covariances, whole.priors)

    def source(whole):
        if isinstance(whole, FixedSource):
            return replace(whole, weights=features(whole.weights))
        assert isinstance(whole, RidgeSource)
        return replace(whole, mixture=mixture(whole.mixture), n=whole.n / 2)

    sources = [source(each) for each in problem.sources]
    given = tuple(sources) if isinstance(problem.source, tuple) else sources[0]
    return replace(problem, target=mixture(problem.target), source=given, n=problem.n / 2)


def half_size_z_scores(
    problem: FineTuning,
    alpha: np.ndarray,
    theory: np.ndarray,
    found: tuple[np.ndarray, np.ndarray],
    *,
    draws: int = 0,
    seed: int = 0,
    run: Simulation | None = None,
    quantity: Quantity = accuracy,
) -> np.ndarray:
    """(simulated - theory - bias) / standard error, with the bias of order 1/size from half the size.

    There it is twice as large: half of what simulation and theory differ by at half the size is taken off.
    ``theory`` may have leading axes, for several theories; ``run`` is a simulation of half the size, if done.
    """
    small = halved(problem)
    mean, error = quantity(run or simulate(small, alpha, replicates=draws, rng=(seed, 2)))
    bias = (mean - small.curve().accuracy(alpha)) / 2
    return (found[0] - theory - bias) / np.hypot(found[1], error / 2)
