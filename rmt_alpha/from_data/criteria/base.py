"""What a way to choose alpha must answer, and what it may leave to the jackknife."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmt_alpha._core.alphas import normalised
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath


@dataclass(frozen=True, eq=False)
class Choice:
    """The best alpha at one ridge.

    Attributes
    ----------
    gamma : float
    point : ndarray of shape (1 + k,)
        (1, alpha), or a direction (0, d).
    score : float
        The criterion there; larger is better.
    tie : float
        Decides between equal scores.
    """

    gamma: float
    point: Array
    score: float
    tie: float


EQUAL = 1e-12
"""Scores that differ by less, relatively, count as equal: they differ by rounding."""


def index_of_best(choices: Sequence[Choice]) -> int:
    """Which choice scores highest; of equal ones that of the largest ridge, closest to the source."""
    top = max(choice.score for choice in choices)
    near = [i for i, one in enumerate(choices) if one.score == top or one.score >= top - EQUAL * abs(top)]
    return max(near, key=lambda i: (choices[i].tie, choices[i].gamma))


class Criterion(ABC):
    """A way to choose alpha, and to compare ridges: which is best, how good, and how precisely known."""

    name: ClassVar[str]
    for_regression: ClassVar[bool] = False
    """Whether it makes sense for targets that are no class labels."""
    averages: ClassVar[bool] = False
    """Whether it chooses a mean of what the data leave possible, and not the point of the highest score."""

    def prepared(self, path: RidgePath, features: Array, sources: Array) -> Criterion:
        """The criterion with what it must know of the whole problem; most need nothing.

        ``features`` has shape (n, p), ``sources`` (k, K, p).
        """
        return self

    @abstractmethod
    def best(self, fit: RidgeFit) -> Array:
        """The best point (1, alpha) at one ridge, up to a positive factor; z_0 <= 0 means at infinity."""

    @abstractmethod
    def score(self, fit: RidgeFit, point: Array) -> float:
        """How good a point is; larger is better, and comparable between ridges."""

    @abstractmethod
    def replicates(self, fit: RidgeFit) -> Array:
        """The best points without one sample each, (n, 1 + k), up to positive factors."""

    def tie(self, fit: RidgeFit, point: Array) -> float:
        """Decides between equal scores."""
        return 0.0

    def choose(self, fit: RidgeFit, point: Array | None = None) -> Choice:
        """The choice at one ridge; with ``point`` that alpha is held."""
        if point is None:
            point = normalised(self.best(fit))
        return Choice(fit.gamma, point, self.score(fit, point), self.tie(fit, point))

    def decide(
        self, path: RidgePath, gammas: Sequence[float], point: Array | None = None
    ) -> tuple[list[Choice], int]:
        """The choice at every ridge, and which of them is best; with ``point`` that alpha is held."""
        choices = [self.choose(path.at(gamma), point) for gamma in gammas]
        return choices, index_of_best(choices)

    def covariance(self, fit: RidgeFit, point: Array) -> Array:
        r"""Jackknife covariance (k, k) of the chosen alpha at a fixed ridge.

        .. math:: \frac{n - 1}{n} \sum_i (\alpha_{-i} - \bar\alpha)(\alpha_{-i} - \bar\alpha)^\top

        Infinite where alpha, or one of its replicates, is.
        """
        points = self.replicates(fit)
        if point[0] == 0 or not (points[:, 0] > 0).all():
            return np.full((point.size - 1,) * 2, np.inf)
        counts, total = fit.path.design.counts, fit.path.design.total
        alphas = points[:, 1:] / points[:, :1]
        centred = alphas - counts @ alphas / total
        return np.asarray((total - 1.0) / total * (counts[:, None] * centred).T @ centred)
