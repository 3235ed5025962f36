"""Methods against each other: means over the seeds with standard errors, paired tests, wins and losses.

Seeds are pairs: with the same seed, every method has the same training rows, the same order of the data and
the same initial head.  The difference of two methods is tested by a paired t test over the seeds that both
have.  A difference with p < 0.05 is called a win or a loss, anything else a tie; of twenty true ties one is
expected to be called otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmt_alpha.experiments.networks.results.runs import Record, RunKey
from rmt_alpha.experiments.networks.results.tuning import is_current

REFERENCE = "lora"
LEVEL = 0.05

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
class Row:
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
    accuracy : float
        Mean over the seeds.
    accuracy_se : float
        Its standard error; NaN for a single seed.
    difference, difference_se, p : float
        Mean paired difference to the reference, its standard error, and the p value of the paired t test; NaN
        where there are fewer than two pairs.
    pairs : int
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
    difference: float
    difference_se: float
    p: float
    pairs: int

    @property
    def verdict(self) -> str:
        """The word for the test: wins, loses or ties; empty where there is no test."""
        if math.isnan(self.p):
            return ""
        if self.p >= LEVEL:
            return "ties"
        return "wins" if self.difference > 0 else "loses"


def dev_runs(record: Record) -> dict[tuple[str, str, int, str], dict[int, tuple[RunKey, dict[str, Any]]]]:
    """Runs that were tested with the rate that tuning chose, by (settings, task, size, method) and seed.

    Parameters
    ----------
    record : Record

    Returns
    -------
    dict

    Examples
    --------
    >>> dev_runs(Record("no_such_file.jsonl"))
    {}
    """
    found: dict[tuple[str, str, int, str], dict[int, tuple[RunKey, dict[str, Any]]]] = {}
    rates: dict[Any, float | None] = {}
    for key, run in record.runs.items():
        if "dev" in run and is_current(record, key, rates):
            found.setdefault((key.settings, key.task, key.size, key.method), {})[key.seed] = (key, run)
    return found


def summarise(record: Record, reference: str = REFERENCE) -> list[Row]:
    """One row per method, task and size, in the order of tables.

    Parameters
    ----------
    record : Record
    reference : str
        The method that the others are compared with.

    Returns
    -------
    list of Row

    Examples
    --------
    >>> summarise(Record("no_such_file.jsonl"))
    []
    """
    runs = dev_runs(record)
    rows = []
    for (settings, task, size, method), by_seed in runs.items():
        opponent = runs.get((settings, task, size, reference), {})
        dev = {seed: run["dev"] for seed, (_, run) in by_seed.items()}
        pairs = sorted(set(dev) & set(opponent)) if method != reference else []
        differences = np.array([dev[seed] - opponent[seed][1]["dev"] for seed in pairs])
        (key, run), *_ = by_seed.values()
        mean, se = mean_and_error(list(dev.values()))
        difference, difference_se = mean_and_error(differences)
        rows.append(
            Row(
                settings,
                task,
                size,
                method,
                key.rate,
                run["trainable"],
                tuple(sorted(dev)),
                mean,
                se,
                difference,
                difference_se,
                paired_p(differences),
                len(pairs),
            )
        )
    order = list(TITLES)
    return sorted(rows, key=lambda row: (row.task, row.size, row.settings, order.index(row.method)))


def mean_and_error(values: Iterable[float]) -> tuple[float, float]:
    """Mean and its standard error; NaN where there are too few values.

    Parameters
    ----------
    values : iterable of float

    Returns
    -------
    mean, standard_error : float

    Examples
    --------
    >>> mean_and_error([1.0, 2.0, 3.0])
    (2.0, 0.5773502691896258)
    """
    array = np.fromiter(values, dtype=float)
    mean = float(array.mean()) if len(array) else math.nan
    return mean, float(array.std(ddof=1) / math.sqrt(len(array))) if len(array) > 1 else math.nan


def paired_p(differences: Iterable[float]) -> float:
    """Two-sided p value of the paired t test; NaN for fewer than two pairs.

    Parameters
    ----------
    differences : iterable of float

    Returns
    -------
    float
        1 if all differences are 0; 0 if all are the same other number.

    Examples
    --------
    >>> round(paired_p([0.01, 0.02, 0.03]), 4)
    0.0742
    """
    from scipy.stats import t

    array = np.fromiter(differences, dtype=float)
    if len(array) < 2:
        return math.nan
    mean, error = mean_and_error(array)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * t.sf(abs(mean) / error, len(array) - 1))
