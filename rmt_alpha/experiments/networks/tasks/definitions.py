"""The tasks of GLUE: their columns, labels and files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GlueTask:
    """One task.

    Attributes
    ----------
    name : str
        What users type, and the configuration's name on the hub.
    folder : str
        Sub-folder of the tsv files.
    text : tuple of str
        Columns of the text in the tsv files: one sentence, or two.
    hub_text : tuple of str
        The same columns on the hub.
    label : str
        Column of the label in the tsv files.
    labels : tuple of str
        What the label column holds, in the order of the class numbers (the hub's).
    dev_file, hub_dev : str
        Name of the development file, and of the split on the hub.
    """

    name: str
    folder: str
    text: tuple[str, ...]
    hub_text: tuple[str, ...]
    label: str
    labels: tuple[str, ...]
    dev_file: str = "dev.tsv"
    hub_dev: str = "validation"


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
    """Sentences and labels.

    Attributes
    ----------
    texts : tuple of tuple of str
        One sentence or two per row, spaces at both ends removed.
    labels : tuple of int
        Class numbers.
    """

    texts: tuple[tuple[str, ...], ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Iterable[int]) -> Rows:
        """The rows at these positions, in this order."""
        chosen = [int(i) for i in indices]
        return Rows(tuple(self.texts[i] for i in chosen), tuple(self.labels[i] for i in chosen))
