"""Problems beside the plain arrays to simulate them with, at any size with one and the same limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from mixture_reference import Data

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource


@dataclass(frozen=True)
class World:
    """A problem, the same problem as arrays, and what a theory that forgets something would predict."""

    problem: FineTuning
    target: Data
    alphas: np.ndarray
    wrong: dict[str, FineTuning]
    prior: np.ndarray | None = None
    source: Data | None = None


Maker = Callable[[int, np.random.Generator], World]


def vector(rng: np.random.Generator, p: int, length: float) -> np.ndarray:
    v = rng.standard_normal(p)
    return length * v / np.linalg.norm(v)


def rotated(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """A full covariance with these eigenvalues."""
    q = np.linalg.qr(rng.standard_normal((len(values),) * 2))[0]
    c = (q * values) @ q.T
    return (c + c.T) / 2


def roots(covariances: list[np.ndarray]) -> np.ndarray:
    def root(c: np.ndarray) -> np.ndarray:
        if c.ndim == 1:
            return np.diag(np.sqrt(c))
        values, vectors = np.linalg.eigh(c)
        return vectors * np.sqrt(np.maximum(values, 0))

    return np.stack([root(c) for c in covariances])


def symmetric(mean: np.ndarray, c: np.ndarray, n: int, gamma: float) -> Data:
    return Data(np.stack([-mean, mean]), roots([c, c]), np.full(2, 0.5), n, gamma)


def shared_anisotropic(p: int, rng: np.random.Generator) -> World:
    """One full covariance, balanced classes, fixed source."""
    n, gamma = 3 * p // 2, 0.2
    mean, c = vector(rng, p, 1.5), rotated(rng, np.geomspace(0.1, 3, p))
    w = 0.5 * mean + vector(rng, p, 0.5)
    problem = FineTuning(GaussianMixture.symmetric(mean, c), FixedSource(w), n, gamma)
    wrong = {
        "covariance that is a multiple of the identity": replace(
            problem, target=GaussianMixture.symmetric(mean, np.trace(c) / p)
        ),
        "total ridge taken for ridge per sample": replace(problem, gamma=gamma / 2),
    }
    alphas = np.array([[-1.0], [0.0], [1.0], [2.0]])
    return World(problem, symmetric(mean, c, n, gamma), alphas, wrong, prior=w[None, None])


def per_class(p: int, rng: np.random.Generator) -> World:
    """Two full covariances, unbalanced, intercept, label noise, means off centre."""
    n, gamma, priors, noise = 2 * p, 0.3, np.array([0.2, 0.8]), np.array([0.1, 0.05])
    means = vector(rng, p, 1.0) + np.stack([vector(rng, p, 1.2), vector(rng, p, 1.5)])
    cs = [rotated(rng, np.geomspace(0.2, 2, p)), rotated(rng, np.geomspace(0.5, 4, p))]
    w = 0.3 * (means[1] - means[0]) + vector(rng, p, 0.4)
    target = GaussianMixture(means, cs, priors)
    problem = FineTuning(target, FixedSource(w), n, gamma, intercept=True, label_noise=noise)
    wrong = {
        "pooled covariance": replace(
            problem, target=GaussianMixture(means, priors[0] * cs[0] + priors[1] * cs[1], priors)
        ),
        "labels without noise": replace(problem, label_noise=np.zeros(2)),
        "label noise of the classes exchanged": replace(problem, label_noise=noise[::-1]),
        "no intercept": replace(problem, intercept=False),
        "balanced classes": replace(problem, target=GaussianMixture(means, cs)),
    }
    data = Data(means, roots(cs), priors, n, gamma, True, noise)
    return World(problem, data, np.array([[0.0], [1.0], [3.0]]), wrong, prior=w[None, None])


def no_intercept(p: int, rng: np.random.Generator) -> World:
    """Diagonal covariances that differ, unbalanced, no intercept, more dimensions than samples."""
    n, gamma, priors = p // 2, 0.05, np.array([0.65, 0.35])
    means = np.stack([vector(rng, p, 1.0), vector(rng, p, 2.0)])
    cs = [np.geomspace(0.2, 2, p), np.geomspace(3, 0.3, p)]
    w = vector(rng, p, 0.3) + 0.2 * means[1]
    problem = FineTuning(GaussianMixture(means, cs, priors), FixedSource(w), n, gamma)
    wrong = {
        "covariances exchanged": replace(problem, target=GaussianMixture(means, cs[::-1], priors)),
        "intercept": replace(problem, intercept=True),
    }
    data = Data(means, roots(cs), priors, n, gamma)
    return World(problem, data, np.array([[0.0], [1.0], [-2.0]]), wrong, prior=w[None, None])


def two_sources(p: int, rng: np.random.Generator) -> World:
    """Two fixed sources of different alignment."""
    n, gamma, mean, c = p, 0.4, vector(rng, p, 1.5), np.geomspace(0.2, 2, p)
    ws = np.stack([0.6 * mean + vector(rng, p, 0.5), -0.2 * mean + vector(rng, p, 0.7)])
    problem = FineTuning(GaussianMixture.symmetric(mean, c), FixedSource(ws), n, gamma)
    wrong = {"sources exchanged": replace(problem, source=FixedSource(ws[::-1]))}
    alphas = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, -1.0], [0.0, 2.0]])
    return World(problem, symmetric(mean, c, n, gamma), alphas, wrong, prior=ws[:, None])


def ridge_source(p: int, rng: np.random.Generator) -> World:
    """A source trained on its own anisotropic, noisy, unbalanced data, in an eigenbasis of its own."""
    n, gamma, big = p, 0.3, 3 * p // 2
    mean = vector(rng, p, 1.5)
    own = np.stack([-mean + vector(rng, p, 0.5), mean + vector(rng, p, 0.5)])
    c, cs = np.geomspace(0.2, 2, p), rotated(rng, np.geomspace(0.1, 3, p))
    priors, noise = np.array([0.4, 0.6]), np.array([0.1, 0.0])
    source = RidgeSource(GaussianMixture(own, cs, priors), big, 0.1, intercept=True, label_noise=noise)
    problem = FineTuning(GaussianMixture.symmetric(mean, c), source, n, gamma)
    average = source.law.task.basis.vectors_from(source.law.weights[0])
    wrong = {
        "source without its noise": replace(problem, source=FixedSource(average)),
        "labels of the source without noise": replace(
            problem, source=replace(source, label_noise=np.zeros(2))
        ),
    }
    trained = Data(own, roots([cs, cs]), priors, big, 0.1, True, noise)
    alphas = np.array([[0.0], [1.0], [3.0]])
    return World(problem, symmetric(mean, c, n, gamma), alphas, wrong, source=trained)


def three_classes(p: int, rng: np.random.Generator) -> World:
    """K = 3, one-hot: own covariances, unbalanced, noisy labels, intercept, a trained source."""
    n, gamma, priors, noise = 2 * p, 0.2, np.array([0.2, 0.3, 0.5]), np.array([0.0, 0.2, 0.1])
    means = np.stack([vector(rng, p, 1.5) for _ in range(3)])
    cs = [np.geomspace(0.2, 2, p), np.geomspace(1.5, 0.5, p), rotated(rng, np.geomspace(0.3, 1, p))]
    own = means + np.stack([vector(rng, p, 0.5) for _ in range(3)])
    target = GaussianMixture(means, cs, priors)
    source = RidgeSource(GaussianMixture(own, 0.8), p, 0.2)
    problem = FineTuning(target, source, n, gamma, intercept=True, label_noise=noise)
    wrong = {
        "labels without noise": replace(problem, label_noise=np.zeros(3)),
        "source without its noise": replace(problem, source=FixedSource(source.law.weights, outputs=3)),
        "one covariance for all": replace(problem, target=GaussianMixture(means, cs[0], priors)),
    }
    data = Data(means, roots(cs), priors, n, gamma, True, noise, True)
    trained = Data(own, roots([np.full(p, 0.8)] * 3), np.full(3, 1 / 3), p, 0.2, one_hot=True)
    return World(problem, data, np.array([[0.0], [1.0]]), wrong, source=trained)


def ridgeless(p: int, rng: np.random.Generator) -> World:
    """gamma = 0 with more dimensions than samples: minimum-norm interpolation from the source."""
    n, mean, c = p // 2, vector(rng, p, 1.5), np.geomspace(0.2, 2, p)
    w = 0.5 * mean + vector(rng, p, 0.5)
    problem = FineTuning(GaussianMixture.symmetric(mean, c), FixedSource(w), n, 0.0)
    wrong = {"a ridge": replace(problem, gamma=0.1)}
    alphas = np.array([[0.0], [1.0]])
    return World(problem, symmetric(mean, c, n, 1e-9), alphas, wrong, prior=w[None, None])


WORLDS: dict[str, Maker] = {
    "shared anisotropic": shared_anisotropic,
    "per class": per_class,
    "no intercept": no_intercept,
    "two sources": two_sources,
    "ridge source": ridge_source,
    "three classes": three_classes,
    "ridgeless": ridgeless,
}
