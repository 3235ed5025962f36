"""Fine-tuning problems trained with softmax."""

from __future__ import annotations

import numpy as np

import rmt_alpha as ra

CLASSES = np.array([[1.6, 0.0, 0.0], [-0.6, 1.2, 0.0], [-0.4, -1.0, 0.8], [0.3, 0.5, -1.1]])
"""Class means in the first coordinates, a row for each class."""


def class_means(classes: int, p: int, rng: np.random.Generator) -> np.ndarray:
    """Means of length about one in all coordinates."""
    if classes > len(CLASSES):
        return 1.3 * rng.standard_normal((classes, p)) / np.sqrt(p)
    frame = np.linalg.qr(rng.standard_normal((p, 3)))[0]
    return np.asarray(CLASSES[:classes] @ frame.T)


def per_class(p: int, n: int, classes: int = 3, gamma: float = 0.05) -> ra.FineTuning:
    """Everything at once: a diagonal covariance for each class, priors, noisy labels, an intercept."""
    rng = np.random.default_rng([classes, p])
    means = class_means(classes, p, rng)
    spectra = [np.geomspace(0.3, 2.0, p), np.linspace(1.6, 0.4, p), np.linspace(0.2, 1.2, p)]
    priors = np.array([0.5, 0.3, 0.2]) if classes == 3 else np.full(classes, 1 / classes)
    target = ra.GaussianMixture(means, [spectra[c % 3] for c in range(classes)], priors)
    weights = 0.7 * means + rng.standard_normal((classes, p)) / np.sqrt(p) * 0.8
    return ra.FineTuning(
        target,
        ra.FixedSource(weights, outputs=classes),
        n,
        gamma,
        intercept=True,
        label_noise=[0.1, 0.2, 0.05] if classes == 3 else 0.1,
        loss="logistic",
    )


def shared(p: int, n: int, classes: int = 3, gamma: float = 0.1) -> ra.FineTuning:
    """One covariance, no intercept, a source that was trained with softmax on another mixture."""
    rng = np.random.default_rng([classes, p, 1])
    means = class_means(classes, p, rng)
    source = ra.GaussianMixture(
        means + 0.4 * rng.standard_normal((classes, p)) / np.sqrt(p), np.linspace(0.5, 1.5, p)
    )
    trained = ra.LossSource(source, 2 * n, 0.05, "logistic", intercept=True, label_noise=0.1)
    return ra.FineTuning(
        ra.GaussianMixture(means, np.linspace(0.2, 1.8, p)), trained, n, gamma, loss="logistic"
    )
