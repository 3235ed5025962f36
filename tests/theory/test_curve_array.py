"""Arrays of n and gamma in one call: the numbers of the single curves, for every model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.errors import NotAvailable
from rmt_alpha.theory.curve import QUESTIONS

MEAN, SPECTRUM = np.ones(6) / 2, np.linspace(0.5, 1.5, 6)
TWO, THREE = ra.GaussianMixture.symmetric(MEAN, SPECTRUM), ra.GaussianMixture(2.0 * np.eye(3, 6), SPECTRUM)
SQUARED = ra.FineTuning(TWO, ra.FixedSource(MEAN), n=8, gamma=0.5)
LOW_RANK = ra.LowRankTransfer(0.5, [2.0], 3.0, 1.0, n=20, p=8, d=6, gamma=0.1)
PROBLEMS: dict[str, Any] = {
    "squared": SQUARED,
    "two sources": replace(SQUARED, source=(ra.FixedSource(MEAN), ra.FixedSource(MEAN[::-1] * SPECTRUM))),
    "logistic": replace(SQUARED, loss="logistic"),
    "softmax": ra.FineTuning(THREE, ra.FixedSource(np.eye(3, 6), outputs=3), n=8, gamma=0.5, loss="logistic"),
    "regression": ra.RidgeRegressionTransfer(SPECTRUM, MEAN, MEAN * SPECTRUM, 0.5, n=8, gamma=0.5),
    "low rank": LOW_RANK,
}
N, GAMMA = np.array([9.0, 14.0]), np.array([[1.0], [5.0]])
NO_ALPHA = {
    "optimum",
    "optimal_alpha",
    "neutral_alpha",
    "transfer_interval",
    "landmarks",
    "optimal_alpha_std",
}


def curves(problem):
    return problem.curves(2, N, GAMMA) if problem is LOW_RANK else problem.curves(N, GAMMA)


@cache
def single_of(name, i, j):
    """One curve for several questions: it keeps what it has solved."""
    return single(PROBLEMS[name], i, j)


def single(problem, i, j):
    one = replace(problem, n=N[j], gamma=GAMMA[i, 0])
    return one.curve(2) if problem is LOW_RANK else one.curve()


def same(array, expected):
    # A fixed point that starts elsewhere differs by what its solver leaves.
    np.testing.assert_allclose(array, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_single_curves(name):
    problem = PROBLEMS[name]
    table = curves(problem)
    assert table.shape == (2, 2)
    assert table.criteria == single_of(name, 0, 0).criteria
    quantities = table.answers & {
        "accuracy",
        "risk",
        "class_accuracy",
        "mean",
        "error",
        "margin",
        "accuracy_std",
    }
    assert "risk" in quantities
    for quantity in quantities:
        found = getattr(table, quantity)(0.5)
        for i, j in np.ndindex(2, 2):
            same(found[i, j], getattr(single_of(name, i, j), quantity)(0.5))
    best = table.optimum()
    assert best.finite.shape == (2, 2)
    same(best.alpha[1, 0], single_of(name, 1, 0).optimal_alpha())
    same(table.optimal_alpha(), best.alpha)
    same(table.gain(0.0)[0, 1], single_of(name, 0, 1).gain(0.0))
    same(table.along([2.0] * table.sources).risk(0.25), table.risk(0.5))
    assert repr(table).startswith("CurveArray(2 x 2 curves, the first: ")


def test_alpha_broadcasts():
    table = PROBLEMS["squared"].curves(n=N[:, None])
    alphas = np.array([0.0, 0.5, 1.0])
    assert table.accuracy(alphas).shape == (2, 3)
    assert table.class_accuracy(alphas).shape == (2, 3, 2)
    same(table.accuracy(alphas)[1], replace(SQUARED, n=14.0).curve().accuracy(alphas))
    vectors = PROBLEMS["two sources"].curves(n=N).accuracy(np.ones((3, 1, 2)))
    assert vectors.shape == (3, 2)
    with pytest.raises(ValueError, match="broadcast"):
        PROBLEMS["squared"].curves(n=N).accuracy(alphas)
    low, high = PROBLEMS["squared"].curves(n=N).tolerance_interval([0.01, 0.02, 0.03])
    assert low.shape == high.shape == (2, 3)
    same(high[1, 2], replace(SQUARED, n=14.0).curve().tolerance_interval(0.03)[1])


def test_infinite_optima_have_a_direction():
    """Without ridge and with p < n the source has no influence: alpha* is a limit."""
    table = SQUARED.curves(n=[20.0, 3.0], gamma=0.0)
    best = table.optimum()
    single_best = replace(SQUARED, n=20.0, gamma=0.0).curve().optimum()
    assert np.asarray(best.finite).tolist() == [bool(single_best.finite), True]
    same(np.asarray(best.alpha)[0], single_best.alpha)


@pytest.mark.parametrize("name", PROBLEMS)
def test_answers_are_those_of_the_members(name):
    problem = PROBLEMS[name]
    table = curves(problem)
    assert table.answers & QUESTIONS == (single(problem, 0, 0).answers & QUESTIONS) - {"landmarks"}
    for question in QUESTIONS - table.answers - {"landmarks"}:
        arguments = [] if question in NO_ALPHA else [0.5]
        with pytest.raises(NotAvailable):
            getattr(table, question)(*arguments)


def test_refusals():
    with pytest.raises(ValueError, match="curves needs arrays of n or gamma"):
        SQUARED.curves(n=20)
    with pytest.raises(ValueError, match="n must be a positive number"):
        SQUARED.curves(n=[20, -1])
    with pytest.raises(ValueError, match="rank must be from 0"):
        LOW_RANK.curves(7, n=[20, 30])
