"""How curves without closed forms are searched: by angle, alpha = scale tan(angle)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import Array

STEP = 1e-3
"""Step of the differences, in radians: errors of order h^4 / 30, and of 1.5 roundings / h, or 1e-12."""
FLAT = 1e-13
"""Differences of accuracies that are rounding."""
SATURATED = 1 - 1e-6
"""Accuracies above which differences lose the digits that a maximum needs: the margin is searched instead."""
TIE = 2e-15
"""Those whose sign is rounding."""
BLOCK = 100
"""Alphas that are asked together in arithmetic of many digits, where thousands take long."""
AHEAD = 8
"""Alphas that are prepared at once, though the first of them may end a search."""


def slope(accuracy: Callable[[Array], Any], values: Array, scale: float) -> Array:
    """Derivative of the accuracy in alpha at some values; 0 at infinity."""
    angle = np.arctan(values / scale)
    room = 0.5 * np.pi - abs(angle)
    step = np.where(room > 0, np.minimum(STEP, room / 4), STEP)
    at = np.where(room > 0, angle, 0.0)
    below2, below1, above1, above2 = (
        np.asarray(accuracy(scale * np.tan(at + k * step)), float) for k in (-2, -1, 1, 2)
    )
    found = (8 * (above1 - below1) - (above2 - below2)) / (12 * step)
    return np.asarray(np.where(room > 0, found * np.cos(angle) ** 2 / scale, 0.0))


def margin_of(log_accuracy: Any, log_error: Any) -> Any:
    """Phi^-1 of the accuracy, from the smaller of two probabilities, which has all its digits."""
    small = special.ndtri_exp(np.minimum(log_accuracy, log_error))
    return np.where(np.less(log_error, log_accuracy), -small, small)


@dataclass(frozen=True)
class LevelSearch:
    """Where accuracy passes a level on both sides of the best alpha."""

    accuracy: Callable[[Any], Any]
    level: Any
    best: float
    scale: float
    """A natural size of alpha."""
    farthest: float
    """The alpha, in units of ``scale``, that stands for infinity."""
    steps: int
    """Angles at which accuracy is compared with the level, on each side."""
    lead: Callable[[float], float] | None = None
    """By how much accuracy is above the level where rounding hides it; nan: unknown."""
    one_by_one: bool = False
    """Whether every alpha takes long: then none is asked beyond the first below the level."""
    block: int | None = None
    """How many are asked together if it is not so; all if None."""
    rounding: float = 0.0
    """An end is found where accuracy differs from the level by no more than this."""
    prepare: Callable[[Array], object] = np.size
    """What is told of alphas, (m, 1), that will be asked, or at least the first of them."""

    def ends(self) -> tuple[float, float]:
        """Of the interval around the best alpha with accuracy >= level; infinite if never below."""
        return self._end(-1.0), self._end(1.0)

    def _end(self, side: float) -> float:
        last = float(np.arctan(self.farthest))
        center = float(np.clip(np.arctan(self.best / self.scale), -last, last))
        angles = np.linspace(center, side * np.pi / 2, self.steps)
        angles[-1] = side * last
        first = next(self._below(self.scale * np.tan(angles[1:-1])), len(angles) - 2) + 1
        if first == len(angles) - 1 and not (center != angles[-1] and self._excess(angles[-1]) < -FLAT):
            return side * np.inf
        inner, outer = angles[first - 1], angles[first]
        # At the best alpha itself rounding may leave nothing of a level that is hardly below it.
        angle = inner
        if self._excess(inner) > 0:
            angle = optimize.brentq(self._excess, inner, outer, xtol=1e-15)
        return float(self.scale * np.tan(angle))

    def _below(self, alphas: Array) -> Iterator[int]:
        """Indices of the alphas where accuracy is below the level."""
        size = 1 if self.one_by_one else self.block or len(alphas)
        for begin in long_steps(range(0, len(alphas), size), "alpha"):  # at most so many
            if begin % AHEAD == 0:
                self.prepare(alphas[begin : begin + AHEAD, None])
            part = alphas[begin : begin + size]
            values = np.asarray(np.asarray(self.accuracy(part)) - self.level, float)
            for i in np.flatnonzero((abs(values) <= TIE) | (values < 0)):
                if self._settled(float(part[i]), float(values[i])) < 0:
                    yield begin + int(i)

    def _excess(self, angle: float) -> float:
        alpha = float(self.scale * np.tan(angle))
        value = self._settled(alpha, float(np.asarray(self.accuracy(alpha)) - self.level))
        return 0.0 if abs(value) <= self.rounding else value

    def _settled(self, alpha: float, value: float) -> float:
        if self.lead is None or abs(value) > TIE:
            return value
        lead = self.lead(alpha)
        return value if np.isnan(lead) else lead
