"""Simulated classifiers of mixtures, one by one: trained anew for every alpha, scored on a large test set."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mixture_problems import PROBLEMS, alphas
from sklearn.linear_model import Ridge

import rmt_alpha as ra
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.simulation.mixtures.draws import MixtureDraws
from rmt_alpha.simulation.mixtures.orthant import POINTS_TOLERANCE
from rmt_alpha.simulation.mixtures.stage import Stage
from rmt_alpha.simulation.samplers import choose_sampler
from rmt_alpha.simulation.setting import mixture_setting

P, N = 12, 15
TEST = 30_000


def matrix(entries, p=P):
    return entries if np.ndim(entries) == 2 else entries * np.eye(p)


def trained(stage, prior, rng):
    """scikit-learn's ridge on the next draw of the data: what the prior leaves over is fitted."""
    x, labels = stage.draw("fixed", rng)
    t = stage.targets[labels]
    model = Ridge(alpha=stage.n * stage.gamma, fit_intercept=stage.intercept, solver="svd")
    model.fit(x.T, t - x.T @ prior)
    return model.coef_.T.reshape(prior.shape) + prior, model.intercept_


def classifiers(problem, alpha, seed):
    """Weights (p, q) and intercept at one alpha, from the data that `draw` makes of a seed."""
    setting = mixture_setting(problem)
    q = setting.target.outputs
    rng = np.random.default_rng(seed)
    sources = [
        trained(source, np.zeros((P, q)), rng)[0] if isinstance(source, Stage) else source
        for source in setting.sources
    ]
    prior = np.tensordot(np.hstack(sources).reshape(P, -1, q), np.atleast_1d(alpha), (1, 0))
    return trained(setting.target, prior, rng)


def draw(problem, seed, alpha):
    setting = mixture_setting(problem)
    arrays = choose_sampler(problem, "dense", None, "fixed").draw(np.empty(0), 1, seed).arrays
    target = setting.target
    return MixtureDraws(alpha, setting.components, target.priors, target.targets, *arrays)


@pytest.fixture(params=PROBLEMS, scope="module")
def problem(request):
    return PROBLEMS[request.param](P, N)


def test_one_training_serves_every_alpha(problem):
    seed, values = np.random.SeedSequence(7), alphas(problem)
    draws = draw(problem, seed, values)
    target = problem.target
    for i, alpha in enumerate(values):
        w, b = classifiers(problem, alpha, seed)
        mean = target.means @ w + b
        variance = np.array([np.diag(w.T @ matrix(c) @ w) for c in target.covariances])
        if w.shape[1] == 1:
            mean, variance = mean[:, 0], variance[:, 0]
        # Ridges of 0.1 and more against eigenvalues of 10: condition 1e2, and terms that cancel.
        assert np.allclose(draws.class_mean[0, i], mean, rtol=1e-11, atol=1e-11)
        assert np.allclose(draws.class_variance[0, i], variance, rtol=1e-11, atol=1e-11)


def test_scores_of_a_large_test_set(problem):
    seed, values = np.random.SeedSequence(8), alphas(problem)
    draws = draw(problem, seed, values)
    target, rng = problem.target, np.random.default_rng(9)
    classes = len(target.means)
    for i, alpha in enumerate(values):
        w, b = classifiers(problem, alpha, seed)
        one_hot = w.shape[1] > 1
        targets = np.eye(classes) if one_hot else np.array([[-1.0], [1.0]])
        right, loss, loss_variance = np.zeros(classes), np.zeros(classes), np.zeros(classes)
        for c in range(classes):
            # Only the scores of the fresh samples are needed, but the samples are what is drawn.
            root = np.linalg.cholesky(matrix(target.covariances[c]))
            x = target.means[c] + rng.standard_normal((TEST, P)) @ root.T
            scores = x @ w + b
            decided = scores.argmax(axis=1) if one_hot else (scores[:, 0] > 0).astype(int)
            right[c] = np.mean(decided == c)
            losses = ((scores - targets[c]) ** 2).sum(axis=1)
            loss[c], loss_variance[c] = losses.mean(), losses.var() / TEST
        spread = right * (1 - right) / TEST + 1e-10
        assert (np.abs(draws.class_accuracy[0, i] - right) < 5 * np.sqrt(spread)).all()
        assert abs(draws.accuracy[0, i] - target.priors @ right) < 5 * math.sqrt(target.priors**2 @ spread)
        assert abs(draws.risk[0, i] - target.priors @ loss) < 5 * math.sqrt(target.priors**2 @ loss_variance)


