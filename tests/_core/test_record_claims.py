"""Claims: nothing is computed twice, and nothing waits for the dead."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rmt_alpha._core.records import record_claims
from rmt_alpha._core.records.record import Record
from rmt_alpha._core.records.record_claims import LEASE, Claims
from rmt_alpha._core.records.record_file import RecordKind
from rmt_alpha._core.records.record_text import canonical, key_of

KIND = RecordKind("record of squares", "squares", "name another file")
PARAMETERS = [canonical({"x": x}) for x in range(6)]
KEYS = [key_of(text) for text in PARAMETERS]


@pytest.fixture
def path(tmp_path) -> Path:
    with Record(tmp_path / "record.sqlite", KIND) as record:
        record.write([(PARAMETERS[0], 0)])
    return tmp_path / "record.sqlite"


def claimed(path: Path) -> list[tuple]:
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT key, driver, expires, place FROM work ORDER BY key").fetchall()
    finally:
        db.close()


def test_each_key_goes_to_one_and_none_that_is_recorded(path):
    with Claims(path, "squares") as first, Claims(path, "squares") as second:
        assert first.take(KEYS[:4]) == set(KEYS[1:4])
        assert first.take(KEYS[:4]) == set(KEYS[1:4])  # they are its own
        assert second.take(KEYS) == set(KEYS[4:])
    assert claimed(path) == []  # let go of
    with Claims(path, "squares") as third:
        assert third.take(KEYS) == set(KEYS[1:])


def test_a_row_ends_the_claim_and_says_who_made_it(path):
    with Claims(path, "squares") as claims:
        claims.take(KEYS[:2])
        with Record(path, KIND) as record:
            record.write([(PARAMETERS[1], 1)], "1.2.3+abc", (claims.driver, "tcp://there:1"))
            assert [row.version for row in record] == ["0.1.0", "1.2.3+abc"]
    assert claimed(path) == [(KEYS[1], claims.driver, None, "tcp://there:1")]


def alter(path: Path, change: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute(f"UPDATE work SET {change}", values)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("change", "values", "free"),
    [
        ("driver = ?", ["elsewhere:1:abc"], False),  # of other machines nobody can say
        ("driver = ?, expires = ?", ["elsewhere:1:abc", time.time() - 1], True),
        (
            "driver = ?, expires = ?",
            ["elsewhere:1:abc", time.time() + 100 * LEASE],
            True,
        ),  # nobody wrote this
        ("driver = ?, expires = ?", ["elsewhere:1:abc", "for ever"], True),
        ("driver = ?", ["nonsense"], False),
    ],
)
def test_claims_of_others_hold_until_they_expire(path, change, values, free):
    with Claims(path, "squares") as first, Claims(path, "squares") as second:
        first.take(KEYS)
        alter(path, change, *values)
        assert second.take(KEYS) == (set(KEYS[1:]) if free else set())


@pytest.mark.skipif(sys.platform == "win32", reason="no way to ask whether a process lives")
def test_claims_of_a_killed_process_are_void_at_once(path):
    program = f"""
import os, signal
from pathlib import Path
from rmt_alpha._core.records.record_claims import Claims
with Claims(Path({str(path)!r}), "squares") as claims:
    assert len(claims.take({KEYS!r})) == 5
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode < 0
    assert len(claimed(path)) == 5
    with Claims(path, "squares") as claims:
        assert claims.take(KEYS) == set(KEYS[1:])


def test_a_process_that_lives_keeps_its_claims(path, monkeypatch):
    monkeypatch.setattr(record_claims, "LEASE", 0.2)
    with Claims(path, "squares") as first, Claims(path, "squares") as second:
        first.take(KEYS)
        alter(path, "driver = driver, expires = expires")
        [end, *_] = [expires for _, _, expires, _ in claimed(path)]
        deadline = time.monotonic() + 30
        while claimed(path)[0][2] == end:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert second.take(KEYS) == set()


def test_a_record_in_memory_is_nobody_elses():
    with Claims(None, "squares") as claims:
        assert claims.take(KEYS) == set(KEYS)


def test_a_record_that_is_gone_is_an_error_and_no_wait(path):
    with Claims(path, "squares") as claims:
        db = sqlite3.connect(path)
        db.execute("DROP TABLE squares")
        db.commit()
        db.close()
        with pytest.raises(OSError, match="cannot claim work in the record"):
            claims.take(KEYS)
