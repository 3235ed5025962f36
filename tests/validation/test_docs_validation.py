"""docs/validation/validation.md is true: its closed form of the error bars, as printed, against its sum.

The sum runs over every entry of a long chain in the limit, with derivatives by the adjoint method; the
simulation, which knows neither, has its say in test_fluctuations.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import rmt_alpha as ra

PROBLEMS = [
    {"beta": 0.6, "p": 1500, "n": 1000, "gamma": 0.3},
    {"beta": -0.3, "p": 400, "n": 1000, "gamma": 0.05, "mu": 2.0},
    {"beta": 0.9, "p": 1000, "n": 1000, "gamma": 0.5, "mu_orth": 0.3},
]
ALPHAS = [-1.0, 0.0, 0.7, 2.0]
QUANTITIES = ["mean", "variance", "risk", "accuracy"]
SIZE = 400  # the decay, sqrt(1 - h) < 0.6 for three vectors, reaches rounding long before
HALF = 0.5  # variance of a chi number, against 1 of a Gaussian


def partial_derivatives(quantity, m, length, square):
    x = m * length / np.sqrt(square)
    slope = stats.norm.pdf(x)
    return {
        "mean": (m, 0.0),
        "variance": (0.0, 1.0),
        "risk": (-2 * m * (1 - m * length), 1.0),
        "accuracy": (slope * m / np.sqrt(square), -slope * x / (2 * square)),
    }[quantity]


def prior_of(problem, size):
    d = np.zeros(size)
    d[:2] = problem.mu * np.array([problem.along, problem.across]) / problem.target_norm
    return d


def brute_force(problem, alpha, quantity, chi=HALF):
    """The sum over all entries of the chain, for a known source."""
    eta, m = problem.p / problem.n, problem.target_norm
    F = np.eye(SIZE, SIZE + 1, 1) + np.sqrt(eta) * np.eye(SIZE, SIZE + 1, -2)
    F[0, 0] = m
    kinds = ((1, chi), (0, 1.0), (-1, 1.0), (-2, chi))
    variances = sum(variance * np.eye(SIZE, SIZE + 1, place) for place, variance in kinds)
    e, e_right = np.eye(SIZE)[0], np.eye(SIZE + 1)[0]
    A = F @ F.T + problem.gamma * np.eye(SIZE)
    w = np.linalg.solve(A, F @ e_right + alpha * problem.gamma * prior_of(problem, SIZE))
    by_length, by_square = partial_derivatives(quantity, m, w[0], w @ w)
    adjoint = np.linalg.solve(A, by_length * e + 2 * by_square * w)
    D = np.outer(adjoint, e_right - F.T @ w) - np.outer(w, F.T @ adjoint)
    return np.sqrt(np.sum(variances * D**2) / problem.n)


def closed_form(problem, alpha, quantity):
    """The page's formulas, in its letters."""
    eta, m = problem.p / problem.n, problem.target_norm
    ridge = ra.effective_ridge(problem.p, problem.n, problem.gamma)
    kappa, L, h, omega = ridge.kappa, ridge.lift, ridge.freedom, ridge.gamma_over_kappa
    rho, d, e = np.array([m, 0, np.sqrt(eta)]), prior_of(problem, 3), np.eye(3)[0]
    w = rho / (L + m**2) + alpha * kappa / L * (d - rho * m * d[0] / (L + m**2))
    by_length, by_square = partial_derivatives(quantity, m, w[0], w @ w / h)
    zeta = 2 * by_square / (L * h)
    u = np.linalg.solve(np.outer(rho, rho) + omega * L * np.eye(3), by_length * e + L * zeta * w)
    f = omega * (1 - m * w[0]) * u - (rho @ u) * w
    S, Y = omega * (np.outer(u, w) + np.outer(w, u)), zeta * np.outer(w, w)
    T = S - eta / L * Y
    bracket = np.sum(T * T) + 2 * omega * (1 - h) / h * np.sum(T * Y)
    bracket += omega**2 * (1 - h) * (2 - h) / h**2 * np.sum(Y * Y)
    return np.sqrt((f[0] ** 2 + f[1] ** 2 + f[2] ** 2 / 2 + bracket / (2 * h)) / problem.n)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("fields", PROBLEMS, ids=["n < p", "n > p", "n = p"])
def test_code_page_and_sum_agree(fields, quantity):
    problem = ra.TransferProblem(**fields)
    for alpha in ALPHAS:
        std = getattr(problem.curve(), f"{quantity}_std")(alpha)
        # A few hundred additions and a well-conditioned solve.
        assert closed_form(problem, alpha, quantity) == pytest.approx(std, rel=1e-12)
        assert brute_force(problem, alpha, quantity) == pytest.approx(std, rel=1e-12)


def test_wrong_variances_of_the_entries_would_be_seen():
    problem = ra.TransferProblem(**PROBLEMS[0])
    wrong = brute_force(problem, 1.0, "accuracy", chi=1.0)
    assert wrong / problem.curve().accuracy_std(1.0) > 1.01


def test_the_sum_is_long_enough():
    for fields in PROBLEMS:
        ridge = ra.effective_ridge(fields["p"], fields["n"], fields["gamma"])
        assert ridge.noise ** (SIZE / 3) < 1e-16
