r"""Finite-size error bars: how far one draw of the data falls from the deterministic prediction.

The random matrix of a ridge fit enters only through a chain of 3 x 3 blocks (docs/simulation.md), whose
entries are Gaussian (variance 1/n after scaling) or chi (variance 1/(2n)) around a deterministic limit: the
first column rho = (m, 0, sqrt(eta)), then identities and sqrt(eta) times identities.  In this limit
everything decays geometrically along the chain, with ratio tau = -sqrt(eta)/L, so that tau^2 = 1 - h:

    w_j = tau^j w_0,     w_0 = rho/(L+m^2) + (t/L) [d - rho (rho.d)/(L+m^2)],     d = (a, sqrt(c2), 0).

A functional f(w.e, ||w||^2) moves with the entry (a, b) of the chain matrix G by h_a res_b - w_a (G^T h)_b,
where h = H^-1 grad f is the adjoint and res the residual (H dw = dG res - G dG^T w).  Along the chain
h_j = tau^j (p + j zeta w_0), and the derivatives in block number i are tau^i times the symmetric matrix
S + (i omega - eta/L) Y with

    S = omega (p w_0^T + w_0 p^T),    Y = zeta w_0 w_0^T,    zeta = 2 f_V / (L h),    omega = gamma/kappa.

The blocks are triangular; for a symmetric matrix the weights, 1 on one side of the diagonal and 1/2 on it,
are half of the squared Frobenius norm.  Summing the geometric series gives n Var(f) in closed form.  The
source stage adds a term of its own: the lengths that the target sees of w~, and one coordinate of a uniform
direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.isotropic.geometry import Pair
from rmt_alpha.theory.ridge.closed_form import EffectiveRidge

STEP = 1e-25
"""Imaginary step of exact differentiation: f'(t) = Im f(t + i STEP) / STEP, without any cancellation."""


@dataclass(frozen=True, eq=False)
class RidgeChain:
    """The deterministic chain of one ridge fit on n samples.

    ``m`` is the norm of the class mean, ``along`` and ``across`` are the lengths of the prior vector along it
    and across it.  Fields broadcast.
    """

    n: Any
    eta: Any
    ridge: EffectiveRidge
    m: Any
    along: Any
    across: Any

    @property
    def reach(self) -> Any:
        """L + m^2."""
        return self.ridge.lift + self.m * self.m

    def length_and_square(self, t: Any) -> tuple[Any, Any]:
        """The deterministic limits of w.e (length along the class mean) and ||w||^2."""
        lift, m, a = self.ridge.lift, self.m, self.along
        noise = (lift - t * m * a) / self.reach
        along, across = (m + t * a) / self.reach, t * self.across / lift
        return along, (along**2 + across**2 + self.ridge.noise * noise**2) / self.ridge.freedom

    def derivatives(self, t: Any, by_length: Any, by_square: Any) -> tuple[Array, Array, Array]:
        """(g, S, Y): derivatives by rho and by the blocks of a functional with these partial derivatives."""
        lift, m, reach = self.ridge.lift, self.m, self.reach
        zero = 0 * (t + m + self.along + self.eta)
        rho = _stack(m + zero, zero, np.sqrt(self.eta) + zero)
        prior = _stack(self.along + zero, self.across + zero, zero)

        def reduced(vector: Array, overlap: Any) -> Array:
            # z (rho rho^T + z I)^-1 vector, finite where z = L omega is 0
            return np.asarray(vector - rho * _column(overlap / reach))

        w = rho / _column(reach + zero) + reduced(prior, m * self.along) * _column(t / lift + zero)
        overlap = (rho * w).sum(axis=-1)
        adjoint = _column(by_length + zero) * reduced(_stack(1 + zero, zero, zero), m)
        adjoint = adjoint + _column(2 * by_square / self.ridge.freedom + zero) * reduced(w, overlap)
        pull = (by_length * m + 2 * by_square / self.ridge.freedom * overlap) / reach
        miss = (lift - t * m * self.along) / (lift * reach)
        g = adjoint * _column(miss + zero) - w * _column(pull + zero)
        outer = adjoint[..., :, None] * w[..., None, :]
        s = (outer + np.swapaxes(outer, -1, -2)) / _matrix(lift + zero)  # omega / z = 1 / L
        zeta = 2 * by_square / (lift * self.ridge.freedom)
        return g, s, w[..., :, None] * w[..., None, :] * _matrix(zeta + zero)

    def covariance(self, first: tuple[Array, Array, Array], second: tuple[Array, Array, Array]) -> Array:
        """Covariance over draws of the data of two functionals, given by their `derivatives`."""
        (g1, s1, y1), (g2, s2, y2) = first, second
        h, x = self.ridge.freedom, self.ridge.noise
        omega, shift = self.ridge.gamma_over_kappa, self.eta / self.ridge.lift
        # With weights x^i, whose sum is 1/h, the block number i has mean x/h and variance x/h^2: a sum of
        # squares, which cannot become negative where source or target are huge.
        middle = _matrix(omega * x / h - shift)
        chain = (_dot(s1 + middle * y1, s2 + middle * y2) + omega**2 * x / h**2 * _dot(y1, y2)) / h
        # The last coordinate of rho is a chi variable, the others are Gaussian.
        start = (g1 * g2 * np.array([1.0, 1.0, 0.5])).sum(axis=-1)
        return np.asarray((start + chain / 2) / self.n)


