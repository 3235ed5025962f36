r"""The resolvent of covariances from their square roots: for ridges that span many orders of magnitude.

With C_g = F_g^T F_g and the stacked matrix A of the blocks sqrt(weight_g) F_g and sqrt(kappa_max) I,

    sum_g weight_g C_g + kappa_max I = A^T A = (triangle^T triangle),

and everything is a sum of squares of the blocks A_g triangle^-1, which are parts of a matrix with orthonormal
columns: weight_g tr C_g Q = ||A_g triangle^-1||^2, with Q the inverse of that sum.  Householder's method with
columns pivoted and rows sorted keeps the digits of every row, however different their lengths (Cox and
Higham, Stability of Householder QR factorization for weighted least squares problems, 1998).  It costs about
ten times a Cholesky factorisation.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular

from rmt_alpha._core.types import Array
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.fixed_point import Tangent
from rmt_alpha.theory.ridge.spectrum import exact_deficit


class GradedResolvent:
    """R = (sum_g pi_g C_g / kappa_g + I)^-1 as kappa_max * Q, for C_g = roots_g^T roots_g."""

    def __init__(self, basis: Basis, roots: list[Array], priors: Array, p: int, kappa: Array, n: Any) -> None:
        self.basis, self.roots, self.priors, self.p, self.kappa, self.n = basis, roots, priors, p, kappa, n
        self.rank = int(roots[0].shape[1])
        self.kappa_max = float(np.max(kappa))
        self.weights = priors * (self.kappa_max / kappa)

    @cached_property
    def _factors(self) -> tuple[list[Array], Array]:
        blocks = [np.sqrt(w) * f for w, f in zip(self.weights, self.roots, strict=True)]
        stacked = np.concatenate([*blocks, np.sqrt(self.kappa_max) * np.eye(self.rank)])
        order = np.argsort(-np.max(abs(stacked), axis=1), kind="stable")
        sorted_q, triangle, pivots = qr(stacked[order], mode="economic", pivoting=True, check_finite=False)
        root = np.empty((self.rank, self.rank))
        root[pivots] = solve_triangular(triangle, np.eye(self.rank), check_finite=False)
        q = np.empty_like(sorted_q)
        q[order] = sorted_q
        return np.split(q, np.cumsum([len(f) for f in self.roots]))[:-1], root

    @property
    def parts(self) -> list[Array]:
        """sqrt(weight_g) F_g B: the squares of all of them and of sqrt(kappa_max) B add up to I.

        Taken from the orthonormal factor: the product with B would cancel where F_g has a null space.
        """
        return self._factors[0]

    @property
    def inverse_root(self) -> Array:
        """B of shape (rank, rank) with B B^T = Q."""
        return self._factors[1]

    def tangent(self) -> Tangent:
        """The fixed-point map T_g = (1/n) tr C_g R and its derivative."""
        kappa, n, k, parts = self.kappa, self.n, self.kappa_max, self.parts
        rest = np.sqrt(k) * self.inverse_root
        total = np.array([np.vdot(part, part) for part in parts])
        pairs = np.array([[_overlap(left, right) for right in parts] for left in parts])
        squares = np.array([_overlap(part, rest) for part in parts])
        present = total > 0
        value = np.where(present, total * kappa / (n * self.priors), 0.0)
        whole = np.where(present, pairs.sum(axis=1) + squares, 1.0)  # total, to rounding
        share, slack = pairs / whole[:, None], np.where(present, squares / whole, 1.0)
        deficit = exact_deficit(kappa, value, self.priors, n, self.rank, float(np.vdot(rest, rest)))
        return Tangent(value, share, slack, deficit)

    def apply(self, rows: Array) -> Array:
        """R / kappa_max times each row."""
        inside = (rows[..., : self.rank] @ self.inverse_root) @ self.inverse_root.T
        return np.concatenate([inside, rows[..., self.rank :] / self.kappa_max], axis=-1)

    def form(self, rows: Array, group: int) -> Array:
        """rows C_g rows^T."""
        seen = rows[..., : self.rank] @ self.roots[group].T
        return np.asarray(seen @ seen.T)

    def sandwich(self, group: int) -> Operator:
        """R C_g R / kappa_max^2."""
        half = self.parts[group] @ self.inverse_root.T / np.sqrt(self.weights[group])
        entries = np.zeros((self.p, self.p))
        entries[: self.rank, : self.rank] = half.T @ half
        return Operator(self.basis, entries)


def _overlap(left: Array, right: Array) -> float:
    product = left @ right.T
    return float(np.vdot(product, product))
