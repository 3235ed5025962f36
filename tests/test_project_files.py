"""What the pages promise exists: names in symbols and API, commands in the README, one version."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import rmt_alpha

ROOT = Path(__file__).parents[1]


def symbol_rows() -> list[tuple[str, str]]:
    """(module, dotted name) for every name in the second column of docs/symbols.md."""
    rows = []
    for line in (ROOT / "docs" / "symbols.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("| ") or len(cells) != 4 or not cells[3].startswith("`"):
            continue
        rows += [(cells[3].strip("`"), name) for name in re.findall(r"`([^`]+)`", cells[1])]
    return rows


def resolves(module: str, dotted: str) -> bool:
    found = importlib.import_module(f"rmt_alpha.{module}")
    for part in dotted.split("."):
        # A dataclass field without default is in no namespace but the annotations.
        if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
            return False
        found = getattr(found, part, None)
    return True


def test_symbol_table_is_read():
    rows = symbol_rows()
    assert ("problems.transfer", "TransferProblem.beta") in rows
    assert {module for module, _ in rows} >= {
        "theory.isotropic.curve",
        "theory.ridge.closed_form",
        "problems.transfer",
    }


@pytest.mark.parametrize(("module", "name"), symbol_rows())
def test_name_in_symbol_table_exists(module, name):
    assert resolves(module, name)


def test_missing_name_would_be_noticed():
    assert not resolves("problems.transfer", "TransferProblem.no_such_field")


def test_api_page_lists_exactly_the_public_names():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(rmt_alpha.__all__)


def test_readme_has_the_two_commands_that_ci_runs():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- ci: (\w+) -->\n```bash\n[^\n]+\n```", page) == ["reproduce", "tests"]
    assert page.count("```bash") == 2


def test_citation_names_this_version():
    page = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", page, flags=re.MULTILINE).group(1) == rmt_alpha.__version__
