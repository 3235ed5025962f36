"""Grids: what they mean, and how a wrong one is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rmt_alpha.validation.sweeps.cell import FIELDS
from rmt_alpha.validation.sweeps.grid import Part, read_grid

BASE = {"beta": 0.5, "p": 400, "n": 40, "alpha": [0, 1]}


def test_ranges_are_those_of_numpy():
    grid = read_grid(
        BASE
        | {
            "beta": {"linspace": [0, 1, 11]},
            "gamma": {"logspace": [-3, 2, 6]},
            "mu": {"geomspace": [0.1, 10, 5]},
        }
    )
    for name, values in {
        "beta": np.linspace(0, 1, 11),
        "gamma": np.logspace(-3, 2, 6),
        "mu": np.geomspace(0.1, 10, 5),
    }.items():
        # Rounded to 15 digits: at most half a unit of the 15th.
        assert grid.fields[name] == pytest.approx(values, rel=5e-15, abs=0)
    assert grid.shape == (11, 6, 5)
    assert grid.axes == ("beta", "gamma", "mu")


def test_range_values_are_the_numbers_a_list_would_say():
    assert np.linspace(0, 1, 11)[3] != 0.3
    grid = read_grid(BASE | {"beta": {"linspace": [0, 1, 11]}})
    assert grid.fields["beta"] == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def test_ranges_of_counts_are_whole_and_distinct():
    grid = read_grid(BASE | {"n": {"logspace": [0, 1, 8]}, "p": {"linspace": [10, 11, 2]}})
    assert grid.fields["n"] == (1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)


def test_lists_may_hold_ranges_and_repeat_values():
    grid = read_grid(
        BASE | {"beta": [0.5, {"linspace": [0, 1, 3]}, -0.0], "N": ["none", 500, math.inf, None]}
    )
    assert grid.fields["beta"] == (0.5, 0.0, 1.0)
    assert grid.fields["N"] == (None, 500.0, math.inf)


def test_only_lists_and_ranges_are_axes():
    grid = read_grid(BASE | {"gamma": [0.1], "n": np.array([10, 20])})
    assert grid.axes == ("n", "gamma")  # in the order in which the dict was made
    assert grid.shape == (2, 1)
    assert grid.fixed["p"] == 400.0
    assert set(grid.fixed) | set(grid.axes) == set(FIELDS)


def test_cells_run_over_the_product_with_the_last_axis_fastest():
    grid = read_grid({"beta": [0.1, 0.2], "n": [10, 20, 30], "p": 400, "alpha": 1})
    seen = [(dict(cell.problem)["beta"], dict(cell.problem)["n"]) for cell in grid.cells()]
    assert seen == [(b, n) for b in (0.1, 0.2) for n in (10.0, 20.0, 30.0)]


def test_defaults_are_those_of_the_problem_and_of_simulate():
    grid = read_grid(BASE)
    assert (grid.replicates, grid.method, grid.seed) == (100, "auto", 0)
    assert grid.fixed["N"] is None
    assert grid.fixed["gamma_source"] == 1.0


def test_arguments_override_the_grid():
    grid = read_grid(
        BASE | {"replicates": 7, "seed": 3}, alpha="optimal", replicates=0, seed=None, method=None
    )
    assert (grid.alpha, grid.replicates, grid.seed) == (("optimal",), 0, 3)


def test_toml_says_the_same_as_a_dict(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(
        """
        beta = { linspace = [-1, 1, 5] }
        N = ["none", 100, inf]
        p = 400
        n = [20, 40]
        alpha = [0, { linspace = [1, 2, 3] }, "optimal"]
        replicates = 5
        seed = 9
        """
    )
    expected = {
        "beta": {"linspace": [-1, 1, 5]},
        "N": [None, 100, math.inf],
        "p": 400,
        "n": [20, 40],
        "alpha": [0, 1, 1.5, 2, "optimal"],
        "replicates": 5,
        "seed": 9,
    }
    assert read_grid(path) == read_grid(expected) == read_grid(str(path))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"gama": 1}, ValueError, ["gama is no axis", "did you mean gamma?", "beta, p, n, N"]),
        ({"alphas": 1}, ValueError, ["did you mean alpha?"]),
        ({"beta": []}, ValueError, ["beta must have at least one value"]),
        ({"alpha": []}, ValueError, ["alpha must have at least one value"]),
        ({"beta": {"linspace": [0, 1, 0]}}, ValueError, ["count of linspace", "at least 1", "0"]),
        ({"beta": {"linspace": [0, 1, 2.5]}}, TypeError, ["count of linspace", "2.5"]),
        ({"beta": {"linspace": [0, 1]}}, ValueError, ["[start, stop, count]", "[0, 1]"]),
        ({"beta": {"range": [0, 1, 2]}}, ValueError, ["linspace", "logspace", "geomspace", "range"]),
        ({"beta": {"linspace": [0, "a", 2]}}, TypeError, ["beta", "'a'"]),
        ({"gamma": {"geomspace": [0, 1, 3]}}, ValueError, ["gamma", "geomspace", "from 0 to 1"]),
        ({"gamma": {"logspace": [0.01, 100, 5]}}, ValueError, ["gamma", "exponents of ten"]),
        ({"gamma": {"logspace": [0, 1000, 5]}}, ValueError, ["gamma", "finite"]),
        ({"gamma": {"linspace": [0, 1, 10**12]}}, ValueError, ["gamma", "at most 10000000"]),
        (
            {"gamma": {"linspace": [0, 1, 5000]}, "mu": {"linspace": [0, 1, 5000]}},
            ValueError,
            ["5000 x 5000 = 25000000 cells", "several sweeps"],
        ),
        ({"beta": "0.5"}, TypeError, ["beta must be a real number", "'0.5'"]),
        ({"beta": [0.1, True]}, TypeError, ["beta must be a real number", "True"]),
        ({"beta": [0.1, [0.2, 0.3]]}, TypeError, ["beta", "list within"]),
        ({"beta": [0.1, 1.2]}, ValueError, ["beta must be a number in [-1, 1]", "1.2"]),
        ({"n": None}, TypeError, ["n must be a real number", "None"]),
        ({"n": [10, 12.5]}, ValueError, ["n must be a whole number", "12.5", "replicates=0"]),
        ({"n": math.inf}, ValueError, ["n must be a whole number", "inf"]),
        ({"N": "some"}, TypeError, ["N must be a real number", "'some'"]),
        ({"alpha": "best"}, ValueError, ["alpha", "'optimal'", "'best'"]),
        ({"alpha": [0, math.inf]}, ValueError, ["alpha must be finite", "inf"]),
        ({"alpha": [[0, 1], [2]]}, TypeError, ["alpha", "list"]),
        ({"alpha": None}, ValueError, ["alpha is missing"]),
        ({"replicates": -1}, ValueError, ["replicates", ">= 0", "-1"]),
        ({"replicates": 1.5}, TypeError, ["replicates", "1.5"]),
        ({"seed": -1}, ValueError, ["seed", "-1"]),
        ({"method": "quick"}, ValueError, ["method", "'dense'", "'quick'"]),
    ],
)
def test_wrong_grid_is_refused_by_name(change, error, words):
    with pytest.raises(error) as caught:
        read_grid(BASE | change)
    for word in words:
        assert word in str(caught.value)


def test_missing_field_is_named():
    with pytest.raises(ValueError, match="the grid must say n: beta, p, n have no default"):
        read_grid({"beta": 0.5, "p": 400, "alpha": 1})


def test_theory_alone_takes_ratios_and_limits():
    grid = read_grid(BASE | {"n": [12.5, math.inf], "alpha": [0, math.inf]}, replicates=0)
    assert grid.fields["n"] == (12.5, math.inf)
    assert grid.alpha == (0.0, math.inf)


def test_broken_or_missing_file_is_named(tmp_path):
    path = tmp_path / "grid.toml"
    with pytest.raises(FileNotFoundError, match=r"grid\.toml"):
        read_grid(path)
    path.write_text("beta = [0.1,")
    with pytest.raises(ValueError, match=r"grid\.toml is no valid TOML"):
        read_grid(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"grid\.toml is no valid TOML"):
        read_grid(path)
    with pytest.raises(TypeError, match="dict of axes or the path"):
        read_grid(17)  # type: ignore[arg-type]


def test_keys_are_those_of_the_cells():
    grid = read_grid(
        {
            "n": [10, math.inf],
            "beta": 0.1,
            "N": [None, 5, math.inf],
            "p": 40,
            "gamma": {"logspace": [-30, 2, 3]},
        },
        alpha=[0, math.inf, "optimal"],
        replicates=0,
    )
    assert list(grid.keys()) == [cell.key for cell in grid.cells()]
    drawn = read_grid({"beta": [0.1, 0.2], "p": 40, "n": 20}, alpha=[0], replicates=7, seed=5)
    assert list(drawn.keys()) == [cell.key for cell in drawn.cells()]


def test_a_part_is_gone_through_as_often_as_one_likes():
    grid = read_grid({"beta": [0.1, 0.2, 0.3], "p": [4, 5], "n": 20}, alpha=0, replicates=0)
    cells = list(grid.cells())
    part = Part(grid, np.array([True, False, False, True, True, False]))
    assert list(part) == list(part) == [cells[0], cells[3], cells[4]]
    assert (len(part), list(part.places)) == (3, [0, 3, 4])
    assert cells[3] in part
    assert cells[1] not in part
