"""Problems are values: equal, hashed and pickled by what they ask, and shown in one line."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha._core.types import SimulationOptions

RNG = np.random.default_rng(0)
MEANS, ROOT = RNG.standard_normal((2, 4)), RNG.standard_normal((4, 4))
FULL = ROOT @ ROOT.T


def mixture() -> ra.GaussianMixture:
    return ra.GaussianMixture(MEANS, [FULL, 2 * FULL], [0.3, 0.7])


def trained() -> ra.RidgeSource:
    return ra.RidgeSource(mixture(), 9, 0.1, intercept=True, label_noise=[0.0, 0.1])


MAKERS = {
    "TransferProblem": lambda: ra.TransferProblem(0.8, p=400, n=[40, 50], N=np.inf, gamma=[[0.1], [0.2]]),
    "GaussianMixture": mixture,
    "FixedSource": lambda: ra.FixedSource(MEANS),
    "RidgeSource": trained,
    "FineTuning": lambda: ra.FineTuning(
        mixture(), [trained(), ra.FixedSource(MEANS[0])], 5, 0.2, label_noise=0.1, loss="logistic"
    ),
}
CHANGES: dict[str, dict[str, Any]] = {
    "TransferProblem": {"beta": 0.7, "p": 401, "n": [40, 51], "N": None, "mu": 2, "gamma": 0.1},
    "GaussianMixture": {"means": 2 * MEANS, "covariances": FULL, "priors": None},
    "FixedSource": {"weights": MEANS[:1], "outputs": 2},
    "RidgeSource": {
        "mixture": ra.GaussianMixture(MEANS),
        "n": 10,
        "gamma": 0.2,
        "intercept": False,
        "label_noise": 0.0,
        "outputs": 2,
    },
    "FineTuning": {
        "target": ra.GaussianMixture(MEANS),
        "source": trained(),
        "n": 6,
        "gamma": 0.3,
        "intercept": True,
        "label_noise": 0.2,
        "loss": "hinge",
    },
}


def answer(value):
    """Something computed from it, and kept by it."""
    if isinstance(value, ra.GaussianMixture):
        return value.model.moments[0]
    if isinstance(value, ra.RidgeSource):
        return value.ridge.kappa
    return value.curve().accuracy(1.0) if hasattr(value, "curve") else value.weights


@pytest.mark.parametrize("name", MAKERS)
def test_equal_by_value(name):
    one, other = MAKERS[name](), MAKERS[name]()
    assert one is not other
    answer(one)  # what it has computed makes no difference
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1
    assert replace(one) == one
    assert one != "something else"
    for field, value in CHANGES[name].items():
        assert replace(one, **{field: value}) != one, field


def test_zeros_of_either_sign_are_one_value():
    # Also where a part of the entries only is hashed.
    for size in (3, 1000):
        one, other = ra.FixedSource(np.zeros(size)), ra.FixedSource(-np.zeros(size))
        assert one == other
        assert hash(one) == hash(other)


def test_one_source_in_a_list_is_another_question():
    problem = ra.FineTuning(mixture(), trained(), 5, 0.2)
    assert problem.components is None
    assert replace(problem, source=(trained(),)).components == 1
    assert replace(problem, source=(trained(),)) != problem


@pytest.mark.parametrize("name", MAKERS)
def test_pickled_by_value_and_without_what_was_computed(name):
    value = MAKERS[name]()
    plain = pickle.dumps(value)
    expected = answer(value)
    assert len(pickle.dumps(value)) == len(plain)
    for again in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert again == value
        np.testing.assert_array_equal(answer(again), expected)
        for field in fields(again):
            entries = getattr(again, field.name)
            for entry in entries if isinstance(entries, tuple) else (entries,):
                assert not (isinstance(entry, np.ndarray) and entry.flags.writeable)


def test_equal_covariances_are_one_object_also_after_pickling():
    one = ra.GaussianMixture(np.eye(3), [FULL[:3, :3], None, FULL[:3, :3].copy()])
    for value in (one, pickle.loads(pickle.dumps(one))):
        assert value.covariances[0] is value.covariances[2]
        assert value.group.tolist() == [0, 1, 0]
        assert len(value.members) == 2


@pytest.mark.parametrize("name", MAKERS)
def test_shown_in_one_short_line(name):
    shown = repr(MAKERS[name]())
    assert shown.startswith(f"{name}(")
    assert "\n" not in shown
    assert len(shown) <= 120


def test_a_repr_says_what_is_special():
    assert repr(ra.TransferProblem(0.8, p=400, n=40)) == "TransferProblem(beta=0.8, p=400, n=40)"
    assert repr(ra.TransferProblem([0.5, 0.8], 400, 40, N=np.inf, gamma=0.1)) == (
        "TransferProblem(beta=<0.5 to 0.8, shape (2,)>, p=400, n=40, N=inf, gamma=0.1)"
    )
    assert repr(MAKERS["FineTuning"]()) == (
        "FineTuning(K=2, p=4, 2 sources, n=5, gamma=0.2, label_noise=0.1 0.1, loss=logistic)"
    )


@pytest.mark.parametrize("name", MAKERS)
def test_fields_cannot_be_written(name):
    value = MAKERS[name]()
    for field in fields(value):
        with pytest.raises(AttributeError):
            setattr(value, field.name, 1.0)


def test_defaults_of_the_fields_are_those_of_the_constructor():
    parameters = inspect.signature(ra.TransferProblem).parameters
    assert list(parameters) == [field.name for field in fields(ra.TransferProblem)]
    for field in fields(ra.TransferProblem)[3:]:
        assert parameters[field.name].default == field.default


def test_a_problem_simulates_itself():
    options = list(inspect.signature(ra.simulate).parameters)[2:]
    assert sorted(SimulationOptions.__annotations__) == sorted(options)
    problem = ra.TransferProblem(0.8, p=30, n=20)
    for each in (problem, ra.FineTuning.from_transfer(problem)):
        found = each.simulate([0.0, 1.0], replicates=5, rng=3)
        expected = ra.simulate(each, [0.0, 1.0], replicates=5, rng=3)
        np.testing.assert_array_equal(found.accuracy, expected.accuracy)
