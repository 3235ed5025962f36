"""GLUE's rows: the tsv files as they are, and the same rows from the hub."""

from __future__ import annotations

import csv
from types import SimpleNamespace
from typing import Any

import pytest
from glue_world import sentences

from rmt_alpha.errors import DatasetCorrupted, DatasetUnavailable
from rmt_alpha.experiments.networks.loading import from_hub_columns, load_glue, read_tsv
from rmt_alpha.experiments.networks.tasks import TASKS


def test_sentences_and_labels(data_folder):
    data = load_glue("sst2", data_folder)
    assert (len(data.train), len(data.dev)) == (60, 20)
    assert [(text, label) for (text,), label in zip(data.train.texts, data.train.labels, strict=True)] == (
        sentences(60)
    )
    assert data.origin == "tsv files"


def test_quotes_are_characters_and_the_mark_at_the_beginning_is_none(data_folder):
    data = load_glue("mrpc", data_folder)
    assert len(data.train) == 60
    text, _ = sentences(1)[0]
    assert data.train.texts[0] == (f'"{text}', f'{text} "quoted')
    # With quoting on, both sentences would end up in one: the lines above would see it.
    with (data_folder / "glue" / "MRPC" / "train.tsv").open(encoding="utf-8-sig", newline="") as stream:
        first = next(csv.DictReader(stream, delimiter="\t"))
    assert first["#2 String"] is None


@pytest.mark.parametrize("name", TASKS)
def test_hub_and_files_give_the_same_rows(name, tmp_path, monkeypatch):
    task = TASKS[name]
    rows = [(tuple(f"part {part} of {i}" for part in task.text), i % len(task.labels)) for i in range(7)]
    folder = tmp_path / task.folder
    folder.mkdir()
    lines = ["\t".join([*task.text, task.label])]
    lines += ["\t".join([*(part + " " for part in text), task.labels[label]]) for text, label in rows]
    for file in ("train.tsv", task.dev_file):
        (folder / file).write_text("\n".join(lines), encoding="utf-8")
    hub: dict[str, list[Any]] = {
        column: [text[i] + " " for text, _ in rows] for i, column in enumerate(task.hub_text)
    }
    hub["label"] = [label for _, label in rows]
    asked = []

    def load_dataset(collection, configuration, split):
        asked.append((collection, configuration, split))
        return hub

    monkeypatch.setattr(
        "rmt_alpha.experiments.networks.loading._datasets",
        lambda: SimpleNamespace(load_dataset=load_dataset),
    )
    local = load_glue(name, tmp_path)
    monkeypatch.setenv("RMT_ALPHA_DATA", str(tmp_path / "nothing"))
    remote = load_glue(name)
    assert (local.train, local.dev) == (remote.train, remote.dev)
    assert len(local.train) == 7
    assert asked == [("nyu-mll/glue", name, "train"), ("nyu-mll/glue", name, task.hub_dev)]


def test_a_dev_file_alone_is_split_in_halves(tmp_path):
    folder = tmp_path / "QNLI"
    folder.mkdir()
    lines = ["index\tquestion\tsentence\tlabel"]
    lines += [f"{i}\tq{i}\ts{i}\t{('entailment', 'not_entailment')[i % 2]}" for i in range(11)]
    (folder / "dev.tsv").write_text("\n".join(lines), encoding="utf-8")
    data = load_glue("qnli", tmp_path)
    assert sorted(data.train.texts + data.dev.texts) == sorted((f"q{i}", f"s{i}") for i in range(11))
    assert (len(data.train), len(data.dev)) == (5, 6)
    assert "split at random in halves" in data.origin


def test_rows_cut_short_are_left_out_in_qqp_alone(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_text("question1\tquestion2\tis_duplicate\na\tb\t1\nc\n", encoding="utf-8")
    assert len(read_tsv(path, TASKS["qqp"])) == 1
    path.write_text("sentence\tlabel\nfine\t1\ncut\n", encoding="utf-8")
    with pytest.raises(DatasetCorrupted, match="line 3: the row is cut short"):
        read_tsv(path, TASKS["sst2"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index\tsentence\n0\tfine\n", "no column 'label'"),
        ("sentence\tlabel\nfine\t2\n", "row 1 has the label '2', expected one of 0, 1"),
        ("sentence\tlabel\n", "has no rows"),
    ],
)
def test_another_file_is_refused(text, message, tmp_path):
    path = tmp_path / "dev.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetCorrupted, match=message):
        read_tsv(path, TASKS["sst2"])


def test_unlabelled_rows_of_the_hub_are_left_out():
    rows = from_hub_columns({"sentence": ["a", "b"], "label": [-1, 0]}, TASKS["sst2"])
    assert rows.texts == (("b",),)


def test_missing_files_are_explained(tmp_path, monkeypatch):
    with pytest.raises(DatasetUnavailable, match=r"no RTE/dev.tsv in .*leave out --data to use the hub"):
        load_glue("rte", tmp_path)

    def unreachable(*_, **__):
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(
        "rmt_alpha.experiments.networks.loading._datasets",
        lambda: SimpleNamespace(load_dataset=unreachable),
    )
    monkeypatch.setenv("RMT_ALPHA_DATA", str(tmp_path))
    with pytest.raises(DatasetUnavailable, match=r"nor obtainable from the hub \(no network\)"):
        load_glue("rte")
    with pytest.raises(ValueError, match="task must be one of 'mnli'"):
        load_glue("cola")
