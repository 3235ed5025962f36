"""The record: what is no record is refused and left alone, what is one gives back every bit or says so."""

from __future__ import annotations

import errno
import json
import math
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rmt_alpha._core.records import record_file, record_locks
from rmt_alpha._core.records.record import Record
from rmt_alpha._core.records.record_file import RecordKind
from rmt_alpha._core.records.record_text import as_json, canonical, is_text, key_of
from rmt_alpha.errors import RecordError

KIND = RecordKind(
    "record of tests", "tests", "name another file", "CREATE VIEW numbers AS SELECT key, content FROM tests"
)
ROWS = [(canonical({"n": n, "method": "a"}), {"value": n / 7, "text": 'Infinity, "NaN"'}) for n in range(20)]


@pytest.fixture
def filled(tmp_path) -> Path:
    path = tmp_path / "results.sqlite"
    with Record(path, KIND) as record:
        record.write(ROWS)
    return path


def contents(path: Path) -> list[tuple[str, object]]:
    with Record(path, KIND) as record:
        return [(entry.parameters, entry.content) for entry in record]


def refused(path: Path, *words: str) -> None:
    before = path.read_bytes()
    with pytest.raises(RecordError) as caught:
        contents(path)
    for word in (path.name, *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def alter(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def test_rows_come_back_in_order_and_a_replaced_one_keeps_its_place(filled):
    assert contents(filled) == ROWS
    with Record(filled, KIND) as record:
        record.write([(ROWS[3][0], "new")])
        assert [entry.content for entry in record][2:5] == [ROWS[2][1], "new", ROWS[4][1]]
        keys = [key_of(parameters) for parameters, _ in ROWS]
        assert [entry.key for entry in record.read([keys[5], "unknown", keys[1]])] == [keys[5], keys[1]]
        record.forget(keys[1:])
        assert [entry.key for entry in record] == keys[:1]


def test_json_has_every_bit_and_sql_reads_it():
    values = [math.inf, -math.inf, 5e-324, 0.1 + 0.2, 1.7976931348623157e308, "Infinity", None]
    text = as_json(values)
    assert json.loads(text) == values
    with closing(sqlite3.connect(":memory:")) as db:
        found = db.execute("SELECT value FROM json_each(?)", (text,)).fetchall()
    assert [value for (value,) in found] == values
    with pytest.raises(ValueError, match="NaN"):
        as_json([math.nan])


def test_several_processes_may_begin_one_record_at_once(tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from rmt_alpha._core.records.record import Record\n"
        "from rmt_alpha._core.records.record_text import canonical\n"
        "from rmt_alpha._core.records.record_file import RecordKind\n"
        f"kind = {KIND!r}\n"
        "sys.stdin.read()\n"  # all go on at the same moment
        "with Record(Path(sys.argv[1]), kind) as record:\n"
        "    for i in range(20): record.write([(canonical({'who': sys.argv[2], 'i': i}), i)])\n"
    )
    path = tmp_path / "new.sqlite"
    command = [sys.executable, "-c", program, str(path)]
    writers = [subprocess.Popen([*command, str(i)], stdin=subprocess.PIPE) for i in range(4)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait() for writer in writers] == [0] * 4
    assert len(contents(path)) == 80
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


def test_a_record_that_appears_meanwhile_is_not_replaced(tmp_path, filled):
    before = filled.read_bytes()
    record_file.create_file(filled, KIND)
    assert filled.read_bytes() == before
    assert [other.name for other in tmp_path.iterdir()] == [filled.name]


def no_links(*_):
    raise OSError("operation not permitted")


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "results.sqlite"
    with Record(path, KIND) as record:
        record.write(ROWS)
    assert contents(path) == ROWS
    record_file.create_file(path, KIND)  # as if it had appeared meanwhile
    assert contents(path) == ROWS
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


def test_where_there_are_no_hard_links_the_later_one_waits(tmp_path, filled):
    path = tmp_path / "new.sqlite"
    path.touch()  # the name is taken; a moment later the record is there
    later = threading.Timer(0.1, lambda: filled.replace(path))
    later.start()
    assert contents(path) == ROWS
    later.join()
    path.write_bytes(b"")
    refused(path, "an empty file")


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_called_that(filled, tmp_path, monkeypatch, number):
    def lockf(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.lockf", lockf)
    words = "on a file system that cannot lock files", os.strerror(number), "another disk"
    refused(filled, *words)
    with pytest.raises(RecordError, match=words[0]):
        Record(tmp_path / "new.sqlite", KIND)
    assert [other.name for other in tmp_path.iterdir()] == [filled.name]


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_looking_at_a_record_in_use_keeps_its_locks(filled):
    """A process that closes a file gives up all its locks on it, SQLite's included."""
    program = (
        "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=0)\ndb.execute('BEGIN EXCLUSIVE')"
    )
    command = [sys.executable, "-c", program, str(filled)]
    with Record(filled, KIND) as record:
        rows = iter(record)
        next(rows)  # a shared lock, until the last row
        assert not is_text(filled)
        assert contents(filled) == ROWS
        assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0
        rows.close()  # type: ignore[attr-defined]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_pipe_is_refused_at_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(RecordError, match=r"pipe is no regular file"):
        Record(path, KIND)
    assert not is_text(path)


def test_a_pipe_in_place_of_the_journal_is_refused_at_once(filled):
    os.mkfifo(filled.with_name(filled.name + "-journal"))
    refused(filled, "results.sqlite-journal is no regular file")


ENDLESS = (
    "CREATE VIEW {} AS WITH RECURSIVE r(key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM r) SELECT * FROM r"
)


HIDDEN = (
    "INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_t', 'tests', 0, "
    "'CREATE TRIGGER sqlite_t AFTER INSERT ON tests BEGIN DELETE FROM tests; END')"
)
"""A trigger among SQLite's own names."""


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        ([ENDLESS.format("more")], ["more than the tables", "(more)", "left untouched"]),
        (["DROP VIEW numbers", "DROP TABLE tests", ENDLESS.format("tests")], ["tables are not complete"]),
        (
            ["PRAGMA writable_schema = 1", HIDDEN],
            ["sqlite_t"],
        ),
        (["CREATE TRIGGER t AFTER INSERT ON tests BEGIN SELECT 1; END"], ["(t)", "left untouched"]),
        (["DROP VIEW numbers"], ["tables are not complete"]),
    ],
)
def test_other_tables_than_ours_are_never_asked(filled, statements, words):
    alter(filled, *statements)
    refused(filled, *words)


def test_a_file_whose_tables_cannot_be_read_in_time(filled, monkeypatch):
    with Record(filled, KIND) as record:
        record.write((canonical({"n": n}), n) for n in range(2000))
    monkeypatch.setattr(record_locks, "PATIENCE", 0.0)
    monkeypatch.setattr(record_locks, "SLOWEST", math.inf)
    refused(filled, "its tables could not be read in 0 s", "left untouched")


def test_what_else_it_may_be_is_said(tmp_path, filled):
    other = tmp_path / "other.sqlite"
    with Record(other, RecordKind("record of cooks", "cooks", "")):
        pass
    refused(other, "no record of tests but a record of cooks", "name another file")
    alter(filled, "PRAGMA user_version = 1")
    refused(filled, "format 1 of a development version", "name another file")
    old = tmp_path / "runs.jsonl"
    old.write_text('{"kind":"run"}\n')
    refused(old, "as development versions before 0.1.0 wrote")
    blocks = tmp_path / "amazon.sqlite"
    alter(blocks, "CREATE TABLE blocks (key TEXT)")
    refused(blocks, "another program, or of a development version")


MOVED = "was moved or deleted while it was in use"


@pytest.mark.parametrize("replaced", [False, True])
def test_a_record_that_is_gone_is_noticed(filled, tmp_path, replaced):
    """At the next write, and at the end whether or not there was one."""
    record = Record(filled, KIND)
    record.write(ROWS)
    filled.unlink()
    if replaced:
        Record(filled, KIND).close()
    with pytest.raises(RecordError, match=MOVED):
        record.write(ROWS)
    with pytest.raises(RecordError, match=MOVED), record:
        pass
    assert filled.exists() == replaced


def test_what_another_process_holds_is_not_called_damaged(filled, monkeypatch):
    monkeypatch.setattr(record_locks, "PATIENCE", 0.01)
    db = sqlite3.connect(filled, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    refused(filled, "is in use: another process does not let go of it")
    db.execute("COMMIT")
    db.execute("BEGIN IMMEDIATE")
    with Record(filled, KIND) as record, pytest.raises(OSError, match=r"cannot write to .*locked"):
        record.write(ROWS)
    db.close()


def test_bytes_that_are_no_text_are_not_shown(filled):
    alter(filled, "UPDATE tests SET content = CAST(x'1e22ff1b5b324a' AS TEXT) WHERE position = 3")
    with pytest.raises(RecordError, match=r"is damaged \(Could not decode .*; it is left") as caught:
        contents(filled)
    assert str(caught.value).isprintable()


def test_names_of_tables_that_are_no_text(filled):
    filled.write_bytes(filled.read_bytes().replace(b"SELECT key, content", b"SELECT key, c\xffntent"))
    refused(filled, "is damaged (")


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("SQLITE_IOERR_LOCK", "cannot be accessed"),
        ("SQLITE_READONLY_ROLLBACK", "cannot be accessed"),
        ("SQLITE_IOERR_SHORT_READ", "damaged"),
        ("SQLITE_CORRUPT_INDEX", "damaged"),
    ],
)
def test_only_damage_is_called_damage(code, word):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = code
    assert word in str(record_file.unusable(Path("a.sqlite"), error))


