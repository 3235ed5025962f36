"""The store: safe against kills, and never touched unless it is one."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rmt_alpha._core.records.record_file import APPLICATION_ID, FORMAT, HEADER_BYTES, read_header
from rmt_alpha.cli import main
from rmt_alpha.errors import RecordError
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.store import Store


@pytest.fixture
def cells():
    return tuple(
        read_grid(
            {"beta": {"linspace": [0, 1, 40]}, "p": 40, "n": 20}, alpha=[0, "optimal"], replicates=0
        ).cells()
    )


@pytest.fixture
def filled(tmp_path, cells) -> Path:
    path = tmp_path / "results.sqlite"
    with Store(path) as store:
        store.add(compute(cells))
    return path


def refused(path: Path, cells, *words: str) -> None:
    before = path.read_bytes()
    with pytest.raises(RecordError) as caught, Store(path) as store:
        store.recorded([cell.key for cell in cells])
    message = str(caught.value)
    for word in (path.name, *words):
        assert word in message
    assert "\n" not in message
    assert path.read_bytes() == before
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_records_come_back_as_they_were(filled, cells):
    keys = [cell.key for cell in cells]
    with Store(filled) as store:
        assert list(store.results(keys[::-1])) == compute(cells)[::-1]
        assert store.recorded([*keys, "unknown"]) == (set(keys), set())


def test_one_file_and_nothing_beside_it(filled):
    assert [path.name for path in filled.parent.iterdir()] == [filled.name]
    assert read_header(filled.read_bytes()) == (APPLICATION_ID, FORMAT)


def test_records_can_be_read_with_sql(filled, cells):
    db = sqlite3.connect(filled)
    rows = db.execute(
        "SELECT beta, N_source FROM results WHERE alpha_label = 'optimal' AND beta > 0.9 ORDER BY beta"
    ).fetchall()
    db.close()
    assert rows == [(beta, None) for beta in sorted(dict(cell.problem)["beta"] for cell in cells[-4:])]


def test_forgotten_records_are_gone(filled, cells):
    keys = [cell.key for cell in cells]
    with Store(filled) as store:
        store.forget(keys[:10])
        assert store.recorded(keys) == (set(keys[10:]), set())
        assert len(list(store.results(keys))) == 30


def test_failed_transaction_leaves_nothing_behind(filled, cells, contents):
    before = contents(filled)

    def records():
        yield from compute(
            tuple(read_grid({"beta": 0.3, "p": 41, "n": 20, "alpha": 1}, replicates=0).cells())
        )
        raise KeyboardInterrupt

    with Store(filled) as store:
        with pytest.raises(KeyboardInterrupt):
            store.add(records())
        store.add(compute(cells[:1]))  # the connection is still good
    assert contents(filled) == before


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_kill_inside_a_transaction_leaves_what_was_there(filled, contents):
    """The transaction is larger than SQLite's cache: the file is half changed when the process dies."""
    before, bytes_before = contents(filled), filled.read_bytes()
    program = """
import os, signal, sys
from pathlib import Path
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.store import Store

def records():
    grid = read_grid({"beta": {"linspace": [0, 1, 200]}, "p": 77, "n": 20}, alpha=[0, 1, 2], replicates=0)
    yield from compute(tuple(grid.cells()))
    os.kill(os.getpid(), signal.SIGKILL)

store = Store(Path(sys.argv[1]))
store._db.execute("PRAGMA cache_size = 1")
store.add(records())
"""
    done = subprocess.run([sys.executable, "-c", program, filled], check=False)
    assert done.returncode == -signal.SIGKILL
    assert filled.read_bytes() != bytes_before, "the kill came too early to prove anything"
    assert filled.with_name(filled.name + "-journal").exists()
    with Store(filled):
        pass
    assert contents(filled) == before


def test_not_a_database(tmp_path, cells):
    path = tmp_path / "notes.sqlite"
    path.write_text("my thesis\n" * 1000)
    refused(path, cells, "no store of a sweep", "left untouched", "another path")


def test_empty_file(tmp_path, cells):
    path = tmp_path / "empty.sqlite"
    path.touch()
    refused(path, cells, "no store of a sweep")


def test_database_of_another_program(tmp_path, cells):
    path = tmp_path / "photos.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE cells (key TEXT)")
    db.commit()
    db.close()
    refused(path, cells, "another program", "left untouched")


def test_store_of_a_later_version(filled, cells):
    db = sqlite3.connect(filled)
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.commit()
    db.close()
    refused(filled, cells, f"format {FORMAT + 1}", "left untouched")


def test_overwritten_bytes_are_noticed_or_harmless(filled, cells):
    """Wherever bytes go bad: the store is refused and left alone, or whatever it returns is as written.

    Bytes may be unused.
    """
    sound, expected = filled.read_bytes(), compute(cells)
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(150):
        where, length = int(rng.integers(HEADER_BYTES, len(sound))), int(rng.integers(1, 64))
        content = bytearray(sound)
        content[where : where + length] = rng.bytes(length)
        content = content[: len(sound)]
        filled.write_bytes(content)
        try:
            with Store(filled) as store:
                store.recorded([cell.key for cell in cells])
                assert list(store.results([cell.key for cell in cells])) == expected
        except RecordError as error:
            messages.append(str(error))
        assert filled.read_bytes() == content
    # About two thirds of the file are records and tables, the rest is unused.
    assert len(messages) > 50
    assert all("damaged" in message and "left untouched" in message for message in messages)


def test_truncated_file(filled, cells):
    filled.write_bytes(filled.read_bytes()[: 4096 * 3])
    refused(filled, cells, "damaged")


def test_missing_table(filled, cells):
    db = sqlite3.connect(filled)
    db.execute("DROP TABLE cells")
    db.commit()
    db.close()
    refused(filled, cells, "damaged", "tables are not complete")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cells SET content = json_set(content, '$.points[1][4]', 0.5 + 1e-12) WHERE key = ?",
        "UPDATE cells SET content = json_set(content, '$.values[1]', 3.0) WHERE key = ?",
        "UPDATE cells SET content = json_remove(content, '$.points[1]') WHERE key = ?",
        "UPDATE cells SET parameters = json_set(parameters, '$.problem.gamma', 2.0) WHERE key = ?",
        "UPDATE cells SET version = '9' WHERE key = ?",
    ],
)
def test_altered_number(filled, cells, change):
    """What SQLite cannot know: the file is sound, but a number in it is not what was written."""
    db = sqlite3.connect(filled)
    assert db.execute(change, (cells[7].key,)).rowcount == 1
    db.commit()
    db.close()
    refused(filled, cells, "damaged", cells[7].key, "left untouched")


def test_no_folder_or_a_folder(tmp_path):
    with pytest.raises(RecordError, match="no folder"):
        Store(tmp_path / "nowhere" / "results.sqlite")
    with pytest.raises(RecordError, match="cannot read"):
        Store(tmp_path)


def test_a_store_deleted_after_its_last_cell_is_noticed(tmp_path, monkeypatch, capsys):
    """Also where nothing is written any more: done is what has a file."""
    path, grid = tmp_path / "results.sqlite", tmp_path / "grid.toml"
    grid.write_text("beta = [0.1, 0.2]\np = 40\nn = 20\nalpha = 1\nreplicates = 0\n")
    add = Store.add

    def add_and_delete(self, results, *who):
        add(self, results, *who)
        path.unlink()

    monkeypatch.setattr(Store, "add", add_and_delete)
    assert main(["sweep", str(grid), "--out", str(path)]) == 2
    assert "results.sqlite was moved or deleted while it was in use" in capsys.readouterr().err
