r"""The population spectrum behind a sample covariance, as far as a ridge fit can see it.

A ridge fit sees the spectrum only through its effective ridge, kappa = gamma + (kappa/n) sum
lambda/(lambda+kappa). The sample itself tells kappa for every gamma, 1/kappa = (1/nu) tr (S + gamma)^-1
with S the nu x nu Gram matrix, and in terms of these the equation is *linear* in the distribution of
lambda: non-negative least squares finds it (El Karoui, Annals of Statistics 36 (2008) 2757, on the
negative real axis).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from rmt_alpha._core.types import FloatArray

ATOMS, RIDGES = 60, 40
STEPS = 100 * ATOMS
"""Of the active-set method.  Its default, three times the atoms, has run out: digits divided by deviations of
other digits, with eigenvalues over ten decades, took between 180 and 600."""


@dataclass(frozen=True, eq=False)
class SpectrumEstimate:
    """A discrete distribution of the eigenvalues of the population covariance."""

    values: FloatArray
    """Eigenvalues, ascending; shape (m,)."""
    masses: FloatArray
    """Fraction of the p eigenvalues at each; they sum to 1; shape (m,)."""
    p: int
    """Dimension."""

    @classmethod
    def from_sample(cls, eigenvalues: FloatArray, freedom: float, p: int) -> SpectrumEstimate:
        """From the positive eigenvalues of a sample covariance with ``freedom`` degrees of freedom."""
        eigenvalues = eigenvalues[eigenvalues > 0]
        if not eigenvalues.size:
            return cls(np.zeros(1), np.ones(1), p)
        scale = eigenvalues.sum() / min(freedom, p)
        gammas = scale * np.logspace(-2.5, 2.5, RIDGES)
        kappa = sample_kappa(eigenvalues, freedom, gammas)
        values = np.geomspace(min(kappa[0], scale) * 0.03, eigenvalues.max(), ATOMS)
        mean = eigenvalues.sum() / p
        # Three kinds of equations, each of order 1: the effective ridges, the mass, and the mean.
        ratio = p / freedom
        seen = ratio * values / (values + kappa[:, None])
        target = 1.0 - gammas / kappa
        weight = 1.0 / target
        rows = np.concatenate([seen * weight[:, None], 1e3 * np.ones((1, ATOMS)), 10 * values[None] / mean])
        right = np.concatenate([target * weight, [1e3], [10.0]])
        masses, _ = nnls(rows, right, maxiter=STEPS)
        kept = masses > 0
        return cls(values[kept], masses[kept] / masses[kept].sum(), p)

    def tilted(self, mean: float) -> FloatArray:
        """Masses proportional to mass * value^t whose mean is ``mean``, as near as can be."""
        if self.values.size == 1:
            return np.ones(1)
        logs = np.log(self.values / self.values.max())

        def weights(t: float) -> FloatArray:
            exponent = np.log(self.masses) + t * logs
            raw = np.exp(exponent - exponent.max())
            return np.asarray(raw / raw.sum())

        low, high = -30.0, 30.0
        for _ in range(60):  # the mean increases with t
            middle = (low + high) / 2
            low, high = (middle, high) if weights(middle) @ self.values < mean else (low, middle)
        return weights((low + high) / 2)

    def uses(self, kappa: float) -> tuple[float, float]:
        """Degrees of freedom at an effective ridge: sums of lambda/(lambda + kappa) and of its square."""
        share = self.values / (self.values + kappa)
        return self.p * float(self.masses @ share), self.p * float(self.masses @ share**2)

    def kappa(self, gammas: FloatArray, n: float) -> FloatArray:
        r"""Effective ridges for n samples: the root of kappa = gamma + (kappa/n) sum lambda/(lambda + kappa).

        Newton's iterates from gamma + tr C / n descend to it, because the right-hand side is concave in
        kappa.
        """
        ratio = self.p / n
        gammas = np.asarray(gammas, dtype=np.float64)
        kappa = gammas + ratio * (self.masses @ self.values)
        for _ in range(200):
            share = self.values / (self.values + kappa[..., None])
            first, second = ratio * share @ self.masses, ratio * (share * share) @ self.masses
            # T = kappa first, T' = second, T - T' kappa = kappa (first - second).
            new = (gammas + kappa * (first - second)) / (1.0 - second)
            if np.all(np.abs(new - kappa) <= 1e-14 * kappa):
                break
            kappa = new
        return np.asarray(kappa)


def sample_kappa(eigenvalues: FloatArray, freedom: float, gammas: FloatArray) -> FloatArray:
    """Effective ridges estimated from sample eigenvalues, 1/kappa = (1/nu) tr (S + gamma)^-1."""
    gammas = np.asarray(gammas, dtype=np.float64)[..., None]
    missing = max(freedom - eigenvalues.size, 0.0)
    trace = (1.0 / (eigenvalues + gammas)).sum(axis=-1) + missing / gammas[..., 0]
    return np.asarray(freedom / trace)
