"""Who wins in a transfer: paired differences on shared test rows, corrected for their number.

A difference is measured for every seed on every tenth of the test rows; its error knows that seeds share
them (`rmt_alpha._core.statistics.crossed_difference`).
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rmt_alpha._core.statistics import LEVEL, CrossedDifference, crossed_difference, holm
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.networks.results.transfer_results import TestedRun, TransferResults

NAMES = {
    "source": "source as it is",
    "source-scaled": "source, scaled",
    "head-0": "head, alpha = 0",
    "head-1": "head, alpha = 1",
    "head-chosen": "head, alpha chosen",
    "head-units-1": "log-odds head, alpha = 1",
    "head-units-chosen": "log-odds head, alpha chosen",
    "lora": "LoRA",
    "alpha-lora": "alpha-LoRA",
    "alpha-lora-layer": "alpha-LoRA, one alpha a matrix",
    "alpha-lora-shared": "alpha-LoRA, query and value share alpha",
    "alpha-lora-attention": "alpha-LoRA, alpha in attention only",
    "alpha-lora-inner": "alpha-LoRA, alpha behind attention only",
    "alpha-lora-every-1": "alpha-LoRA, T = 1",
    "alpha-lora-every-20": "alpha-LoRA, T = 20",
    "lora-fewer-rows": "LoRA, without alpha's rows",
    "lora-scaled-head": "LoRA, scaled source head",
    "lora-new-head": "LoRA, new head",
    "lora-probe": "LoRA, after a linear probe",
    "ia3+lora": "IA3+LoRA",
    "rows+lora": "IA3 on all rows + LoRA",
    "columns+lora": "IA3 on all columns + LoRA",
    "both+lora": "IA3 on all rows and columns + LoRA",
    "full": "full fine-tuning",
}
"""How methods are called, in the order of tables."""
CONTESTS = (
    ("source-scaled", "source"),
    ("head-chosen", "head-1"),
    ("head-chosen", "head-0"),
    ("head-units-chosen", "head-units-1"),
    ("lora-scaled-head", "lora"),
    ("alpha-lora", "lora"),
    ("alpha-lora", "lora-fewer-rows"),
    ("ia3+lora", "lora"),
    ("rows+lora", "lora"),
    ("columns+lora", "lora"),
    ("both+lora", "lora"),
    ("lora-new-head", "lora"),
    ("lora-probe", "lora"),
    ("full", "lora"),
)
"""Who is compared with whom."""
ABLATIONS = (
    ("alpha-lora-layer", "alpha-lora"),
    ("alpha-lora-shared", "alpha-lora"),
    ("alpha-lora-attention", "alpha-lora"),
    ("alpha-lora-inner", "alpha-lora"),
    ("alpha-lora-every-1", "alpha-lora"),
    ("alpha-lora-every-20", "alpha-lora"),
)
"""What alpha-LoRA is made of, against itself; a table of its own, corrected by itself."""
RELATIONS = ("related", "other domain", "poor", "negated")


@dataclass(frozen=True)
class Effect:
    """One method against another on some pairs, averaged over the sizes that both have."""

    method: str
    reference: str
    where: str
    """A relation, or a pair."""
    pairs: tuple[str, ...]
    sizes: tuple[int, ...]
    accuracy: CrossedDifference
    """Fractions; above 0 the method is better."""
    loss: CrossedDifference
    """Of the log-loss; below 0 the method is better."""
    p_accuracy: float = math.nan
    p_loss: float = math.nan
    """Holm's, over all effects of a table."""

    @property
    def verdict(self) -> str:
        """What the corrected tests say, of accuracy and of log-loss."""
        words = [
            _verdict(self.accuracy.mean, self.p_accuracy),
            _verdict(-self.loss.mean, self.p_loss),
        ]
        return " / ".join(words)


def _verdict(gain: float, p: float) -> str:
    if math.isnan(p):
        return "no test"
    return "ties" if p >= LEVEL else "wins" if gain > 0 else "loses"