@dataclass(frozen=True, eq=False)
class SourceSpread:
    """Covariance of what the target sees of the source vector: a = w~.e_t and ||w~||^2."""

    along: Any
    mixed: Any
    square: Any


def source_spread(chain: RidgeChain, p: Any, noise2: Any, cosine: Any, sine: Any) -> SourceSpread:
    """Spread of a ridge-trained source; ``noise2`` is its squared length in directions of pure noise."""
    length, square = chain.derivatives(0.0, 1.0, 0.0), chain.derivatives(0.0, 0.0, 1.0)
    # a = G cosine + sqrt(noise2) xi sine, xi one coordinate of a uniform unit vector: variance 1/p.
    along = cosine**2 * chain.covariance(length, length) + sine**2 * noise2 / p
    return SourceSpread(along, cosine * chain.covariance(length, square), chain.covariance(square, square))


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Standard deviations over draws of the data, for functions of the length w.e_t and of ||w||^2."""

    chain: RidgeChain
    source: SourceSpread | None

    def along(self, factor: float) -> Fluctuations:
        """The same for ``factor`` times the source vector."""
        a, b, source = factor * self.chain.along, factor * self.chain.across, self.source
        if source is not None:
            powers = factor**2 * source.along, factor**3 * source.mixed, factor**4 * source.square
            source = SourceSpread(*powers)
        return Fluctuations(replace(self.chain, along=a, across=b), source)

    def std(self, quantity: str, t: Any, mean: Array, std: Array) -> Any:
        r"""Standard deviation of a quantity over draws of the n target and N source samples.

        .. math:: \operatorname{std} \approx \sqrt{v(\alpha) / n}, \qquad
            v = \lim_{n \to \infty} n \operatorname{Var}

        exact to first order in 1/n.

        ``quantity`` is "accuracy", "mean", "variance" or "risk"; ``mean`` and ``std`` are of the score at t =
        kappa alpha.
        """
        m = self.chain.m
        safe = np.where(std == 0, 1.0, std)
        slope = np.exp(-((mean / safe) ** 2) / 2) / math.sqrt(2 * math.pi)
        # Partial derivatives by the length w.e along the target mean (mean = m w.e) and by ||w||^2.
        by_length, by_square = {
            "mean": (m, 0.0),
            "variance": (0.0, 1.0),
            "risk": (-2 * (1 - mean) * m, 1.0),
            "accuracy": (slope * m / safe, -slope * mean / (2 * safe**3)),
        }[quantity]
        return _root(self.variance(t, by_length, by_square))

    def optimal_alpha_std(self, best: Pair, kappa: Any) -> Any:
        r"""Standard deviation of the empirical alpha*, the best alpha for the one draw that was made.

        By implicit differentiation of :math:`x'(\alpha^*) = 0` with x = mean / std: the deviation of alpha*
        is that of :math:`x'` divided by :math:`-x''`.  0 where nothing depends on alpha.  ``best`` is
        `geometry.best_direction`.
        """
        z0, z1 = np.asarray(best[0], float), best[1]
        free = z0 > 0
        t = np.asarray(z1) / np.where(free, z0, 1.0)
        chain = self.chain

        def gradient(at: Any) -> tuple[Any, Any]:
            length, square = chain.length_and_square(at)
            return chain.m / np.sqrt(square), -chain.m * length / (2 * square**1.5)

        _, square = chain.length_and_square(t)
        # x'' = -z0 / std^3 in units of t; alpha = t / kappa.
        deviation = np.sqrt(self.variance_of_derivative(t, gradient)) * square**1.5
        free = free & (np.asarray(kappa) > 0)
        scale = np.where(free, z0 * kappa, 1.0)
        return _root(np.where(free, deviation / scale, 0.0) ** 2)

    def least_risk_alpha_std(self, t: Any, kappa: Any) -> Any:
        """The same for the alpha of least risk, t / kappa: the risk is a parabola."""
        chain = self.chain
        m, a, lift, reach = chain.m, chain.along, chain.ridge.lift, chain.reach
        along, across, mean = a / reach, chain.across / lift, m * a / reach
        bend = 2 * (along**2 + across**2 + chain.ridge.noise * mean**2) / chain.ridge.freedom + 2 * mean**2

        def gradient(at: Any) -> tuple[Any, Any]:
            length, _ = chain.length_and_square(at)
            return -2 * m * (1 - m * length), 1.0

        free = (bend > 0) & (np.asarray(kappa) > 0)
        deviation = np.sqrt(self.variance_of_derivative(t, gradient))
        return _root(np.where(free, deviation / np.where(free, bend * kappa, 1.0), 0.0) ** 2)

    def variance(self, t: Any, by_length: Any, by_square: Any) -> Array:
        """Variance of a functional with these partial derivatives, at t = kappa alpha."""
        derivatives = self.chain.derivatives(t, by_length, by_square)
        total = self.chain.covariance(derivatives, derivatives)
        return np.asarray(total + self._from_source(*self._source_gradient(t, by_length, by_square)))

    def variance_of_derivative(self, t: Any, gradient: Any) -> Array:
        """Variance of the derivative in t of a functional whose partial derivatives are ``gradient(t)``."""
        shifted = np.asarray(t) + 1j * STEP
        complex_parts = self.chain.derivatives(shifted, *gradient(shifted))
        parts = tuple(part.imag / STEP for part in complex_parts)
        total = self.chain.covariance(parts, parts)  # type: ignore[arg-type]
        slopes = (value.imag / STEP for value in self._source_gradient(shifted, *gradient(shifted)))
        return np.asarray(total + self._from_source(*slopes))

    def _source_gradient(self, t: Any, by_length: Any, by_square: Any) -> tuple[Any, Any]:
        """Derivatives by a = w~.e_t and by ||w~||^2, with c2 = ||w~||^2 - a^2."""
        chain = self.chain
        lift, m, a, reach, h = chain.ridge.lift, chain.m, chain.along, chain.reach, chain.ridge.freedom
        noise = chain.ridge.noise * m * (lift - t * m * a)
        square_by_a = 2 * t * (((m + t * a) - noise) / reach**2 - t * a / lift**2) / h
        return by_length * t / reach + by_square * square_by_a, by_square * t * t / (lift * lift * h)

    def _from_source(self, by_along: Any, by_square: Any) -> Any:
        if self.source is None:
            return 0.0
        spread = self.source
        mixed = 2 * by_along * by_square * spread.mixed
        return by_along**2 * spread.along + mixed + by_square**2 * spread.square


def _root(variance: Any) -> Any:
    std = np.sqrt(np.maximum(variance, 0.0))
    return float(std) if np.ndim(std) == 0 else np.asarray(std)


def _stack(*coordinates: Any) -> Array:
    return np.stack(coordinates, axis=-1)


def _column(value: Any) -> Array:
    return np.asarray(value)[..., None]


def _matrix(value: Any) -> Array:
    return np.asarray(value)[..., None, None]


def _dot(x: Array, y: Array) -> Array:
    return np.asarray((x * y).sum(axis=(-1, -2)))
