"""The record survives whatever stops its writer, and refuses what is no record."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rmt_alpha.errors import RecordError
from rmt_alpha.experiments.networks.results.runs import Record, RunKey
from rmt_alpha.experiments.networks.settings import Settings


def key(seed=1, method="lora", size=100, task="sst2"):
    return RunKey("s", task, size, method, 1e-3, seed)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "folder" / "runs.jsonl"
    record, settings = Record(path), Settings("m", tuning_sizes=(10,))
    record.add_settings(settings)
    record.add_settings(settings)
    record.add_command("rmt-alpha glue")
    record.add_task("sst2", {"train": 3, "dev": 2, "majority": 0.5, "origin": "here"})
    record.add_run(key(), {"dev": 0.5})
    record.add("map", {"task": "sst2", "seed": 1})
    again = Record(path)
    assert again.runs == record.runs
    assert list(again.runs) == [key()]
    assert again.settings.keys() == {settings.id}
    assert again.settings[settings.id]["tuning_sizes"] == [10]
    assert again.commands == ["rmt-alpha glue"]
    assert again.find("map", {"seed": 1}) == {"kind": "map", "task": "sst2", "seed": 1}
    assert again.find("map", {"seed": 2}) is None
    assert len(path.read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize("kept", range(1, 12))
def test_half_a_line_is_ignored_and_ended(kept, tmp_path):
    path = tmp_path / "runs.jsonl"
    record = Record(path)
    record.add_run(key(1), {"dev": 0.5})
    record.add_run(key(2), {"dev": 0.5})
    first, second = path.read_text(encoding="utf-8").splitlines()
    path.write_text(f"{first}\n{second[: -9 * kept]}", encoding="utf-8")
    after = Record(path)
    assert list(after.runs) == [key(1)]
    after.add_run(key(3), {"dev": 0.25})
    assert list(Record(path).runs) == [key(1), key(3)]


@pytest.mark.parametrize("text", ["[1]\n", '{"kind": "other"}\n', '{"a": }\n', '{"kind": "run"\n{"x"}\n'])
def test_another_file_is_refused_and_left_alone(text, tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match="not a line of a record of runs; name another file with --out"):
        Record(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_reader_catches_up_with_a_writer(tmp_path):
    reader, writer = Record(tmp_path / "runs.jsonl"), Record(tmp_path / "runs.jsonl")
    writer.add_run(key(1), {"dev": 0.5})
    writer.add("map", {"task": "sst2"})
    assert (len(reader.runs), len(reader.extras)) == (0, 0)
    for _ in range(2):
        reader.reload()
        assert (list(reader.runs), len(reader.extras)) == ([key(1)], 1)


def test_two_processes_write_to_one_file(tmp_path):
    path = tmp_path / "runs.jsonl"
    program = (
        "import sys\nfrom rmt_alpha.experiments.networks.results.runs import Record, RunKey\n"
        "record = Record(sys.argv[1])\n"
        "for seed in range(1, 41):\n"
        "    record.add_run(RunKey('s', 't', 1, sys.argv[2], 0.1, seed), {'dev': 0.5, 'pad': 'x' * 300})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(Record(path).runs) == 80
