"""Methods against each other: means over the seeds with standard errors, paired tests, wins and losses.

Seeds are pairs: with the same seed, every method has the same training rows, the same order of the data and
the same initial head.  The difference of two methods is tested by a paired t test over the seeds that both
have (`rmt_alpha._core.statistics.paired_difference`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rmt_alpha._core.statistics import PairedDifference, mean_and_error, paired_difference
from rmt_alpha.experiments.networks.results.runs import RunKey, RunRecord

REFERENCE = "lora"

TITLES = {
    "head": "head only",
    "lora": "LoRA",
    "lora-fewer-rows": "LoRA, without alpha's rows",
    "alpha-lora": "alpha-LoRA, held-out",
    "alpha-lora-paper": "alpha-LoRA, paper mode",
    "ia3+lora": "IA3+LoRA",
    "ia3": "IA3",
    "dora": "DoRA",
    "full": "full fine-tuning",
}
"""How methods are called in tables, in their order there."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method at one size.

    Attributes
    ----------
    settings, task : str
    size : int
        Training rows.
    method : str
    rate : float
        The learning rate that tuning chose.
    trainable : int
        Trained parameters, the head included.
    seeds : tuple of int
    accuracy, accuracy_se : float
        Mean over the seeds and its standard error, NaN for a single seed.
    against : PairedDifference
        To the reference; without pairs for the reference itself.
    """

    settings: str
    task: str
    size: int
    method: str
    rate: float
    trainable: int
    seeds: tuple[int, ...]
    accuracy: float
    accuracy_se: float
    against: PairedDifference


def dev_runs(record: RunRecord) -> dict[tuple[str, str, int, str], dict[int, tuple[RunKey, dict[str, Any]]]]:
    """Runs that were tested with the rate that tuning chose, by (settings, task, size, method) and seed.

    After more tuning another rate may be the best: runs with the old one stay recorded, and do not count.

    Examples
    --------
    >>> dev_runs(RunRecord("no_such_file.sqlite"))
    {}
    """
    found: dict[tuple[str, str, int, str], dict[int, tuple[RunKey, dict[str, Any]]]] = {}
    rates: dict[tuple[str, str, str], float | None] = {}
    for key, run in record.runs.items():
        place = (key.settings, key.task, key.method)
        if place not in rates:
            rates[place] = record.tuned_rate(*place)
        if "dev" in run and rates[place] in (None, key.rate):
            found.setdefault((key.settings, key.task, key.size, key.method), {})[key.seed] = (key, run)
    return found


def summarise(record: RunRecord, reference: str = REFERENCE) -> list[MethodResult]:
    """One result per method, task and size, compared with the reference, in the order of tables.

    Examples
    --------
    >>> summarise(RunRecord("no_such_file.sqlite"))
    []
    """
    runs = dev_runs(record)
    results = []
    for (settings, task, size, method), by_seed in runs.items():
        opponent = runs.get((settings, task, size, reference), {})
        dev = {seed: run["dev"] for seed, (_, run) in by_seed.items()}
        pairs = sorted(set(dev) & set(opponent)) if method != reference else []
        (key, run), *_ = by_seed.values()
        results.append(
            MethodResult(
                settings,
                task,
                size,
                method,
                key.rate,
                run["trainable"],
                tuple(sorted(dev)),
                *mean_and_error(list(dev.values())),
                paired_difference([dev[seed] - opponent[seed][1]["dev"] for seed in pairs]),
            )
        )
    order = list(TITLES)
    return sorted(results, key=lambda one: (one.task, one.size, one.settings, order.index(one.method)))