@pytest.mark.parametrize("criterion", ["accuracy", "risk"])
@pytest.mark.parametrize("name", ["balanced", "per_class", "trained_source", "three_classes"])
def test_best_alpha_is_best(name, criterion):
    problem = PROBLEMS[name](P, N)
    draws = ra.simulate(problem, 0.0, replicates=8, rng=1).draws
    best = draws.optimal_alpha(criterion)
    assert best.shape == (8,)
    sign = 1 if criterion == "accuracy" else -1
    everywhere = np.tan(np.linspace(-np.pi / 2, np.pi / 2, 4001)[1:-1])
    values = sign * getattr(draws.at(everywhere), criterion)
    for r in range(8):
        ends = best[r] if np.isfinite(best[r]) else np.sign(best[r]) * 1e9
        found = sign * getattr(draws.at(ends), criterion)[r]
        # At infinity 1e9 stands for the limit.
        assert found >= values[r].max() - (1e-12 if np.isfinite(best[r]) else 1e-8)


def test_best_alpha_of_several_sources():
    problem = PROBLEMS["two_sources"](P, N)
    draws = ra.simulate(problem, [0.0, 0.0], replicates=5, rng=1).draws
    best = draws.optimal_alpha("risk")
    assert best.shape == (5, 2)
    steps = np.random.default_rng(0).standard_normal((200, 2))
    for r in range(5):
        near = draws.at(best[r] + steps * np.logspace(-3, 1, 200)[:, None])
        assert (near.risk[r] >= draws.at(best[r]).risk[r]).all()
    with pytest.raises(ValueError, match=r"searched for one source only, got 2; use criterion='risk'"):
        draws.optimal_alpha()
    with pytest.raises(ValueError, match="criterion must be one of"):
        draws.optimal_alpha("speed")


def test_best_alpha_without_influence_is_zero():
    problem = PROBLEMS["balanced"](P, N)
    idle = FineTuning(problem.target, FixedSource(np.zeros(P)), n=N, gamma=0.3)
    draws = ra.simulate(idle, 0.0, replicates=3, rng=1).draws
    assert not draws.optimal_alpha().any()
    assert not draws.optimal_alpha("risk").any()


def test_a_zero_classifier_is_a_coin():
    for classes, outputs in ((2, 1), (2, 2), (3, 3), (5, 5)):
        targets = np.eye(classes) if outputs > 1 else np.array([[-1.0], [1.0]])
        draws = MixtureDraws(
            np.array([0.0, 1.0]), None, np.full(classes, 1 / classes), targets,
            np.zeros((1, classes, 2, outputs)), np.zeros((1, classes, 2, outputs, 2, outputs)),
        )  # fmt: skip
        assert np.allclose(draws.class_accuracy, 1 / classes, rtol=1e-14)
        assert np.allclose(draws.risk, 1.0, rtol=1e-14)


def test_many_classes_report_the_error_of_their_accuracy():
    rng = np.random.default_rng(0)
    means = 0.5 * rng.standard_normal((6, P))
    problem = FineTuning(GaussianMixture(means), FixedSource(means, outputs=6), n=N, gamma=0.3)
    draws = ra.simulate(problem, [0.0, 1.0], replicates=3, rng=1).draws
    assert isinstance(draws, MixtureDraws)
    assert 0 < draws.quadrature_error <= POINTS_TOLERANCE
    seed = np.random.SeedSequence(10)
    accuracy = draw(problem, seed, np.array([0.8])).class_accuracy[0, 0]
    w, b = classifiers(problem, 0.8, seed)
    for c in range(6):
        scores = (means[c] + rng.standard_normal((TEST, P))) @ w + b
        right = np.mean(scores.argmax(axis=1) == c)
        assert abs(right - accuracy[c]) < 5 * math.sqrt(right * (1 - right) / TEST) + 5 * POINTS_TOLERANCE
    two = ra.simulate(PROBLEMS["three_classes"](P, N), 1.0, replicates=3, rng=1).draws
    assert isinstance(two, MixtureDraws)
    assert two.quadrature_error == 0
