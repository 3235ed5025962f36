"""What a source is worth in target samples: the search, against the closed form, itself and simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from strategies import moderate_problems

import rmt_alpha as ra
from rmt_alpha.theory.samples_needed import more_samples

P = 60
MEAN, SPECTRUM = np.full(P, 1.5 / np.sqrt(P)), np.linspace(0.2, 2.0, P)
BINARY = ra.GaussianMixture.symmetric(MEAN, SPECTRUM)
OTHER = ra.GaussianMixture.symmetric(MEAN * np.linspace(0.5, 1.5, P), SPECTRUM)
TRAINED = ra.RidgeSource(OTHER, n=300, gamma=0.1)
THREE = ra.GaussianMixture(2.0 * np.eye(3, P), SPECTRUM)
SOURCE_OF_THREE = ra.RidgeSource(THREE, n=300, gamma=0.1)
PROBLEMS = {
    "squared": ra.FineTuning(BINARY, TRAINED, n=30, gamma=0.1),
    "several": ra.FineTuning(BINARY, [TRAINED, ra.FixedSource(MEAN)], n=30, gamma=0.1),
    "dense": ra.FineTuning(
        ra.GaussianMixture([-MEAN, MEAN], [np.diag(SPECTRUM) + 0.1, SPECTRUM], [0.3, 0.7]),
        TRAINED, n=30, gamma=0.5, intercept=True, label_noise=0.1,
    ),
    "logistic": ra.FineTuning(BINARY, TRAINED, n=30, gamma=0.1, loss="logistic"),
    "hinge": ra.FineTuning(BINARY, TRAINED, n=30, gamma=0.1, loss="hinge"),
    "three": ra.FineTuning(THREE, SOURCE_OF_THREE, n=30, gamma=0.1),
    "softmax": ra.FineTuning(THREE, SOURCE_OF_THREE, n=30, gamma=0.1, loss="logistic"),
}  # fmt: skip


@given(moderate_problems())
def test_the_search_finds_the_closed_form(problem):
    problem = replace(problem, p=round(float(problem.p)) + 2, n=round(float(problem.n)) + 1)
    if problem.N is not None and np.isfinite(problem.N):
        problem = replace(problem, N=round(float(problem.N)) + 1)
    for alpha in (None, 0.7):
        closed = problem.equivalent_samples(alpha)
        assert ra.FineTuning.from_transfer(problem).equivalent_samples(alpha) == pytest.approx(
            closed, rel=1e-6, abs=1e-6
        )


@pytest.mark.parametrize("name", PROBLEMS)
def test_so_many_samples_do_as_well_and_fewer_do_not(name):
    problem = PROBLEMS[name]
    curve = problem.curve()
    alpha = 0.4 if name == "softmax" else curve.optimal_alpha()
    extra = problem.equivalent_samples(alpha if name == "softmax" else None)
    assert 1 < extra < np.inf
    margin = float(curve.margin(alpha))
    reached = float(replace(problem, n=problem.n + extra).curve().margin(0.0))
    # The optimum of a convex loss is right to 1e-6 of alpha, and flat there.
    assert reached == pytest.approx(margin, rel=1e-7)
    fewer = float(replace(problem, n=problem.n + 0.95 * extra).curve().margin(0.0))
    assert fewer < margin * (1 - 1e-4), "the check of what is reached could not fail"


@pytest.mark.parametrize(("name", "criterion"), [("squared", "risk"), ("logistic", "loss")])
def test_other_criteria(name, criterion):
    problem = PROBLEMS[name]
    ask = {"risk": "risk", "loss": "test_loss"}[criterion]
    extra = problem.equivalent_samples(0.3, criterion)
    more = replace(problem, n=problem.n + extra).curve()
    assert getattr(more, ask)(0.0) == pytest.approx(getattr(problem.curve(), ask)(0.3), rel=1e-9)


def test_regression_and_low_rank():
    problem = ra.RidgeRegressionTransfer(SPECTRUM, MEAN, MEAN * np.linspace(0, 1, P), 0.5, n=40, gamma=0.1)
    extra = problem.equivalent_samples()
    assert extra > 1
    assert replace(problem, n=40 + extra).risk(0.0) == pytest.approx(
        problem.curve().optimum().value, rel=1e-12
    )
    low = ra.LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
    extra = low.equivalent_samples(30)
    assert 1 < extra < np.inf
    reached = replace(low, n=500 + extra).excess_risk(0.0, 30)
    assert reached == pytest.approx(low.excess_risk(0.6, 30), rel=1e-9)
    # Of rank 3 a correction finds the spikes, never the part of full rank that the source has.
    assert low.equivalent_samples(3) == np.inf


def test_nothing_and_everything():
    useless = ra.FineTuning(BINARY, ra.FixedSource(np.eye(P)[0] - np.eye(P)[1]), n=30, gamma=0.1)
    assert useless.equivalent_samples(5.0) == 0.0  # worse than none
    # The best direction of all, which a ridge per sample of 10 does not let any number of samples find.
    best = ra.FineTuning(BINARY, ra.FixedSource(MEAN / SPECTRUM), n=30, gamma=10.0)
    assert best.equivalent_samples() == np.inf
    assert replace(best, n=np.inf).equivalent_samples(0.0) == 0.0


@pytest.mark.parametrize("alpha", [[0.1, 0.2], [[0.1]]])
def test_one_alpha_at_a_time(alpha):
    with pytest.raises(ValueError, match="alpha must"):
        PROBLEMS["squared"].equivalent_samples(alpha)


def test_a_peak_between_points_of_the_grid_is_found():
    # Without ridge accuracy has a maximum below n' = p and dips there; here one as narrow as any, and a rise.
    def alone(n: float) -> float:
        u = np.log(n / 10)
        return float(np.exp(-(((u - 1.0) / 0.1) ** 2)) - 2 + 0.2 * u)

    goal = alone(10 * float(np.exp(1))) - 1e-3
    extra = more_samples(alone, goal, 10, 1000)
    assert alone(10 + extra) == pytest.approx(goal, abs=1e-12)
    assert extra < 10 * float(np.expm1(1)) < more_samples(lambda n: -2 + 0.2 * np.log(n / 10), goal, 10, 1000)


def test_simulated_with_so_many_samples():
    problem = PROBLEMS["squared"]
    extra = problem.equivalent_samples(0.5)
    more = replace(problem, n=round(problem.n + extra))
    runs: list[tuple[ra.FineTuning, float]] = [(problem, 0.5), (more, 0.0), (problem, 0.0)]
    found = [each.simulate(alpha, replicates=200, rng=i) for i, (each, alpha) in enumerate(runs)]
    # What finite size does to the average accuracy, by the theory of error bars.
    sizes = []
    for each, alpha in runs:
        curve: Any = each.curve()
        sizes.append(float(abs(curve.expected_accuracy(alpha) - curve.accuracy(alpha))))
    source, alone, nothing = (float(np.asarray(each.accuracy)) for each in found)
    allowed = (
        4 * float(np.hypot(*(np.asarray(each.accuracy_stderr) for each in found[:2]))) + sizes[0] + sizes[1]
    )
    assert abs(source - alone) < allowed
    assert source - nothing > 2 * allowed, "worth no samples at all: the check could not fail"
