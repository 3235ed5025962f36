"""Which network is trained on what, and then fine-tuned on which other task: the pairs of the comparison.

Every target has two classes of equal size.  Its rows are shuffled once and cut into a pool, from which seeds
draw training rows, and test rows, which are the same for all seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.digits import load_digits
from rmt_alpha.experiments.data.sentences import disjoint_sentences
from rmt_alpha.experiments.data.texts import load_mrpc, load_product_reviews

POOL, TEST = 1850, 800
"""Most rows of a pool and of a test set."""
TEST_SHARE = 0.4
PER_CLASS = (POOL + TEST) // 2
SOURCE_TEXTS, SOURCE_IMAGES = 2000, 5000
"""Texts per class, and images, of a source."""


@dataclass(frozen=True, eq=False)
class TaskRows:
    """Texts (tuples of one or two sentences) or images (28 x 28, gray values from 0 to 1), and classes."""

    inputs: list[tuple[str, ...]] | NDArray[np.float64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.int64]) -> TaskRows:
        """The rows at these positions, in this order."""
        if isinstance(self.inputs, list):
            return TaskRows([self.inputs[i] for i in chosen], self.labels[chosen])
        return TaskRows(self.inputs[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Pair:
    """A source and a target."""

    name: str
    source: str
    relation: str
    """In a word: "related", "other domain", "poor" or "negated"."""
    load: Callable[[FilePath | None], TaskRows]
    """All rows of the target."""
    negated: bool = False
    """Whether the target's classes change places."""

    @property
    def kind(self) -> str:
        """What the rows are: "text" or "image"."""
        return SOURCES[self.source].kind

    def rows(self, data: FilePath | None = None) -> tuple[TaskRows, TaskRows]:
        """Pool and test rows."""
        rows = balanced(self.load(data))
        rows = TaskRows(rows.inputs, 1 - rows.labels if self.negated else rows.labels)
        test = min(round(TEST_SHARE * len(rows)), TEST)
        return rows.take(np.arange(test, min(len(rows), test + POOL))), rows.take(np.arange(test))


@dataclass(frozen=True)
class SourceTask:
    """What a source network is trained on."""

    name: str
    kind: str
    load: Callable[[FilePath | None], TaskRows]


def balanced(rows: TaskRows) -> TaskRows:
    """As many rows of either class, in a random order that is always the same.

    Examples
    --------
    >>> three = TaskRows([("a",), ("b",), ("c",)], np.array([0, 1, 1]))
    >>> sorted(balanced(three).labels.tolist())
    [0, 1]
    """
    order = np.random.default_rng(0).permutation(len(rows))
    size = int(np.bincount(rows.labels, minlength=2).min())
    both = np.concatenate([order[rows.labels[order] == label][:size] for label in (0, 1)])
    return rows.take(both[np.random.default_rng(1).permutation(len(both))])


def _texts(found: list[Any]) -> TaskRows:
    return TaskRows(
        [tuple(row[:-1]) for row in found], np.array([row[-1] > 0 for row in found], dtype=np.int64)
    )


def _films(data: FilePath | None) -> TaskRows:
    return _texts(disjoint_sentences("rt", data, PER_CLASS))


def _phrases(data: FilePath | None) -> TaskRows:
    return _texts(disjoint_sentences("sst2", data, SOURCE_TEXTS))


def _mnist(data: FilePath | None, first: bool) -> TaskRows:
    """The half of MNIST's images that sources, or targets, are taken from, with their digits."""
    images, digits = load_digits(data)
    order = np.random.default_rng(2).permutation(len(images))
    chosen = order[:SOURCE_IMAGES] if first else order[SOURCE_IMAGES:]
    return TaskRows(images[chosen].reshape(-1, 28, 28), digits[chosen])


def _small_digits(data: FilePath | None) -> TaskRows:
    """scikit-learn's digits, 8 x 8, enlarged to the 20 x 20 pixels in the middle that MNIST's fill."""
    from scipy import ndimage
    from sklearn.datasets import load_digits as small

    images, digits = small(return_X_y=True)
    large = ndimage.zoom(
        images.reshape(-1, 8, 8) / 16, (1, 2.5, 2.5), order=1, grid_mode=True, mode="nearest"
    )
    return TaskRows(np.pad(large, ((0, 0), (4, 4), (4, 4))), digits.astype(np.int64))


def _two(rows: TaskRows, zero: int, one: int) -> TaskRows:
    chosen = np.flatnonzero((rows.labels == zero) | (rows.labels == one))
    return TaskRows(rows.take(chosen).inputs, (rows.labels[chosen] == one).astype(np.int64))


def _parity(rows: TaskRows) -> TaskRows:
    return TaskRows(rows.inputs, rows.labels % 2)


SOURCES = {
    task.name: task
    for task in (
        SourceTask("sst2", "text", _phrases),
        SourceTask("mnist-3-8", "image", lambda data: _two(_mnist(data, True), 3, 8)),
        SourceTask("mnist-parity", "image", lambda data: _parity(_mnist(data, True))),
    )
}
PAIRS = {
    pair.name: pair
    for pair in (
        Pair("sst2-reviews", "sst2", "related", lambda data: _texts(load_product_reviews(data))),
        Pair("sst2-films", "sst2", "related", _films),
        Pair("sst2-mrpc", "sst2", "poor", lambda data: _texts(load_mrpc(data))),
        Pair("sst2-negated", "sst2", "negated", lambda data: _texts(load_product_reviews(data)), True),
        Pair("pair-5-6", "mnist-3-8", "related", lambda data: _two(_mnist(data, False), 5, 6)),
        Pair("pair-1-7", "mnist-3-8", "poor", lambda data: _two(_mnist(data, False), 1, 7)),
        Pair("pair-digits", "mnist-3-8", "other domain", lambda data: _two(_small_digits(data), 3, 8)),
        Pair("parity-digits", "mnist-parity", "other domain", lambda data: _parity(_small_digits(data))),
        Pair("parity-large", "mnist-parity", "poor", lambda data: _large(_mnist(data, False))),
        Pair("parity-negated", "mnist-parity", "negated", lambda data: _parity(_small_digits(data)), True),
    )
}
"""The pairs by name."""
TUNED_ON = {"sst2": "sst2-films", "mnist-3-8": "pair-5-6", "mnist-parity": "parity-digits"}
"""The pair on which the learning rates of all pairs with the same source are tuned."""


def _large(rows: TaskRows) -> TaskRows:
    return TaskRows(rows.inputs, (rows.labels >= 5).astype(np.int64))


def pair_of(name: str) -> Pair:
    """The pair called ``name``; ValueError names the others if there is none.

    Examples
    --------
    >>> pair_of("sst2-films").relation
    'related'
    """
    return PAIRS[check_choice("pair", name, tuple(PAIRS))]
