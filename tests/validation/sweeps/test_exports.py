"""Ways out of a result: CSV, pandas, xarray."""

from __future__ import annotations

import csv
import io
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest

from rmt_alpha.validation.sweeps import sweep
from rmt_alpha.validation.sweeps.cell import FIELDS


@pytest.fixture(scope="module")
def result():
    """Two of the twelve cells fail: n = p without ridge."""
    grid = {"beta": [0.3, 0.9], "N": [None, 70], "gamma": 0, "p": 40, "n": [20, 40, 30]}
    return sweep(grid, alpha=[0, 0.5, 1], replicates=5, store=None)


@pytest.fixture(scope="module")
def with_optimal():
    grid = {"beta": [0.3, 0.9], "N": [None, 70], "p": 40, "n": 20}
    return sweep(grid, alpha=[1, "optimal"], replicates=5, store=None)


def test_csv_has_a_line_per_cell_and_alpha_with_all_digits(result, tmp_path):
    path = tmp_path / "table.csv"
    result.to_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 3 * 3
    assert list(rows[0])[:9] == list(FIELDS)
    row = next(
        r for r in rows if (r["beta"], r["N"], r["n"], r["alpha_label"]) == ("0.9", "70.0", "30.0", "0.5")
    )
    assert float(row["simulated_risk"]) == result["simulated_risk"][1, 1, 2, 1]
    assert float(row["optimal_alpha"]) == result["optimal_alpha"][1, 1, 2]
    assert row["error"] == ""
    failed = [r for r in rows if r["error"]]
    assert len(failed) == 4 * 3
    assert {(r["n"], r["accuracy"], r["optimal_alpha"]) for r in failed} == {("40.0", "", "")}
    assert all(r["error"].startswith("ValueError: ") and "p == n" in r["error"] for r in failed)
    stream = io.StringIO()
    result.to_csv(stream)
    assert stream.getvalue() == path.read_text()


def test_pandas_has_the_same_table(result):
    pd = pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert len(frame) == 36
    assert frame["accuracy"].dtype == np.float64
    assert np.array_equal(frame["accuracy"], result["accuracy"].ravel(), equal_nan=True)
    assert (frame["N"] == "none").sum() == 18
    by_source = frame.groupby("N")["beta"].count()  # of a missing value the rows would be left out
    assert by_source.to_dict() == {"none": 18, 70.0: 18}
    assert frame["error"].notna().sum() == 12
    read = pd.read_csv(io.StringIO(_csv(result)))
    numbers = frame.columns.difference(["alpha_label", "error"])
    frame = frame.replace({"N": {"none": np.nan}})
    pd.testing.assert_frame_equal(read[numbers].astype(float), frame[numbers].astype(float), rtol=1e-15)


def test_xarray_has_named_dimensions(result, with_optimal):
    pytest.importorskip("xarray")
    data = result.to_xarray()
    assert data["accuracy"].dims == ("beta", "N", "n", "alpha")
    assert data["optimal_alpha"].dims == ("beta", "N", "n")
    chosen = data["simulated_mean"].sel(beta=0.9, N="70", n=30, alpha=0.5)
    assert float(chosen) == result["simulated_mean"][1, 1, 2, 1]
    assert data.attrs["p"] == 40.0

    data = with_optimal.to_xarray()
    assert data["alpha"].values.tolist() == ["1", "optimal"]
    best = data["alpha_value"].sel(alpha="optimal", N="none", beta=0.3)
    assert float(best) == with_optimal["optimal_alpha"][0, 0]
    assert data.attrs["n"] == 20.0


def test_single_cell_has_no_axes():
    result = sweep({"beta": 0.3, "p": 40, "n": 20}, alpha=1, replicates=0, store=None)
    assert result["accuracy"].shape == (1,)
    assert result["optimal_alpha"].shape == ()
    assert _csv(result).count("\n") == 2
    pytest.importorskip("xarray")
    assert result.to_xarray()["accuracy"].dims == ("alpha",)


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_pandas"), ("xarray", "to_xarray")])
def test_missing_package_names_the_extra(result, monkeypatch, package, method):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install '\.\[pandas\]' in a clone"):
        getattr(result, method)()


def test_result_says_what_it_is(result):
    assert repr(result) == "<SweepResult of beta: 2, N: 2, n: 3; 3 alphas, 5 replicates, 4 cells failed>"


def _csv(result) -> str:
    stream = io.StringIO()
    result.to_csv(stream)
    return stream.getvalue()


def test_results_are_values(result, with_optimal):
    """Equal numbers are equal results, however they came about; NaN included, and after pickling."""
    assert np.isnan(result["accuracy"]).any()
    assert replace(pickle.loads(pickle.dumps(result)), computed=0) == result
    assert result != with_optimal
    nudged = result.data | {"accuracy": np.nextafter(result["accuracy"], 1)}
    assert replace(result, data=nudged) != result
    assert result != "a sweep"
    assert "\n" not in repr(result)
    assert len(repr(result)) < 120
