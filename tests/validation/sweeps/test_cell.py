"""One cell: its identity, and that its numbers are those of the theory and of `simulate`."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.simulation import simulate
from rmt_alpha.validation.sweeps import cell as module
from rmt_alpha.validation.sweeps.cell import CELL_COLUMNS, POINT_COLUMNS, Cell, compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.store import Store

BASE = {"beta": 0.5, "p": 80, "n": 40, "N": 100, "alpha": [0, "optimal"], "replicates": 20}


def one_cell(**change) -> Cell:
    [cell] = read_grid(BASE | change).cells()
    return cell


def test_equal_parameters_have_one_key_however_they_are_written():
    assert one_cell().key == one_cell(p=80.0, gamma=1, seed=0, alpha=[-0.0, 0, "optimal"], method="auto").key


@pytest.mark.parametrize(
    "change",
    [
        {"beta": 0.5000000000000001},
        {"N": None},
        {"N": math.inf},
        {"gamma": 0.5},
        {"alpha": [0]},
        {"alpha": ["optimal", 0]},
        {"replicates": 21},
        {"replicates": 0},
        {"seed": 1},
        {"method": "dense"},
    ],
)
def test_other_parameters_have_another_key_and_other_draws(change):
    other = one_cell(**change)
    assert other.key != one_cell().key
    assert other.random_seed.entropy != one_cell().random_seed.entropy


def test_theory_has_neither_seed_nor_method():
    assert one_cell(replicates=0).key == one_cell(replicates=0, seed=5, method="dense").key


def test_parameters_are_plain_json_with_every_field():
    content = json.loads(one_cell(N=math.inf).parameters)
    assert content["problem"]["N"] == "inf"
    assert content["problem"]["mu_orth"] == 1.0
    assert content["alpha"] == [0.0, "optimal"]


def test_numbers_are_those_of_theory_and_simulation():
    cell = one_cell()
    [record] = compute((cell,))
    problem = ra.TransferProblem(beta=0.5, p=80, n=40, N=100)
    curve = problem.curve()
    alphas = np.array([0.0, curve.optimal_alpha()])
    drawn = simulate(problem, alphas, replicates=20, rng=cell.random_seed)
    expected = {
        "alpha_label": ["0", "optimal"],
        "alpha": alphas,
        **{name: getattr(curve, name)(alphas) for name in ("mean", "variance", "accuracy", "risk")},
        **{
            f"simulated_{name}{end}": getattr(drawn, name + end)
            for name in ("mean", "variance", "accuracy", "risk")
            for end in ("", "_stderr")
        },
    }
    assert list(expected) == list(POINT_COLUMNS)
    for name, column in zip(POINT_COLUMNS, zip(*record.points, strict=True), strict=True):
        assert list(column) == list(expected[name])
    median, low, high = np.quantile(drawn.draws.optimal_alpha(), [0.5, 0.25, 0.75], method="inverted_cdf")
    of_cell = dict(zip(CELL_COLUMNS, record.values, strict=True))
    assert of_cell == {
        "optimal_alpha": curve.optimal_alpha(),
        "neutral_alpha": curve.neutral_alpha(),
        "simulated_optimal_alpha": median,
        "simulated_optimal_alpha_low": low,
        "simulated_optimal_alpha_high": high,
    }
    assert record.error is None


def test_theory_alone_simulates_nothing(monkeypatch):
    monkeypatch.setattr(module, "simulate", None)
    [record] = compute((one_cell(replicates=0),))
    assert record.error is None
    assert record.points[0][6:] == (None,) * 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gamma": 0, "n": 80}, ["ValueError", "gamma"]),
        ({"gamma": 0, "n": 200}, ["ValueError", "optimal alpha is inf", "replicates=0"]),
        ({"p": 1}, ["ValueError", "p = 1"]),
        ({"p": 100_000, "n": 100_000, "method": "dense"}, ["ValueError", "GiB", "krylov"]),
    ],
)
def test_impossible_cell_becomes_an_error_with_its_reason(change, words):
    [record] = compute((one_cell(**change),))
    assert record.points == ()
    assert set(record.values) == {None}
    for word in words:
        assert word in str(record.error)


def test_nan_is_an_error_and_never_a_number(monkeypatch):
    monkeypatch.setattr(ra.AlphaCurve, "risk", lambda self, alpha: np.full(np.shape(alpha), np.nan))
    [record] = compute((one_cell(),))
    assert "ArithmeticError: a result is NaN" in str(record.error)


def test_the_recorded_text_has_every_bit(tmp_path):
    cells = [one_cell(), one_cell(beta=0, replicates=0), one_cell(p=1)]  # without alpha, beta = 0 is neutral
    results = compute(tuple(cells))
    assert math.inf in results[1].values
    with Store(tmp_path / "store.sqlite") as store:
        store.add(results)
        again = list(store.results([cell.key for cell in cells]))
    assert repr(again) == repr(results)
