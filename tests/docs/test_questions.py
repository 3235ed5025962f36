"""The page of questions names everything that is public, and nothing else."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import rmt_alpha
from rmt_alpha.cli import VERBS

PAGE = (Path(__file__).parents[2] / "docs" / "questions.md").read_text(encoding="utf-8")
TABLES = "\n".join(re.findall(r"```\{eval-rst\}(.*?)```", PAGE, flags=re.DOTALL))
NAMES = sorted(set(re.findall(r"(?<!`)`([\w.]+)`(?!`)", TABLES)))
COMMANDS = set(re.findall(r"``rmt-alpha ([\w-]+)", TABLES))


def exists(dotted: str) -> bool:
    found: Any = rmt_alpha
    for part in dotted.split("."):
        # A dataclass field without default is in no namespace but the annotations.
        if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
            return False
        found = getattr(found, part, None)
    return True


def methods() -> set[str]:
    """Names of the public methods of public classes; scikit-learn's own are not ours to explain."""
    found = set()
    for value in (getattr(rmt_alpha, name) for name in rmt_alpha.__all__):
        for name in dir(value) if inspect.isclass(value) else ():
            method = inspect.getattr_static(value, name)
            method = getattr(method, "__func__", method)  # of a class method
            if inspect.isfunction(method) and method.__module__.startswith("rmt_alpha") and name[0] != "_":
                found.add(name)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name):
    assert exists(name)


def test_missing_name_would_be_noticed():
    assert not exists("Curve.no_such_method")


def test_every_public_name_answers_a_question():
    assert set(rmt_alpha.__all__) - set(NAMES) == set(), "each needs a row in docs/questions.md"


def test_every_method_answers_a_question():
    named = {name.rpartition(".")[2] for name in NAMES if "." in name}
    assert methods() - named == set(), "each needs a row in docs/questions.md"


def test_every_verb_answers_a_question():
    assert set(VERBS) == COMMANDS
