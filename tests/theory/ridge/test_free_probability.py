"""kappa against freealg, a package of free probability that knows nothing of ridges.

The spectrum of X X^T / n is the free multiplicative convolution of the spectrum of C with the
Marchenko-Pastur law of ratio eta = p/n.  With its Stieltjes transform m(-gamma) = int dmu(x) / (x + gamma)
the effective ridge is

    1 / kappa = eta m(-gamma) + (1 - eta) / gamma.
"""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra

freealg = pytest.importorskip("freealg", reason="needs the package freealg")

ATOMS = {
    "identity": ([1.0], [1.0]),
    "two": ([0.5, 2.0], [0.75, 0.25]),
    "three": ([0.2, 1.0, 7.0], [0.5, 0.25, 0.25]),
}
TOLERANCE = 1e-9
"""freealg finds m as a root of a polynomial of degree 4 at most; near 0 the two terms above cancel."""


def free_kappa(atoms, weights, eta, gamma):
    law = freealg.distributions.DeformedMarchenkoPastur(atoms, weights, eta)
    # A breath above the real axis freealg takes the right root; the real part moves by its square only.
    with np.errstate(all="ignore"):  # a search of its own overflows on the way
        stieltjes = complex(np.ravel(law.stieltjes(np.array([-gamma + 1e-9j])))[0])
    return 1 / (eta * stieltjes.real + (1 - eta) / gamma)


@pytest.mark.parametrize("name", ATOMS)
@pytest.mark.parametrize("eta", [0.2, 0.9, 3.0])
@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_effective_ridge_is_a_stieltjes_transform(name, eta, gamma):
    atoms, weights = ATOMS[name]
    p = 8
    spectrum = np.repeat(atoms, [round(p * weight) for weight in weights])
    mixture = ra.GaussianMixture.symmetric(np.ones(p), spectrum)
    kappa = ra.RidgeSource(mixture, p / eta, gamma).ridge.kappa
    assert kappa == pytest.approx(free_kappa(atoms, weights, eta, gamma), rel=TOLERANCE)
    if name == "identity":
        assert kappa == pytest.approx(ra.effective_ridge(p, p / eta, gamma).kappa, rel=1e-13)


def test_another_ridge_would_fail():
    atoms, weights = ATOMS["two"]
    mixture = ra.GaussianMixture.symmetric(np.ones(8), np.repeat(atoms, [6, 2]))
    kappa = ra.RidgeSource(mixture, 10.0, 1.01).ridge.kappa
    assert kappa != pytest.approx(free_kappa(atoms, weights, 0.8, 1.0), rel=1e-4)
