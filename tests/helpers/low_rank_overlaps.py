"""The risk of a spike by the overlaps of its singular vectors: another way to the same number.

Equations (17) to (20) for n > p without ridge: what the package derives by differentiating singular values is
written here with the vectors themselves, over Gauss-Legendre nodes of its own.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from rmt_alpha import LowRankTransfer


class Overlaps:
    """One spike of one problem at one alpha; all traces are sums over eigenvalues of S = X X^T."""

    def __init__(self, problem: LowRankTransfer, alpha: float, theta: float, nodes: int = 400) -> None:
        c = problem.p / problem.n
        angle, weight = np.polynomial.legendre.leggauss(nodes)
        angle, weight = (angle + 1) * np.pi / 2, weight * np.pi / 2
        half = 2 * np.sqrt(c)
        values = 1 + c + half * np.cos(angle)
        weight *= (half * np.sin(angle)) ** 2 / (2 * np.pi * c * values)
        self.S, self.trace = problem.n * values, problem.p * weight
        self.d, self.p, self.theta = problem.d, problem.p, theta
        full = ((alpha - problem.beta) * problem.source_norm) ** 2 + problem.rest**2
        self.entry = full / (problem.d * problem.p)
        self.sigma = self.entry * self.S + problem.noise**2
        edge = optimize.brentq(
            self._zeta_slope, 1e-12 / self.sigma.max(), (1 - 1e-9) / problem.d / self.sigma.max()
        )
        self.m = optimize.brentq(lambda m: theta**2 * self._overlap(m) - 1, 1e-9 * edge, edge, xtol=1e-300)
        self.zeta = 1 / self.m + self.tr(self.sigma / (1 - self.d * self.m * self.sigma))  # (17)
        self.R = 1 / (self.zeta * (1 - self.d * self.m * self.sigma))
        slope = self._zeta_slope(self.m)
        fall = self.tr(self.S / (1 - self.d * self.m * self.sigma) ** 2) / self.p  # of m b^T R b zeta
        derivative = fall * 2 * np.sqrt(self.zeta) / slope
        s = np.sqrt(self.zeta)
        self.left = -2 * s * self.m / (theta**2 * derivative)
        self.along = -2 * s * self.b(self.R) / (theta**2 * derivative)  # (b.vh)^2

    def tr(self, values: np.ndarray) -> float:
        return float(self.trace @ values)

    def b(self, values: np.ndarray) -> float:
        return self.tr(self.S * values) / self.p

    def _overlap(self, m: float) -> float:
        return float(m * self.b(1 / (1 - self.d * m * self.sigma)))

    def _zeta_slope(self, m: float) -> float:
        return -1 / m**2 + self.d * self.tr((self.sigma / (1 - self.d * m * self.sigma)) ** 2)

    def quadratic(self, A: np.ndarray) -> float:
        """vh^T A vh; 1 for A = 1."""
        scale = self.d * (self.zeta * self.m) ** 2
        c = (
            scale
            * self.tr(self.sigma * self.R * A * self.R)
            / (1 - scale * self.tr(self.sigma * self.R * self.sigma * self.R))
        )  # (19)
        both = self.R * (A + c * self.sigma) * self.R
        first = self.zeta * self.theta**2 * self.left * self.b(both)
        return first + self.theta**2 * self.along / self.d * (self.zeta * self.tr(both) - self.tr(A * self.R))

    def cross(self, A: np.ndarray) -> float:
        """s theta (u.uh) vh^T A b, from vh^T A b = s theta (u.uh) b^T A R b."""
        return self.zeta * self.theta**2 * self.left * self.b(A * self.R)

    def change(self) -> float:
        """What keeping the spike does to the risk (20)."""
        bracket = self.zeta * self.quadratic(1 / self.sigma) - self.cross(1 / self.sigma)
        return self.zeta * self.quadratic(1 / self.S) - 2 * self.entry * bracket - 2 * self.cross(1 / self.S)
