"""`TheoryCheck`: the law that Gaussian classes predict, against that of the leave-one-out scores."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np

from rmt_alpha.from_data.plug_in.left_out import Estimate, LeftOut
from rmt_alpha.from_data.plug_in.population import Population

SURPRISE = 2.4
"""Three standard normal numbers are all below it with 95 % probability."""


class Compared(NamedTuple):
    """A prediction beside a measurement."""

    predicted: float
    measured: Estimate
    z: float
    """Their difference in standard errors."""

    def __str__(self) -> str:
        return f"predicted {self.predicted:.4g}, measured {self.measured}, z = {self.z:+.1f}"


class TheoryCheck(NamedTuple):
    """What Gaussian classes predict for the samples at hand, against leaving each of them out."""

    mean: Compared
    """Of label times score."""
    deviation: Compared
    """Standard deviation of the same."""
    accuracy: Compared
    """Phi(mean/deviation), both measured, against the fraction that is classified rightly."""

    @property
    def agrees(self) -> bool:
        """Whether no difference is beyond chance: of three, at a level of 5 %."""
        return max(abs(one.z) for one in self) <= SURPRISE

    def __str__(self) -> str:
        verdict = "describe" if self.agrees else "do not describe"
        rows = [f"Gaussian classes {verdict} these samples"]
        return "\n".join([*rows, *(f"{name:<9}  {one}" for name, one in self._asdict().items())])

    @classmethod
    def of(cls, measured: LeftOut, population: Population, gamma: float, size: float, alpha: float) -> Self:
        """For left-out scores at a ridge (per sample, of fits on ``size`` samples) and an alpha."""
        point = np.array([1.0, alpha])
        law = measured.expected(population, population.products, gamma, size)
        mean, expected = float(law.line @ point), float(point @ law.gram @ point)
        found, variance = float(measured.line @ point), float(point @ measured.gram @ point)
        error = measured.stderr(np.stack([point, *np.zeros((2, 2))]))
        deviation = math.sqrt(variance)
        spread = measured.stderr(np.stack([np.zeros(2), *np.outer(point, point)])) / (
            2 * deviation or math.inf
        )
        right, smooth, apart = measured.hits(point)
        return cls(
            _compared(mean, found, error),
            _compared(math.sqrt(max(expected, 0.0)), deviation, spread),
            Compared(smooth, right, _ratio(smooth - right.value, apart)),
        )


def _compared(predicted: float, measured: float, error: float) -> Compared:
    return Compared(predicted, Estimate(measured, error), _ratio(predicted - measured, error))


def _ratio(difference: float, error: float) -> float:
    if error > 0:
        return difference / error
    return math.copysign(math.inf, difference) if difference else 0.0
