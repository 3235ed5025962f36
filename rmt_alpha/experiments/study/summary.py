"""Tables of a study: accuracies, paired differences with standard errors, and the bars it has to pass.

Standard errors are over splits, each averaged over the pairs first: the data are given, the draw of the
training rows is random.  Splits of one target share test rows, so they are somewhat optimistic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.statistics import mean_and_error
from rmt_alpha.experiments.study.methods import DEFAULT, FIXED, METHODS
from rmt_alpha.experiments.study.tasks import Block, Results

Array = NDArray[np.float64]
Table = tuple[list[str], list[list[Any]]]

ALTERNATIVES = ("source", *FIXED)
"""What the default has to be at least as good as."""
FLOORS = {20: 77.5, 40: 78.0, 100: 78.3, 400: 80.9}
"""Amazon, the paper's protocol: mean accuracy in % that the default has to reach, by number of samples."""
TOLERATED = 1.0
"""Points by which the default may fall below the source alone on one pair."""


@dataclass(frozen=True)
class Cells:
    """Accuracies in % by (protocol, n): of shape (pairs, splits, methods), nan where a method was not run."""

    pairs: tuple[str, ...]
    methods: tuple[str, ...]
    values: dict[tuple[str, int], Array]
    """Only splits that are there for every pair."""

    def of(self, protocol: str, n: int, method: str) -> Array:
        """Accuracies (pairs, splits) of one method, on the splits on which it was run."""
        values = self.values[protocol, n][:, :, self.methods.index(method)]
        return np.asarray(values[:, ~np.isnan(values).any(axis=0)])

    def difference(self, protocol: str, n: int, method: str, other: str) -> tuple[float, float, Array]:
        """Mean paired difference, its standard error, and the mean of each pair; splits that both have."""
        chosen = [self.methods.index(name) for name in (method, other)]
        values = self.values[protocol, n][:, :, chosen]
        values = values[:, ~np.isnan(values).any(axis=(0, 2))]
        each = values[:, :, 0] - values[:, :, 1]
        return *mean_and_error(each.mean(axis=0)), np.asarray(each.mean(axis=1))


def gather(results: Iterable[tuple[Block, Results]]) -> Cells:
    """Arrange the blocks of one study; cells in which a pair is missing altogether are left out."""
    found: dict[tuple[str, int], dict[tuple[int, int], dict[str, dict[str, float]]]] = {}
    pairs: dict[str, None] = {}
    for block, rows in results:
        pairs[block.pair] = None
        cell = found.setdefault((block.protocol, block.n), {})
        for i, row in enumerate(rows):
            cell.setdefault((block.seed, block.start + i), {}).setdefault(block.pair, {}).update(row)
    names = tuple(sorted(pairs))
    values = {}
    for key, splits in sorted(found.items(), reverse=True):
        whole = [
            splits[split] for split in sorted(splits)
            if all(DEFAULT in splits[split].get(name, {}) for name in names)
        ]  # fmt: skip
        if whole:
            values[key] = 100 * np.array(
                [[[row[pair].get(m, np.nan) for m in METHODS] for row in whole] for pair in names]
            )
    if not values:
        raise ValueError("the record has no split that is finished for every pair; let the study run on")
    return Cells(names, METHODS, values)


def tables(cells: Cells) -> dict[str, Table]:
    """``summary``: means over pairs, beside the default; ``pairs``: every pair, default and alternatives.

    And for each protocol an overview, one row for each method.
    """
    header = ["protocol", "n", "method", "accuracy", "default_minus_method", "standard_error", "splits"]
    header += ["minus_source", "minus_source_error"]
    rows: list[list[Any]] = []
    each: list[list[Any]] = []
    for protocol, n in cells.values:
        for method in cells.methods:
            accuracy = cells.of(protocol, n, method)
            if accuracy.size:
                ahead = cells.difference(protocol, n, DEFAULT, method)[:2]
                gain = cells.difference(protocol, n, method, "source")[:2]
                numbers = [round(float(x), 3) for x in (accuracy.mean(), *ahead, *gain)]
                rows.append([protocol, n, method, *numbers[:3], accuracy.shape[1], *numbers[3:]])
        columns = [cells.of(protocol, n, method).mean(axis=1) for method in (*ALTERNATIVES, DEFAULT)]
        for pair, *numbers in zip(cells.pairs, *columns, strict=True):
            each.append([protocol, n, pair, *(round(float(x), 3) for x in numbers)])
    by_pair = (["protocol", "n", "pair", *ALTERNATIVES, DEFAULT], each)
    return {"summary": (header, rows), "pairs": by_pair, **_overviews(cells)}


def _overviews(cells: Cells) -> dict[str, Table]:
    """For people: mean accuracies in %, one table for each protocol, a column for each n."""
    found: dict[str, Table] = {}
    for protocol in dict.fromkeys(protocol for protocol, _ in cells.values):
        sizes = sorted(n for key, n in cells.values if key == protocol)
        rows: list[list[Any]] = []
        for method in (DEFAULT, *(name for name in cells.methods if name != DEFAULT)):
            accuracy = [cells.of(protocol, n, method) for n in sizes]
            if any(values.size for values in accuracy):
                shown = [f"{values.mean():.1f}" if values.size else "" for values in accuracy]
                rows.append([method.replace("_", " "), *shown])
        splits = [cells.of(protocol, n, DEFAULT).shape[1] for n in sizes]
        rows.append(["splits of each pair", *map(str, splits)])
        found[protocol] = (["n", *map(str, sizes)], rows)
    return found


@dataclass(frozen=True)
class Bar:
    """One requirement, what was found, and whether it holds."""

    text: str
    found: float
    error: float
    passed: bool

    def __str__(self) -> str:
        """One line."""
        plus = f" +- {self.error:.2f}" if np.isfinite(self.error) else ""
        return f"{'pass' if self.passed else 'FAIL'}  {self.text}: {self.found:.2f}{plus}"


def check_bars(
    cells: Cells, floors: dict[int, float], protocol: str = "paper", method: str = DEFAULT
) -> list[Bar]:
    """Every requirement on the default, or another method, under one protocol.

    - It reaches the floor for each n that has one.
    - It is at least as good as every alternative, within one standard error of the paired difference.
    - On no pair it is more than `TOLERATED` points below the source alone.
    """
    bars = []
    sizes: Sequence[int] = [n for key, n in cells.values if key == protocol]
    for n in sorted(sizes):
        default = cells.of(protocol, n, method)
        if not default.size:
            continue
        if n in floors:
            found, error = mean_and_error(default.mean(axis=0))
            bars.append(Bar(f"n = {n}: accuracy at least {floors[n]}", found, error, found >= floors[n]))
        for other in ALTERNATIVES:
            mean_gain, error, _ = cells.difference(protocol, n, method, other)
            passed = mean_gain >= (-error if np.isfinite(error) else 0.0)
            bars.append(
                Bar(f"n = {n}: gain over {other} at least 0 within one error", mean_gain, error, passed)
            )
        *_, pairs = cells.difference(protocol, n, method, "source")
        worst = int(pairs.argmin())
        alone = replace(cells, values={key: table[[worst]] for key, table in cells.values.items()})
        _, spread, _ = alone.difference(protocol, n, method, "source")
        text = f"n = {n}: worst pair ({cells.pairs[worst]}) against source at least -{TOLERATED:g}"
        bars.append(Bar(text, float(pairs[worst]), spread, bool(pairs[worst] >= -TOLERATED)))
    return bars
