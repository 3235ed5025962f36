"""Held-out rows: taken off the training set at random; rows in both sets are found by where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Subset, TensorDataset

from rmt_alpha.lora.held_out import divide, shared_rows, split_rows, take

datasets = pytest.importorskip("datasets")


@given(n=st.integers(2, 300), part=st.floats(0.001, 0.999), seed=st.integers(0, 2**32))
def test_split_is_a_partition_and_both_get_rows(n, part, seed):
    training, held_out = split_rows(n, part, seed)
    assert sorted([*training, *held_out]) == list(range(n))
    assert len(held_out) == min(max(1, round(part * n)), n - 1)
    assert all(
        np.array_equal(a, b) for a, b in zip((training, held_out), split_rows(n, part, seed), strict=True)
    )


def test_split_by_number_and_by_seed():
    assert len(split_rows(100, 30, 0)[1]) == 30
    assert set(split_rows(100, 30, 0)[1]) != set(split_rows(100, 30, 1)[1])


@pytest.mark.parametrize(
    ("n", "size", "error", "message"),
    [
        (1, 0.5, ValueError, "a training set of 1 rows cannot be divided"),
        (10, 0.0, ValueError, "strictly between 0 and 1, got 0.0"),
        (10, 1.0, ValueError, "strictly between 0 and 1, got 1.0"),
        (10, 0, ValueError, r"between 1 and 9 \(of 10\), got 0"),
        (10, 10, ValueError, r"between 1 and 9 \(of 10\), got 10"),
        (10, "a", TypeError, "a fraction or a number of rows"),
        (10, True, TypeError, "a fraction or a number of rows"),
    ],
)
def test_impossible_splits(n, size, error, message):
    with pytest.raises(error, match=message):
        split_rows(n, size, 0)


def tensors(n=20):
    return TensorDataset(torch.arange(n))


def table(n=20):
    return datasets.Dataset.from_dict(
        {"text": [f"row {i}" for i in range(n)], "label": [i % 2 for i in range(n)]}
    )


@pytest.mark.parametrize("whole", [tensors(), table(), list(range(20))], ids=["tensors", "table", "list"])
def test_taken_rows_are_those_asked_for(whole):
    rows = np.array([3, 7, 11])
    part = take(whole, rows)
    assert len(part) == 3
    assert [str(part[i]) for i in range(3)] == [str(whole[int(row)]) for row in rows]
    assert type(take(table(), rows)) is datasets.Dataset


@given(data=st.data(), kind=st.sampled_from(["subset", "nested", "select", "shuffled"]))
def test_shared_rows_are_counted(data, kind):
    n = 20
    first, second = (
        data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True)) for _ in "ab"
    )
    expected = len(set(first) & set(second))
    if kind == "subset":
        whole = tensors(n)
        ours, theirs = Subset(whole, first), Subset(whole, second)
    elif kind == "nested":
        whole = Subset(tensors(2 * n), list(range(0, 2 * n, 2)))
        ours, theirs = Subset(whole, first), Subset(Subset(whole, second), list(range(len(second)))[::-1])
    else:
        whole = table(n)
        if kind == "shuffled":
            order = np.random.default_rng(0).permutation(n).tolist()
            whole = whole.select(order)
        ours, theirs = whole.select(first), Subset(whole, second)
    assert shared_rows(ours, theirs) == expected


def test_windows_into_one_table():
    whole = table(20)
    assert (
        shared_rows(whole.select(range(12)), whole.select(range(10, 20))) == 2
    )  # contiguous: a slice, no list
    parts = whole.train_test_split(test_size=0.3, seed=0)
    assert shared_rows(parts["train"], parts["test"]) == 0
    assert shared_rows(whole, parts["test"]) == 6
    assert shared_rows(whole, whole) == 20
    assert shared_rows(table(), table()) == 0  # equal, but two tables


def test_concatenated_tables_keep_the_origin_of_each_row():
    first, second = table(5), table(5)
    both = datasets.concatenate_datasets([first, second])
    assert shared_rows(both, second) == 5
    assert shared_rows(both.select(range(5)), second) == 0


def parts_of(whole: Any, size: float | None) -> tuple[Any, Any]:
    return divide(whole, None, size, 0)


def test_default_takes_a_tenth_and_keeps_the_rest():
    whole = table(50)
    training, held_out = parts_of(whole, None)
    assert (len(training), len(held_out)) == (45, 5)
    assert shared_rows(training, held_out) == 0
    assert len(parts_of(whole, 0.5)[1]) == 25
    assert len(parts_of(whole, 7)[1]) == 7


def test_paper_mode_holds_nothing_out():
    whole = table(10)
    assert divide(whole, None, None, 0, paper_mode=True) == (whole, whole)
    assert divide(whole, whole.select([1]), None, 0, paper_mode=True)[0] is whole


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(range(10))


@pytest.mark.parametrize(
    ("training", "held_out", "size", "paper", "message"),
    [
        (table(5), table(0), None, False, "alpha_dataset is empty"),
        (table(5), table(5), 0.1, False, "alpha_dataset or alpha_split, not both"),
        (table(5), None, 0.1, True, "holds nothing out"),
        (Stream(), None, None, False, "cannot be taken out of a stream"),
        (table(5), Stream(), None, False, "alpha_dataset must have len"),
    ],
    ids=["empty", "both", "paper", "stream", "stream for alpha"],
)
def test_refusals(training, held_out, size, paper, message):
    with pytest.raises(ValueError, match=message):
        divide(training, held_out, size, 0, paper)


def test_overlap_is_refused_with_its_size():
    whole = table(10)
    with pytest.raises(ValueError, match="2 of the 4 rows of alpha_dataset are rows of train_dataset too"):
        divide(whole.select(range(6)), whole.select(range(4, 8)), None, 0)
    assert divide(whole.select(range(6)), whole.select(range(6, 8)), None, 0)
