"""The facts and the table of limits of docs/theory/isotropic.md, which carry no equation number."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from docs_values import DIGITS, GUARD, PROBLEMS, values_of
from hypothesis import assume, given
from strategies import moderate_problems

import rmt_alpha as ra
from rmt_alpha._core.arithmetic import MP
from rmt_alpha.theory.isotropic.stage import Geometry, ridge_stage
from rmt_alpha.theory.ridge.closed_form import isotropic_ridge

TINY, HUGE = mpmath.mpf(10) ** -25, mpmath.mpf(10) ** 25
# A limit is approached in proportion to the small parameter (times constants of moderate problems).
CLOSE = mpmath.mpf(10) ** -20


def close(value, limit):
    return abs(value / limit - 1) < CLOSE


def stage(index, *, gamma=None, n=None, across2=None):
    """Ridge and curve of one of the problems, with another ridge, sample size or source."""
    v = values_of(index)
    ridge = isotropic_ridge(v["p"], v["n"] if n is None else n, v["gamma"] if gamma is None else gamma, MP)
    across2 = v["across2"] if across2 is None else across2
    place = Geometry(v["m"], v["m"] ** 2, v["a"], v["s"], across2)
    return v, ridge, ridge_stage(ridge, place, MP, dps=DIGITS)


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS + GUARD):
        yield


every_problem = pytest.mark.parametrize("index", range(len(PROBLEMS)))


# --- the table of limits -----------------------------------------------------------------------------


@every_problem
def test_limit_of_no_ridge(index):
    v, ridge, curve = stage(index, gamma=TINY)
    eta, s, m2 = v["eta"], v["s"], v["m"] ** 2
    best = curve.optimal_alpha()
    if eta > 1:
        assert close(ridge.kappa, eta - 1)
        assert close(ridge.freedom, 1 - 1 / eta)
        assert close(best, eta**2 * s / ((eta - 1) * ((eta + m2) * m2 * v["across2"] + eta * s**2)))
    else:
        assert close(ridge.kappa, TINY / (1 - eta))
        assert close(ridge.freedom, 1 - eta)
        assert close(ridge.kappa * best, eta * s / ((1 + m2) * m2 * v["across2"] + eta * s**2))
        # Limits in ridge and alpha do not commute: the optimum keeps its gain, a fixed alpha loses its own.
        assert curve.margin(best) > curve.margin(0) + 1e-4
        assert abs(curve.margin(3) / curve.margin(0) - 1) < CLOSE


@every_problem
def test_limit_of_a_large_ridge(index):
    v, ridge, curve = stage(index, gamma=HUGE)
    assert abs(ridge.kappa - HUGE - v["eta"]) < CLOSE
    assert close(ridge.freedom, 1)
    assert close(HUGE * curve.optimal_alpha(), v["eta"] * v["s"] / (v["m"] ** 2 * v["across2"]))


@every_problem
def test_limit_of_many_samples(index):
    v, ridge, curve = stage(index, n=HUGE)
    assert close(ridge.kappa, v["gamma"])
    assert close(ridge.freedom, 1)
    _, _, more = stage(index, n=2 * HUGE)
    assert close(curve.optimal_alpha() / more.optimal_alpha(), 2)
    assert close(curve.margin(curve.optimal_alpha()), v["m"])


@pytest.mark.parametrize("N", [None, 700])
def test_limit_of_no_alignment(N):
    def best(beta):
        return ra.optimal_alpha(beta, 300, 60, N=N, dps=DIGITS)

    assert best(0) == 0
    assert close(best(2 * TINY) / best(TINY), 2)


def test_limit_of_an_endless_source():
    problem = {"beta": 0.6, "p": 300, "n": 60, "mu": mpmath.mpf("1.7"), "gamma": 0.3, "dps": DIGITS}
    ridge = mpmath.mpf("0.8")
    endless = ra.optimal_alpha(**problem, N=math.inf, gamma_source=ridge)
    assert close(endless, (1 + ridge + problem["mu"] ** 2) * ra.optimal_alpha(**problem))
    assert close(ra.optimal_alpha(**problem, N=HUGE, gamma_source=ridge), endless)


# --- facts -------------------------------------------------------------------------------------------


@given(moderate_problems())
def test_sign_and_size_of_the_best_alphas(problem):
    assume(abs(problem.beta) > 1e-6)
    curve = problem.curve()
    sign, best = np.sign(problem.along), curve.optimal_alpha()
    assert np.sign(best) == np.sign(curve.optimal_alpha("risk")) == -np.sign(curve.neutral_alpha()) == sign
    assert math.isfinite(best)
    assert curve.margin(best) > 0
    (low, high) = curve.transfer_interval()
    assert max(-low, high) > 2 * abs(best) * (1 - 1e-12)


def test_orthogonal_tasks():
    curve = ra.TransferProblem(0, 400, 40, N=2000).curve()
    assert curve.optimal_alpha() == curve.optimal_alpha("risk") == 0
    assert curve.neutral_alpha() == math.inf
    assert curve.transfer_interval() == (0, 0)


@every_problem
def test_a_parallel_known_source_gives_mean_one(index):
    v, ridge, curve = stage(index, across2=mpmath.mpf(0))
    best = curve.optimal_alpha()
    assert close(best, ridge.lift / (ridge.kappa * v["s"]))
    assert close(curve.mean(best), 1)
    assert close(curve.margin(best) ** 2, ridge.freedom * v["m"] ** 2)


@given(moderate_problems())
def test_the_best_margin_grows_with_the_ridge_and_with_alignment(problem):
    fields = {**vars(problem)}

    def best(**changed):
        curve = ra.TransferProblem(**{**fields, **changed}).curve()
        return curve.margin(curve.optimal_alpha())

    slack = 1 + 1e-13  # rounding
    assert best(gamma=1.5 * problem.gamma) * slack >= best()
    # The angle alone: the same source, a target mean of the same norm.
    aligned = {"mu_orth": problem.mu, "target_scale": 1.0}
    assert best(beta=0.9, **aligned) * slack >= best(beta=0.8, **aligned)


def test_the_best_margin_need_not_grow_with_n():
    problem = ra.TransferProblem(0.8, 400, np.array([200.0, 390.0, 800.0]), gamma=1e-4)
    curve = problem.curve()
    few, near, many = np.asarray(curve.margin(curve.optimal_alpha()))
    assert near < 0.5 * few < many
