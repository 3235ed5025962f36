"""Dense simulation of fine-tuning on Gaussian mixtures: draw the data, train, keep the scores' moments."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.mixtures.fit import ridge
from rmt_alpha.simulation.setting import MixtureSetting, Stage

BATCH_ENTRIES = 1 << 18
BATCH_LIMIT = 128


def batch_size(setting: MixtureSetting) -> int:
    """Replicates of one batch; by the problem alone, so that results do not depend on n_jobs."""
    return batch_of(max(_entries(stage) for stage in setting.drawn))


def batch_of(entries: int) -> int:
    """Replicates of one batch for data matrices of so many entries."""
    return max(1, min(BATCH_LIMIT, BATCH_ENTRIES // entries))


def memory(setting: MixtureSetting) -> int:
    """Bytes that one replicate holds at its peak: data, normals, the smaller Gram matrix, its factor."""
    matrices = max(2 * _entries(stage) + 2 * min(stage.mixture.p, stage.n) ** 2 for stage in setting.drawn)
    full = {id(c): c.p**2 for stage in setting.drawn for c in stage.mixture.covariances if c.full}
    return 8 * (matrices + 2 * sum(full.values()))


def _entries(stage: Stage) -> int:
    return stage.mixture.p * stage.n


def draw(
    setting: MixtureSetting, replicates: int, seed: np.random.SeedSequence, counts: str
) -> tuple[FloatArray, FloatArray]:
    """`MixtureDraws.score_mean` and `MixtureDraws.score_gram` of ``replicates`` independent draws."""
    rng = np.random.default_rng(seed)
    means, grams = zip(*(_replicate(setting, counts, rng) for _ in range(replicates)), strict=True)
    return np.stack(means), np.stack(grams)


def _replicate(
    setting: MixtureSetting, counts: str, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    target, mixture = setting.target, setting.target.mixture
    # A source hands on its weights, not its intercept.
    sources = [
        train(each, None, counts, rng)[0] if isinstance(each, Stage) else each for each in setting.sources
    ]
    w, offset = train(target, np.hstack(sources), counts, rng)
    mean = mixture.means @ w + offset
    gram = np.stack([covariance.gram(w) for covariance in mixture.covariances])
    parts = (w.shape[1] // target.outputs, target.outputs)
    return mean.reshape(mixture.classes, *parts), gram.reshape(mixture.classes, *parts, *parts)


def train(
    stage: Stage, prior: FloatArray | None, counts: str, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Weights (p, outputs (1 + k)) and intercepts, trained on fresh data: without prior, then of each."""
    x, labels = stage.mixture.draw(stage.n, stage.noise, counts, rng)
    nothing = np.empty((stage.mixture.p, 0))
    fit = ridge(x, stage.targets[labels], stage.gamma, nothing if prior is None else prior, stage.intercept)
    return np.hstack([fit.base, fit.slopes]), np.concatenate([fit.base_intercept, fit.slopes_intercept])
