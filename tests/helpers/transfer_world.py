"""Families of a few dozen rows, in the place of those of the transfer study."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from rmt_alpha.experiments.data.datasets import LabelledData
from rmt_alpha.experiments.study.transfers import families
from rmt_alpha.experiments.study.transfers.families import KINDS, Family

TWO, THREE, REAL, SPARSE, WIDE = "two", "three", "real", "sparse", "wide"


def rows(kind: str, seed: int, count: int, features: int) -> LabelledData:
    """Off centre, one direction for all; classes unequal, labels 1 to 3 of three."""
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(99).standard_normal((features, 3))
    X = rng.standard_normal((count, features)) + 0.5
    scores = X @ truth + 0.5 * rng.standard_normal((count, 3))
    if kind == "regression":
        return LabelledData("real", X, scores[:, 0])
    two = np.where(scores[:, 0] > 1, 1.0, -1.0)
    return LabelledData("classes", X, two if kind == "two classes" else 1.0 + scores.argmax(axis=1))


def small_families(monkeypatch: pytest.MonkeyPatch) -> dict[str, Family]:
    """They take the place of `FAMILIES`; the wide and the sparse one have more features than samples."""

    def load(kind, features, folder):
        return rows(kind, 1, 90, features), rows(kind, 2, 70, features)

    def load_sparse(_folder):
        return tuple(
            LabelledData(
                part.name, sparse.csr_array(np.where(part.features > 1, part.features, 0)), part.labels
            )
            for part in load("two classes", 30, None)
        )

    def family(name, kind, fit, features):
        return Family(name, kind, "made", fit, lambda folder: load(kind, features, folder))

    made = (
        family(TWO, KINDS[0], "RidgeClassifierCV", 6),
        family(WIDE, KINDS[0], "LogisticRegression", 30),
        Family(SPARSE, KINDS[0], "made", "RidgeClassifierCV", load_sparse),
        family(THREE, KINDS[1], "RidgeClassifierCV", 6),
        family(REAL, KINDS[2], "RidgeCV", 6),
    )
    found = {each.name: each for each in made}
    monkeypatch.setattr(families, "FAMILIES", found)
    families.prepared.cache_clear()
    return found
