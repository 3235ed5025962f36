"""The record survives whatever stops its writer, and refuses what is no record."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from rmt_alpha.errors import RecordError
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord
from rmt_alpha.experiments.networks.settings import Settings


def key(seed=1, method="lora", size=100, task="sst2"):
    return RunKey("s", task, size, method, 1e-3, seed)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "folder" / "runs.sqlite"
    record, settings = RunRecord(path), Settings("m", tuning_sizes=(10,))
    record.add_settings(settings)
    record.add_settings(settings)
    record.add_command("rmt-alpha glue")
    record.add_task("sst2", {"train": 3, "dev": 2, "majority": 0.5, "origin": "here"})
    record.add_run(key(), {"dev": 0.5})
    record.add("map", {"task": "sst2", "seed": 1}, {"rate": 0.1})
    again = RunRecord(path)
    assert again.runs == record.runs
    assert list(again.runs) == [key()]
    assert again.settings.keys() == {settings.id}
    assert again.settings[settings.id]["tuning_sizes"] == [10]
    assert again.commands == ["rmt-alpha glue"]
    assert again.find("map", {"seed": 1}) == {"kind": "map", "task": "sst2", "seed": 1, "rate": 0.1}
    assert again.find("map", {"seed": 2}) is None
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM runs").fetchone() == (5,)
    db.close()


def test_the_text_can_be_read_and_made_a_record_again(tmp_path):
    record = RunRecord(tmp_path / "runs.sqlite")
    record.add_settings(Settings("m"))
    for seed in (2, 1):
        record.add_run(key(seed), {"dev": 0.5})
    record.save_as(tmp_path / "runs.jsonl")
    record = RunRecord(record.path)
    text = RunRecord(tmp_path / "runs.jsonl")
    assert (text.runs, list(text.runs), text.settings) == (record.runs, [key(2), key(1)], record.settings)
    with pytest.raises(RecordError, match=r"can be read and not added to.*name another file with --out"):
        text.add_run(key(3), {"dev": 0.5})
    text.save_as(tmp_path / "more.sqlite")
    more = RunRecord(tmp_path / "more.sqlite")
    more.add_run(key(3), {"dev": 0.5})
    assert list(more.runs) == list(RunRecord(more.path).runs) == [key(2), key(1), key(3)]


@pytest.mark.parametrize("text", ["hello", "[1]\n", '{"kind": "other"}\n', '{"kind": "run"}\n', ""])
def test_another_file_is_refused_and_left_alone(text, tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"is no record of runs .* name another file with --out"):
        RunRecord(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_run_that_was_altered_is_refused(tmp_path):
    path = tmp_path / "runs.sqlite"
    RunRecord(path).add_run(key(), {"dev": 0.5})
    db = sqlite3.connect(path)
    db.execute("UPDATE runs SET content = replace(content, '0.5', '0.6')")
    db.commit()
    db.close()
    with pytest.raises(RecordError, match=r"runs\.sqlite is damaged"):
        RunRecord(path)


def test_a_reader_catches_up_with_a_writer(tmp_path):
    reader, writer = RunRecord(tmp_path / "runs.sqlite"), RunRecord(tmp_path / "runs.sqlite")
    writer.add_run(key(1), {"dev": 0.5})
    writer.add("map", {"task": "sst2"}, {})
    assert (len(reader.runs), len(reader.extras)) == (0, 0)
    for _ in range(2):
        reader.reload()
        assert (list(reader.runs), len(reader.extras)) == ([key(1)], 1)


def test_two_processes_write_to_one_file(tmp_path):
    path = tmp_path / "runs.sqlite"
    program = (
        "import sys\nfrom rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord\n"
        "record = RunRecord(sys.argv[1])\n"
        "for seed in range(1, 41):\n"
        "    record.add_run(RunKey('s', 't', 1, sys.argv[2], 0.1, seed), {'dev': 0.5, 'pad': 'x' * 300})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(RunRecord(path).runs) == 80


@pytest.mark.parametrize("replaced", [False, True])
def test_a_record_that_is_gone_is_not_begun_again(tmp_path, replaced):
    path = tmp_path / "runs.sqlite"
    record = RunRecord(path)
    record.add_run(key(1), {"dev": 0.5})
    path.rename(tmp_path / "elsewhere.sqlite")
    if replaced:
        RunRecord(path).add_run(key(1), {"dev": 0.4})
    for again in (record.reload, lambda: record.add_run(key(2), {"dev": 0.5})):
        with pytest.raises(RecordError, match=r"runs\.sqlite was moved or deleted"):
            again()
    assert path.exists() == replaced
    (tmp_path / "elsewhere.sqlite").replace(path)
    record.add_run(key(2), {"dev": 0.5})
    assert list(RunRecord(path).runs) == [key(1), key(2)]
