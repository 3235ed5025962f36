"""The numbers of one problem that random draws need, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

FIELDS = ("p", "n", "N", "mu", "gamma", "gamma_source", "along", "across")


@dataclass(frozen=True, slots=True)
class Setting:
    """One transfer problem in plain numbers.

    Parameters
    ----------
    p, n : int
        Dimension and target samples.
    source_samples : int or None
        Source samples to be drawn; None if the source vector is not trained on finite data.
    source_length : float
        Length of the source vector that is not trained (its direction is the source mean's); else unused.
    mu, along, across : float
        Length of the source mean; components of the target mean along it and across it.
    gamma, gamma_source : float
        Ridges, per sample.
    """

    p: int
    n: int
    source_samples: int | None
    source_length: float
    mu: float
    along: float
    across: float
    gamma: float
    gamma_source: float

    @property
    def target_norm(self) -> float:
        """Length of the target mean."""
        return math.hypot(self.along, self.across)

    @property
    def target_direction(self) -> tuple[float, float]:
        """Cosine and sine of the angle between the two means; (1, 0) without a target mean."""
        norm = self.target_norm
        return (self.along / norm, self.across / norm) if norm > 0 else (1.0, 0.0)


def read_setting(problem: Any) -> Setting:
    """The `Setting` of ``problem``; TypeError or ValueError if it cannot be drawn."""
    missing = [name for name in FIELDS if not hasattr(problem, name)]
    if missing:
        raise TypeError(
            f"problem must be a TransferProblem, got {type(problem).__name__} without {', '.join(missing)}"
        )
    p, n = (whole(name, scalar(name, getattr(problem, name))) for name in ("p", "n"))
    for name in ("beta", "mu_orth", "target_scale"):  # what `along` and `across` are made of, by its own name
        scalar(name, getattr(problem, name, 0.0))
    mu, along, across, gamma, gamma_source = (
        scalar(name, getattr(problem, name)) for name in ("mu", "along", "across", "gamma", "gamma_source")
    )
    if mu == 0:
        # No source mean, no direction of its own: call the target mean's direction the source's.
        along, across = math.hypot(along, across), 0.0
    if p == 1 and across != 0:
        raise ValueError(
            f"p = 1 leaves no room for a target mean with a part {across:g} across the source mean; "
            "set beta to 1 or -1, or mu_orth=0, or p >= 2"
        )
    samples = None if problem.N is None else scalar("N", problem.N)
    length = mu
    if samples == math.inf:
        # (E x x^T + gamma_source I)^-1 E y x, where E x x^T = I + mu mu^T.
        samples, length = None, mu / (1.0 + gamma_source + mu * mu)
    return Setting(
        p=p,
        n=n,
        source_samples=None if samples is None else whole("N", samples),
        source_length=length,
        mu=mu,
        along=along,
        across=across,
        gamma=gamma,
        gamma_source=gamma_source,
    )


def scalar(name: str, value: Any) -> float:
    """``value`` as a float; ValueError for an array."""
    if np.ndim(value) > 0:
        raise ValueError(
            f"{name} must be a single number to be simulated, got an array of shape {np.shape(value)}; "
            "simulate one problem at a time"
        )
    return float(value)


def whole(name: str, value: float) -> int:
    """``value`` as an int of at least 1, else ValueError."""
    if not (math.isfinite(value) and value >= 1 and value == int(value)):
        raise ValueError(f"{name} must be a whole number of at least 1 to be simulated, got {value:g}")
    return int(value)
