"""Choosing the ridge together with alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rmt_alpha._core.alphas import as_alpha, as_point
from rmt_alpha.from_data.criteria import Choice
from rmt_alpha.from_data.design import Array


class Fit(Protocol):
    """Fits at one ridge, for any alpha; squared loss or another."""

    def correction(self, point: Array) -> tuple[Array, Array]:
        """Weights (K, p) and intercept (K,) that are trained on top of the source."""

    def left_out(self, point: Array) -> Array:
        """Score of each sample by the fit without it, (n, K)."""


class Path(Protocol):
    """Fits at any ridge."""

    @property
    def sources(self) -> int:
        """Number of sources, k."""

    def at(self, gamma: float) -> Fit:
        """The fits at one ridge."""


class Chooser(Protocol):
    """A criterion, for the fits of some path."""

    def decide(
        self, path: Any, gammas: Sequence[float], point: Array | None = None
    ) -> tuple[list[Choice], int]:
        """The choice at every ridge, and which of them is best; with ``point`` that alpha is held."""

    def covariance(self, fit: Any, point: Array) -> Array:
        """Covariance (k, k) of the chosen alpha at a fixed ridge."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Choices for every ridge of a grid, and which of them is best.

    Attributes
    ----------
    choices : list of Choice
        One for each ridge.
    index : int
        The best of them.
    fit : Fit
        The fit at the chosen ridge.
    covariance : ndarray of shape (k, k)
        Of alpha at that ridge; 0 if alpha was given.
    """

    choices: list[Choice]
    index: int
    fit: Fit
    covariance: Array

    @property
    def best(self) -> Choice:
        """The choice that was made."""
        return self.choices[self.index]

    @property
    def alpha(self) -> Array:
        """The chosen alpha, shape (k,)."""
        return as_alpha(self.best.point)


def select(criterion: Chooser, path: Path, gammas: Sequence[float], alpha: Array | None = None) -> Selection:
    """Choose the ridge and alpha together; with ``alpha`` given, the ridge alone."""
    point = None if alpha is None else as_point(alpha)
    choices, index = criterion.decide(path, gammas, point)
    fit = path.at(gammas[index])
    if point is None and path.sources:
        covariance = criterion.covariance(fit, choices[index].point)
    else:
        covariance = np.zeros((path.sources,) * 2)
    return Selection(choices, index, fit, covariance)
