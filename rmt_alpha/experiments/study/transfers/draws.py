"""Which target rows train, and which test: draws at random, each from a seed of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.study.transfers.families import Family, FamilyData

SIZES = (10, 20, 40, 100, 200, 400)
"""Numbers of target samples; where the target has fewer than twice as many rows, a cell is left out."""
DRAWS = 20
"""Of each cell, unless told otherwise: a standard error of a third of a point in the median cell."""
MOST_DRAWS = 200
"""Of a cell, where a precision is asked for."""
STUDY_SEEDS = range(10_000)
"""One draw each: what is reported, from the first on."""
DEVELOPMENT_SEEDS = range(10_000, 20_000)
"""One draw each: what a default may be chosen with."""
Rows = NDArray[np.intp]


def draw_rows(labels: FloatArray, n: int, seed: int, classes: bool) -> tuple[Rows, Rows]:
    """n random rows that train, and all others, which test.

    The generator is seeded with (seed, n).  Nothing is stratified; but of ``classes`` the training rows have
    at least two, and a draw with one is followed by the next of the same generator.  ValueError if all rows
    have one class, or more than half of them would train.
    """
    if not 2 <= n <= len(labels) // 2:
        raise ValueError(f"n must be from 2 to half of the {len(labels)} target rows, got {n}")
    if classes and len(np.unique(labels)) < 2:
        raise ValueError("the target must have at least 2 classes, got one")
    rng = np.random.default_rng([seed, n])
    while True:
        order = rng.permutation(len(labels))
        if not classes or len(np.unique(labels[order[:n]])) > 1:
            return order[:n], order[n:]


@dataclass(frozen=True, eq=False)
class Draw:
    """What a method is given, n target samples and the source, and the rows that score it."""

    family: Family
    data: FamilyData
    train_rows: Rows
    test_rows: Rows

    @classmethod
    def at(cls, family: Family, data: FamilyData, n: int, seed: int) -> Draw:
        """The draw of a seed."""
        return cls(family, data, *draw_rows(data.labels, n, seed, family.kind != "regression"))

    def dense(self, rows: Rows) -> FloatArray:
        """Features of rows as an array: some peers take no other."""
        found = self.data.target[rows]
        return np.asarray(found.toarray() if sparse.issparse(found) else found)

    @cached_property
    def train(self) -> FloatArray:
        """Features of the samples, (n, p)."""
        return self.dense(self.train_rows)

    @cached_property
    def test(self) -> FloatArray:
        """Features of the test rows, (n_test, p)."""
        return self.dense(self.test_rows)

    @property
    def labels(self) -> FloatArray:
        """Of the samples, (n,)."""
        return self.data.labels[self.train_rows]

    @property
    def test_labels(self) -> FloatArray:
        """Of the test rows, (n_test,); they score and do nothing else."""
        return self.data.labels[self.test_rows]

    def scored(self, predictions: FloatArray) -> float:
        r"""Accuracy of predicted classes, or :math:`R^2` of a regression, as a fraction."""
        truth = self.test_labels
        if self.family.kind != "regression":
            return float(np.mean(predictions == truth))
        return float(1 - np.sum((predictions - truth) ** 2) / np.sum((truth - truth.mean()) ** 2))

    @cached_property
    def rotated(self) -> tuple[FloatArray, FloatArray]:
        """Samples and test rows in an orthonormal basis of the samples' span, if that has fewer axes.

        Ridge and L2-penalised logistic regression have their weights in that span, and their penalty does not
        change: their predictions are the same, and cost less.
        """
        train = np.asarray(self.train)
        if train.shape[0] >= train.shape[1]:
            return train, self.test
        basis, triangle = np.linalg.qr(train.T)
        return np.ascontiguousarray(triangle.T), self.test @ basis

    @cached_property
    def source_scores(self) -> tuple[FloatArray, FloatArray]:
        """The source's scores of samples and test rows, a column for each row of its weights."""
        weights = np.atleast_2d(self.data.model.coef_)
        bias = np.ravel(self.data.model.intercept_)
        return self.train @ weights.T + bias, self.test @ weights.T + bias
