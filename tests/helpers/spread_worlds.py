"""Gaussian classes with a spread-out spectrum, and draws of samples from them."""

from __future__ import annotations

import numpy as np


def world(p, *, seed=0, noise=0.1):
    """A mixture with a spread-out spectrum, its mean in the large directions, and a source near it."""
    rng = np.random.default_rng(seed)
    spectrum = 1 / np.sqrt(np.arange(1, p + 1))
    spectrum *= p / spectrum.sum()
    mean = rng.standard_normal(p) * np.sqrt(spectrum)
    mean *= 1.2 / np.linalg.norm(mean)
    return spectrum, mean, mean + noise * rng.standard_normal(p) * np.sqrt(spectrum), rng


def samples(n, spectrum, mean, rng, *, shift=0.0, count=300):
    y = np.where(np.arange(n) % 2, 1, -1)
    for _ in range(count):
        yield y[:, None] * mean + rng.standard_normal((n, mean.size)) * np.sqrt(spectrum) + shift, y
