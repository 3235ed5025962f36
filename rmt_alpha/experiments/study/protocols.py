r"""What of the features is known before fine-tuning: two protocols.

``"paper"``
    Each domain is standardised on all of its rows, test rows included: features only, never a label.  The
    protocol of the published table.
``"inductive"``
    No test row enters anything.  Deviations come from the source's rows; the source is centred by its own
    mean, the target by the mean of its n training rows.

In both the classes are balanced and the features centred, so that classifiers need no intercept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmt_alpha.experiments.data.datasets import LabelledData, deviations, standardise

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

PROTOCOLS = ("paper", "inductive")


@dataclass(frozen=True, eq=False)
class Split:
    """One random split of a target, and the source that goes with it."""

    train: Array
    labels: Array
    test: Array
    """Of shape (n, p), (n_test, p)."""
    test_labels: Array
    """+1 or -1, (n,), (n_test,)."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """A source and a target under one of the protocols."""

    source_features: Array
    source_labels: Array
    """What the source classifier is trained on, standardised, (N, p), (N,)."""
    target: LabelledData
    """All rows; standardised under the paper's protocol, else divided by the source's deviations."""
    protocol: str

    @classmethod
    def prepare(cls, source: LabelledData, target: LabelledData, n_source: int, protocol: str) -> Transfer:
        """Under the paper's protocol all rows of the source standardise it, as in the published table."""
        if protocol == "paper":
            known = standardise(source.features)[:n_source]
            goal = standardise(target.features)
        else:
            rows = source.features[:n_source]
            known = standardise(rows)
            goal = target.features / deviations(rows)
        return cls(known, source.labels[:n_source], LabelledData(target.name, goal, target.labels), protocol)

    def split(self, train: Rows, test: Rows) -> Split:
        """The training and test rows; only the training rows centre them under the inductive protocol."""
        x_train, x_test = self.target.features[train], self.target.features[test]
        if self.protocol == "inductive":
            centre = x_train.mean(axis=0)
            x_train, x_test = x_train - centre, x_test - centre
        return Split(x_train, self.target.labels[train], x_test, self.target.labels[test])
