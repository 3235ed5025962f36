"""A few of the random problems of `solvers`, which searches thousands by ``poe solvers``."""

from __future__ import annotations

import pytest
from solvers import LINES, Record, main, search

MENDED = [
    ("saturated", 200_039),  # rounding alone decides the intercept
    ("saturated", 6_042),  # the same, and a stiffness that is all but none follows
    ("saturated", 9_727),  # progress of no account is none
    ("saturated", 200_059),  # a tie of the labels
    ("saturated", 3_127),  # rounding leaves a mean square below 0
    ("saturated", 4_040),  # a tie of the labels, and a stiffness that is all but none
    ("many_classes", 1_788),  # several maxima, all near chance
    ("best_alpha", 360),  # two maxima between neighbours of the scan
    pytest.param("best_alpha", 781, marks=pytest.mark.slow),  # a narrow one
    pytest.param("best_alpha", 2_369, marks=pytest.mark.slow),  # two, both narrow
    pytest.param(
        "best_alpha", 7_373, marks=pytest.mark.slow
    ),  # w = 0 without a source, no sample of use there
    pytest.param("no_ridge", 766, marks=pytest.mark.slow),  # steps on which no sample is stiff
    # w = 0 reached from a far start, by a very smooth loss
    pytest.param("no_ridge", 1_114, marks=pytest.mark.slow),
    ("no_ridge", 5_777),  # far classes: the spread of the scores falls at first, the largest margin does not
]


@pytest.mark.parametrize("line", LINES)
def test_random_problems_are_solved(line):
    LINES[line](10_002)  # of 4 classes: of more the check takes long


@pytest.mark.parametrize(("line", "seed"), MENDED)
def test_what_failed_once_is_solved(line, seed):
    LINES[line](seed)


def test_a_search_goes_on_where_it_was_left(monkeypatch, tmp_path, capsys):
    tried, broken = [], {3, 6}

    def check(seed: int) -> None:
        tried.append(seed)
        assert seed not in broken

    monkeypatch.setitem(LINES, "threshold", check)
    record = Record(tmp_path / "record.csv")
    assert search("threshold", 0, 5, 60.0, record) == 1
    assert search("threshold", 0, 9, 60.0, record) == 2
    broken.clear()
    assert search("threshold", 0, 9, 60.0, record) == 0
    assert tried == [0, 1, 2, 3, 4, 3, 5, 6, 7, 8, 3, 6]
    assert "threshold: 9 problems, 0 failed" in capsys.readouterr().out


def test_a_failure_is_told_with_its_seed(monkeypatch, capsys):
    def fails(seed: int) -> None:
        assert seed != 3, "unlucky"

    monkeypatch.setitem(LINES, "threshold", fails)
    assert search("threshold", 0, 5, 60.0) == 1
    assert "threshold 3: AssertionError: unlucky" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["solvers.py", "threshold", "--first", "4", "--count", "1"])
    assert main() == 0
