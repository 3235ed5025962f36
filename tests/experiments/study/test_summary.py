"""Means, paired errors and bars, from numbers one can follow."""

from __future__ import annotations

import numpy as np
import pytest

from rmt_alpha.experiments.study.methods import DEFAULT
from rmt_alpha.experiments.study.summary import check_bars, gather, tables
from rmt_alpha.experiments.study.tasks import Block


def results(gains, *, others=0.80):
    """Two pairs, one protocol, n = 40: the default beats everything by ``gains`` (pairs x splits)."""
    found = []
    for pair, row in zip(("a->b", "b->a"), gains, strict=True):
        splits = [
            {"source": others, "alpha_0": others, "alpha_1": others, "oracle": others, DEFAULT: others + gain}
            for gain in row
        ]
        found.append((Block("amazon", pair, 40, "paper", "choices", 1, 0, len(row)), splits))
    return found


def test_means_and_paired_errors():
    gains = np.array([[0.01, 0.02, 0.06], [0.03, 0.02, 0.00]])
    cells = gather(results(gains))
    mean, error, pairs = cells.difference("paper", 40, DEFAULT, "source")
    over_pairs = 100 * gains.mean(axis=0)
    assert mean == pytest.approx(over_pairs.mean())
    assert error == pytest.approx(over_pairs.std(ddof=1) / np.sqrt(3))
    assert pairs == pytest.approx(100 * gains.mean(axis=1))
    header, rows = tables(cells)["summary"]
    row = dict(zip(header, next(r for r in rows if r[2] == "source"), strict=True))
    assert (row["accuracy"], row["default_minus_method"], row["splits"]) == (80.0, round(mean, 3), 3)
    assert row["standard_error"] == round(error, 3)
    row = dict(zip(header, next(r for r in rows if r[2] == DEFAULT), strict=True))
    assert (row["minus_source"], row["minus_source_error"]) == (round(mean, 3), round(error, 3))


def test_baselines_join_the_splits_they_were_run_on():
    found = results([[0.01, 0.02], [0.03, 0.04]])
    for pair in ("a->b", "b->a"):
        block = Block("amazon", pair, 40, "paper", "baselines", 1, 1, 1)
        found.append((block, [{"ridge_target": 0.7}]))
    cells = gather(found)
    mean, error, _ = cells.difference("paper", 40, DEFAULT, "ridge_target")
    assert mean == pytest.approx(10 + 3)  # the second split alone
    assert np.isnan(error)


def test_splits_that_a_pair_lacks_are_left_out():
    found = results([[0.01, 0.02], [0.03, 0.04]])
    found[1] = (found[1][0]._replace(splits=1), found[1][1][:1])
    assert gather(found).of("paper", 40, DEFAULT).shape == (2, 1)
    with pytest.raises(ValueError, match="no split that is finished for every pair"):
        gather([(found[0][0], found[0][1]), (found[1][0]._replace(n=20), found[1][1])])


@pytest.mark.parametrize(
    ("gains", "failed"),
    [
        ([[0.01, 0.02], [0.01, 0.03]], []),
        ([[-0.001, 0.002], [0.001, -0.004]], []),  # within one error
        ([[-0.001, -0.002], [-0.001, -0.002]], ["source", "alpha_0", "alpha_1", "oracle"]),
        ([[0.05, 0.05], [-0.02, -0.02]], ["worst"]),
        ([[-0.03, -0.03], [-0.04, -0.04]], ["floor", "source", "alpha_0", "alpha_1", "oracle", "worst"]),
    ],
)
def test_bars(gains, failed):
    bars = check_bars(gather(results(gains)), {40: 79.0})
    names = ["floor", "source", "alpha_0", "alpha_1", "oracle", "worst"]
    assert [name for name, bar in zip(names, bars, strict=True) if not bar.passed] == failed
    assert all(str(bar).startswith("pass" if bar.passed else "FAIL") for bar in bars)


def test_floors_belong_to_their_sizes():
    cells = gather(results([[0.01, 0.02], [0.01, 0.03]]))
    assert len(check_bars(cells, {20: 99.0})) == len(check_bars(cells, {})) == 5
    assert not check_bars(cells, {}, "inductive")
