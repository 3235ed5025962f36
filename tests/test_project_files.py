"""What the pages promise exists: names in symbols and API, commands, one version, readable workflows."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import rmt_alpha
from rmt_alpha import errors

ROOT = Path(__file__).parents[1]


def symbol_rows() -> list[tuple[str, str]]:
    """(module, dotted name) for every name in the second column of docs/theory/symbols.md."""
    rows = []
    for line in (ROOT / "docs" / "theory" / "symbols.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("| ") or len(cells) != 4 or not cells[3].startswith("`"):
            continue
        rows += [(cells[3].strip("`"), name) for name in re.findall(r"`([^`]+)`", cells[1])]
    return rows


def resolves(module: str, dotted: str) -> bool:
    found: Any = importlib.import_module(f"rmt_alpha.{module}")
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


def test_api_page_lists_every_error():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    classes = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert re.findall(r"^   errors\.(\w+)$", page, flags=re.MULTILINE) == classes


def test_every_further_plot_of_a_page_has_a_name_of_its_own():
    """Each block of a page counts its plots from one: without a name the second shows the first."""
    for page in (ROOT / "docs").rglob("*.md"):
        blocks = re.findall(
            r"```\{eval-rst\}\n\.\. plot::(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        )
        names = [re.findall(r":filename-prefix: (\S+)", block) for block in blocks]
        assert len({tuple(name) for name in names}) == len(names), page


def test_readme_has_the_two_commands_that_ci_runs():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- ci: (\w+) -->\n```bash\n[^\n]+\n```", page) == ["reproduce", "tests"]
    assert page.count("```bash") == 2


def test_citation_names_this_version():
    page = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", page, flags=re.MULTILINE) == [rmt_alpha.__version__]


# --- workflows and forms; a source distribution has none of them --------------------------------------------

FORGE = sorted((ROOT / ".github").glob("**/*.yml"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_yaml(path: Path) -> dict:
    return pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))


def pythons_tested() -> set[str]:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    return set(re.findall(r'"(3\.\d+)"', text))


@pytest.mark.parametrize("path", FORGE, ids=lambda path: path.stem)
def test_workflows_and_forms_are_mappings_with_a_name(path):
    content = read_yaml(path)
    assert content.keys() & {"name", "blank_issues_enabled", "rules", "version"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_may_only_read_and_has_a_time_limit(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job, name
        if job.get("permissions"):  # more, for one step, and only when a version is tagged
            assert job["if"] == "github.ref_type == 'tag'", name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_task_that_a_workflow_calls_exists(path):
    called = set(re.findall(r"\bpoe ([\w-]+)", path.read_text(encoding="utf-8")))
    assert called
    assert called <= project()["tool"]["poe"]["tasks"].keys()


@pytest.mark.skipif(not WORKFLOWS, reason="a source distribution")
def test_every_python_that_is_promised_is_tested():
    metadata = project()["project"]
    promised = set(re.findall(r"Python :: (3\.\d+)", " ".join(metadata["classifiers"])))
    assert promised <= pythons_tested()
    oldest = metadata["requires-python"].removeprefix(">=")
    assert oldest == min(pythons_tested(), key=lambda version: int(version.split(".")[1]))
    # The task that tries the oldest dependencies does so on the oldest Python.
    assert f"--python {oldest} " in str(project()["tool"]["poe"]["tasks"]["oldest"])


def test_every_dependency_has_a_floor_to_be_tested_with():
    metadata = project()["project"]
    extras = metadata["optional-dependencies"]
    for requirement in metadata["dependencies"] + [one for name in ("all", "test") for one in extras[name]]:
        assert re.fullmatch(r"rmt-alpha\[[\w,]+\]|[\w\[\]-]+>=[\d.]+", requirement), requirement
