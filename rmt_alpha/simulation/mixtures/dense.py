"""Dense simulation of fine-tuning on Gaussian mixtures: draw the data, train, keep the scores' moments."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.setting import MixtureSetting

BATCH_ENTRIES = 1 << 18
BATCH_LIMIT = 128


def batch_size(setting: MixtureSetting) -> int:
    """Replicates of one batch; by the problem alone, so that results do not depend on n_jobs."""
    return batch_of(max(stage.p * stage.n for stage in setting.drawn))


def batch_of(entries: int) -> int:
    """Replicates of one batch for data matrices of so many entries."""
    return max(1, min(BATCH_LIMIT, BATCH_ENTRIES // entries))


def memory(setting: MixtureSetting) -> int:
    """Bytes that one replicate holds at its peak: data, normals, the smaller Gram matrix, its factor."""
    matrices = max(2 * stage.p * stage.n + 2 * min(stage.p, stage.n) ** 2 for stage in setting.drawn)
    full = {id(c): c.p**2 for stage in setting.drawn for c in stage.covariances if c.full}
    return 8 * (matrices + 2 * sum(full.values()))


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
    target = setting.target
    w, offset = target.train(setting.source_weights(counts, rng), counts, rng)
    mean = target.means @ w + offset
    gram = np.stack([covariance.gram(w) for covariance in target.covariances])
    parts = (w.shape[1] // target.outputs, target.outputs)
    return mean.reshape(target.classes, *parts), gram.reshape(target.classes, *parts, *parts)
