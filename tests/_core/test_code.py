"""Which code computes: its name, its comparison, and that no other code computes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rmt_alpha
from rmt_alpha._core.machine.code import answer, code_here, difference, place_here, signature

PROGRAM = "from rmt_alpha._core.version import source_hash; print(source_hash())"


def hash_of(folder: Path) -> str:
    # The folder of the process comes before PYTHONPATH.
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of the package elsewhere."""
    package = Path(rmt_alpha.__file__).parent
    shutil.copytree(package, tmp_path / "rmt_alpha", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_equal_sources_have_one_hash_and_others_another(checkout):
    here = code_here()["sources"]
    assert hash_of(checkout) == here
    file = checkout / "rmt_alpha" / "errors.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert hash_of(checkout) == here
    file.write_bytes(file.read_bytes() + b"# a word more\r\n")
    assert hash_of(checkout) != here


def test_a_difference_is_said_in_words():
    here = code_here()
    assert difference(dict(here), here) == ""
    assert difference({}, here).startswith("has rmt_alpha (not installed), here it is ")
    assert difference(here | {"numpy": "1"}, here).startswith("has numpy 1, here it is ")
    assert difference(here | {"sources": "1234"}, here) == (
        f"has rmt_alpha {here['rmt_alpha']} of other sources (hash 1234, here it is {here['sources']})"
    )
    assert signature(here) == f"{rmt_alpha.__version__}+{here['sources']}"


def test_a_task_of_other_code_is_not_computed():
    here = code_here()
    assert answer(here, abs, -3) == (here, place_here(), 3)
    assert answer(here | {"sources": "1234"}, abs, -3) == (here, place_here(), None)
