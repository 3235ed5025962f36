"""``method="dense"``: draw the matrices, train the classifiers.  The reference for everything else."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.simulation.scores import batch_of
from rmt_alpha.simulation.setting import TransferSetting


def batch_size(setting: TransferSetting) -> int:
    """Replicates that are drawn together; by the problem alone, so that results do not depend on n_jobs."""
    return batch_of(setting.p * _most_samples(setting))


def memory(setting: TransferSetting) -> int:
    """Bytes that one batch holds at its peak: data, the smaller Gram matrix and the solver's copy of it."""
    samples = _most_samples(setting)
    small = min(setting.p, samples)
    return 8 * batch_size(setting) * (setting.p * samples + 2 * small * small)


def _most_samples(setting: TransferSetting) -> int:
    return max(setting.n, setting.source_samples or 0)


def draw(
    setting: TransferSetting, replicates: int, seed: np.random.SeedSequence
) -> tuple[FloatArray, FloatArray]:
    """Train ``replicates`` classifiers; ``along`` and ``across`` of `TransferDraws`.

    Coordinates: the first axis of R^p is the source mean's direction, the second the direction of the part
    of the target mean across it.  The labels are absorbed: y x ~ N(mean, I) for either label, and neither
    X y nor X X^T changes when every sample is multiplied by its label.
    """
    rng = np.random.default_rng(seed)
    source = _source(setting, replicates, rng)
    data = rng.standard_normal((replicates, setting.p, setting.n))
    data[:, 0] += setting.along
    if setting.p > 1:
        data[:, 1] += setting.across
    w = _ridge(data, setting.gamma, source)
    cosine, sine = setting.target_direction
    along = cosine * w[:, 0]
    if setting.p == 1:
        return along, np.zeros((replicates, 3))
    along += sine * w[:, 1]
    rest = w[:, 1:].copy()
    rest[:, 0] = cosine * w[:, 1] - sine * w[:, 0]
    gram = rest.transpose(0, 2, 1) @ rest
    return along, gram[:, [0, 0, 1], [0, 1, 1]]


def _source(setting: TransferSetting, replicates: int, rng: np.random.Generator) -> FloatArray:
    # The source vector w~ of every replicate, shape (replicates, p).
    if setting.source_samples is None:
        w = np.zeros((replicates, setting.p))
        w[:, 0] = setting.source_length
        return w
    data = rng.standard_normal((replicates, setting.p, setting.source_samples))
    data[:, 0] += setting.mu
    return _ridge(data, setting.gamma_source, None)[..., 0]


def _ridge(data: FloatArray, gamma: float, prior: FloatArray | None) -> FloatArray:
    r"""The two parts of argmin_w (1/n) sum (1 - w.x_i)^2 + gamma ||w - alpha prior||^2, last axis (w_0, w_1).

    With X of shape (p, n): w_0 = (X X^T/n + gamma I)^-1 X 1/n and w_1 = gamma (X X^T/n + gamma I)^-1 prior;
    or, with the n x n matrix K = X^T X/n + gamma I where that is smaller, w_0 = X K^-1 1/n and w_1 = prior
    - X K^-1 X^T prior/n.  At gamma = 0 these are least squares and the interpolator nearest to alpha prior.
    """
    p, n = data.shape[1:]
    transposed = data.transpose(0, 2, 1)
    if p <= n:
        sides = [data.mean(axis=2)] + ([] if prior is None else [gamma * prior])
        return np.asarray(np.linalg.solve(_gram(data, n, gamma), np.stack(sides, axis=2)))
    sides = [np.full((len(data), n), 1.0 / n)]
    if prior is not None:
        sides.append(-(transposed @ prior[:, :, None])[..., 0] / n)
    w = data @ np.linalg.solve(_gram(transposed, n, gamma), np.stack(sides, axis=2))
    if prior is not None:
        w[..., 1] += prior
    return np.asarray(w)


def _gram(rows: FloatArray, n: int, gamma: float) -> FloatArray:
    gram = rows @ rows.transpose(0, 2, 1)
    gram /= n
    diagonal = np.arange(gram.shape[1])
    gram[:, diagonal, diagonal] += gamma
    return np.asarray(gram)
