"""docs/experiments/study.md shows tables and bars; they agree with the numbers of the study beside them."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from rmt_alpha.experiments.study.methods import DEFAULT, METHODS
from rmt_alpha.experiments.study.summary import ALTERNATIVES, FLOORS, TOLERATED
from rmt_alpha.experiments.study.transfers.families import FAMILIES
from rmt_alpha.experiments.study.transfers.ours import EVERY_METHOD

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "experiments" / "study.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"results/(\w+)_(paper|inductive)\.csv", PAGE)


def rows(name):
    with (DOCS / "results" / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def summary(study):
    return {(row["protocol"], row["n"], row["method"]): row for row in rows(f"{study}_summary.csv")}


@pytest.mark.parametrize(("study", "protocol"), SHOWN)
def test_overviews_are_the_summary_rounded(study, protocol):
    found = summary(study)
    seen = 0
    for row in rows(f"{study}_{protocol}.csv"):
        method = row.pop("n").replace(" ", "_")
        for n, shown in row.items():
            if method == "splits_of_each_pair":
                assert shown == found[protocol, n, DEFAULT]["splits"]
            elif shown:
                seen += 1
                assert float(shown) == pytest.approx(
                    float(found[protocol, n, method]["accuracy"]), abs=0.0506
                )
    assert seen == sum(key[0] == protocol for key in found)


def test_the_page_shows_every_study_and_names_every_method():
    assert {study for study, _ in SHOWN} == {"amazon", "mnist", "embeddings"}
    for method in METHODS:
        kind, _, use = method.partition("_")
        known = f"`{method}`" in PAGE or (kind in ("ridge", "logistic") and f"`{use}`" in PAGE)
        assert known, method


def found_in(line: str, pattern: str) -> tuple[Any, ...]:
    found = re.search(pattern, line)
    assert found is not None, line
    return found.groups()


def test_bars_follow_from_the_tables():
    found, pairs = summary("amazon"), rows("amazon_pairs.csv")
    lines = (DOCS / "results" / "amazon_bars.txt").read_text().splitlines()
    number = r"(-?\d+\.\d+)(?: \+- (\d+\.\d+))?$"
    for line in lines:
        passed, n = line.startswith("pass"), found_in(line, r"n = (\d+)")[0]
        value, error = (float(x) for x in found_in(line, number))
        if "accuracy at least" in line:
            floor = FLOORS[int(n)]
            assert f"at least {floor}:" in line
            row = found["paper", n, DEFAULT]
            assert value == pytest.approx(float(row["accuracy"]), abs=0.006)
            assert passed == (float(row["accuracy"]) >= floor)
        elif "gain over" in line:
            other = found_in(line, r"gain over (\w+)")[0]
            row = found["paper", n, other]
            gain, its_error = float(row["default_minus_method"]), float(row["standard_error"])
            assert value == pytest.approx(gain, abs=0.006)
            assert error == pytest.approx(its_error, abs=0.006)
            assert passed == (gain >= -its_error)
        else:
            gains = [
                float(row[DEFAULT]) - float(row["source"])
                for row in pairs
                if (row["protocol"], row["n"]) == ("paper", n)
            ]
            assert value == pytest.approx(min(gains), abs=0.006)
            assert passed == (min(gains) >= -TOLERATED)
    sizes = {n for protocol, n, _ in found if protocol == "paper"}
    assert len(lines) == len(sizes) * (len(ALTERNATIVES) + 1) + len(FLOORS)


def test_the_page_names_every_family_and_method_of_the_transfers():
    methods = [name for name in EVERY_METHOD if not name.startswith(("intercept_", "gift_"))]
    for name in (*FAMILIES, *methods, "intercept_…", "gift_…"):
        assert f"`{name}`" in PAGE, name


@pytest.mark.skipif(
    not (DOCS / "results" / "transfers_cells.csv").exists(), reason="no results of the transfers yet"
)
def test_bars_of_the_transfers_follow_from_their_cells():
    cells = rows("transfers_cells.csv")
    lines = dict(
        line[6:].rsplit(": ", 1) for line in (DOCS / "results/transfers_bars.txt").read_text().splitlines()
    )
    found = {text: float(value.split(" +- ")[0]) for text, value in lines.items()}
    for name, here in (
        ("classes", [row for row in cells if row["kind"] != "regression"]),
        ("regression", [row for row in cells if row["kind"] == "regression"]),
    ):
        share = 100 * sum(row["verdict"] != "below" for row in here) / len(here)
        (shown,) = (value for text, value in found.items() if text.startswith(f"{name}: %"))
        assert shown == pytest.approx(share, abs=0.0051)
        (worst,) = (value for text, value in found.items() if text.startswith(f"{name}: worst"))
        assert worst == pytest.approx(min(float(row["gain"]) for row in here), abs=0.0051)
    for kind in ("two classes", "many classes"):
        gains = [float(row["gain"]) for row in cells if row["kind"] == kind]
        (shown,) = (value for text, value in found.items() if text.startswith(f"{kind}: mean"))
        assert shown == pytest.approx(sum(gains) / len(gains), abs=0.0101)


def test_results_are_small():
    for path in [*(DOCS / "results").glob("*.csv"), *(DOCS / "results").glob("*.txt")]:
        # One line a run with its ten parts is what the intervals of a page are computed from, and one line a
        # weight what a survey goes on from: no summaries.
        record = path.stem.endswith(("_runs", "_changes"))
        assert path.stat().st_size < (1_000_000 if record else 100_000), path
