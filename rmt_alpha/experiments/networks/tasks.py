"""The tasks of GLUE, and which rows a run trains on, and which choose its learning rate and checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GlueTask:
    """One task."""

    name: str
    """What users type, and the configuration's name on the hub."""
    folder: str
    """Sub-folder of the tsv files."""
    text: tuple[str, ...]
    """Columns of the text in the tsv files: one sentence, or two."""
    hub_text: tuple[str, ...]
    """The same columns on the hub."""
    label: str
    """Column of the label in the tsv files."""
    labels: tuple[str, ...]
    """What the label column holds, in the order of the class numbers (the hub's)."""
    dev_file: str = "dev.tsv"
    hub_dev: str = "validation"
    """Name of the development file, and of the split on the hub."""


_PAIR = ("sentence1", "sentence2")
_ENTAILMENT = ("entailment", "not_entailment")
TASKS = {
    task.name: task
    for task in (
        GlueTask(
            "mnli",
            "MNLI",
            _PAIR,
            ("premise", "hypothesis"),
            "gold_label",
            ("entailment", "neutral", "contradiction"),
            dev_file="dev_matched.tsv",
            hub_dev="validation_matched",
        ),
        GlueTask("qnli", "QNLI", ("question", "sentence"), ("question", "sentence"), "label", _ENTAILMENT),
        GlueTask("mrpc", "MRPC", ("#1 String", "#2 String"), _PAIR, "Quality", ("0", "1")),
        GlueTask("rte", "RTE", _PAIR, _PAIR, "label", _ENTAILMENT),
        GlueTask("sst2", "SST-2", ("sentence",), ("sentence",), "label", ("0", "1")),
        GlueTask(
            "qqp", "QQP", ("question1", "question2"), ("question1", "question2"), "is_duplicate", ("0", "1")
        ),
    )
}
"""The tasks by name."""

TASK_NAMES = tuple(TASKS)


@dataclass(frozen=True, slots=True)
class Rows:
    """Sentences and labels."""

    texts: tuple[tuple[str, ...], ...]
    """One sentence or two per row, spaces at both ends removed."""
    labels: tuple[int, ...]
    """Class numbers."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Iterable[int]) -> Rows:
        """The rows at these positions, in this order."""
        chosen = [int(i) for i in indices]
        return Rows(tuple(self.texts[i] for i in chosen), tuple(self.labels[i] for i in chosen))


_VALIDATION_SEED = 20_251_021
"""The validation rows are the same for every seed, so that seeds differ in their training rows alone."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RowSplit:
    """Positions in the training file; the three are disjoint."""

    train: Indices
    """Rows the adapter trains on."""
    alpha: Indices
    """Rows that only alpha trains on; empty unless asked for."""
    validation: Indices
    """Rows that choose the learning rate and the checkpoint."""


def validation_split(n_rows: int, validation_rows: int) -> tuple[Indices, Indices]:
    """Rows left for training, and validation rows: sorted positions, a function of the two numbers alone.

    ValueError if fewer than two of the ``n_rows`` rows would be left to train on.

    Examples
    --------
    >>> rest, validation = validation_split(10, 4)
    >>> (
    ...     len(validation),
    ...     sorted({*rest.tolist(), *validation.tolist()}) == list(range(10)),
    ... )
    (4, True)
    """
    if n_rows < validation_rows + 2:
        raise ValueError(
            f"validation_rows must be at most {n_rows - 2} for a training file of {n_rows} rows, got "
            f"{validation_rows}"
        )
    order = np.random.default_rng(_VALIDATION_SEED).permutation(n_rows)
    return np.sort(order[validation_rows:]), np.sort(order[:validation_rows])


def split(n_rows: int, validation_rows: int, size: int, seed: int, holdout: float = 0.0) -> RowSplit:
    """The rows of one run: ``size`` rows drawn by ``seed``, of which ``holdout`` are for alpha.

    A larger size with the same seed contains the smaller one, and the rows for alpha are drawn from the same
    ``size`` rows that other methods train on: nobody sees more labels than the others.  A ``holdout`` above 0
    is at least one row.  ValueError if there are fewer than ``size`` rows, or none would be left for the
    adapter.

    Examples
    --------
    >>> one = split(1000, 200, 100, seed=1, holdout=0.2)
    >>> len(one.train), len(one.alpha), len(one.validation)
    (80, 20, 200)
    """
    rest, validation = validation_split(n_rows, validation_rows)
    if not 2 <= size <= len(rest):
        raise ValueError(
            f"size must be between 2 and {len(rest)} ({n_rows} training rows less {validation_rows} for "
            f"validation), got {size}"
        )
    drawn = rest[np.random.default_rng([seed, 0]).permutation(len(rest))[:size]]
    if holdout == 0:
        return RowSplit(drawn, drawn[:0], validation)
    held = max(1, round(holdout * size))
    if held >= size:
        raise ValueError(f"alpha_holdout = {holdout} of {size} rows leaves none for the adapter; lower it")
    chosen = np.random.default_rng([seed, 1]).permutation(size)
    return RowSplit(drawn[np.sort(chosen[held:])], drawn[np.sort(chosen[:held])], validation)
