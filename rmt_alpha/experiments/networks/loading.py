"""Training and development rows of a task, from tsv files or from the hub: the same rows either way.

A tsv file of GLUE is plain tab-separated text in which a quotation mark is a character like any other, so it
is parsed with quoting off.  With quoting on, a sentence that begins with a quotation mark swallows the lines
after it, silently.  MRPC's files begin with a byte order mark.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FilePath
from rmt_alpha.errors import DatasetCorrupted, DatasetUnavailable
from rmt_alpha.experiments.data.datasets import data_folder
from rmt_alpha.experiments.networks.tasks import TASK_NAMES, TASKS, GlueTask, Rows

_HALVES_SEED = 0
"""Seed of the split of a dev file in two, for a folder without a training file."""


@dataclass(frozen=True, slots=True)
class GlueData:
    """Training and development rows of a task, and where they are from."""

    task: GlueTask
    train: Rows
    dev: Rows
    origin: str
    """One line for the record: the kind of source, and anything unusual about the split."""


def load_glue(task: str, data: FilePath | None = None) -> GlueData:
    """Training and development rows of a GLUE task.

    The tsv files are looked for in the sub-folder ``glue`` of the data folder, or in that folder itself
    (``RTE/train.tsv`` and so on).  Without them, and without an explicit ``data``, the rows come from the
    hub. A folder with a development file alone gives that file split in two halves at random (seed 0), the
    first to train on; ``origin`` says so.

    Parameters
    ----------
    task : {"mnli", "qnli", "mrpc", "rte", "sst2", "qqp"}
        The task; MNLI's development rows are the matched ones.
    data : path, optional
        Data folder, see `rmt_alpha.experiments.data.datasets.data_folder`.

    Raises
    ------
    ValueError
        For an unknown task.
    DatasetUnavailable
        If there are no files in the folder, or the hub cannot be reached.
    DatasetCorrupted
        If a file has other columns or labels than the task's.

    References
    ----------
    .. [1] A. Wang, A. Singh, J. Michael, F. Hill, O. Levy and S. Bowman, "GLUE: a multi-task benchmark and
       analysis platform for natural language understanding", ICLR 2019.
    """
    found = TASKS[check_choice("task", task, TASK_NAMES)]
    folder = task_folder(found, data)
    if folder is not None:
        return _from_folder(found, folder)
    if data is not None:
        wanted = Path(data).expanduser() / "glue" / found.folder / found.dev_file
        raise DatasetUnavailable(
            f"there is no {found.folder}/{found.dev_file} in {Path(data).expanduser()}: save the files of "
            f"GLUE's {found.folder} as {wanted} and train.tsv beside it, or leave out --data to use the hub"
        )
    return GlueData(found, *rows_from_hub(found), f"hub, {HUB_NAME}")


def task_folder(task: GlueTask, data: FilePath | None = None) -> Path | None:
    """The folder with the task's tsv files inside that with data, or None if there is none.

    Examples
    --------
    >>> task_folder(TASKS["rte"], "no/such/folder") is None
    True
    """
    root = data_folder(data)
    for folder in (root / "glue" / task.folder, root / task.folder):
        if (folder / task.dev_file).is_file():
            return folder
    return None


def _from_folder(task: GlueTask, folder: Path) -> GlueData:
    dev = read_tsv(folder / task.dev_file, task)
    train_file = folder / "train.tsv"
    if train_file.is_file():
        return GlueData(task, read_tsv(train_file, task), dev, "tsv files")
    order = np.random.default_rng(_HALVES_SEED).permutation(len(dev))
    half = len(dev) // 2
    return GlueData(
        task,
        dev.take(np.sort(order[:half])),
        dev.take(np.sort(order[half:])),
        f"tsv files; no train.tsv, so {task.dev_file} was split at random in halves to train and to test",
    )


def read_tsv(path: Path, task: GlueTask) -> Rows:
    """Rows of one tsv file; DatasetCorrupted if a column is missing, a row cut short, or a label unknown.

    QQP is published with a few rows cut short; in that task they are left out, as the hub does.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [c for c in (*task.text, task.label) if c not in (reader.fieldnames or ())]
        if missing:
            raise DatasetCorrupted(
                f"{path} has no column {missing[0]!r}, only {list(reader.fieldnames or ())}: it is not a "
                f"labelled file of GLUE's {task.folder}"
            )
        return _collect(reader, path, task)


def _collect(rows: Iterable[Mapping[str, Any]], path: Path, task: GlueTask) -> Rows:
    texts: list[tuple[str, ...]] = []
    labels: list[int] = []
    number = {label: i for i, label in enumerate(task.labels)}
    for line, row in enumerate(rows, start=2):
        if not all(isinstance(row[column], str) for column in (*task.text, task.label)):
            if task.name == "qqp":
                continue
            raise DatasetCorrupted(
                f"{path}, line {line}: the row is cut short; get the file again, or remove the line"
            )
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


HUB_NAME = "nyu-mll/glue"
"""The collection on the hub."""


def rows_from_hub(task: GlueTask) -> tuple[Rows, Rows]:
    """Training and development rows of a task, downloaded by `datasets`, or from its cache.

    DatasetUnavailable if the hub cannot be reached and the task is not in the cache.
    """
    datasets = _datasets()
    try:
        splits = {
            name: datasets.load_dataset(HUB_NAME, task.name, split=name) for name in ("train", task.hub_dev)
        }
    except Exception as error:  # the hub's client raises whatever its HTTP library does
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetUnavailable(
            f"GLUE's {task.folder} is neither in the data folder {data_folder()} nor obtainable from the hub "
            f"({reason}): save its tsv files as {data_folder() / 'glue' / task.folder}, or name a folder "
            "that holds them with --data"
        ) from error
    return from_hub_columns(splits["train"], task), from_hub_columns(splits[task.hub_dev], task)


def from_hub_columns(columns: Mapping[str, Iterable[Any]], task: GlueTask) -> Rows:
    """Rows of a split of the hub, such as a `datasets.Dataset`; unlabelled ones (label -1) are left out.

    Examples
    --------
    >>> from rmt_alpha.experiments.networks.tasks import TASKS
    >>> columns = {"sentence": ["fine ", "?"], "label": [1, -1]}
    >>> from_hub_columns(columns, TASKS["sst2"])
    Rows(texts=(('fine',),), labels=(1,))
    """
    texts = zip(*(columns[column] for column in task.hub_text), strict=True)
    rows = [
        (tuple(str(part).strip() for part in parts), int(label))
        for parts, label in zip(texts, columns["label"], strict=True)
        if int(label) >= 0
    ]
    return Rows(tuple(text for text, _ in rows), tuple(label for _, label in rows))


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            "GLUE from the hub needs the package datasets: pip install '.[peft]' in a clone, or name a "
            "folder of tsv files with --data"
        ) from error
    return datasets
