"""What enters a classifier: never a test label; under the inductive protocol no test row at all."""

from __future__ import annotations

import numpy as np
import pytest
from study_world import domain

from rmt_alpha.experiments.data.datasets import LabelledData
from rmt_alpha.experiments.study.protocols import PROTOCOLS, Transfer

TRAIN, TEST = np.arange(30), np.arange(30, 160)


def prepared(target, protocol):
    return Transfer.prepare(domain("a", 1), target, 120, protocol).split(TRAIN, TEST)


def changed(target, **fields):
    return LabelledData(
        target.name, fields.get("features", target.features), fields.get("labels", target.labels)
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_test_label_enters(protocol):
    target = domain("b", 2)
    other = changed(target, labels=np.where(np.arange(160) < 30, target.labels, -target.labels))
    one, two = prepared(target, protocol), prepared(other, protocol)
    assert np.array_equal(one.train, two.train)
    assert np.array_equal(one.test, two.test)
    assert np.array_equal(one.labels, two.labels)


@pytest.mark.parametrize(("protocol", "enters"), [("paper", True), ("inductive", False)])
def test_test_rows_enter_the_paper_scaler_alone(protocol, enters):
    target = domain("b", 2)
    features = target.features.copy()
    features[TEST[0]] += 50.0
    one, two = prepared(target, protocol), prepared(changed(target, features=features), protocol)
    assert (not np.array_equal(one.train, two.train)) == enters
    assert (not np.array_equal(one.test[1:], two.test[1:])) == enters


def test_standardisation():
    paper = Transfer.prepare(domain("a", 1), domain("b", 2), 120, "paper")
    assert paper.target.features.mean(axis=0) == pytest.approx(np.zeros(30), abs=1e-12)
    assert paper.target.features.std(axis=0) == pytest.approx(np.ones(30))
    inductive = Transfer.prepare(domain("a", 1), domain("b", 2), 120, "inductive")
    assert inductive.source_features.std(axis=0) == pytest.approx(np.ones(30))
    assert inductive.split(TRAIN, TEST).train.mean(axis=0) == pytest.approx(np.zeros(30), abs=1e-12)
    assert len(inductive.source_labels) == 120
