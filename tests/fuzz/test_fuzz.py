"""A part of the fuzz suite on every run, and that its judge sees the faults it is there for."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cases import KINDS, Case, draw
from fuzz import command, fault, results
from kill_cases import killed_writers
from record_cases import sound, used_after_damage

PACKAGE = Path(__file__).parents[2]


CASES = 60
"""Enough for every kind, several times; ``poe fuzz`` tries 10,000."""


def test_no_fault_in_the_first_cases():
    found = list(results(range(CASES), PACKAGE))
    assert [each for each in found if each[2]] == []
    assert [seed for seed, *_ in found] == list(range(CASES))
    assert {kind for _, kind, _ in found} == set(KINDS)


def test_a_seed_is_a_case():
    assert draw(5) == draw(5)
    assert len({str(draw(seed)) for seed in range(50)}) > 40


TABLE = Case("tables", ("fit", "t.csv", "--json"), {"t.csv": b""})
LINE = "rmt-alpha fit: t.csv, line 2: a must be a number\n"


@pytest.mark.parametrize(
    ("status", "out", "err", "expected"),
    [
        (2, "", LINE, ""),
        (0, '{"a": "inf"}', "rmt-alpha: warning: few samples\n", ""),
        (3, "", LINE, "exit status 3"),
        (None, "", LINE, "exit status None"),
        (2, "", "usage: rmt-alpha fit FILE\n" + LINE, "a line without rmt-alpha before it"),
        (2, "", "Traceback (most recent call last):\n" + LINE, "traceback"),
        (2, "", LINE + LINE, "2 lines for one error"),
        (2, "", "", "0 lines for one error"),
        (
            1,
            "",
            "rmt-alpha: t.csv: KeyError: 3; this is a fault of rmt-alpha\n",
            "an error that nobody foresaw",
        ),
        (2, "", "rmt-alpha fit: cannot convert\n", "no file and no option is named"),
        (0, '{"a": Infinity}', "", "Infinity or NaN in JSON"),
        (0, '{"a": ', "", "no JSON"),
    ],
)
def test_the_judge(status, out, err, expected):
    assert fault(TABLE, status, out, err) == expected


def test_a_process_that_dies_is_a_fault(tmp_path):
    (tmp_path / "rmt_alpha").mkdir()
    (tmp_path / "rmt_alpha" / "__init__.py").write_text("")
    (tmp_path / "rmt_alpha" / "cli.py").write_text("import os\ndef main(argv):\n    os._exit(9)\n")
    found = list(results(range(2), tmp_path))
    assert [fault for *_, fault in found] == ["the process died with status 9"] * 2


def test_a_traceback_and_a_wrong_number_are_faults(tmp_path):
    (tmp_path / "rmt_alpha").mkdir()
    (tmp_path / "rmt_alpha" / "__init__.py").write_text("")
    (tmp_path / "rmt_alpha" / "cli.py").write_text("def main(argv):\n    return [][0]\n")
    found = list(results(range(3), tmp_path))
    assert [fault for *_, fault in found] == ["traceback of IndexError in cli.py"] * 3


def test_a_process_that_waits_for_ever_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "rmt_alpha").mkdir()
    (tmp_path / "rmt_alpha" / "__init__.py").write_text("")
    program = "import os\ndef main(argv):\n    os.mkfifo('pipe')\n    while True:\n        open('pipe')\n"
    (tmp_path / "rmt_alpha" / "cli.py").write_text(program)
    monkeypatch.setattr("fuzz.SECONDS", 0.5)
    found = list(results(range(1), tmp_path))
    assert [fault for *_, fault in found] == ["the process died with status -9"]


def test_results_that_change_are_faults(tmp_path, monkeypatch):
    """With records that do not check what they read."""
    monkeypatch.setattr("rmt_alpha._core.records.record.digest_of", lambda *_: "")
    monkeypatch.chdir(tmp_path)
    spoil = "UPDATE runs SET content = replace(content, '0.', '0.9')"
    monkeypatch.setattr("record_cases.STATEMENTS", (spoil,))
    monkeypatch.setattr(random.Random, "choice", lambda _, choices: "sql" if "sql" in choices else choices[0])
    sound.cache_clear()
    ended, wrong = used_after_damage("records of networks", 0, command)
    sound.cache_clear()
    assert (ended.status, wrong) == (0, "another result than was recorded")


def test_work_that_is_lost_is_a_fault(tmp_path, monkeypatch):
    """With records that say that they wrote what they did not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rmt_alpha._core.records.record.Record.write", lambda *_: None)
    # On a busy machine some are killed before they have said anything.
    assert any(killed_writers(seed, command) == "acknowledged work was lost" for seed in range(50))
