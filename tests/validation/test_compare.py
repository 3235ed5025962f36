"""`compare`: its arithmetic, its verdict, and that wrong theories fail."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.validation.compare import extrapolation_weights

PROBLEM = ra.TransferProblem(beta=0.6, p=300, n=200, N=500, gamma=0.3)


def test_right_theory_agrees():
    comparison = ra.compare(PROBLEM, [-1, 0, 1, 2], rng=1)
    assert comparison.agrees
    assert "agree" in comparison.verdict()
    assert comparison.column("theory").shape == (4,)
    np.testing.assert_array_equal(comparison.column("theory", "risk"), PROBLEM.curve().risk([-1, 0, 1, 2]))
    assert comparison.sizes == [(300, 200, 500), (600, 400, 1000)]
    assert len(str(comparison).splitlines()) == 1 + 16 + 2


def test_numbers_are_those_of_simulate():
    comparison = ra.compare(PROBLEM, 1.0, rng=7, replicates=50, doublings=0)
    seed = np.random.SeedSequence(7).spawn(1)[0]
    simulation = ra.simulate(PROBLEM, 1.0, replicates=50, rng=seed)
    (row,) = (row for row in comparison.rows if row.quantity == "accuracy")
    assert (row.simulation, row.stderr) == (simulation.accuracy, simulation.accuracy_stderr)
    assert row.z == row.limit_z == pytest.approx((row.simulation - row.theory) / row.stderr)
    assert row.spread == pytest.approx(simulation.draws.accuracy.std(ddof=1), rel=1e-12)
    assert row.theory_spread == PROBLEM.curve().accuracy_std(1.0)
    assert row.spread == pytest.approx(row.theory_spread, rel=4.5 / np.sqrt(2 * 50))

    class Bare:
        """A theory without error bars."""

        accuracy = staticmethod(PROBLEM.curve().accuracy)

    bare = ra.compare(PROBLEM, 1.0, theory=Bare(), quantities=("accuracy",), rng=7, replicates=5, doublings=0)
    assert bare.rows[0].theory_spread is None


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_generators_are_advanced_by_each_call(make):
    rng, again = make(5), make(5)
    options: dict[str, Any] = {"replicates": 5, "quantities": ("accuracy",)}
    first, second = (ra.compare(PROBLEM, 1.0, rng=rng, **options) for _ in range(2))
    assert first != second
    assert first == ra.compare(PROBLEM, 1.0, rng=again, **options)
    assert second == ra.compare(PROBLEM, 1.0, rng=again, **options)


def test_a_comparison_is_a_value():
    comparison = ra.compare(PROBLEM, [0, 1], rng=1, replicates=20)
    assert pickle.loads(pickle.dumps(comparison)) == comparison
    assert comparison != ra.compare(PROBLEM, [0, 1], rng=1, replicates=20, level=0.01)
    assert comparison != ra.compare(PROBLEM, [0, 1], rng=2, replicates=20)
    found = f"agreement, worst z {comparison.worst.limit_z:+.2f} of {comparison.threshold:.2f}"
    assert repr(comparison) == f"Comparison(TransferProblem, 8 rows: {found})"


def test_the_reference_formula_fails():
    problem = ra.TransferProblem(0.5, p=400, n=100, N=480, gamma=1, gamma_source=0.01)
    fields = {"N": 480, "gamma": 1, "gamma_source": 0.01}
    reference = reference_curve(0.5, 400, 100, **fields)
    comparison = ra.compare(problem, [0.5, 1], theory=reference, quantities=("mean", "variance"), rng=2)
    assert not comparison.agrees
    assert "DISAGREE" in comparison.verdict()
    assert ra.compare(problem, [0.5, 1], quantities=("mean", "variance"), rng=2).agrees


def test_bias_is_seen_and_taken_out():
    small = ra.TransferProblem(beta=0.6, p=15, n=10, N=25, gamma=0.3)
    comparison = ra.compare(small, [0, 1], rng=3, replicates=10_000)
    assert comparison.agrees
    assert comparison.bias_matters
    assert "taken out" in comparison.verdict()
    raw = ra.compare(small, [0, 1], rng=3, replicates=10_000, doublings=0)
    assert not raw.agrees


@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
def test_extrapolation_is_exact_for_polynomials(doublings):
    weights = extrapolation_weights(doublings)
    sizes = 10.0 * 2 ** np.arange(doublings + 1)
    values = sum((k + 3.0) / sizes**k for k in range(doublings + 1))
    assert weights @ values == pytest.approx(3.0, rel=1e-12)


def test_false_alarms_are_rare():
    # At level 0.05 over 100 comparisons about 5 alarms at most (Bonferroni is conservative); 13 has chance
    # 1e-3.
    alarms = sum(
        not ra.compare(PROBLEM, [0, 1], quantities=("accuracy",), level=0.05, replicates=30, rng=seed).agrees
        for seed in range(100)
    )
    assert alarms <= 13


def test_deterministic_quantities_compare_exactly():
    nothing = dataclasses.replace(PROBLEM, mu=0, mu_orth=0)
    comparison = ra.compare(nothing, [0, 1], quantities=("accuracy", "mean"), replicates=10, rng=0)
    assert comparison.agrees
    assert all(row.limit_z == 0 for row in comparison.rows)

    class Wrong:
        def mean(self, alpha):
            return 0 * alpha + 0.1

    assert not ra.compare(nothing, 1, theory=Wrong(), quantities=("mean",), replicates=10, rng=0).agrees


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"replicates": 1}, ValueError, "replicates must be at least 2"),
        ({"replicates": 0}, ValueError, "replicates must be at least 1"),
        ({"quantities": ("speed",)}, ValueError, "quantities must be among accuracy, mean"),
        ({"quantities": ()}, ValueError, "quantities must be among"),
        ({"level": 0}, ValueError, "level must be a number in"),
        ({"method": "magic"}, ValueError, "method must be one of"),
        ({"doublings": -1}, ValueError, "doublings must be at least"),
        ({"alpha": [[1.0]]}, ValueError, "alpha must be a number or a non-empty one-dimensional"),
        ({"alpha": math.nan}, ValueError, "alpha"),
        ({"alpha": math.inf}, ValueError, "alpha"),
    ],
)
def test_bad_input(options, error, message):
    arguments = {"alpha": 1.0} | options
    with pytest.raises(error, match=message):
        ra.compare(PROBLEM, arguments.pop("alpha"), **arguments)


def test_problems_must_be_scalar_and_whole():
    with pytest.raises(ValueError, match="beta must be a single number"):
        ra.compare(dataclasses.replace(PROBLEM, beta=np.array([0.1, 0.2])), 1.0)
    with pytest.raises(ValueError, match="n must be"):
        ra.compare(dataclasses.replace(PROBLEM, n=20.5), 1.0)
