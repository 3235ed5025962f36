"""The theory against dense draws of the data matrices: nothing but Gaussian numbers and linear solves."""

from __future__ import annotations

import pytest

import rmt_alpha as ra

PROBLEMS = {
    "known source": {"beta": 0.8, "p": 60, "n": 20, "gamma": 0.5},
    "trained source": {"beta": 0.5, "p": 50, "n": 30, "N": 150, "gamma": 1.0, "gamma_source": 0.5},
    "source with N < p": {
        "beta": 0.7,
        "p": 60,
        "n": 40,
        "N": 30,
        "gamma": 0.1,
        "gamma_source": 0.1,
        "mu": 1.5,
    },
    "n > p, opposed tasks": {
        "beta": -0.6,
        "p": 20,
        "n": 60,
        "N": 75,
        "gamma": 0.2,
        "mu": 1.2,
        "mu_orth": 0.5,
    },
    "n = p": {"beta": 0.4, "p": 40, "n": 40, "N": 80, "gamma": 0.3, "gamma_source": 0.3},
    "weak signal, heavy ridge": {
        "beta": 0.9,
        "p": 45,
        "n": 30,
        "N": 45,
        "mu": 0.6,
        "mu_orth": 0.4,
        "gamma": 20.0,
    },
    "infinite source, scaled target": {"beta": 0.6, "p": 40, "n": 25, "N": float("inf"), "target_scale": 1.6},
    "interpolation": {"beta": 0.6, "p": 75, "n": 25, "N": 150, "gamma": 0.0},
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_theory_agrees_with_dense_draws(name):
    problem = ra.TransferProblem(**PROBLEMS[name])
    alpha = [0.0, 1.0, float(problem.curve().optimal_alpha())]
    # Two doublings take out the bias of order 1/n and 1/n^2, which at these sizes would be seen.
    comparison = ra.compare(problem, alpha, method="dense", replicates=150, doublings=2, rng=[20, 26])
    assert abs(comparison.worst.limit_z) < 4, str(comparison)


def test_a_wrong_kappa_fails():
    problem = ra.TransferProblem(**PROBLEMS["trained source"])
    wrong = ra.TransferProblem(**(PROBLEMS["trained source"] | {"gamma": 1.1})).curve()  # kappa 5 % too large
    comparison = ra.compare(
        problem, [0.0, 1.0], method="dense", theory=wrong, replicates=150, doublings=2, rng=[20, 26]
    )
    assert abs(comparison.worst.limit_z) > 4
