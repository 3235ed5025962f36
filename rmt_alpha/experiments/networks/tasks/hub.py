"""Rows of GLUE from the hub, the same as those of the tsv files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rmt_alpha.errors import DatasetUnavailable
from rmt_alpha.experiments.data.datasets import data_folder
from rmt_alpha.experiments.networks.tasks.definitions import GlueTask, Rows

HUB_NAME = "nyu-mll/glue"
"""The collection on the hub."""


def rows_from_hub(task: GlueTask) -> tuple[Rows, Rows]:
    """Training and development rows of a task, downloaded by `datasets`, or from its cache.

    Raises
    ------
    DatasetUnavailable
        If the hub cannot be reached and the task is not in the cache.
    ImportError
        If `datasets` is not installed.
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
    """Rows of a split of the hub, given as columns; unlabelled ones (label -1) are left out.

    Parameters
    ----------
    columns : mapping
        A `datasets.Dataset`, or anything with the columns of the task and ``label``.

    Examples
    --------
    >>> from rmt_alpha.experiments.networks.tasks.definitions import TASKS
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
            "GLUE from the hub needs the package datasets: pip install 'rmt-alpha[peft]', or name a folder "
            "of tsv files with --data"
        ) from error
    return datasets
