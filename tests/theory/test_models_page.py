"""docs/theory/models.md says what the code says."""

from __future__ import annotations

import pytest
from model_table import CURVES, MODELS, Notes, answer_cell, curve_of, refused, shown, table, unlisted


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_page_shows_what_the_code_does(every):
    shown_rows, rows = shown().splitlines(), table(every=every).splitlines()
    wrong = [row for row in rows if row not in shown_rows] + [row for row in shown_rows if row not in rows]
    assert shown_rows == rows, f"run `python tests/helpers/model_table.py --write`; {wrong}"


def test_every_method_of_every_curve_has_a_row():
    assert unlisted() == set()


def test_a_curve_that_answers_less_changes_the_table(monkeypatch):
    kind = type(curve_of("softmax", ""))
    before = answer_cell("softmax", "accuracy", Notes())
    monkeypatch.setattr(kind, "_refusals", lambda self: {"accuracy": "it is tired"})
    assert before == "yes"
    assert answer_cell("softmax", "accuracy", Notes()) == "<sup>1</sup>"


@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_answered_is_refused(model):
    for variant in CURVES[model]:
        curve = curve_of(model, variant)
        for question in curve._refusals():
            assert refused(model, variant, question), (variant, question)


CHEAP = [(model, variant) for model in MODELS if model != "softmax" for variant in CURVES[model]]
DEAR = [pytest.param("softmax", variant, marks=pytest.mark.slow) for variant in CURVES["softmax"]]


@pytest.mark.parametrize(("model", "variant"), [*CHEAP, *DEAR])
def test_what_is_answered_is_not_refused(model, variant):
    for question in curve_of(model, variant).answers:
        assert not refused(model, variant, question), question
