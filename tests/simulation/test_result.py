"""`Simulation` as a value: equal, pickled, shown in one line, and asked for what it does not have."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mixture_problems import PROBLEMS, alphas

import rmt_alpha as ra
from rmt_alpha.errors import MissingQuantity, NotAvailable
from rmt_alpha.simulation import LossDraws, MixtureDraws, RegressionDraws, TransferDraws
from rmt_alpha.simulation.scores import Draws

TRANSFER = ra.TransferProblem(0.8, 30, 20, 25, gamma=0.1)
BINARY = PROBLEMS["per_class"](10, 12)
MANY = PROBLEMS["three_classes"](10, 12)
REGRESSION = ra.RidgeRegressionTransfer(1.0, np.ones(4), np.arange(4.0), 0.5, n=6, gamma=0.1)
KINDS: dict[str, tuple[Any, type[Draws]]] = {
    "transfer": (TRANSFER, TransferDraws),
    "mixture": (BINARY, MixtureDraws),
    "one-hot": (MANY, MixtureDraws),
    "several sources": (PROBLEMS["two_sources"](10, 12), MixtureDraws),
    "loss": (replace(BINARY, loss="logistic"), LossDraws),
    "regression": (REGRESSION, RegressionDraws),
}
QUANTITIES = (
    *("mean", "variance", "accuracy", "risk", "training_loss", "training_accuracy"),
    *("class_accuracy", "class_mean", "class_variance", "class_std"),
)


def run(kind, rng=0):
    problem, _ = KINDS[kind]
    alpha = alphas(problem) if isinstance(problem, ra.FineTuning) else [0.0, 1.0, 2.0]
    return ra.simulate(problem, alpha, replicates=6, rng=rng)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_by_value(kind):
    one, same, other = run(kind), run(kind), run(kind, rng=1)
    assert type(one.draws) is KINDS[kind][1]
    assert one == same
    assert one.draws == same.draws
    assert one != other
    assert one.draws != other.draws
    assert one != 3
    assert hash(one) == hash(same)
    if kind != "loss":
        assert one != one.at(one.alpha + 1)
        assert one.at(one.alpha) == one


@pytest.mark.parametrize("kind", KINDS)
def test_pickling(kind):
    one = run(kind)
    for name in one.draws.quantities:
        getattr(one, name, None)  # what is kept once computed changes nothing
    again = pickle.loads(pickle.dumps(one))
    assert again.draws == one.draws
    assert np.array_equal(again.risk, one.risk)
    assert np.array_equal(ra.simulate(KINDS[kind][0], one.alpha, replicates=6, rng=again.seed).risk, one.risk)
    if kind != "regression":
        assert again == one


@pytest.mark.parametrize("kind", KINDS)
def test_shown_in_one_short_line(kind):
    one = run(kind)
    for shown in (repr(one), repr(one.draws)):
        assert len(shown) <= 110
        assert "\n" not in shown
    name = "risk" if kind == "regression" else "accuracy"
    values, errors = getattr(one, name), getattr(one, f"{name}_stderr")
    best = values.argmin() if name == "risk" else values.argmax()
    assert f"6 draws, {one.method}: {name} {values[best]:.4g} +- {errors[best]:.1g} at alpha = " in repr(one)
    assert repr(one).endswith(", the best of 3)")


def test_shown_for_one_alpha_and_for_none():
    line = repr(ra.simulate(TRANSFER, 1.5, replicates=5, rng=0))
    assert line.startswith("Simulation(TransferProblem, 5 draws, krylov: accuracy 0.")
    assert line.endswith(" at alpha = 1.5)")
    assert repr(ra.simulate(TRANSFER, [], replicates=5, rng=0)).endswith(": no alphas)")
    pair = ra.simulate(KINDS["several sources"][0], [0.5, -1.0], replicates=5, rng=0)
    assert repr(pair).endswith(" at alpha = (0.5, -1))")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_an_attribute_error(kind):
    one = run(kind)
    has = set(one.draws.quantities) - ({"mean", "variance"} if kind == "one-hot" else set())
    for owner in (one, one.draws):
        assert {name for name in QUANTITIES if hasattr(owner, name)} == has
        inspect.getmembers(owner)
    assert {name for name in QUANTITIES if hasattr(one, f"{name}_stderr")} == has


def test_what_is_missing_says_what_there_is():
    with pytest.raises(MissingQuantity, match="a TransferProblem have no 'training_loss'; they have acc"):
        run("transfer").training_loss  # noqa: B018
    with pytest.raises(MissingQuantity, match="regression have no 'class_mean'; they have risk"):
        run("regression").class_mean  # noqa: B018
    with pytest.raises(NotAvailable, match="loss that is not squared have no best alpha of risk"):
        run("loss").draws.optimal_alpha("risk")


def test_documentation_of_the_averages():
    assert inspect.getdoc(ra.Simulation.accuracy) == "Average signed accuracy on fresh target data."
    assert inspect.getdoc(ra.Simulation.risk_stderr) == "Standard error of `risk`."
