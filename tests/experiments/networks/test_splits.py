"""Which rows do what: never the same row for two purposes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_alpha.experiments.networks.settings import Settings, parse_steps
from rmt_alpha.experiments.networks.tasks import split


@given(st.integers(20, 300), st.data())
def test_rows_have_one_purpose(n_rows, data):
    validation = data.draw(st.integers(1, n_rows - 10))
    size = data.draw(st.integers(2, n_rows - validation))
    holdout = data.draw(st.sampled_from([0.0, 0.2, 0.5]))
    seed = data.draw(st.integers(0, 50))
    one = split(n_rows, validation, size, seed, holdout)
    rows = np.concatenate([one.train, one.alpha, one.validation])
    assert len(set(rows.tolist())) == len(rows) == size + validation
    assert rows.min() >= 0
    assert rows.max() < n_rows
    assert len(one.train) >= 1
    assert (len(one.alpha) > 0) == (holdout > 0)
    # The same validation rows for every seed and size; the same training rows for every method.
    other = split(n_rows, validation, size, seed + 1)
    assert np.array_equal(one.validation, other.validation)
    plain = split(n_rows, validation, size, seed)
    assert set(plain.train) == set(one.train) | set(one.alpha)


def test_a_larger_size_contains_the_smaller():
    small, large = (split(500, 100, size, seed=3).train for size in (50, 200))
    assert set(small) < set(large)
    assert set(small) != set(split(500, 100, 50, seed=4).train)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((100, 99, 2, 0), "validation_rows must be at most 98"),
        ((100, 50, 51, 0), "size must be between 2 and 50"),
        ((100, 50, 1, 0), "size must be between 2 and 50"),
        ((100, 50, 2, 0, 0.9), "leaves none for the adapter"),
    ],
)
def test_impossible_splits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        split(*arguments)


def test_steps_by_rows():
    settings = Settings("m", steps="100:60,400:100,240")
    assert [settings.steps_for(size) for size in (2, 100, 101, 400, 401, 10**6)] == [
        60,
        60,
        100,
        100,
        240,
        240,
    ]
    assert Settings("m", steps="7").steps_for(1000) == 7


@pytest.mark.parametrize("text", ["", "0", "x", "100:60", "400:60,100:60,10", "100:60,100:70,10", "1:2:3,4"])
def test_unreadable_steps_are_refused(text):
    with pytest.raises(ValueError, match="steps must be a number of at least 1, or numbers by rows"):
        parse_steps(text)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("batch_size", 0, "batch_size must be an integer of at least 1"),
        ("alpha_every", 0, "alpha_every must be an integer of at least 1, got 0"),
        ("alpha_holdout", 1.0, r"alpha_holdout must be in \(0, 1\)"),
        ("alpha_ratio", 0.0, "alpha_ratio must be positive"),
        ("dropout", 1.0, r"dropout must be in \[0, 1\)"),
        ("precision", "fp16", "precision must be one of"),
        ("evaluations", 61, "evaluations must be at most steps = 60"),
        ("tuning_sizes", (1,), "tuning_sizes must name sizes of at least 2 rows"),
    ],
)
def test_settings_are_checked(field, value, message):
    with pytest.raises(ValueError, match=message):
        Settings("m", **{field: value})


def test_every_field_changes_the_id():
    base = Settings("m")
    changed: dict[str, Any] = {
        "model": "other", "steps": "10", "batch_size": 8, "max_length": 64, "validation_rows": 10,
        "evaluations": 2, "warmup": 0.0, "rank": 4, "dropout": 0.1, "alpha_every": 2, "alpha_ratio": 1.0,
        "alpha_holdout": 0.5, "tuning_sizes": (100,), "precision": "bf16", "data": "x",
    }  # fmt: skip
    assert set(changed) == set(base.as_dict())
    ids = {Settings(**{"model": "m", name: value}).id for name, value in changed.items()}
    assert len(ids | {base.id}) == len(changed) + 1
