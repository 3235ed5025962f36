"""Rows of GLUE from tsv files.

A tsv file of GLUE is plain tab-separated text in which a quotation mark is a character like any other, so it
is parsed with quoting off.  With quoting on, a sentence that begins with a quotation mark swallows the lines
after it, silently.  MRPC's files begin with a byte order mark.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rmt_alpha.errors import DatasetCorrupted
from rmt_alpha.experiments.networks.tasks.definitions import GlueTask, Rows


def read_tsv(path: Path, task: GlueTask) -> Rows:
    """Rows of one tsv file.

    Parameters
    ----------
    task : GlueTask
        Which columns and labels to expect.

    Raises
    ------
    DatasetCorrupted
        If a column is missing, a row is cut short, or a label is unknown.  QQP is published with a few rows
        cut short; in that task they are left out, as the hub does.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [c for c in (*task.text, task.label) if c not in (reader.fieldnames or ())]
        if missing:
            raise DatasetCorrupted(
                f"{path} has no column {missing[0]!r}, only {list(reader.fieldnames or ())}: it is not a "
                f"labelled file of GLUE's {task.folder}"
            )
        return _collect(_complete(reader, path, task), path, task)


def _complete(rows: Iterable[Mapping[str, Any]], path: Path, task: GlueTask) -> Iterator[Mapping[str, Any]]:
    for line, row in enumerate(rows, start=2):
        if all(isinstance(row[column], str) for column in (*task.text, task.label)):
            yield row
        elif task.name != "qqp":
            raise DatasetCorrupted(
                f"{path}, line {line}: the row is cut short; get the file again, or remove the line"
            )


def _collect(rows: Iterable[Mapping[str, Any]], path: Path, task: GlueTask) -> Rows:
    texts: list[tuple[str, ...]] = []
    labels: list[int] = []
    number = {label: i for i, label in enumerate(task.labels)}
    for row in rows:
        label = row[task.label].strip()
        if label not in number:
            raise DatasetCorrupted(
                f"{path}: row {len(labels) + 1} has the label {label!r}, expected one of {', '.join(number)}"
            )
        texts.append(tuple(row[column].strip() for column in task.text))
        labels.append(number[label])
    if not labels:
        raise DatasetCorrupted(f"{path} has no rows")
    return Rows(tuple(texts), tuple(labels))
