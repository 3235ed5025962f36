"""Accuracy averaged over draws: exact for Gaussian weights, and right where few directions are strong."""

from __future__ import annotations

import numpy as np
import pytest
from random_problems import KINDS, random_problem
from scipy import special

import rmt_alpha as ra
from rmt_alpha.errors import NotAvailable
from rmt_alpha.theory.error_bars.expected import WeightLaw

ALPHAS = np.array([0.0, 0.2])


def few_directions(n: int, strong: int, gamma: float, size: float, p: int = 200, loss: str = "squared"):
    """One direction or two with half of the variance of the score, the class means in all the others."""
    share = np.sqrt(strong / (p - strong)) / (1 + gamma)
    spectrum = np.ones(p)
    spectrum[strong:] = gamma * share / (1 - share)
    mean = np.zeros(p)
    mean[strong:] = size / np.sqrt(p - strong)
    target = ra.GaussianMixture.symmetric(mean, spectrum)
    return ra.FineTuning(target, ra.FixedSource(mean), n=n, gamma=gamma, loss=loss)


@pytest.mark.parametrize("full", [False, True])
def test_average_over_gaussian_weights(full):
    """Against weights that are drawn: an error of four standard errors, 4 x 1e-3."""
    rng = np.random.default_rng(1)
    p, draws = 3, 40_000
    weights, mean = rng.standard_normal((2, p))
    roots = [np.diag(rng.uniform(0.3, 1.5, p)) + full * rng.standard_normal((p, p)) / 3 for _ in range(2)]
    spread, covariance = (root @ root.T for root in roots)
    drawn = weights + rng.standard_normal((draws, p)) @ roots[0].T
    margins = (drawn @ mean + 0.3) / np.sqrt(np.einsum("ni,ij,nj->n", drawn, covariance, drawn))
    accuracy = special.ndtr(margins)
    if not full:
        spread, covariance = np.diagonal(spread), np.diagonal(covariance)
    found = WeightLaw(weights, spread, 0.3).positive(mean, covariance)
    assert found == pytest.approx(accuracy.mean(), abs=4 * accuracy.std() / np.sqrt(draws))
    # Weights that do not vary: the accuracy itself.
    certain = WeightLaw(weights, 0 * spread, 0.3).positive(mean, covariance)
    plain = (weights @ mean + 0.3) / np.sqrt(
        weights @ (covariance @ weights if full else covariance * weights)
    )
    assert certain == pytest.approx(special.ndtr(plain), abs=1e-13)


def test_one_strong_direction():
    """Without the correction 1.3 and 1.6 points too low (of 75 and 79), with it right to .3 points."""
    problem = few_directions(40, 1, 1.0, 0.3, p=100)
    run, curve = ra.simulate(problem, ALPHAS, replicates=2000, rng=2), problem.curve()
    allowed = 3e-3 + 4 * np.asarray(run.accuracy_stderr)
    assert (abs(run.accuracy - curve.expected_accuracy(ALPHAS)) < allowed).all()
    assert (abs(run.accuracy - curve.accuracy(ALPHAS)) > allowed).all()


@pytest.mark.slow
@pytest.mark.parametrize("n", [40, 100])
@pytest.mark.parametrize("strong", [1, 2])
@pytest.mark.parametrize("gamma", [1.0, 3.0])
@pytest.mark.parametrize("size", [0.15, 0.3, 0.5])
def test_few_strong_directions(n, strong, gamma, size):
    problem = few_directions(n, strong, gamma, size)
    run = ra.simulate(problem, ALPHAS, replicates=2500, rng=2)
    error = abs(run.accuracy - problem.curve().expected_accuracy(ALPHAS))
    assert (error < 3e-3 + 3 * np.asarray(run.accuracy_stderr)).all()


@pytest.mark.slow
def test_one_strong_direction_with_the_logistic_loss():
    problem = few_directions(100, 1, 0.3, 0.3, loss="logistic")
    run, curve = ra.simulate(problem, ALPHAS, replicates=1000, rng=2), problem.curve()
    assert (abs(run.accuracy - curve.expected_accuracy(ALPHAS)) < 3e-3 + 4 * run.accuracy_stderr).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "classes" not in kind])
def test_many_weak_directions_need_no_correction(kind):
    """The difference is of order 1/n: of size 1/n here, and half as much at twice the size."""
    problem = random_problem(np.random.default_rng(5), kind, 200, 200)
    alpha = 0.5 if problem.components is None else np.full(2, 0.5)
    curve = problem.curve()
    assert curve.expected_accuracy(alpha) == pytest.approx(curve.accuracy(alpha), abs=2 / problem.n)


def test_refused_for_more_classes_and_the_isotropic_model():
    problem = random_problem(np.random.default_rng(5), "classes, shared", 20, 20)
    with pytest.raises(NotAvailable, match="known for one score"):
        problem.curve().expected_accuracy(1.0)
    with pytest.raises(NotAvailable, match="from_transfer"):
        ra.TransferProblem(0.5, p=20, n=20).curve().expected_accuracy(1.0)
