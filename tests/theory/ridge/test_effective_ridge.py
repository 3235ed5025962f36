from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from strategies import aspect_ratios, log_uniform

from rmt_alpha._core.arithmetic import MP
from rmt_alpha.theory.ridge.closed_form import effective_ridge, isotropic_ridge

EPS = np.finfo(float).eps


@given(aspect_ratios(), log_uniform(-12, 12))
def test_kappa_solves_its_fixed_point(eta, gamma):
    ridge = effective_ridge(eta, 1.0, gamma)
    right = gamma + eta * ridge.kappa / (1 + ridge.kappa)
    assert ridge.kappa == pytest.approx(right, rel=8 * EPS)


@given(aspect_ratios(), log_uniform(-12, 12))
def test_every_member_is_right_to_a_few_ulps(eta, gamma):
    ridge = effective_ridge(1e4 * eta, 1e4, gamma)
    with mpmath.workdps(80):
        exact = isotropic_ridge(mpmath.mpf(1e4 * eta), mpmath.mpf(1e4), mpmath.mpf(gamma), MP)
        errors = [float(np.abs((a - b) / b)) for a, b in zip(ridge, exact, strict=True)]
    assert max(errors) < 16 * EPS


@given(aspect_ratios(3), log_uniform(-6, 6))
def test_freedom_and_noise_share_the_degrees_of_freedom(eta, gamma):
    ridge = effective_ridge(eta, 1.0, gamma)
    assert ridge.noise + ridge.freedom == pytest.approx(1, rel=8 * EPS)
    assert ridge.kappa * ridge.gamma_over_kappa == pytest.approx(gamma, rel=8 * EPS)


def test_the_textbook_root_would_fail_where_ours_holds():
    # delta = (-b + sqrt(b^2 + 4 eta gamma)) / (2 gamma) cancels completely for eta < 1 and a tiny ridge.
    eta, gamma = 0.5, 1e-16
    b = gamma + 1 - eta
    textbook = gamma * (1 + (-b + math.sqrt(b * b + 4 * eta * gamma)) / (2 * gamma))
    kappa = effective_ridge(eta, 1.0, gamma).kappa
    exact = gamma / (1 - eta)  # to first order in gamma
    assert kappa == pytest.approx(exact, rel=1e-14)
    assert abs(textbook / exact - 1) > 0.05


@pytest.mark.parametrize(("p", "n", "kappa", "ratio"), [(30, 10, 2.0, 0.0), (10, 40, 0.0, 0.75)])
def test_ridgeless_limits(p, n, kappa, ratio):
    ridge = effective_ridge(p, n, 0)
    assert (ridge.kappa, ridge.gamma_over_kappa) == (kappa, ratio)
    near = effective_ridge(p, n, 1e-15)
    np.testing.assert_allclose(np.array(ridge), np.array(near), atol=1e-14)


def test_infinite_sample_leaves_the_ridge_alone():
    ridge = effective_ridge(100, math.inf, 0.3)
    assert ridge.kappa == pytest.approx(0.3, rel=4 * EPS)
    assert ridge.noise == 0.0
    assert ridge.freedom == pytest.approx(1, rel=4 * EPS)


def test_arguments_broadcast():
    kappa = np.asarray(effective_ridge(np.array([10.0, 20, 30]), np.array([[5.0], [np.inf]]), 0.5).kappa)
    assert kappa.shape == (2, 3)
    assert kappa[0, 1] == effective_ridge(20, 5, 0.5).kappa
    assert kappa[1, 2] == effective_ridge(30, math.inf, 0.5).kappa
