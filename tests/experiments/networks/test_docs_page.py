"""docs/experiments/glue.md shows what the committed record says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rmt_alpha.experiments.networks.results import weight_changes
from rmt_alpha.experiments.networks.results.report import as_csv, summarise
from rmt_alpha.experiments.networks.results.runs import RunRecord

DOCS = Path(__file__).parents[3] / "docs"
RECORD = DOCS / "results" / "glue_minilm.jsonl"
PAGE = (DOCS / "experiments" / "glue.md").read_text(encoding="utf-8")


def test_the_page_shows_the_table_of_the_record():
    assert f":file: ../results/{RECORD.stem}.csv" in PAGE


def test_it_opens_with_what_fine_tuning_wants():
    table = weight_changes.summary(weight_changes.read(DOCS / "results" / "glue_weight_changes.csv"))
    assert f"\n{table}\n" in PAGE
    assert PAGE.index(table) < PAGE.index("## What was found")


def test_the_table_beside_the_record_is_its_table():
    assert (DOCS / "results" / "glue_minilm.csv").read_text(encoding="utf-8") == as_csv(
        summarise(RunRecord(RECORD))
    )


def test_the_record_is_small_and_names_no_folders_of_a_machine():
    text = RECORD.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert not re.search(r'"[^"]*?(?:^|[" ])(/|~|[A-Z]:\\)', text)


def test_every_tested_run_was_tuned_by_four_trials():
    record = RunRecord(RECORD)
    for row in summarise(record):
        place = (row.settings, row.task, row.method)
        tried = {
            key.rate
            for key, run in record.runs.items()
            if run.get("tuning") and (key.settings, key.task, key.method) == place
        }
        assert len(tried) == 4
        assert row.rate in tried


@pytest.mark.parametrize("name", re.findall(r"generated/figures/(\w+)\.png", PAGE))
def test_figures_of_the_page_are_drawn_from_the_record(name, drawn):
    assert name in drawn


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    from rmt_alpha.experiments.networks.results.drawing import draw_all

    return {path.stem for path in draw_all(RunRecord(RECORD), tmp_path_factory.mktemp("figures"))}
