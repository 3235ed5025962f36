"""A study on two small Gaussian domains."""

from __future__ import annotations

import numpy as np
import pytest

from rmt_alpha.experiments.data.datasets import LabelledData
from rmt_alpha.experiments.study import tasks

ROWS, FEATURES = 160, 30


def domain(name: str, seed: int, rows: int = ROWS) -> LabelledData:
    """Balanced, off centre and on different scales, so that the protocols differ; one mean for all."""
    rng = np.random.default_rng(seed)
    mean = np.random.default_rng(99).standard_normal(FEATURES) * 0.2
    labels = rng.permutation(np.repeat([1.0, -1.0], rows // 2))
    features = labels[:, None] * (mean + 0.05 * rng.standard_normal(FEATURES))
    features += rng.standard_normal((rows, FEATURES))
    return LabelledData(name, features * np.linspace(0.5, 2, FEATURES) + 3.0, labels)


def small_study(monkeypatch: pytest.MonkeyPatch) -> tasks.TransferStudy:
    """It takes the place of the Amazon reviews."""

    def load(pair, data):
        source, target = pair.split("->")
        return domain(source, ord(source)), domain(target, ord(target))

    study = tasks.TransferStudy("amazon", ("a->b", "b->a"), (20, 40), 120, load)
    monkeypatch.setitem(tasks.STUDIES, "amazon", study)
    return study
