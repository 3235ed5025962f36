"""docs/experiments/transfer.md shows what the committed tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rmt_alpha.cli import main
from rmt_alpha.experiments.networks.results.transfer_drawing import draw_transfers
from rmt_alpha.experiments.networks.results.transfer_report import TABLES, effects_csv, transfer_report
from rmt_alpha.experiments.networks.results.transfer_results import FILES, TransferResults

DOCS = Path(__file__).parents[3] / "docs"
PREFIX = DOCS / "results" / "transfer"
PAGE = (DOCS / "experiments" / "transfer.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"<!-- table: (\w+) -->\n(.*?)<!-- /table -->", PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def results():
    return TransferResults.read(PREFIX)


def test_every_table_is_on_the_page():
    assert list(SHOWN) == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_page_are_those_of_the_results(name, results):
    assert SHOWN[name].strip() == TABLES[name](results)


def test_the_effects_beside_them_are_theirs(results):
    assert Path(f"{PREFIX}_effects.csv").read_text(encoding="utf-8") == effects_csv(results)


def test_the_command_prints_them(results, capsys):
    assert main(["networks", "transfer", "--read", str(PREFIX), "--report"]) == 0
    assert capsys.readouterr().out == transfer_report(results) + "\n"


def test_figures_of_the_page_are_drawn_from_them(results, tmp_path):
    drawn = {path.stem for path in draw_transfers(results, tmp_path)}
    assert drawn == set(re.findall(r"generated/figures/(\w+)\.png", PAGE))


def test_written_again_they_are_the_same(results, tmp_path):
    for name, path in zip(FILES, results.write(tmp_path / "transfer"), strict=True):
        committed = Path(f"{PREFIX}_{name}.csv").read_text(encoding="utf-8")
        assert path.read_text(encoding="utf-8") == committed


def test_the_tables_name_no_folders_of_a_machine():
    for path in PREFIX.parent.glob("transfer_*.csv"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(^|[,\"])(/|~|[A-Z]:\\)", text, re.MULTILINE)
