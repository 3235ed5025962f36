"""The one-line functions, and every message that bad input gets."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from strategies import moderate_problems

import rmt_alpha as ra


@given(moderate_problems())
def test_functions_are_the_curve(problem):
    fields = {k: v for k, v in vars(problem).items() if k not in ("target_scale", "beta", "p", "n")}
    where = (problem.beta, problem.p, problem.n)
    curve = problem.curve()
    assert ra.optimal_alpha(*where, **fields) == curve.optimal_alpha()
    assert ra.optimal_alpha(*where, **fields, criterion="risk") == curve.optimal_alpha("risk")
    assert ra.accuracy(1.5, *where, **fields) == curve.accuracy(1.5)
    assert ra.risk(1.5, *where, **fields) == curve.risk(1.5)
    assert ra.neutral_alpha(*where, **fields) == curve.neutral_alpha()


def test_scalars_in_python_float_out():
    assert type(ra.optimal_alpha(0.8, 400, 40)) is float
    assert type(ra.accuracy(np.float32(1), np.float64(0.8), np.int64(400), 40)) is float
    assert type(ra.risk(np.array(1), 0.8, 400, 40)) is float
    assert type(ra.neutral_alpha(0.8, 400, 40, N=Fraction(4001, 2))) is float  # type: ignore[arg-type]


def test_all_arguments_broadcast():
    values = ra.accuracy(
        np.zeros((2, 1, 1, 1)), np.full((3, 1, 1), 0.5), np.full((4, 1), 100), np.full(5, 50), N=[[60]] * 4
    )
    assert np.shape(values) == (2, 3, 4, 5)
    assert np.shape(ra.optimal_alpha([], 400, 40)) == (0,)


def test_long_arguments_are_evaluated_like_short_ones():
    rng = np.random.default_rng(5)
    size = 70_000
    fields: dict[str, Any] = {"N": rng.uniform(10, 500, size), "mu": rng.uniform(0.1, 2, size), "gamma": 0.3}
    beta, n = rng.uniform(-1, 1, size), rng.integers(10, 500, size)
    whole = np.asarray(ra.accuracy(1.2, beta, 100, n, **fields))
    pick = slice(None, None, 997)
    few = ra.accuracy(1.2, beta[pick], 100, n[pick], N=fields["N"][pick], mu=fields["mu"][pick], gamma=0.3)
    np.testing.assert_array_equal(whole[pick], few)
    assert np.shape(ra.optimal_alpha(beta.reshape(7, -1)[:, :9000], 100, 40)) == (7, 9000)


KNOWN = [  # independent derivation: dense simulations of the two-stage model, to three digits
    ({"N": 480, "mu": 1, "mu_orth": 1, "gamma": 1, "gamma_source": 0.01}, (0.5, 400, 100), 0.604, 0.109),
    ({"N": 400, "mu": 1, "mu_orth": 1, "gamma": 0.1, "gamma_source": 0.1}, (0.7, 400, 100), 0.662, 0.409),
    ({"N": 800, "mu": 2, "mu_orth": 1, "gamma": 0.5, "gamma_source": 0.1}, (0.7, 400, 100), 0.859, 0.742),
]


@pytest.mark.parametrize(("fields", "where", "accuracy", "best"), KNOWN)
def test_known_values(fields, where, accuracy, best):
    assert ra.accuracy(1, *where, **fields) == pytest.approx(accuracy, abs=5e-4)
    assert ra.optimal_alpha(*where, **fields) == pytest.approx(best, abs=5e-4)


# --- bad input ---------------------------------------------------------------------------------------

BAD_VALUES = [
    ({"beta": 1.5}, r"beta must be a number in \[-1, 1\], got 1.5"),
    ({"beta": -2}, r"beta must be a number in \[-1, 1\], got -2.0"),
    ({"beta": math.nan}, r"beta must be .* got nan"),
    ({"beta": [0.2, 1.5]}, r"beta must be .* got 1.5 at index 1"),
    ({"beta": [[0.2, 0.3], [0.4, np.nan]]}, r"beta must be .* got nan at index \(1, 1\)"),
    ({"p": 0}, "p must be a positive finite number, got 0"),
    ({"p": -3}, "p must be a positive finite number, got -3"),
    ({"p": math.inf}, "p must be a positive finite number, got inf"),
    ({"n": 0}, r"n must be a positive number \(inf is allowed\), got 0"),
    ({"n": math.nan}, "n must be .* got nan"),
    ({"N": -1}, "N must be a positive number .* got -1"),
    ({"mu": -0.1}, "mu must be a finite number >= 0, got -0.1"),
    ({"mu_orth": math.inf}, "mu_orth must be a finite number >= 0, got inf"),
    ({"gamma": -1}, "gamma must be a finite number >= 0, got -1"),
    ({"gamma": [1.0, -1.0, 0.5]}, "gamma must be .* got -1.0 at index 1"),
    ({"gamma_source": math.nan}, "gamma_source must be .* got nan"),
    ({"gamma": 1e40}, r"gamma must be .* at most 1e\+30 in float64, got 1e\+40; pass dps="),
    ({"mu": 1e-40}, "mu must be .* 0 or at least 1e-30 in float64, got 1e-40; pass dps="),
    ({"n": 400, "gamma": 0}, "gamma = 0 with p == n has infinite variance"),
    ({"N": 400, "gamma_source": 0}, "gamma_source = 0 with p == N has infinite variance"),
    (
        {"beta": [0.1, 0.2], "mu": [1, 2, 3]},
        r"must broadcast to one shape, got shapes beta \(2,\), mu \(3,\)",
    ),
    (
        {"beta": np.zeros(40000), "mu": np.ones(40001)},
        r"must broadcast to one shape, got shapes beta \(40000,\)",
    ),
    ({"criterion": "speed"}, "criterion must be one of 'accuracy', 'risk', got 'speed'"),
    ({"dps": 0}, "dps must be between 1 and 100000 decimal digits, got 0"),
]

BAD_TYPES = [
    ({"beta": "0.8"}, "beta must be a real number or an array of them, got '0.8'"),
    ({"beta": None}, "beta must be a real number or an array of them, got None"),
    ({"p": True}, "p must be a real number or an array of them, got True"),
    ({"mu": 1j}, "mu must be a real number or an array of them, got 1j"),
    ({"mu": [1, "a"]}, r"mu must be a real number or an array of them, got \[1, 'a'\]"),
    ({"gamma": [None, 1.0]}, "gamma must be a real number or an array of them"),
    ({"gamma": object()}, "gamma must be a real number"),
    ({"gamma": np.array([1 + 1j])}, "gamma must be a real number or an array of them"),
    ({"dps": 3.5}, "dps must be an integer number of decimal digits or None, got 3.5"),
    ({"dps": True}, "dps must be an integer"),
    (
        {"beta": "eight tenths", "dps": 20},
        "beta must be a real number or an array of them, got 'eight tenths'",
    ),
    ({"beta": None, "dps": 20}, "beta must be a real number or an array of them, got None"),
]


def call(changes):
    return ra.optimal_alpha(**({"beta": 0.8, "p": 400, "n": 40} | changes))


@pytest.mark.parametrize(("changes", "message"), BAD_VALUES)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        call(changes)


@pytest.mark.parametrize(("changes", "message"), BAD_TYPES)
def test_bad_types_are_named(changes, message):
    with pytest.raises(TypeError, match=message):
        call(changes)


@pytest.mark.parametrize("dps", [None, 30])
@pytest.mark.parametrize("alpha", [math.nan, [0.0, math.nan]])
def test_alpha_must_not_be_nan(alpha, dps):
    with pytest.raises(ValueError, match=r"alpha must be a real number .* got nan"):
        ra.accuracy(alpha, 0.8, 400, 40, dps=dps)


@pytest.mark.parametrize("alpha", ["1", None, 1j, [1, None]])
def test_alpha_must_be_a_number(alpha):
    with pytest.raises(TypeError, match="alpha must be a real number or an array of them"):
        ra.risk(alpha, 0.8, 400, 40)


def test_the_same_checks_hold_in_high_precision():
    with pytest.raises(ValueError, match=r"beta must be a number in \[-1, 1\]"):
        ra.optimal_alpha("1.0000000000000000000001", 400, 40, dps=40)
    with pytest.raises(ValueError, match="gamma = 0 with p == n"):
        ra.optimal_alpha(0.5, 40, 40, gamma=mpmath.mpf(0), dps=40)


@pytest.mark.parametrize("tolerance", [0, -0.1, 1.5, math.nan])
def test_tolerance_is_checked(tolerance):
    curve = ra.TransferProblem(0.5, 10, 5).curve()
    with pytest.raises(ValueError, match="tolerance must be a number in"):
        curve.tolerance_interval(tolerance)


@pytest.mark.parametrize(
    ("w", "mean", "error", "message"),
    [
        ([1.0, 2.0], [1.0], ValueError, "must have the same length, got 2 and 1"),
        ([[1.0]], [1.0], ValueError, r"coef_source must be a one-dimensional array .* got shape \(1, 1\)"),
        ([], [], ValueError, "coef_source must be a one-dimensional array with at least one entry"),
        ([1.0, math.nan], [1.0, 1.0], ValueError, "coef_source must have finite entries, got nan at index 1"),
        ([1.0, 1.0], [math.inf, 1.0], ValueError, "mu_target must have finite entries, got inf at index 0"),
        (["a"], [1.0], TypeError, "coef_source must be a one-dimensional array of real numbers"),
    ],
)
def test_vectors_are_checked(w, mean, error, message):
    with pytest.raises(error, match=message):
        ra.TransferProblem.from_source(w, mean, n=3)
