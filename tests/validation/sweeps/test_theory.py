"""The theory of many problems as arrays: the bits of one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.validation.sweeps import theory
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.theory import theory_of

GRID = {
    "beta": [-1, -0.3, 0, 0.77, 1],
    "gamma": [0, 1e-9, 0.1, 1e3],
    "n": [7, 40, 123.4, math.inf],
    "N": [None, 13, 40, math.inf],
    "p": 40,
    "mu": 0.3,
    "target_scale": [0.7, 3],
}


@pytest.mark.parametrize("alpha", [[0, 1, "optimal"], [-3.3, 1e-300, 1e59], [0.5, math.inf], [0, 1e70]])
def test_arrays_give_the_bits_of_single_problems(alpha):
    """Together and one by one, with those among them that raise: p = n without ridge."""
    cells = tuple(read_grid(GRID, alpha=alpha, replicates=0).cells())
    together = compute(cells)
    assert together == [compute((cell,))[0] for cell in cells]
    failed = [dict(cell.problem) for cell, of_cell in zip(cells, together, strict=True) if of_cell.error]
    assert {(problem["n"], problem["gamma"]) for problem in failed} == {(40.0, 0.0)}
    assert len(failed) == len(cells) / 16


def test_numbers_are_those_of_the_curve():
    cells = tuple(read_grid(GRID | {"n": [7, 123.4]}, alpha=[0, 2.5, "optimal"], replicates=0).cells())
    for cell, of_cell in zip(cells, compute(cells), strict=True):
        problem: dict[str, Any] = dict(cell.problem)
        curve = ra.TransferProblem(**problem).curve()
        best = curve.optimal_alpha()
        assert of_cell.values[:2] == (best, curve.neutral_alpha())
        for name, column in zip(theory.QUANTITIES, list(zip(*of_cell.points, strict=True))[2:6], strict=True):
            expected = getattr(curve, name)([0.0, 2.5, best])
            assert list(column) == list(expected)


def test_many_problems_are_one_evaluation(monkeypatch):
    calls = []
    real = ra.TransferProblem.curve
    monkeypatch.setattr(ra.TransferProblem, "curve", lambda self: [calls.append(self), real(self)][1])
    grid = {"beta": {"linspace": [0, 1, 50]}, "gamma": {"logspace": [-2, 2, 20]}, "p": 40, "n": 20}
    cells = tuple(read_grid(grid, alpha=[0, "optimal"], replicates=0).cells())
    compute(cells)
    assert len(calls) == 1
    # One that fails is found by halving, and spoils no other.
    monkeypatch.setattr(
        ra.TransferProblem, "curve", lambda self: 1 / 0 if np.any(self.beta == 1) else real(self)
    )
    errors = [of_cell.error for of_cell in compute(cells)]
    assert errors == [None] * (len(cells) - 20) + ["ZeroDivisionError: division by zero"] * 20


@pytest.mark.parametrize("alpha", [[0, 1, "optimal"], [0.5, math.inf]])
@pytest.mark.parametrize("fixed", [{}, {"N": None}, {"N": 7, "beta": 0.3}])
def test_a_grid_that_nobody_records_is_evaluated_without_cells(tmp_path, alpha, fixed, monkeypatch):
    grid = GRID | fixed
    recorded = ra.sweep(grid, alpha=alpha, replicates=0, store=tmp_path / "a.sqlite")
    monkeypatch.setattr("rmt_alpha.validation.sweeps.driver.EVALUATED", 37)
    found = ra.sweep(grid, alpha=alpha, replicates=0, store=None)
    assert found == recorded
    assert found.computed == recorded.computed
    assert len(found.failures) == np.prod(found.shape) / 16


def test_one_cell_is_a_grid_too():
    one = ra.sweep({"beta": 0.5, "p": 40, "n": 20}, alpha=["optimal"], replicates=0, store=None)
    assert one["alpha"].shape == (1,)
    assert (
        one["alpha"][0]
        == one["optimal_alpha"]
        == ra.TransferProblem(beta=0.5, p=40, n=20).curve().optimal_alpha()
    )


def test_nothing_asked_is_nothing_found():
    assert theory_of([]) == []
