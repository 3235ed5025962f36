"""Spectra from samples, and the law that follows, against the package's theory of mixtures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.special import ndtr
from spectra import spectrum_ridge

from rmt_alpha import FineTuning, FixedSource, GaussianMixture
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in import spectrum as spectrum_module
from rmt_alpha.from_data.plug_in.carried_law import curve_of
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.from_data.plug_in.spectrum import SpectrumEstimate, sample_kappa

VALUES, COUNTS = np.array([0.2, 1.0, 3.0]), np.array([100, 60, 40])
DENSITY = np.array([0.2, 0.3, 0.5])
ALPHAS = np.array([-1.0, 0.0, 0.5, 2.0])


def realised(norm2, overlap, length2):
    """The population, and vectors of length 200 that realise it."""
    products = np.array([[norm2, overlap], [overlap, length2]])
    population = Population(SpectrumEstimate(VALUES, COUNTS / 200, 200), DENSITY, products)
    mean, source = np.zeros(200), np.zeros(200)
    along = overlap / np.sqrt(norm2)
    for start, share in zip((0, 100, 160), np.sqrt(DENSITY), strict=True):
        mean[start] = np.sqrt(norm2) * share
        source[start], source[start + 1] = along * share, np.sqrt(length2 - along**2) * share
    return population, mean, source


@given(st.floats(0.05, 5), st.floats(-0.99, 0.99), st.floats(0.05, 5), st.floats(-2, 2), st.integers(20, 900))
def test_the_law_is_that_of_fine_tuning(norm2, cosine, length2, exponent, n):
    overlap, gamma = cosine * np.sqrt(norm2 * length2), 10.0**exponent
    population, mean, source = realised(norm2, overlap, length2)
    target = GaussianMixture.symmetric(mean, np.repeat(VALUES, COUNTS))
    theory = FineTuning(target, FixedSource(source), n=n, gamma=gamma).curve()
    moments = population.moments(gamma, n)
    curve = curve_of(population.law(gamma, n).kappa, moments)
    points = np.stack([np.ones(4), ALPHAS], axis=-1)
    for name in ("mean", "variance", "risk", "accuracy"):
        assert getattr(curve, name)(ALPHAS) == pytest.approx(
            getattr(theory, name)(ALPHAS), rel=1e-9, abs=1e-12
        )
    assert ndtr(moments.margin(points)) == pytest.approx(theory.accuracy(ALPHAS), rel=1e-9)
    if abs(cosine) > 1e-3:
        best = moments.best_direction()
        assert best[1] / best[0] == pytest.approx(theory.optimal_alpha(), rel=1e-6)
        assert curve.optimal_alpha() == pytest.approx(theory.optimal_alpha(), rel=1e-6)
        assert curve.optimal_alpha("risk") == pytest.approx(theory.optimal_alpha("risk"), rel=1e-6)


def test_infinite_ridge_is_the_limit():
    population, _, _ = realised(1.0, 0.6, 2.0)
    points = np.array([[0.0, 1.0], [0.0, -1.0]])
    limit = ndtr(population.moments(np.inf, 80).margin(points))
    assert ndtr(population.moments(1e9, 80).margin(points)) == pytest.approx(limit)
    assert limit.sum() == pytest.approx(1)


@given(st.floats(-6, 4), st.floats(0.1, 50))
def test_effective_ridge_is_that_of_the_spectrum(exponent, aspect):
    spectrum = SpectrumEstimate(VALUES, COUNTS / 200, 200)
    n, gamma = 200 / aspect, 10.0**exponent
    expected = spectrum_ridge(np.repeat(VALUES, COUNTS), n, gamma).value[0]
    assert spectrum.kappa(np.array(gamma), n) == pytest.approx(expected, rel=1e-7)


SPECTRA: dict[str, Callable[[int], np.ndarray]] = {
    "three atoms": lambda p: np.repeat(VALUES, (COUNTS * p) // 200),
    "one atom": np.ones,
    "power law": lambda p: 1 / np.sqrt(np.arange(1, p + 1)),
}


@pytest.mark.parametrize("kind", SPECTRA)
@pytest.mark.parametrize(("n", "p"), [(60, 400), (200, 400), (800, 400)])
def test_effective_ridges_of_other_sample_sizes(kind, n, p):
    values = SPECTRA[kind](p)
    truth = SpectrumEstimate(values, np.full(p, 1 / p), p)
    gammas = np.array([0.1, 1.0, 10.0]) * values.mean()
    errors = []
    for seed in range(10):
        draws = np.random.default_rng(seed).standard_normal((n, p)) * np.sqrt(values)
        sample = np.linalg.eigvalsh(draws @ draws.T / n if n < p else draws.T @ draws / n)
        found = SpectrumEstimate.from_sample(sample, n, p)
        assert found.masses.sum() == pytest.approx(1)
        errors.append(found.kappa(gammas, 2 * n) / truth.kappa(gammas, 2 * n) - 1)
    # tr C is known to sqrt(2 tr C^2 / n) / tr C, which is at most 1.5 % for one draw here, and most of it
    # is shared by the effective ridges; to twice the sample size the spectrum is extrapolated.
    assert np.abs(np.mean(errors, axis=0)).max() < 0.03


def test_sample_kappa_solves_its_own_equation():
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((300, 600)) * np.sqrt(SPECTRA["three atoms"](600))
    values = np.linalg.eigvalsh(draws @ draws.T / 300)
    truth = SpectrumEstimate(VALUES, COUNTS / 200, 600).kappa(np.array([0.3, 3.0]), 300)
    # Fluctuations of linear statistics are of order 1/n.
    assert sample_kappa(values, 300, np.array([0.3, 3.0])) == pytest.approx(truth, rel=10 / 300)


@given(st.floats(0.21, 2.9))
def test_tilted_density_has_the_mean(mean):
    spectrum = SpectrumEstimate(VALUES, COUNTS / 200, 200)
    density = spectrum.tilted(mean)
    assert density.sum() == pytest.approx(1)
    assert density @ VALUES == pytest.approx(mean, rel=1e-6)


def test_moments_without_variance():
    moments = ScoreMoments(np.array([0.5, 1.0]), np.zeros((2, 2)))
    margins = moments.margin(np.array([[1.0, 1.0], [1.0, -1.0], [1.0, -0.5]]))
    assert ndtr(margins).tolist() == [1, 0, 0.5]


def test_the_solver_has_steps_to_spare(monkeypatch):
    """Digits under another domain's scale took more steps than scipy allows, and the fit failed."""
    needed = 600

    def impatient(rows, right, maxiter=None):
        if (maxiter or 3 * rows.shape[1]) < needed:
            raise RuntimeError("Maximum number of iterations reached.")
        return nnls(rows, right, maxiter=maxiter)

    monkeypatch.setattr(spectrum_module, "nnls", impatient)
    found = SpectrumEstimate.from_sample(np.geomspace(1e4, 1e-6, 50), 80.0, 78)
    assert found.masses.sum() == pytest.approx(1)
