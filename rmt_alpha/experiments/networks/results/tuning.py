"""The learning rate of every method: what the tuning runs of a record say."""

from __future__ import annotations

from typing import Any

import numpy as np

from rmt_alpha.experiments.networks.results.runs import Record, RunKey

TUNING_SEED = 0
"""Of the tuning runs; those that are tested have others."""


def tuned_rate(record: Record, settings: str, task: str, method: str) -> float | None:
    """The rate with the highest mean validation accuracy over the tuning sizes, or None without such runs.

    Between equal accuracies the lower mean validation loss decides.

    Parameters
    ----------
    record : Record
    settings : str
        `Settings.id`.
    task, method : str

    Returns
    -------
    float or None

    Examples
    --------
    >>> tuned_rate(Record("no_such_file.jsonl"), "e9c71d56", "sst2", "lora") is None
    True
    """
    scores: dict[float, list[tuple[float, float]]] = {}
    for key, run in record.runs.items():
        place = (key.settings, key.task, key.method, key.seed)
        if run.get("tuning") and place == (settings, task, method, TUNING_SEED):
            scores.setdefault(key.rate, []).append((run["validation"], run["validation_loss"]))
    if not scores:
        return None
    return max(scores, key=lambda rate: tuple(np.mean(scores[rate], axis=0) * (1, -1)))


def is_current(record: Record, key: RunKey, rates: dict[Any, float | None]) -> bool:
    """Whether a run has the rate that tuning chose; ``rates`` remembers them.

    After more tuning another rate may be the best: runs with the old one stay there, and do not count.

    Parameters
    ----------
    record : Record
    key : RunKey
    rates : dict

    Returns
    -------
    bool

    Examples
    --------
    >>> key = RunKey("e9c71d56", "sst2", 400, "lora", 1e-3, 1)
    >>> is_current(Record("no_such_file.jsonl"), key, {})  # nothing was tuned
    True
    """
    place = (key.settings, key.task, key.method)
    if place not in rates:
        rates[place] = tuned_rate(record, *place)
    return rates[place] in (None, key.rate)
