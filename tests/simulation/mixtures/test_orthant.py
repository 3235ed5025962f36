"""Orthant probabilities against SciPy, closed forms and counting."""

from __future__ import annotations

import numpy as np
import pytest
from bivariate_normal import near_a_line
from scipy import integrate, special
from scipy.stats import multivariate_normal

from rmt_alpha.simulation.mixtures import orthant as mixture_orthant
from rmt_alpha.simulation.mixtures.orthant import bivariate, positive_orthant

EPS = np.finfo(float).eps


def random_laws(dimension, count, seed=0):
    rng = np.random.default_rng([seed, dimension])
    root = rng.standard_normal((count, dimension, dimension + 1))
    return rng.standard_normal((count, dimension)) * 2 + 0.5, root @ root.transpose(0, 2, 1)


def equicorrelated(h, rho, dimension):
    """P(all x_j < h) for equal correlations rho >= 0: one integral."""
    r, s = np.sqrt(rho), np.sqrt(1 - rho)
    return integrate.quad(
        lambda g: special.ndtr((h - r * g) / s) ** dimension * np.exp(-g * g / 2) / np.sqrt(2 * np.pi), -9, 9,
        epsabs=1e-13,
    )[0]  # fmt: skip


def test_one_dimension():
    chance, error = positive_orthant(np.array([[1.0], [-2.0]]), np.array([[[4.0]], [[1.0]]]))
    assert np.allclose(chance, special.ndtr([0.5, -2.0]), rtol=4 * EPS)
    assert not error.any()


def test_two_dimensions_are_exact():
    mean, covariance = random_laws(2, 300)
    chance, error = positive_orthant(mean, covariance)
    expected = [multivariate_normal(np.zeros(2), c).cdf(m) for m, c in zip(mean, covariance, strict=True)]
    # Both are sums of about eight terms of size at most 1.
    assert np.allclose(chance, expected, rtol=0, atol=16 * EPS)
    assert not error.any()


@pytest.mark.parametrize("rho", [-1.0, -0.999999, -0.3, 0.0, 0.5, 1 - 1e-12, 1.0])
def test_corners_of_the_bivariate_formula(rho):
    limits = [-np.inf, -40.0, -1.0, -1e-200, 0.0, 1e-200, 0.3, 1.0, 40.0, np.inf]
    h, k = (grid.ravel() for grid in np.meshgrid(limits, limits))
    value = bivariate(h, k, np.full(h.shape, rho))

    def reference(a, b):
        if abs(rho) == 1:  # y = +-x
            return special.ndtr(min(a, b)) if rho > 0 else max(0.0, special.ndtr(a) - special.ndtr(-b))
        if np.isinf(a) or np.isinf(b):
            return special.ndtr(min(a, b)) if max(a, b) == np.inf else 0.0
        if abs(rho) > 0.999:
            return near_a_line(a, b, rho)
        return multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([a, b])

    expected = [reference(*pair) for pair in zip(h, k, strict=True)]
    # Sums of about eight terms of size at most 1.
    assert np.allclose(value, expected, rtol=0, atol=16 * EPS)


@pytest.mark.parametrize("dimension", [3, 4, 5, 9])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_equal_correlations(dimension, rho):
    limits = np.array([-1.0, 0.0, 0.7, 2.5])
    covariance = np.broadcast_to((1 - rho) * np.eye(dimension) + rho, (4, dimension, dimension))
    chance, error = positive_orthant(np.repeat(limits[:, None], dimension, axis=1), covariance)
    expected = [equicorrelated(h, rho, dimension) for h in limits]
    # 8 scramblings: Student's t with 7 degrees of freedom exceeds 8 with probability 1e-4. Grids report the
    # change at the last doubling, far above their error.
    assert (np.abs(chance - expected) <= 8 * error + 1e-12).all()
    assert (error <= (1e-8 if dimension <= 4 and rho < 0.9 else mixture_orthant.POINTS_TOLERANCE)).all()


@pytest.mark.parametrize("dimension", [3, 4, 6])
def test_random_covariances_against_counting(dimension):
    mean, covariance = random_laws(dimension, 12)
    chance, error = positive_orthant(mean, covariance)
    rng = np.random.default_rng(1)
    count = 100_000
    for m, c, value, off in zip(mean, covariance, chance, error, strict=True):
        hits = (rng.multivariate_normal(m, c, count, method="cholesky") > 0).all(axis=1).mean()
        assert abs(hits - value) < 5 * np.sqrt(value * (1 - value) / count) + 8 * off + 1e-9


def test_grid_and_points_agree(monkeypatch):
    mean, covariance = random_laws(4, 40)
    by_grid, grid_error = positive_orthant(mean, covariance)
    monkeypatch.setattr(mixture_orthant, "GRID_DIMENSION", 2)
    by_points, error = positive_orthant(mean, covariance)
    # 40 values of Student's t with 7 degrees of freedom: 9 has chance 2e-3 for the worst.
    assert (np.abs(by_grid - by_points) < 9 * np.hypot(error, grid_error) + 1e-9).all()


@pytest.mark.parametrize("dimension", [3, 5])
def test_singular_covariances(dimension):
    # x_2 = x_1 and x_3 = -x_1: only an interval of x_1 is left.
    covariance = np.eye(dimension)
    covariance[:3, :3] = np.outer([1, 1, -1], [1, 1, -1])
    mean = np.concatenate([[0.5, 0.2, 1.0], np.full(dimension - 3, 0.3)])
    chance, error = positive_orthant(mean[None], covariance[None])
    expected = (special.ndtr(1.0) - special.ndtr(-0.2)) * special.ndtr(0.3) ** (dimension - 3)
    assert abs(chance[0] - expected) < 8 * error[0] + 1e-12


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_ties_are_broken_at_random(dimension):
    nothing = np.zeros((1, dimension))
    still = np.zeros((1, dimension, dimension))
    assert positive_orthant(nothing, still)[0][0] == pytest.approx(1 / (dimension + 1))
    # A constant that is positive is no restriction, one that is negative is never right.
    mean = nothing.copy()
    mean[0, 0] = 2.0
    assert positive_orthant(mean, still)[0][0] == pytest.approx(1 / dimension)
    assert positive_orthant(-mean, still)[0][0] == 0


def test_chances_of_all_classes_sum_to_one():
    # K scores: exactly one is the largest.
    rng = np.random.default_rng(4)
    for classes in (3, 4, 5, 7):
        mean, root = rng.standard_normal(classes), rng.standard_normal((classes, classes))
        total, off = 0.0, 0.0
        for c in range(classes):
            lead = np.delete(np.eye(classes)[c] - np.eye(classes), c, axis=0)
            chance, error = positive_orthant((lead @ mean)[None], (lead @ root @ root.T @ lead.T)[None])
            total, off = total + chance[0], off + error[0]
        assert abs(total - 1) < 8 * off + 1e-12


def test_shapes_and_scales():
    mean, covariance = random_laws(3, 6)
    chance, error = positive_orthant(mean.reshape(2, 3, 3), covariance.reshape(2, 3, 3, 3))
    assert chance.shape == error.shape == (2, 3)
    scale = np.array([1e-100, 1.0, 1e100])
    scaled = positive_orthant(mean * scale, covariance * scale[:, None] * scale)[0]
    assert np.allclose(scaled.reshape(2, 3), chance, rtol=0, atol=1e-7)
