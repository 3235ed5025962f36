"""Training and development rows of a task, from tsv files or from the hub: the same rows either way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha.errors import DatasetUnavailable
from rmt_alpha.experiments.data.datasets import data_folder
from rmt_alpha.experiments.networks.tasks.definitions import TASK_NAMES, TASKS, GlueTask, Rows
from rmt_alpha.experiments.networks.tasks.hub import HUB_NAME, rows_from_hub
from rmt_alpha.experiments.networks.tasks.tsv import read_tsv

_HALVES_SEED = 0
"""Seed of the split of a dev file in two, for a folder without a training file."""


@dataclass(frozen=True, slots=True)
class GlueData:
    """Training and development rows of a task, and where they are from.

    Attributes
    ----------
    task : GlueTask
    train, dev : Rows
    origin : str
        One line for the record: the kind of source, and anything unusual about the split.
    """

    task: GlueTask
    train: Rows
    dev: Rows
    origin: str


def load_glue(task: str, data: str | os.PathLike[str] | None = None) -> GlueData:
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


def task_folder(task: GlueTask, data: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder with the task's tsv files, or None if there is none.

    Parameters
    ----------
    data : path, optional
        Data folder, see `rmt_alpha.experiments.data.datasets.data_folder`.

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
