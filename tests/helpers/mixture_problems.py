"""Fine-tuning problems of every kind, small enough to draw many times."""

from __future__ import annotations

import numpy as np

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource, Source
from rmt_alpha.simulation.setting import alpha_components


def vectors(rng: np.random.Generator, count: int, p: int, length: float) -> np.ndarray:
    """Random directions of a given expected length."""
    return length * rng.standard_normal((count, p)) / np.sqrt(p)


def spiked(rng: np.random.Generator, p: int) -> np.ndarray:
    """A full covariance, far from the identity."""
    root = rng.standard_normal((p, 2 * p)) / np.sqrt(2 * p)
    return root @ root.T + 4.0 * np.outer(*[vectors(rng, 1, p, 1.0)[0]] * 2)


def singular(rng: np.random.Generator, p: int) -> np.ndarray:
    """A covariance of rank p/2."""
    root = rng.standard_normal((p, p // 2)) / np.sqrt(p // 2)
    return root @ root.T


def balanced(p: int, n: int) -> FineTuning:
    """Two balanced classes, one diagonal covariance, known source."""
    rng = np.random.default_rng(1)
    mean = vectors(rng, 1, p, 1.5)[0]
    target = GaussianMixture.symmetric(mean, np.linspace(0.3, 2.0, p))
    return FineTuning(target, FixedSource(mean + vectors(rng, 1, p, 1.0)[0]), n=n, gamma=0.3)


def per_class(p: int, n: int) -> FineTuning:
    """Two classes that differ in size, covariance and label noise; intercept."""
    rng = np.random.default_rng(2)
    means = vectors(rng, 2, p, 1.2) + 0.5 / np.sqrt(p)
    target = GaussianMixture(means, [spiked(rng, p), np.linspace(0.2, 1.5, p)], [0.3, 0.7])
    source = FixedSource(means[1] - means[0] + vectors(rng, 1, p, 0.8)[0])
    return FineTuning(target, source, n=n, gamma=0.2, intercept=True, label_noise=[0.1, 0.2])


def two_sources(p: int, n: int) -> FineTuning:
    """Two known sources of different alignment, unbalanced classes without an intercept."""
    rng = np.random.default_rng(3)
    means = vectors(rng, 2, p, 1.0)
    difference = means[1] - means[0]
    weights = np.stack([0.5 * difference, vectors(rng, 1, p, 1.0)[0] - 0.2 * difference])
    target = GaussianMixture(means, [0.5, 1.5], [0.4, 0.6])
    return FineTuning(target, FixedSource(weights), n=n, gamma=0.5)


def trained_source(p: int, n: int) -> FineTuning:
    """A ridge source trained on its own mixture, with its own covariance, imbalance, noise and intercept."""
    rng = np.random.default_rng(4)
    means = vectors(rng, 2, p, 1.2)
    own = GaussianMixture(means + vectors(rng, 2, p, 0.5), singular(rng, p), [0.6, 0.4])
    source = RidgeSource(own, 3 * n // 2, 0.1, intercept=True, label_noise=0.1)
    target = GaussianMixture(means, np.linspace(0.2, 1.8, p), [0.5, 0.5])
    return FineTuning(target, source, n=n, gamma=0.1)


def mixed_sources(p: int, n: int) -> FineTuning:
    """A trained source, two known ones and the limit of a long one: alpha has four components."""
    rng = np.random.default_rng(7)
    means = vectors(rng, 2, p, 1.2)
    target = GaussianMixture(means, spiked(rng, p), [0.45, 0.55])
    near = GaussianMixture(means + vectors(rng, 2, p, 0.7), np.linspace(0.5, 1.5, p))
    far = GaussianMixture(vectors(rng, 2, p, 1.0), 1.2)
    sources: list[Source] = [
        RidgeSource(near, n, 0.3),
        FixedSource(vectors(rng, 2, p, 1.0)),
        RidgeSource(far, np.inf, 0.1),
    ]
    return FineTuning(target, sources, n=n, gamma=0.4, intercept=True)


def three_classes(p: int, n: int) -> FineTuning:
    """K = 3, one-hot, own covariances, imbalance, noise, intercept, a trained source."""
    rng = np.random.default_rng(5)
    means = vectors(rng, 3, p, 1.5)
    own = GaussianMixture(means + vectors(rng, 3, p, 0.5), np.linspace(0.2, 1.8, p))
    target = GaussianMixture(
        means, [spiked(rng, p), np.linspace(0.3, 1.5, p), np.array(0.8)], [0.2, 0.3, 0.5]
    )
    return FineTuning(
        target, RidgeSource(own, 2 * n, 0.2), n=n, gamma=0.2, intercept=True, label_noise=[0.0, 0.1, 0.2]
    )


def four_classes(p: int, n: int) -> FineTuning:
    """K = 4, one-hot, two known sources."""
    rng = np.random.default_rng(6)
    means = vectors(rng, 4, p, 2.0)
    weights = np.stack([0.3 * means, vectors(rng, 4, p, 0.5)])
    return FineTuning(GaussianMixture(means), FixedSource(weights, outputs=4), n=n, gamma=0.4)


PROBLEMS = {
    make.__name__: make
    for make in (balanced, per_class, two_sources, trained_source, mixed_sources, three_classes, four_classes)
}


def alphas(problem: FineTuning) -> np.ndarray:
    """Three alphas of the shape that the problem asks for."""
    line = np.array([0.0, 0.8, -1.0])
    count = alpha_components(problem)
    if count is None:
        return line
    return np.stack([line, 0.5 - line, 0.3 * line, 1.0 + line][:count], axis=1)
