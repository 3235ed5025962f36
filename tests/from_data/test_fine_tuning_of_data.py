"""`ProblemEstimate.fine_tuning`: the estimated problem says what the estimate says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

import rmt_alpha as ra
from rmt_alpha.from_data.plug_in.population import Population

P, N = 120, 160
RNG = np.random.default_rng(5)
SPECTRUM = np.concatenate([[6.0], np.linspace(0.3, 2.0, P - 1)])
MEAN = 1.5 * RNG.standard_normal(P) / np.sqrt(P)
SOURCE = MEAN + 0.8 * RNG.standard_normal(P) / np.sqrt(P)
LABELS = np.repeat([-1, 1], N // 2)
SAMPLES = LABELS[:, None] * MEAN + np.sqrt(SPECTRUM) * RNG.standard_normal((N, P))
ALPHAS = np.array([-0.5, 0.0, 0.5, 1.0, 3.0])
RULES = (False, True, "shrunk")


def estimated(rule=False):
    return ra.estimate_problem(SAMPLES, LABELS, SOURCE, fit_intercept=rule)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("gamma", [0.01, 1.0, 30.0])
def test_it_is_the_law_of_the_population(rule, gamma):
    estimate = estimated(rule)
    population, spectrum = estimate.population, estimate.population.spectrum
    problem = estimate.fine_tuning(gamma)
    # With eigenvalues as often as they are there now, exactly.
    values, counts = np.unique(problem.target.covariances[1], return_counts=True)
    np.testing.assert_allclose(values, spectrum.values, rtol=1e-12)
    rounded = type(spectrum)(spectrum.values, counts / counts.sum(), P)
    law = Population(rounded, population.density, population.products).moments(gamma, N)
    points = np.stack([np.ones_like(ALPHAS), ALPHAS])
    mean, second = law.line @ points, np.einsum("ai,ab,bi->i", points, law.gram, points)
    curve = problem.curve()
    np.testing.assert_allclose(curve.mean(ALPHAS), mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(curve.accuracy(ALPHAS), ndtr(mean / np.sqrt(second)), atol=1e-9)
    assert abs(curve.accuracy(ALPHAS * 1.1) - curve.accuracy(ALPHAS)).max() > 1e-4, "the check could not fail"
    # And that is what rounding does to the sums from which all of theory comes.
    lacking = np.maximum(2 - np.diff(np.rint(np.cumsum(spectrum.masses) * P), prepend=0), 0).sum()
    for kappa in np.geomspace(1e-3, 1e3, 13):
        share = spectrum.values / (spectrum.values + kappa)
        for power in (share, share**2):
            assert abs((counts - P * spectrum.masses) @ power) <= 0.5 + lacking


def test_its_numbers_are_those_of_the_estimate():
    estimate = estimated()
    problem = estimate.fine_tuning(1.0, n=400)
    weights, mean, spectrum = problem.source.weights, problem.target.means[1], problem.target.covariances[1]
    assert (problem.n, problem.target.p) == (400, P)
    assert mean @ mean == pytest.approx(estimate.mean_norm2.value, rel=1e-9)
    assert weights @ mean == pytest.approx(estimate.overlap.value, rel=1e-9)
    assert weights @ weights == pytest.approx(SOURCE @ SOURCE, rel=1e-9)
    assert spectrum * weights @ weights == pytest.approx(estimate.source_variance.value, rel=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_it_agrees_with_the_curve_within_its_error(rule):
    estimate = estimated(rule)
    curve = estimate.fine_tuning(1.0).curve()
    for alpha in (0.0, 0.5, 1.0):
        stated = estimate.accuracy(alpha, 1.0)
        assert abs(curve.accuracy(alpha) - stated.value) < 3 * stated.stderr + 1 / N


def test_everything_can_be_asked_of_it():
    problem = estimated().fine_tuning(0.5, loss="logistic")
    assert isinstance(
        problem.curve(), type(ra.FineTuning(problem.target, problem.source, 9, 1, loss="hinge").curve())
    )
    assert 0 < problem.equivalent_samples(0.2) < np.inf
    with pytest.raises(ValueError, match="gamma"):
        estimated().fine_tuning(-1.0)


def test_a_lone_strong_direction_keeps_its_inner_products():
    # A spike has mass 1/p: mean and source, at an angle, need two dimensions there, and one is taken from
    # the neighbours.
    estimate = estimated()
    spectrum = type(estimate.population.spectrum)(np.array([1.0, 50.0]), np.array([1 - 1 / P, 1 / P]), P)
    products = np.array([[2.0, 0.5], [0.5, 1.0]])
    variances, mean, sources = Population(spectrum, np.array([0.3, 0.7]), products).realised()
    assert len(variances) == P
    assert (variances == 50).sum() == 2
    strong = variances == 50
    assert mean[strong] @ mean[strong] == pytest.approx(1.4)
    assert mean[strong] @ sources[0][strong] == pytest.approx(0.35)


def test_a_single_feature():
    sample = LABELS[:, None] * 0.7 + np.random.default_rng(1).standard_normal((N, 1))
    problem = ra.estimate_problem(sample, LABELS, [0.4], fit_intercept=False).fine_tuning(1.0)
    assert problem.target.p == 1
    assert problem.curve().accuracy(1.0) == pytest.approx(ndtr(0.7), abs=0.1)
