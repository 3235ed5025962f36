"""A few of the random problems of `solvers`, which searches thousands by ``poe solvers``."""

from __future__ import annotations

import pytest
from solvers import LINES, main, search


@pytest.mark.parametrize("line", LINES)
def test_random_problems_are_solved(line):
    LINES[line](10_002)  # of 4 classes: of more the check takes long


def test_a_failure_is_told_with_its_seed(monkeypatch, capsys):
    def fails(seed: int) -> None:
        assert seed != 3, "unlucky"

    monkeypatch.setitem(LINES, "threshold", fails)
    assert search("threshold", 0, 5, 60.0) == 1
    assert "threshold 3: AssertionError: unlucky" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["solvers.py", "threshold", "--first", "4", "--count", "1"])
    assert main() == 0
