"""Which transfers are studied, how their data are loaded, and the blocks of splits that are recorded."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.records.record import Record
from rmt_alpha._core.records.record_file import RecordKind
from rmt_alpha._core.records.record_text import canonical, key_of
from rmt_alpha.experiments.data.datasets import AMAZON_DOMAINS, LabelledData, load_amazon

Folder = str | os.PathLike[str] | None
Loader = Callable[[str, Folder], tuple[LabelledData, LabelledData]]


@dataclass(frozen=True)
class TransferStudy:
    """One collection of transfers."""

    name: str
    pairs: tuple[str, ...]
    """``"source->target"``."""
    sizes: tuple[int, ...]
    """Numbers of target samples."""
    n_source: int
    """At most so many rows train the source classifier."""
    load: Loader
    """Source and target of a pair, from a data folder."""


def _amazon(pair: str, data: Folder) -> tuple[LabelledData, LabelledData]:
    source, target = pair.split("->")
    return load_amazon(source, data), load_amazon(target, data)


def _mnist(pair: str, data: Folder) -> tuple[LabelledData, LabelledData]:
    from rmt_alpha.experiments.data.digits import load_digit_pair

    source, target = (load_digit_pair(int(digits[0]), int(digits[2]), data) for digits in pair.split("->"))
    return source, target


def _embeddings(pair: str, data: Folder) -> tuple[LabelledData, LabelledData]:
    from rmt_alpha.experiments.data.sentences import embedded_pair

    return embedded_pair(*pair.split("->"), data=data)


STUDIES = {
    study.name: study
    for study in (
        TransferStudy(
            "amazon",
            tuple("->".join(pair) for pair in itertools.permutations(AMAZON_DOMAINS, 2)),
            (20, 40, 100, 200, 400, 800),
            2000,
            _amazon,
        ),
        TransferStudy(
            "mnist",
            ("6/8->5/9", "6/9->4/9", "3/8->5/8", "1/7->4/9", "0/1->2/7", "5/8->6/3"),
            (20, 40, 100, 200, 400, 800),
            2000,
            _mnist,
        ),
        TransferStudy(
            "embeddings", ("sst2->rt", "rt->sst2"), (20, 40, 100, 200, 400, 800), 2000, _embeddings
        ),
    )
}
"""All studies by name."""


def find_study(name: str) -> TransferStudy:
    """The study of that name; ValueError names the others."""
    check_choice("study", name, tuple(STUDIES))
    return STUDIES[name]


BLOCKS = RecordKind("record of a study", "blocks", "name another folder with --out")


class Block(NamedTuple):
    """Some consecutive splits of one target, drawn from one seed: what is computed and recorded at a time."""

    study: str
    pair: str
    n: int
    protocol: str
    part: str
    seed: int
    start: int
    splits: int

    @property
    def parameters(self) -> str:
        """Its canonical JSON."""
        return canonical(self._asdict())


Results = list[dict[str, float]]
"""Accuracy of every method, for each split of a block."""


def recorded(record: Record, blocks: Iterable[Block]) -> list[tuple[Block, Results]]:
    """Those of the blocks that the record has, sorted by their parameters."""
    keys = [key_of(text) for text in sorted(block.parameters for block in blocks)]
    return [(Block(**json.loads(entry.parameters)), entry.content) for entry in record.read(keys)]
