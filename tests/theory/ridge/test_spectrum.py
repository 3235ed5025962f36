"""Effective ridges by other ways: free probability, mpmath, the closed form, the other code path."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixture_strategies import SEEDS, mixtures
from spectra import spectrum_ridge
from strategies import aspect_ratios, log_uniform

from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.theory.ridge.closed_form import effective_ridge
from rmt_alpha.theory.ridge.dense import DenseCovariances
from rmt_alpha.theory.ridge.mixture import fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum

EPS = float(np.finfo(float).eps)


@pytest.mark.parametrize("eta", [0.3, 0.8, 1.5, 4.0])
@pytest.mark.parametrize("gamma", [1e-3, 0.1, 1.0, 10.0])
def test_kappa_is_the_stieltjes_transform_of_a_compound_free_poisson_law(eta, gamma):
    """X^T X / n, n x n, has this law in the limit, and kappa = 1 / m(-gamma)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distributions = pytest.importorskip("freealg.distributions")
    atoms, weights = [0.2, 1.0, 5.0], [0.5, 0.3, 0.2]
    branches = np.ravel(distributions.CompoundFreePoisson(atoms, weights, eta).roots(-gamma))
    # Left of the spectrum the transform is the one branch that is positive.
    (m,) = (x.real for x in branches if abs(x.imag) < 1e-9 * abs(x) and x.real > 0)
    kappa = spectrum_ridge(np.repeat(atoms, [50, 30, 20]), 100 / eta, gamma).value[0]
    assert kappa == pytest.approx(1 / m, rel=1e-13)
    assert kappa != pytest.approx(gamma + eta * np.dot(atoms, weights) / (1 + gamma), rel=1e-3)


@given(aspect_ratios(), log_uniform(-12, 12), st.integers(1, 10**9))
def test_identity_covariance_is_the_closed_form(eta, gamma, p):
    n = p / eta
    kappa = spectrum_ridge([1.0] * min(p, 50), min(p, 50) / eta, gamma).value[0]
    assert kappa == pytest.approx(effective_ridge(min(p, 50), min(p, 50) / eta, gamma).kappa, rel=16 * EPS)
    one = fit_ridge(GaussianMixture(np.zeros((2, 1))).model, 1 / eta, gamma)
    assert one.kappa[0] == pytest.approx(effective_ridge(p, n, gamma).kappa, rel=1e-12)
    ridge = effective_ridge(1.0, 1 / eta, gamma)
    assert one.inflation[0, 0] == pytest.approx(1 / ridge.freedom, rel=1e-12)


@given(SEEDS, aspect_ratios(3), log_uniform(-9, 6))
def test_scalar_kappa_against_mpmath(seed, eta, gamma):
    rng = np.random.default_rng(seed)
    values = 10.0 ** rng.uniform(-6, 0, 12)
    n = 12 / eta
    solution = spectrum_ridge(values, n, gamma)
    with mpmath.workdps(40):

        def excess(kappa):
            return (
                kappa - gamma - kappa / mpmath.mpf(n) * sum(x / (x + kappa) for x in map(mpmath.mpf, values))
            )

        # Bisection in the logarithm from the bracket of any positive semi-definite covariance.
        low, high = mpmath.mpf(gamma), mpmath.mpf(gamma) + sum(map(mpmath.mpf, values)) / mpmath.mpf(n)
        for _ in range(140):
            middle = mpmath.sqrt(low * high)
            low, high = (middle, high) if excess(middle) < 0 else (low, middle)
        assert float(abs(solution.value[0] / low - 1)) < 64 * EPS
        assert solution.lower[0] * (1 - 64 * EPS) <= float(low) <= solution.upper[0] * (1 + 64 * EPS)


@pytest.mark.parametrize(("n", "kappa"), [(30.0, 0.0), (5.0, None)])
def test_ridgeless_limit(n, kappa):
    values = np.linspace(0.5, 2.0, 20)
    limit = spectrum_ridge(values, n, 0).value[0]
    if kappa == 0.0:
        assert limit < 1e-25
    else:
        assert limit == pytest.approx(spectrum_ridge(values, n, 1e-15).value[0], rel=1e-13)
        assert (values / (values + limit)).sum() == pytest.approx(n, rel=1e-14)


