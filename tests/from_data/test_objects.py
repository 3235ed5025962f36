"""What is returned can be read, compared, kept and told apart."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from small_samples import draw

from rmt_alpha import alpha_path, estimate_problem
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.from_data.convex.newton import Minimum
from rmt_alpha.from_data.criteria import Choice

SAMPLE = draw("n < p")


def path(gamma=1.0, scale=1.0, **options):
    return alpha_path(scale * SAMPLE.X, SAMPLE.y, SAMPLE.source, gamma, **options)


def estimate(scale=1.0, **options):
    return estimate_problem(scale * SAMPLE.X, SAMPLE.y, SAMPLE.source, **options)


def choice(gamma=0.5, alpha=0.25, score=-1.5):
    return Choice(gamma, np.array([1.0, alpha]), score)


OTHERS: dict[Any, list[dict[str, Any]]] = {
    path: [{"gamma": 2.0}, {"scale": 2.0}, {"fit_intercept": False}, {"sample_weight": SAMPLE.weights}],
    estimate: [{"scale": 2.0}, {"fit_intercept": False}],
    choice: [{"gamma": 1.0}, {"alpha": 0.5}, {"score": 0.0}],
}
every_kind = pytest.mark.parametrize("make", OTHERS, ids=lambda make: make.__name__)


@every_kind
def test_equal_by_value(make):
    one = make()
    assert one == make()
    assert len({one, make(), *(make(**other) for other in OTHERS[make])}) == 1 + len(OTHERS[make])
    assert one != "something else"
    for other in OTHERS[make]:
        assert one != make(**other)


@every_kind
def test_members_can_be_listed(make):
    assert {"__eq__", "__repr__"} < {name for name, _ in inspect.getmembers(make())}
    assert not hasattr(make(), "nothing_of_the_kind")


@every_kind
def test_pickles(make):
    one = make()
    repr(one), str(one)
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (path, "AlphaPath(n=18, p=40, 2 classes, gamma=1)"),
        (estimate, "ProblemEstimate(n=18, p=40, |mu|^2=0.5393, <w, mu>=0.3431 +- 0.37)"),
        (choice, "Choice(gamma=0.5, alpha=[0.25], score=-1.5)"),
        (lambda: Choice(np.inf, np.array([0.0, -1.0]), 0.75), "Choice(gamma=inf, alpha=[-inf], score=0.75)"),
    ],
    ids=["path", "estimate", "choice", "infinite choice"],
)
def test_short_lines(make, expected):
    assert repr(make()) == expected


def test_a_path_survives_with_its_answers():
    one = path()
    two = pickle.loads(pickle.dumps(one))
    assert np.array_equal(two.breakpoints, one.breakpoints)
    assert two.best_alpha() == one.best_alpha()


def test_a_failed_search_can_be_kept():
    empty = np.zeros((0, 1))
    best = Minimum(empty, empty, 0.5, empty, 1e-3, 7)
    error = pickle.loads(pickle.dumps(ConvergenceError("no descent", best)))
    assert str(error) == "no descent"
    assert (error.best.residual, error.best.steps) == (1e-3, 7)
