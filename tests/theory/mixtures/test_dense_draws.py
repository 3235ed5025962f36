"""Theory of mixtures against classifiers trained on random matrices.

A quantity of size p is limit + b/p + O(1/p^2) on average over draws.  With D(p) = simulated - theory, 2
D(2p) - D(p) has mean O(1/p^2), a hundredth of the standard error here, and the standard error that both
have together.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from mixture_reference import simulate, statistics, train
from mixture_worlds import WORLDS, World

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.theory.mixtures.curve import MixtureCurve

P, DRAWS, LIMIT = 40, 400, 4.5
"""Smaller size; draws at each size; largest |z|: dozens of standard normals exceed 4.5 once in 4000 runs."""


def theory(problem: FineTuning, alphas: np.ndarray) -> dict[str, np.ndarray]:
    curve = problem.curve()
    assert isinstance(curve, MixtureCurve)
    alpha = alphas[:, 0] if curve.single else alphas
    mean = curve.class_mean(alpha)
    return {
        "mean": mean if mean.ndim == 3 else mean[..., None],
        "covariance": curve.class_covariance(alpha),
        "accuracy": np.asarray(curve.accuracy(alpha)),
        "class accuracy": curve.class_accuracy(alpha),
        "risk": np.asarray(curve.risk(alpha)),
    }


@cache
def simulated(name: str) -> list[tuple[World, dict[str, np.ndarray]]]:
    """Both sizes of a world, each with its draws."""
    result = []
    for p in (P, 2 * P):
        world = WORLDS[name](p, np.random.default_rng(p))
        draws = simulate(world.target, world.alphas, DRAWS, 1, source=world.source, prior=world.prior)
        result.append((world, statistics(world.target, draws)))
    return result


def z_scores(name: str, mistake: str | None = None) -> dict[str, np.ndarray]:
    found = []
    for world, draws in simulated(name):
        problem = world.problem if mistake is None else world.wrong[mistake]
        expected = theory(problem, world.alphas)
        found.append(
            {key: (x.mean(axis=0) - expected[key], x.var(axis=0) / DRAWS) for key, x in draws.items()}
        )
    small, large = found
    return {
        key: (2 * large[key][0] - small[key][0]) / np.sqrt(4 * large[key][1] + small[key][1]) for key in small
    }


@pytest.mark.parametrize("name", WORLDS)
def test_theory_agrees_with_trained_classifiers(name):
    for key, z in z_scores(name).items():
        assert np.abs(z).max() < LIMIT, key


MISTAKES = [(name, mistake) for name in WORLDS for mistake in WORLDS[name](8, np.random.default_rng(0)).wrong]


@pytest.mark.parametrize(("name", "mistake"), MISTAKES)
def test_a_forgetful_theory_would_be_caught(name, mistake):
    assert max(np.abs(z).max() for z in z_scores(name, mistake).values()) > 2 * LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_bias_falls_in_proportion_to_size(name):
    """Without any extrapolation: at size 8 P a few errors are left, and 1/8 of the bias at P."""
    sizes = []
    for p in (P, 8 * P):
        world = WORLDS[name](p, np.random.default_rng(p))
        draws = simulate(world.target, world.alphas, 800, 2, source=world.source, prior=world.prior)
        found, expected = statistics(world.target, draws), theory(world.problem, world.alphas)
        sizes.append(
            {k: (x.mean(axis=0) - expected[k], x.std(axis=0) / np.sqrt(800)) for k, x in found.items()}
        )
    small, large = sizes
    for key in small:
        allowed = LIMIT * (large[key][1] + small[key][1] / 8) + np.abs(small[key][0]).max() / 4
        assert (np.abs(large[key][0]) < allowed).all(), key


@pytest.mark.parametrize("name", ["per class", "three classes"])
def test_the_judge_trains_what_scikit_learn_trains(name):
    linear_model = pytest.importorskip("sklearn.linear_model")
    world = WORLDS[name](12, np.random.default_rng(0))
    outputs = 3 if world.target.one_hot else 1
    prior = np.random.default_rng(1).standard_normal((1, outputs, 12))
    w, b = train(world.target, prior, np.random.default_rng(2))
    from mixture_reference import sample

    x, t = sample(world.target, np.random.default_rng(2))
    n, gamma = world.target.n, world.target.gamma
    for alpha in (0.0, 1.5):
        ridge = linear_model.Ridge(alpha=n * gamma, fit_intercept=world.target.intercept)
        ridge.fit(x, t - x @ (alpha * prior[0]).T)
        np.testing.assert_allclose(
            ridge.coef_.reshape(outputs, -1) + alpha * prior[0], w[0] + alpha * w[1], atol=1e-9
        )
        np.testing.assert_allclose(ridge.intercept_, b[0] + alpha * b[1], atol=1e-9)