def test_the_peak_is_refused():
    with pytest.raises(ValueError, match=r"n equal to the rank of the covariances .2. has infinite variance"):
        spectrum_ridge([1.0, 2.0, 0.0], 2, 0)
    assert spectrum_ridge([1.0, 2.0, 0.0], 3, 0).value[0] < 1e-25


def test_infinite_sample_leaves_the_ridge_alone():
    assert spectrum_ridge([1.0, 2.0], np.inf, 0.3).value[0] == 0.3


def test_high_precision_to_the_last_digit():
    """kappa = (eta - 1 + gamma + sqrt((eta - 1 + gamma)^2 + 4 gamma)) / 2 with eta = 4, gamma = 1/2."""
    with mpmath.workdps(45):
        kappa = spectrum_ridge([mpmath.mpf(1)] * 4, mpmath.mpf(1), mpmath.mpf("0.5")).value[0]
        assert abs(kappa - (mpmath.mpf("3.5") + mpmath.sqrt("14.25")) / 2) < mpmath.mpf(10) ** -43


@given(mixtures(kinds=["full"], decades=3.0), aspect_ratios(2), log_uniform(-4, 4))
def test_factorised_and_diagonalised_covariances_agree(mixture, eta, gamma):
    """One covariance can be treated as any matrix; the answer is the same."""
    shared = GaussianMixture(mixture.means, mixture.covariances[0], mixture.priors)
    assert isinstance(shared.model, Spectrum)
    n = mixture.p / eta
    dense = DenseCovariances.from_matrices(mixture.covariances[0][None], np.ones(1))
    diagonal, factorised = fit_ridge(shared.model, n, gamma), fit_ridge(dense, n, gamma)
    np.testing.assert_allclose(factorised.kappa, diagonal.kappa, rtol=1e-9)
    np.testing.assert_allclose(factorised.inflation, diagonal.inflation, rtol=1e-8)


def test_dense_covariances_meet_their_bracket_over_24_decades():
    rng = np.random.default_rng(3)
    p = 40
    matrices = []
    for values in (np.geomspace(1e-3, 1, p), np.linspace(0.2, 3, p)):
        q = np.linalg.qr(rng.standard_normal((p, p)))[0]
        matrices.append((q * values) @ q.T)
    model = GaussianMixture(np.zeros((2, p)), [(c + c.T) / 2 for c in matrices], [0.3, 0.7]).model
    assert isinstance(model, DenseCovariances)
    for eta in (1e-4, 0.5, 1.0, 1.5, 1e4):
        for gamma in (0.0, 1e-12, 1e-6, 1e-2, 1.0, 1e12):
            if gamma == 0 and eta == 1:
                continue
            solution = fit_ridge(model, p / eta, gamma).solution
            assert solution.n_iter <= 16
            assert solution.residual < 1e-10
            np.testing.assert_allclose(solution.upper, solution.lower, rtol=1e-9)


@pytest.mark.parametrize(
    ("covariances", "kind"),
    [
        (None, Spectrum),
        ([1.0, 2.0], Spectrum),
        (np.eye(3) + 0.2, Spectrum),
        ([np.eye(3) + 0.2, 2.5 * (np.eye(3) + 0.2)], Spectrum),
        ([np.eye(3) + 0.2, None], Spectrum),
        ([np.eye(3) + 0.2, np.array([1.0, 2.0, 3.0])], DenseCovariances),
        ([np.eye(3) + 0.2, np.diag([1.0, 2.0, 3.0])], DenseCovariances),
    ],
)
def test_which_path_is_taken(covariances, kind):
    assert isinstance(GaussianMixture(np.zeros((2, 3)), covariances).model, kind)


def test_a_multiple_of_the_identity_costs_no_memory():
    model = GaussianMixture(np.zeros((2, 10_000)), [1.0, 2.0]).model
    assert isinstance(model, Spectrum)
    assert model.values.shape == (2, 1)
