"""Choosing the ridge together with alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmt_alpha.from_data.criteria import Choice, Criterion
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.points import as_alpha, as_point
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath


@dataclass(frozen=True, eq=False)
class Selection:
    """Choices for every ridge of a grid, and which of them is best.

    Attributes
    ----------
    choices : list of Choice
        One for each ridge.
    index : int
        The best of them.
    fit : RidgeFit
        The fit at the chosen ridge.
    covariance : ndarray of shape (k, k)
        Of alpha at that ridge; 0 if alpha was given.
    """

    choices: list[Choice]
    index: int
    fit: RidgeFit
    covariance: Array

    @property
    def best(self) -> Choice:
        """The choice that was made."""
        return self.choices[self.index]

    @property
    def alpha(self) -> Array:
        """The chosen alpha, shape (k,)."""
        return as_alpha(self.best.point)


def select(
    criterion: Criterion, path: RidgePath, gammas: Sequence[float], alpha: Array | None = None
) -> Selection:
    """Choose the ridge and alpha together; with ``alpha`` given, the ridge alone."""
    point = None if alpha is None else as_point(alpha)
    choices, index = criterion.decide(path, gammas, point)
    fit = path.at(gammas[index])
    if point is None and path.sources:
        covariance = criterion.covariance(fit, choices[index].point)
    else:
        covariance = np.zeros((path.sources,) * 2)
    return Selection(choices, index, fit, covariance)
