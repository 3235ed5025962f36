"""Small files in the published formats."""

from __future__ import annotations

import csv
import hashlib

import numpy as np
import pytest
from scipy.io import savemat

from rmt_alpha.errors import DatasetCorrupted
from rmt_alpha.experiments.data import tabular
from rmt_alpha.experiments.data.datasets import LabelledData, RemoteFile


def known(path) -> RemoteFile:
    return RemoteFile(
        path.name, "http://127.0.0.1:9/", hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    )


def test_wines_lose_their_copies(tmp_path, monkeypatch):
    wines = [[7.4, 0.5, 5], [7.4, 0.5, 6], [7.4, 0.5, 5], [6.0, 0.1, 9], [7.4, 0.5, 6]]
    (tmp_path / "red.csv").write_text("".join(",".join(map(str, wine)) + "\n" for wine in wines))
    monkeypatch.setattr(tabular, "WINE_FILES", {"red": known(tmp_path / "red.csv")})
    found = tabular.load_wine("red", tmp_path)
    assert found.features.tolist() == [[7.4, 0.5], [7.4, 0.5], [6.0, 0.1]]
    assert found.labels.tolist() == [-1, 1, 1]
    with pytest.raises(ValueError, match="color must be one of 'red'"):
        tabular.load_wine("blue", tmp_path)
    (tmp_path / "red.csv").write_text("7.4,0.5,5\n")
    with pytest.raises(DatasetCorrupted):
        tabular.load_wine("red", tmp_path)


def test_students_have_the_same_columns_and_no_early_grades(tmp_path, monkeypatch):
    head = 'sep=;\nschool;age;Mjob;G1;G2;G3\n"GP";%s\n'
    (tmp_path / "mat.csv").write_text(head % '18;"teacher";"5";"6";7' + '"GP";17;"health";"1";"2";3\n')
    (tmp_path / "por.csv").write_text(head % '16;"other";"8";"9";10' + '"MS";15;"health";"11";"12";13\n')
    monkeypatch.setattr(
        tabular, "STUDENT_FILES", {name: known(tmp_path / f"{name}.csv") for name in ("mat", "por")}
    )
    found = tabular.load_students(tmp_path)
    # school: 1 for the second of two; age; one column each for health, other, teacher
    assert found["mat"].features.tolist() == [[0, 18, 0, 0, 1], [0, 17, 1, 0, 0]]
    assert found["por"].features.tolist() == [[0, 16, 0, 1, 0], [1, 15, 1, 0, 0]]
    assert found["mat"].labels.tolist() == [7, 3]
    assert found["por"].labels.tolist() == [10, 13]


def test_bikes(tmp_path, monkeypatch):
    names = ["season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit"]
    names += ["temp", "atemp", "hum", "windspeed", "casual", "cnt"]
    hours = [
        [1, 2011, 1, 0, 0, 6, 0, 1, 0.2, 0.3, 0.8, 0.1, 3, 16],
        [3, 2012, 12, 23, 1, 0, 1, 4, 0.5, 0.6, 0.7, 0, 1, 977],
    ]
    with (tmp_path / "bike.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([names, *hours])
    monkeypatch.setattr(tabular, "BIKE_FILE", known(tmp_path / "bike.csv"))
    first, last = tabular.load_bikes("yr", "2011", tmp_path), tabular.load_bikes("season", "3", tmp_path)
    assert (first.labels.tolist(), last.labels.tolist()) == ([16], [977])
    for found, numbers, ones in (
        (first, [0, 0, 0.2, 0.3, 0.8, 0.1], (0, 0, 6, 0)),
        (last, [1, 1, 0.5, 0.6, 0.7, 0], (11, 23, 0, 2)),
    ):
        (row,) = found.features
        assert row[:6].tolist() == numbers
        parts = np.split(row[6:], np.cumsum([12, 24, 7]))
        assert [part.tolist() for part in parts] == [
            np.eye(k)[i].tolist() for k, i in zip((12, 24, 7, 3), ones, strict=True)
        ]
    with pytest.raises(ValueError, match="value must be one that yr has"):
        tabular.load_bikes("yr", "1999", tmp_path)


@pytest.mark.parametrize("names", [("fts", "labels"), ("fea", "lab")])
def test_office(tmp_path, monkeypatch, names):
    savemat(tmp_path / "a.mat", {names[0]: np.array([[3, 0], [1, 2]], np.uint8), names[1]: [[10], [1]]})
    monkeypatch.setattr(tabular, "OFFICE_FILES", {"amazon": known(tmp_path / "a.mat")})
    found = tabular.load_office("amazon", tmp_path)
    assert found.features.tolist() == [[3, 0], [1, 2]]
    assert found.labels.tolist() == [10, 1]


def test_the_units_are_the_sources():
    source = LabelledData("s", np.array([[0.0, 5.0], [4.0, 5.0]]), np.ones(2))
    other = LabelledData("t", np.array([[6.0, 7.0]]), np.ones(1))
    assert tabular.in_units_of(source, other).features.tolist() == [[2.0, 2.0]]
    assert tabular.in_units_of(source, source).features.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
