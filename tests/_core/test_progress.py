"""Bars of what takes long: asked for, they are drawn where a person looks, and change no number."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha._core.machine import progress
from rmt_alpha.cli.common import shown_while_working

MEAN = np.full(20, 0.3)
TARGET = ra.GaussianMixture.symmetric(MEAN)


def of_a_loss() -> float:
    problem = ra.FineTuning(TARGET, ra.FixedSource(MEAN), n=15, gamma=0.2, loss="logistic")
    return problem.equivalent_samples()


def of_classes() -> float:
    target = ra.GaussianMixture(np.eye(3, 20))
    problem = ra.FineTuning(
        target, ra.FixedSource(np.eye(3, 20), outputs=3), n=15, gamma=0.5, loss="logistic"
    )
    return float(problem.curve().optimum().value)


def of_samples(estimator: type) -> float:
    rng = np.random.default_rng(0)
    y = np.repeat([-1, 1], 10)
    return float(estimator(coef_source=MEAN).fit(y[:, None] * MEAN + rng.normal(size=(20, 20)), y).alpha_)


def screen(monkeypatch, *, terminal: bool = True, patience: float = 0.0) -> io.StringIO:
    """Standard error; not a fixture, because between setup and test pytest puts its own there."""
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(progress, "PATIENCE", patience)
    return shown


@pytest.mark.parametrize(
    ("work", "unit"),
    [
        pytest.param(of_a_loss, "size", id="equivalent samples"),
        pytest.param(of_classes, "alpha", id="optimum of softmax"),
        pytest.param(lambda: of_samples(ra.AlphaLogisticRegressionCV), "ridge", id="logistic regression"),
        pytest.param(lambda: of_samples(ra.AlphaRidgeClassifierCV), "rule", id="ridge classifier"),
    ],
)
def test_long_work_has_a_bar_when_asked(work, unit, monkeypatch):
    shown = screen(monkeypatch)
    quiet = work()
    assert shown.getvalue() == ""
    with ra.show_progress():
        assert work() == quiet
    assert f"{unit}/s" in shown.getvalue() or f"s/{unit}" in shown.getvalue()
    assert not progress.drawn()
    told = shown.getvalue()
    work()
    assert shown.getvalue() == told


def test_nothing_is_drawn_where_nobody_looks(monkeypatch):
    shown = screen(monkeypatch, terminal=False)
    with ra.show_progress():
        of_a_loss()
    assert shown.getvalue() == ""


def test_what_is_short_has_no_bar(monkeypatch):
    shown = screen(monkeypatch, patience=60.0)
    with ra.show_progress():
        of_a_loss()
    assert shown.getvalue() == ""


def test_the_seconds_of_a_verb_make_room_for_a_bar(monkeypatch):
    shown = screen(monkeypatch)
    with shown_while_working("optimal", "the logistic loss"):
        for _ in progress.long_steps(range(12), "alpha"):
            time.sleep(0.1)
    assert "alpha/s" in shown.getvalue()
    assert "the logistic loss" not in shown.getvalue()
