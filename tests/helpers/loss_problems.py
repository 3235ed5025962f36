"""Fine-tuning problems with two classes, for convex losses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from mixture_problems import balanced, per_class, trained_source, two_sources

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import Loss
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.theory.convex.curve import LossCurve

NAMES = ("logistic", "hinge", "squared_hinge", "huber")
MAKERS = {make.__name__: make for make in (balanced, per_class, two_sources, trained_source)}


def with_loss(problem: FineTuning, loss: str | Loss) -> FineTuning:
    return replace(problem, loss=loss)


def loss_curve(problem: FineTuning) -> LossCurve:
    curve = problem.curve()
    assert isinstance(curve, LossCurve)
    return curve


def alphas(problem: FineTuning) -> np.ndarray:
    """Both signs, of the shape that the problem asks for."""
    line = np.array([-1.5, 0.0, 1.0, 2.5])
    count = sum(source.count or 1 for source in problem.sources)
    return line if count == 1 else np.stack([line, 0.5 - line], axis=1)


def anywhere(rng: np.random.Generator, loss: str | Loss) -> tuple[FineTuning, float]:
    """Any problem in the range that is promised: gamma from 1e-4 to 1e4, p/n from 0.05 to 20."""
    p = 60
    eta, gamma = 10 ** rng.uniform(np.log10(0.05), np.log10(20)), 10 ** rng.uniform(-4, 4)
    means = rng.normal(size=(2, p)) / np.sqrt(p) * 10 ** rng.uniform(-1, 0.7)
    spectra = np.exp(rng.normal(size=(2, p)))
    share = rng.uniform(0.1, 0.9)
    target = GaussianMixture(means, list(spectra) if rng.random() < 0.5 else spectra[0], [share, 1 - share])
    weights = (means[1] - means[0]) * rng.normal() + rng.normal(size=p) / np.sqrt(p)
    problem = FineTuning(
        target,
        FixedSource(weights),
        n=p / eta,
        gamma=gamma,
        intercept=bool(rng.random() < 0.5),
        label_noise=float(rng.choice([0.0, 0.1, 0.3])),
        loss=loss,
    )
    return problem, float(rng.choice([-3.0, -1.0, 0.0, 0.5, 1.0, 5.0, 30.0]))
