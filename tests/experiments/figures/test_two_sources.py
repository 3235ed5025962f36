"""Two sources: the alpha vector that combines them, and the simulation."""

from __future__ import annotations

import numpy as np
import pytest
from half_size import half_size_z_scores, halved

import rmt_alpha as ra
from rmt_alpha.experiments.figures import two_sources as module
from rmt_alpha.experiments.figures.two_sources import CASES, CHOICES, problem, simulated_best
from rmt_alpha.simulation import simulate

SIGMAS = 4.0


def means(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the target's second class, and the weights of the sources."""
    one = problem(units)
    assert isinstance(one.source, ra.FixedSource)
    return one.target.means[1], one.source.weights


def test_sources_have_the_stated_geometry():
    for _, units in CASES:
        np.testing.assert_allclose(units @ units.T @ np.array([1, 0]), [1.0, units[0] @ units[1]], atol=1e-12)
        target, sources = means(units)
        assert target @ target == pytest.approx(module.LENGTH**2)
        np.testing.assert_allclose((sources * sources).sum(axis=1), module.SOURCE_LENGTH**2)
        expected = module.SOURCE_LENGTH**2 * units @ units.T
        np.testing.assert_allclose(sources @ sources.T, expected, atol=1e-12)
        np.testing.assert_allclose(
            sources @ target, module.SOURCE_LENGTH * module.LENGTH * units[:, 0], atol=1e-12
        )


def test_best_single_sources_are_those_of_the_isotropic_problem(quick):
    result = quick("two_sources")
    for i, (_, units) in enumerate(CASES):
        target, sources = means(units)
        for k in range(2):
            curve = ra.TransferProblem.from_source(
                sources[k], target, n=module.SAMPLES, gamma=module.GAMMA
            ).curve()
            assert result.choices[i, 1 + k, k] == pytest.approx(curve.optimal_alpha(), rel=1e-9, abs=1e-9)
            assert result.choices[i, 1 + k, 1 - k] == 0
            expected = curve.accuracy(curve.optimal_alpha())
            assert result.main.theory[i, 1 + k] == pytest.approx(expected, rel=1e-9)


def test_the_best_vector_is_the_maximum_of_the_map_and_has_the_expected_signs(quick):
    result = quick("two_sources")
    for i in range(len(CASES)):
        assert result.main.theory[i, 4] >= result.map.accuracy[i].max() - 1e-12
        row, column = np.unravel_index(np.argmax(result.map.accuracy[i]), result.map.accuracy[i].shape)
        # The first index of the map is alpha_2.
        spacing = result.alphas[1] - result.alphas[0]
        assert abs(result.alphas[column] - result.choices[i, 4, 0]) < spacing
        assert abs(result.alphas[row] - result.choices[i, 4, 1]) < spacing
        assert (result.main.theory[i, 4] > result.main.theory[i, :4] + 0.004).all()
    aligned, error = result.choices[:, 4]
    assert aligned[0] > aligned[1] > 0
    assert error[0] > 1
    assert error[1] < -1
    assert result.choices[1, 2, 1] == pytest.approx(0, abs=1e-12)  # alone it is worth nothing
    assert result.main.theory[1, 3] < result.main.theory[1, 0]  # and with alpha = 1 it harms


def test_the_best_vector_in_closed_form(quick):
    """In the isotropic model only the combined source u = alpha_1 w_1 + alpha_2 w_2 counts.

    With s = w.m and c the parts across the mean, the best alpha is proportional to C^-1 s, C = c c', and the
    scale is that of the single source u.
    """
    result = quick("two_sources")
    for i, (_, units) in enumerate(CASES):
        across = units[:, 1:] @ units[:, 1:].T
        direction = np.linalg.solve(across, units[:, 0])
        target, sources = means(units)
        curve = ra.TransferProblem.from_source(
            direction @ sources, target, n=module.SAMPLES, gamma=module.GAMMA
        ).curve()
        np.testing.assert_allclose(result.choices[i, 4], curve.optimal_alpha() * direction, rtol=1e-9)
        assert result.main.theory[i, 4] == pytest.approx(curve.accuracy(curve.optimal_alpha()), rel=1e-9)


def test_simulated_accuracies_agree_with_theory(quick):
    result = quick("two_sources")
    wrong = 0
    for i, (label, units) in enumerate(CASES):
        found = result.main.simulated[i], result.main.standard_error[i]
        theories = np.stack([result.main.theory[i], result.main.theory[1 - i]])  # the other pair of sources
        z = half_size_z_scores(problem(units), result.choices[i], theories, found, draws=1000, seed=900 + i)
        assert (np.abs(z[0]) < SIGMAS).all(), (label, z)
        wrong += int((np.abs(z[1]) > SIGMAS).sum())
    assert len(CHOICES) == 5
    assert wrong == 6  # no source, and source 1 alone, are the same in both cases


def test_simulated_best_vectors_agree_with_theory(quick):
    result = quick("two_sources")
    for i, (_, units) in enumerate(CASES):
        small = halved(problem(units))
        best = small.curve().optimal_alpha()
        draws = simulate(small, np.zeros(2), replicates=1000, rng=(9, i)).draws
        found, covariance = simulated_best(draws, best)
        difference = result.optima.alpha_simulated[i] - result.choices[i, 4] - (found - best) / 2
        total = result.found_covariance[i] + covariance / 4
        # Mahalanobis distance: 23 is exceeded by a chi-squared variable with 2 degrees with chance 1e-5.
        assert difference @ np.linalg.solve(total, difference) < 23
        for other in (result.choices[i, 3], result.choices[1 - i, 4]):
            away = result.optima.alpha_simulated[i] - other
            assert away @ np.linalg.solve(total, away) > 1000
