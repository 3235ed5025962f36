r"""One transfer task between two Amazon domains: test accuracy for every alpha from one factorisation.

The protocol is that of the reference implementation of alpha-LoRA (arXiv 2510.21345), so that its published
numbers can be compared digit by digit:

- each domain is standardised on all of its rows (labels are not used, but test rows are);
- the source classifier is ridge regression on the first N rows of the source domain;
- n rows of the target domain, drawn at random, train the fine-tuned classifier; all other rows test it.

The means that enter the theory are estimated from *every* row and label, test rows included: the alpha* of
these experiments is an oracle's, not a method.  Accuracy is signed (not folded with max(acc, 1 - acc)).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.experiments.data.datasets import class_mean, load_amazon, standardise
from rmt_alpha.problems.transfer import TransferProblem

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MeanEstimate:
    r"""The mean mu of a domain under x ~ N(y mu, C), estimated from all of its rows."""

    vector: FloatArray
    """Half the difference of the class means; shape (p,)."""
    norm: float
    r"""From the unbiased estimate of :math:`\|\mu\|^2`, :math:`(\|\sum_i y_i x_i\|^2 - \sum_i \|x_i\|^2) / (n
    (n - 1))`. The squared norm of ``vector`` is too large by about tr(C)/n, here 0.2 in 1.4 to 2.2."""
    inner_norm: float
    r""":math:`\sqrt{|\langle \bar x_+, \bar x_- \rangle|}`, which the reference implementation uses; nearly
    the norm of ``vector``."""

    @classmethod
    def from_rows(cls, features: FloatArray, labels: FloatArray) -> MeanEstimate:
        """Estimate from standardised features of shape (n, p) and labels +1 or -1 of shape (n,)."""
        n = len(labels)
        total = labels @ features
        norm2 = (total @ total - np.sum(features * features)) / (n * (n - 1))
        positive = labels > 0
        inner = features[positive].mean(axis=0) @ features[~positive].mean(axis=0)
        return cls(
            class_mean(features, labels), math.sqrt(max(float(norm2), 0.0)), math.sqrt(abs(float(inner)))
        )


@dataclass(frozen=True, eq=False)
class AmazonTask:
    """Fine-tuning on one domain of the Amazon reviews a classifier that was trained on another."""

    source: str
    target: str
    """Names of the two domains."""
    n_source: int
    """Rows that trained the source classifier."""
    gamma_source: float
    """Its ridge, per-sample convention."""
    features: FloatArray
    """All target rows, standardised; shape (n_target_rows, p)."""
    labels: FloatArray
    """+1 for a positive review, -1 for a negative one; shape (n_target_rows,)."""
    source_scores: FloatArray
    """Score of the source classifier on every target row; shape (n_target_rows,)."""
    source_mean: MeanEstimate
    target_mean: MeanEstimate
    """From all rows of the two domains."""

    def problem(self, n: int, gamma: float) -> TransferProblem:
        r"""The isotropic model of this task, with unbiased estimates of the geometry of its means.

        :math:`\langle \hat\mu_s, \hat\mu_t \rangle` is unbiased as it stands, because the two domains are
        independent samples; :math:`\|\hat\mu\|^2` is not, see `MeanEstimate`.
        """
        mu, target = self.source_mean.norm, self.target_mean.norm
        cosine = float(self.source_mean.vector @ self.target_mean.vector) / (mu * target)
        return TransferProblem(
            beta=min(max(cosine, -1.0), 1.0),
            p=self.features.shape[1],
            n=n,
            N=self.n_source,
            mu=mu,
            mu_orth=mu,  # so that beta is the cosine, and target_scale the ratio of the norms
            target_scale=target / mu,
            gamma=gamma,
            gamma_source=self.gamma_source,
        )

    @property
    def reference_inputs(self) -> dict[str, float]:
        r"""``mu``, ``beta`` and ``mu_orth`` as the reference implementation's Table 1 estimates them.

        :math:`\beta = \langle \hat\mu_s, \hat\mu_t \rangle / \|\mu\|^2` and :math:`\|\mu_\perp\| =
        \|\hat\mu_t - \beta \hat\mu_s\|`.  The model's :math:`\|\mu_\perp\|` would be that divided by
        :math:`\sqrt{1 - \beta^2}`: without it the target mean comes out too short.
        """
        source, target = self.source_mean, self.target_mean
        beta = float(source.vector @ target.vector) / source.inner_norm**2
        across = float(np.linalg.norm(target.vector - beta * source.vector))
        return {"mu": source.inner_norm, "beta": beta, "mu_orth": across}


def load_task(
    source: str, target: str, *, n_source: int = 2000, gamma_source: float = 1.0, data: FilePath | None = None
) -> AmazonTask:
    """Load two domains and train the source classifier.

    It is trained on the first ``n_source`` rows, or all if there are fewer (three domains have 1998 or 1999),
    with the ridge ``gamma_source`` per sample.  The attribute ``n_source`` keeps the nominal number, which is
    what the reference implementation puts into the formulas.  ``data`` is the `data_folder`.
    """
    origin, goal = load_amazon(source, data), load_amazon(target, data)
    x_source, x_target = standardise(origin.features), standardise(goal.features)
    w_source = ridge(x_source[:n_source], origin.labels[:n_source], gamma_source)
    return AmazonTask(
        source=source,
        target=target,
        n_source=n_source,
        gamma_source=gamma_source,
        features=x_target,
        labels=goal.labels,
        source_scores=x_target @ w_source,
        source_mean=MeanEstimate.from_rows(x_source, origin.labels),
        target_mean=MeanEstimate.from_rows(x_target, goal.labels),
    )


def ridge(features: FloatArray, labels: FloatArray, gamma: float) -> FloatArray:
    """argmin_w (1/n) sum (y - w.x)^2 + gamma ||w||^2, for features of shape (n, p)."""
    n, p = features.shape
    gram = features.T @ features / n + gamma * np.eye(p)
    return np.asarray(linalg.solve(gram, features.T @ labels / n, assume_a="pos"))


def draw_splits(n_rows: int, n_train: int, seed: int, repeats: int) -> Iterator[tuple[Rows, Rows]]:
    """Random (train, test) rows, the same as the reference implementation draws after seeding with ``seed``.

    It calls scikit-learn's ``train_test_split`` on numpy's global generator: one permutation per split, of
    which the last ``n_train`` entries train and the others test.  A private generator of the same kind gives
    the same rows and leaves the global one alone.
    """
    generator = np.random.RandomState(seed)  # not default_rng: the published numbers come from this one
    for _ in range(repeats):
        order = generator.permutation(n_rows)
        yield order[n_rows - n_train :], order[: n_rows - n_train]


def affine_scores(task: AmazonTask, train: Rows, test: Rows, gamma: float) -> tuple[FloatArray, FloatArray]:
    r"""Scores (b, s) of the fine-tuned classifier on the test rows, as an affine function of alpha.

    .. math:: w_\alpha^\top x = b + \alpha s, \qquad
        w_\alpha = \alpha \tilde w + \tfrac1n X \bigl(\tfrac1n X^\top X + \gamma I\bigr)^{-1}
        (y - \alpha X^\top \tilde w)
    """
    x_train = task.features[train]
    n = len(train)
    gram = x_train @ x_train.T / n + gamma * np.eye(n)
    right = np.column_stack([task.labels[train], task.source_scores[train]]) / n
    learned = task.features[test] @ (x_train.T @ linalg.solve(gram, right, assume_a="pos"))
    return learned[:, 0], task.source_scores[test] - learned[:, 1]


def split_accuracies(
    task: AmazonTask, alphas: ArrayLike, *, n: int, gamma: float, seed: int, repeats: int
) -> FloatArray:
    """Test accuracy of every alpha on every split, of shape (repeats, n_alphas).

    It is the fraction of test rows whose score has the sign of the label.  Of every split (see `draw_splits`)
    ``n`` rows train, with ridge ``gamma``, and all others test.
    """
    alphas = np.asarray(alphas, dtype=np.float64)
    result = np.empty((repeats, alphas.size))
    for row, (train, test) in enumerate(draw_splits(len(task.labels), n, seed, repeats)):
        base, slope = affine_scores(task, train, test, gamma)
        positive = base[:, None] + slope[:, None] * alphas > 0
        result[row] = np.mean(positive == (task.labels[test] > 0)[:, None], axis=0)
    return result
