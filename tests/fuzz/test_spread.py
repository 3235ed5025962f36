"""A few of the problems of `spread`, which compares hundreds by ``poe spread``."""

from __future__ import annotations

import numpy as np
import pytest
import spread
from random_problems import Compared


@pytest.mark.parametrize("line", ["squared", "convex sources", "softmax heads", "strong", "regression"])
def test_a_problem_is_compared(line, monkeypatch):
    """At a chance of 1e-4, and the same whatever was compared before; of fewer draws than there."""
    monkeypatch.setitem(spread.LINES, line, spread.LINES[line]._replace(draws=spread.LINES[line].draws // 3))
    _, found = spread.scores(line, 2)
    assert len(found) > 1
    z = np.concatenate([each.z for name, each in found.items() if name != "uncorrected"])
    assert abs(z).max() < 4.5


def test_a_search_goes_on_where_it_was_left(monkeypatch, tmp_path, capsys):
    tried, broken = [], {2}

    def scores(line, seed):
        tried.append((line, seed))
        assert seed not in broken, "unlucky"
        table = np.array([[0.4, 0.2], [0.2, 0.1]])
        return "kind, loss", {name: Compared(table, table) for name in ("slope", "average")}

    monkeypatch.setattr(spread, "scores", scores)
    path = tmp_path / "record.csv"
    arguments = ["spread.py", "hinge", "huber", "--count", "3", "--record", str(path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert spread.main() == 1
    assert "hinge 2: AssertionError: unlucky" in capsys.readouterr().out
    broken.clear()
    monkeypatch.setattr("sys.argv", arguments)
    assert spread.main() == 0
    both = [(line, seed) for seed in range(3) for line in ("hinge", "huber")]
    assert tried == [*both, *both[-2:]]
    # The bias of order 1/n is gone: all of it, here.
    assert all(row.limit == 0 for row in spread.rows_of(path))
    assert "1.162   1.078   1.000" in capsys.readouterr().out
