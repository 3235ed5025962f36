"""Choosing the ridge together with alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rmt_alpha._core.alphas import as_point
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import Choice, Criterion, FitAtRidge, FitPath


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Choices for every ridge of a grid, and which of them is best."""

    choices: list[Choice]
    """One for each ridge."""
    index: int
    """The best of them."""
    fit: FitAtRidge
    """The fit at the chosen ridge."""
    covariance: FloatArray
    """Of alpha at that ridge; 0 if alpha was given; shape (k, k)."""

    @property
    def best(self) -> Choice:
        """The choice that was made."""
        return self.choices[self.index]

    @property
    def alpha(self) -> FloatArray:
        """The chosen alpha, shape (k,)."""
        return self.best.alpha

    def __repr__(self) -> str:
        return f"Selection({self.best!r}, ridge {self.index + 1} of {len(self.choices)})"


def select(
    criterion: Criterion[Any, Any], path: FitPath, gammas: Sequence[float], alpha: FloatArray | None = None
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