def effects(
    results: TransferResults,
    *,
    by_pair: bool = False,
    contests: Sequence[tuple[str, str]] = CONTESTS,
    sizes: Container[int] | None = None,
) -> list[Effect]:
    """Every contest on every relation, or on every pair; corrected by Holm over all that are returned.

    ``results`` are of one rank; ``sizes`` None is all of them.
    """
    cells = cells_of(run for run in results.runs if sizes is None or run.size in sizes)
    groups = {name: (name,) for name in results.pairs} if by_pair else _by_relation(results)
    found = []
    for method, reference in contests:
        for where, pairs in groups.items():
            tables = {pair: _tables(cells, pair, method, reference) for pair in pairs}
            tables = {pair: table for pair, table in tables.items() if table}
            if not tables:
                continue
            both = [pooled([_averaged(table, i) for table in tables.values()]) for i in (0, 1)]
            rows = tuple(sorted({size for table in tables.values() for size in table}))
            found.append(Effect(method, reference, where, tuple(tables), rows, both[0], both[1]))
    corrected = [holm([getattr(one, name).p for one in found]) for name in ("accuracy", "loss")]
    return [
        replace(one, p_accuracy=float(p), p_loss=float(q))
        for one, p, q in zip(found, *corrected, strict=True)
    ]


def _averaged(by_size: dict[int, tuple[FloatArray, FloatArray]], which: int) -> CrossedDifference:
    """Of the accuracy (0) or the loss (1), sizes counting alike."""
    return crossed_difference(np.mean([tables[which] for tables in by_size.values()], axis=0))


def _by_relation(results: TransferResults) -> dict[str, tuple[str, ...]]:
    return {
        relation: tuple(name for name, facts in results.pairs.items() if facts["relation"] == relation)
        for relation in RELATIONS
    }


def pooled(parts: list[CrossedDifference]) -> CrossedDifference:
    r"""The mean of independent differences.

    .. math:: \operatorname{se} = \frac1k \Bigl[\sum_i \operatorname{se}_i^2\Bigr]^{1/2}, \qquad
        \nu = \frac{(\sum_i \operatorname{se}_i^2)^2}{\sum_i \operatorname{se}_i^4/\nu_i}
    """
    if len(parts) == 1:
        return parts[0]
    from scipy.special import stdtr

    mean = float(np.mean([one.mean for one in parts]))
    squares = np.array([one.error**2 for one in parts])
    error = math.sqrt(float(squares.sum())) / len(parts)
    pairs = min(one.pairs for one in parts)
    if math.isnan(error) or error == 0:
        return CrossedDifference(mean, error, math.nan, pairs, math.nan)
    freedom = float(squares.sum() ** 2 / np.sum(squares**2 / [one.freedom for one in parts]))
    return CrossedDifference(mean, error, float(2 * stdtr(freedom, -abs(mean) / error)), pairs, freedom)


Cells = dict[tuple[str, int, str], dict[int, TestedRun]]


def cells_of(runs: Iterable[TestedRun]) -> Cells:
    """Runs by pair, size and method, and by seed."""
    cells: Cells = {}
    for run in runs:
        cells.setdefault((run.pair, run.size, run.method), {})[run.seed] = run
    return cells


def _tables(cells: Cells, pair: str, method: str, reference: str) -> dict[int, tuple[FloatArray, FloatArray]]:
    """By size, differences of accuracy and loss, (seeds, parts); the same seeds for every size.

    A size that has fewer than two thirds of another's seeds, as in a run that goes on, is left out.
    """
    both = {
        size: set(by_seed) & set(cells.get((pair, size, reference), ()))
        for (one, size, name), by_seed in cells.items()
        if (one, name) == (pair, method)
    }
    most = max(map(len, both.values()), default=0)
    both = {size: seeds for size, seeds in both.items() if seeds and 3 * len(seeds) >= 2 * most}
    seeds = sorted(set.intersection(*both.values())) if both else []
    if len(seeds) < 2:
        return {}
    return {
        size: (
            _difference(cells, (pair, size), method, reference, seeds, "accuracy"),
            _difference(cells, (pair, size), method, reference, seeds, "loss"),
        )
        for size in sorted(both)
    }


def _difference(
    cells: Cells, place: tuple[str, int], method: str, reference: str, seeds: list[int], what: str
) -> FloatArray:
    one, other = (cells[(*place, name)] for name in (method, reference))
    return np.array([getattr(one[seed], what) - getattr(other[seed], what) for seed in seeds])
