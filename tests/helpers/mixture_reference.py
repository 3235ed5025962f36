"""Ridge classifiers trained on random matrices, in plain numpy: the judge of the theory of mixtures.

Nothing here comes from the package.  A `World` holds arrays only; every draw makes data, trains, and
measures the law of the score of the classifier that came out, exactly, from its weights and the mixture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr


@dataclass(frozen=True)
class Data:
    """A mixture and how its training samples are used."""

    means: np.ndarray  # (K, p)
    roots: np.ndarray  # (K, p, p), C_a = root root^T
    priors: np.ndarray
    n: int
    gamma: float
    intercept: bool = False
    label_noise: np.ndarray = field(default_factory=lambda: np.zeros(1))
    one_hot: bool = False


@dataclass(frozen=True)
class Draws:
    """Per draw and alpha: mean (R, A, K, q), covariance (R, A, K, q, q) of scores, accuracy (R, A, K)."""

    mean: np.ndarray
    covariance: np.ndarray
    accuracy: np.ndarray


def sample(data: Data, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, p) and training targets (n, q), some labels wrong."""
    classes, p = data.means.shape
    label = rng.choice(classes, size=data.n, p=data.priors)
    x = data.means[label].copy()
    for c in range(classes):
        x[label == c] += rng.standard_normal((np.count_nonzero(label == c), p)) @ data.roots[c].T
    noise = np.broadcast_to(data.label_noise, (classes,))
    wrong = rng.random(data.n) < noise[label]
    label = np.where(wrong, (label + rng.integers(1, classes, data.n)) % classes, label)
    return x, np.eye(classes)[label] if data.one_hot else 2.0 * label[:, None] - 1.0


def train(data: Data, prior: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights (1 + k, q, p) and intercepts (1 + k, q): the fit for prior 0, and its slope in every source."""
    x, t = sample(data, rng)
    x_mean, t_mean = (x.mean(axis=0), t.mean(axis=0)) if data.intercept else (0 * x[0], 0 * t[0])
    x, t = x - x_mean, t - t_mean
    p = x.shape[1]
    right = [x.T @ t / data.n, *(data.gamma * w.T for w in prior)]
    w = np.linalg.solve(x.T @ x / data.n + data.gamma * np.eye(p), np.concatenate(right, axis=1))
    w = np.moveaxis(w.reshape(p, len(right), -1), 0, 2)
    offset = np.concatenate([t_mean[None], 0 * np.zeros((len(prior), t.shape[1]))]) - w @ x_mean
    return w, offset if data.intercept else 0 * offset


def simulate(
    target: Data,
    alphas: np.ndarray,
    draws: int,
    seed: int,
    *,
    source: Data | None = None,
    prior: np.ndarray | None = None,
) -> Draws:
    """Train ``draws`` classifiers at every alpha, shape (A, k); a source given as data is trained again."""
    rng = np.random.default_rng(seed)
    mean, covariance = [], []
    for _ in range(draws):
        known = prior
        if source is not None:
            known = train(source, np.empty((0, 1, 1)), rng)[0][:1]
        assert known is not None
        w, b = train(target, known, rng)
        z = np.concatenate([np.ones((len(alphas), 1)), alphas], axis=1)
        at = np.tensordot(z, w, axes=1)  # (A, q, p)
        mean.append(np.einsum("aqp,kp->akq", at, target.means) + (z @ b)[:, None])
        spread = np.einsum("aqp,kpr->akqr", at, target.roots)
        covariance.append(spread @ np.swapaxes(spread, -1, -2))
    means, covariances = np.array(mean), np.array(covariance)
    return Draws(means, covariances, class_accuracy(means, covariances))


def class_accuracy(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """P(right | class) for Gaussian scores of two or three classes."""
    classes, outputs = mean.shape[-2:]
    if outputs == 1:
        return ndtr(np.array([-1, 1]) * mean[..., 0] / np.sqrt(covariance[..., 0, 0]))
    identity = np.eye(classes)
    right = []
    for c in range(classes):
        contrast = identity[c] - np.delete(identity, c, axis=0)
        m, s = mean[..., c, :] @ contrast.T, contrast @ covariance[..., c, :, :] @ contrast.T
        right.append(ndtr(m[..., 0] / np.sqrt(s[..., 0, 0])) if classes == 2 else both_positive(m, s))
    return np.stack(right, axis=-1)


def both_positive(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """P(x > 0, y > 0) by Gauss-Legendre quadrature over x, 9 standard deviations wide."""
    deviation = np.sqrt(covariance[..., 0, 0])[..., None]
    low = np.maximum(-mean[..., :1] / deviation, -9.0)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    x = low + (9.0 - low) * (nodes + 1) / 2
    slope = (covariance[..., 0, 1] / covariance[..., 0, 0])[..., None]
    rest = np.sqrt(covariance[..., 1, 1][..., None] - slope**2 * deviation**2)
    inner = ndtr((mean[..., 1:] + slope * deviation * x) / rest)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return (inner * density) @ weights * (9.0 - low[..., 0]) / 2


def statistics(target: Data, draws: Draws) -> dict[str, np.ndarray]:
    """Quantities of every draw, (R, ...): what the theory predicts the limit of."""
    clean = np.eye(len(target.means)) if target.one_hot else np.array([[-1.0], [1.0]])
    risk = ((clean - draws.mean) ** 2).sum(axis=-1) + np.trace(draws.covariance, axis1=-2, axis2=-1)
    return {
        "mean": draws.mean,
        "covariance": draws.covariance,
        "accuracy": draws.accuracy @ target.priors,
        "class accuracy": draws.accuracy,
        "risk": risk @ target.priors,
    }
