"""What a study records: one row for every finished block of splits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from rmt_alpha._core.record import Record
from rmt_alpha._core.record_file import RecordKind
from rmt_alpha._core.record_text import canonical, key_of

STUDIES = RecordKind("record of a study", "blocks", "name another folder with --out")


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