def test_the_text_has_the_same_rows(filled, tmp_path):
    text, again = tmp_path / "results.jsonl", tmp_path / "again.sqlite"
    with Record(filled, KIND) as record:
        record.export(text)
        entries = list(record)
    assert is_text(text)
    assert not is_text(filled)
    assert [json.loads(line)["content"] for line in text.read_text().splitlines()[1:]] == [c for _, c in ROWS]
    with Record.load_export(text, KIND) as loaded, loaded.copy(again) as copied:
        assert list(loaded) == entries
        copied.export(tmp_path / "second.jsonl")
    assert (tmp_path / "second.jsonl").read_bytes() == text.read_bytes()
    assert contents(again) == ROWS
    refused(text, "the text of one, which can be read and not added to")


def test_whatever_bit_of_the_text_is_flipped(filled, tmp_path):
    text = tmp_path / "results.jsonl"
    with Record(filled, KIND) as record:
        record.export(text)
        entries = list(record)
    sound, rng = text.read_bytes(), np.random.default_rng(0)
    messages = []
    for _ in range(400):
        content = bytearray(sound)
        content[int(rng.integers(len(sound)))] ^= 1 << int(rng.integers(8))
        text.write_bytes(content)
        try:
            with Record.load_export(text, KIND) as loaded:
                assert list(loaded) == entries
        except RecordError as error:
            messages.append(str(error))
    assert len(messages) > 390  # the E of an exponent may be large
    assert all(text.name in message for message in messages)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "19 rows, not the 20"),
        (lambda lines: [lines[0], *lines[:0:-1]], "20 rows"),
        (lambda lines: [*lines[:4], lines[4][:40]], "line 5: not what was written; get the file again"),
        (lambda lines: lines[1:], "is no text of a record of tests; name another file"),
        (lambda lines: ["hello"], "is no text of"),
        (lambda lines: [lines[0].replace("tests", "cooks")], "is the text of a record of cooks"),
    ],
)
def test_other_lines_than_were_written(filled, tmp_path, change, words):
    text = tmp_path / "results.jsonl"
    with Record(filled, KIND) as record:
        record.export(text)
    text.write_text("\n".join(change(text.read_text().splitlines())) + "\n")
    with pytest.raises(RecordError, match=words):
        Record.load_export(text, KIND)


def test_a_row_is_not_lost_where_only_its_key_in_the_index_went_bad(filled):
    """The table is as it was; without this, the row would count as never computed."""
    content = filled.read_bytes()
    places = [at for at in range(len(content)) if content.startswith(key_of(ROWS[7][0]).encode(), at)]
    assert len(places) == 2
    for at in places:
        filled.write_bytes(content[:at] + b"0" * 4 + content[at + 4 :])
        refused(filled, "is damaged (", "left untouched")


def test_whatever_bit_of_the_header_is_flipped(filled):
    """What SQLite itself reads first; the sweeps' tests overwrite the rest of the file."""
    sound = filled.read_bytes()
    for where in range(8 * record_file.HEADER_BYTES):
        content = bytearray(sound)
        content[where // 8] ^= 1 << where % 8
        filled.write_bytes(content)
        try:
            assert contents(filled) == ROWS
        except RecordError as error:
            assert filled.name in str(error)  # noqa: PT017 - either is right
        assert filled.read_bytes() == content
        assert [other.name for other in filled.parent.iterdir()] == [filled.name]
