"""Accuracy of many classes: orthant probabilities against SciPy, closed forms, and the simulation's code."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from bivariate_normal import near_a_line
from hypothesis import given
from mixture_strategies import ANY, problems
from scipy import integrate, special, stats

from rmt_alpha.simulation.mixtures.orthant import positive_orthant
from rmt_alpha.theory.mixtures.orthant import (
    ROUNDING,
    WEAK,
    bivariate,
    bivariate_cases,
    orthant_gradient,
    orthant_probability,
)


def random_laws(dimension: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([7, dimension])
    root = rng.standard_normal((count, dimension, dimension + 1))
    return rng.standard_normal((count, dimension)) * 2 + 0.5, root @ root.transpose(0, 2, 1)


def test_one_dimension_is_the_normal_law():
    mean, variance = np.linspace(-9, 9, 13)[:, None], np.full((13, 1, 1), 4.0)
    value, error = orthant_probability(mean, variance)
    np.testing.assert_allclose(value, special.ndtr(mean[:, 0] / 2), rtol=1e-14)
    assert (error == ROUNDING).all()


def test_two_dimensions_against_scipy():
    mean, covariance = random_laws(2, 200)
    value, error = orthant_probability(mean, covariance)
    expected = [stats.multivariate_normal(-m, c).cdf([0, 0]) for m, c in zip(mean, covariance, strict=True)]
    # About eight terms of size at most 1 on both sides.
    np.testing.assert_allclose(value, expected, rtol=0, atol=16 * np.finfo(float).eps)
    assert (error == ROUNDING).all()


@pytest.mark.parametrize("rho", [-1.0, -1 + 1e-13, -0.4, 0.0, 0.7, 1 - 1e-13, 1.0])
def test_bivariate_probabilities_of_any_limits(rho):
    limits = [-np.inf, -1.0, -1e-200, 0.0, 1e-200, 0.3, 40.0, np.inf]
    for h, k in itertools.product(limits, limits):
        if np.isinf(h) or np.isinf(k):
            expected = special.ndtr(h) * special.ndtr(k)
        elif abs(rho) == 1:  # y = +-x
            expected = special.ndtr(min(h, k)) if rho > 0 else max(0.0, special.ndtr(h) - special.ndtr(-k))
        elif abs(rho) > 0.999:
            expected = near_a_line(h, k, rho)
        else:
            expected = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([h, k])
        # A correlation of 1 - 1e-13 is itself known to 1e-3 of its distance from 1.
        assert bivariate(np.array(h), np.array(k), rho) == pytest.approx(
            expected, abs=1e-9 if 0.999 < abs(rho) < 1 else 1e-14
        )


def test_weak_correlations_are_those_of_any_limits():
    limits = np.array([-np.inf, -40.0, -3.0, -1e-200, 0.0, 0.3, 2.0, 9.0, np.inf])
    h, k = (np.broadcast_to(each.ravel(), (41, 81)) for each in np.meshgrid(limits, limits))
    rho = np.linspace(-1, 1, 41)
    assert max(WEAK.values()) < 1
    # A handful of terms of size at most 1, rounded.
    known = bivariate(h, k, rho[:, None])
    np.testing.assert_allclose(bivariate_cases(h, k, rho), known, rtol=0, atol=8 * np.finfo(float).eps)


@pytest.mark.parametrize("dimension", [3, 4, 5, 8])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_equal_correlations_are_one_integral(dimension, rho):
    limits = np.array([-1.0, 0.0, 0.7, 2.5])
    covariance = np.broadcast_to((1 - rho) * np.eye(dimension) + rho, (4, dimension, dimension))
    value, error = orthant_probability(np.repeat(limits[:, None], dimension, axis=1), covariance)
    r, s = np.sqrt(rho), np.sqrt(1 - rho)
    expected = [
        integrate.quad(
            lambda g, h=h: special.ndtr((h - r * g) / s) ** dimension * stats.norm.pdf(g), -9, 9, epsabs=1e-13
        )[0]
        for h in limits
    ]
    # Quadratures report the change against a coarser one, far above their error. Eight scramblings: Student's
    # t with 7 degrees of freedom exceeds 8 with probability 1e-4.
    assert (np.abs(value - expected) <= 8 * error + 1e-12).all()
    assert (error < (1e-4 if dimension <= 5 else 1e-3)).all()


@pytest.mark.parametrize("dimension", [3, 4, 5, 7])
def test_theory_and_simulation_integrate_alike_with_code_of_their_own(dimension):
    mean, covariance = random_laws(dimension, 30)
    value, error = orthant_probability(mean, covariance)
    other, other_error = positive_orthant(mean, covariance)
    assert (np.abs(value - other) <= 8 * np.hypot(error, other_error) + 1e-9).all()


@given(problems(kinds=ANY))
def test_the_reported_error_of_an_accuracy_is_honest(problem):
    curve = problem.curve()
    alphas = np.array([0.0, 1.0, -2.0])
    error = curve.accuracy_uncertainty(alphas)
    assert error.shape == (3,)
    # Up to two differences of scores the formula is closed; with three it is a quadrature.
    assert (error <= (1e-12 if problem.target.classes < 4 else 1e-4)).all()
    if problem.target.classes < 3 or problem.source.outputs == 1:
        return
    # Exactly one score is the largest, whatever the class: the chances of all answers add up to 1.
    mean, covariance = curve.class_mean(alphas), curve.class_covariance(alphas)
    total, allowed = np.zeros(mean.shape[:-1]), np.zeros(mean.shape[:-1])
    for answer in range(problem.target.classes):
        lead = np.delete(
            np.eye(problem.target.classes)[answer] - np.eye(problem.target.classes), answer, axis=0
        )
        chance, off = orthant_probability(mean @ lead.T, lead @ covariance @ lead.T)
        total, allowed = total + chance, allowed + off
    assert (np.abs(total - 1) <= 8 * allowed + 1e-12).all()


@pytest.mark.parametrize("rounding", [0.0, -1e-20])
def test_a_coordinate_without_variance_is_decided_by_its_mean(rounding):
    covariance = np.zeros((3, 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = 1, rounding
    value, _ = orthant_probability(np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 0.0]]), covariance)
    np.testing.assert_allclose(value, [0.5, 0.0, 0.25])


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_the_gradient_is_that_of_the_probability(dimension):
    mean, covariance = random_laws(dimension, 6)
    first, second = orthant_gradient(mean, covariance)
    rng, step = np.random.default_rng(0), 1e-4
    for _ in range(4):
        toward = rng.normal(size=mean.shape)
        bend = rng.normal(size=covariance.shape)
        bend = 0.1 * (bend + np.swapaxes(bend, 1, 2))
        high = orthant_probability(mean + step * toward, covariance + step * bend)[0]
        low = orthant_probability(mean - step * toward, covariance - step * bend)[0]
        expected = (first * toward).sum(axis=1) + (second * bend).sum(axis=(1, 2))
        # Values have errors of 1e-9, divided by the step; the rest is a third derivative times step^2.
        np.testing.assert_allclose((high - low) / (2 * step), expected, atol=1e-5, rtol=1e-4)
        # Without the part that the variances have it is not.
        wrong = second.copy()
        wrong[:, np.arange(dimension), np.arange(dimension)] = 0.0
        missing = (first * toward).sum(axis=1) + (wrong * bend).sum(axis=(1, 2))
        assert abs((high - low) / (2 * step) - missing).max() > 1e-4


def test_the_gradient_of_one_dimension_and_of_certain_coordinates():
    first, second = orthant_gradient(np.array([0.7]), np.array([[4.0]]))
    density = np.exp(-0.5 * 0.35**2) / np.sqrt(2 * np.pi)
    assert first == pytest.approx(density / 2, rel=1e-14)
    assert second[0, 0] == pytest.approx(-density * 0.35 / 8, rel=1e-14)
    first, second = orthant_gradient(np.array([1.0, 0.7]), np.diag([0.0, 4.0]))
    assert first.tolist() == pytest.approx([0, density / 2])
    first, second = orthant_gradient(np.array([0.1, 0.1]), np.ones((2, 2)))
    assert np.isfinite(second).all()
    assert second[0, 1] == 0.0


def test_a_rough_probability_is_near():
    mean, covariance = random_laws(5, 20)
    rough, error = orthant_probability(mean, covariance, 256)
    assert np.isnan(error).all()
    assert abs(rough - orthant_probability(mean, covariance)[0]).max() < 0.01
