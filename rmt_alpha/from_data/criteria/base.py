"""What every way to choose alpha must answer, and for squared loss, what it may leave to the jackknife."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np

from rmt_alpha._core.alphas import as_alpha, normalised
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.leave_one_out import LeaveOneOut, ScoreMoments, solve_scaled
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath
from rmt_alpha.from_data.zero_one import half_width

EQUAL = 1e-12
"""Scores that differ by less, relatively, count as equal: they differ by rounding."""


class FitAtRidge(Protocol):
    """Fits at one ridge, for any alpha; by squared loss or another."""

    def correction(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (K, p) and intercept (K,) that are trained on top of the source."""

    def left_out(self, point: FloatArray) -> FloatArray:
        """Score of each sample by the fit without it; shape (n, K)."""


class FitPath(Protocol):
    """Fits at any ridge."""

    @property
    def sources(self) -> int:
        """Number of sources, k."""

    def at(self, gamma: float) -> FitAtRidge:
        """The fits at one ridge."""


@dataclass(frozen=True, eq=False, repr=False)
class Choice(Value):
    """The best alpha at one ridge."""

    gamma: float
    """The ridge, per sample."""
    point: FloatArray
    """(1, alpha), or a direction (0, d). Shape (1 + k,)."""
    score: float
    """The criterion there; larger is better."""
    tie: float = 0.0
    """Decides between equal scores."""

    @property
    def alpha(self) -> FloatArray:
        """Shape (k,), maybe infinite."""
        return as_alpha(self.point)

    def __repr__(self) -> str:
        alpha = ", ".join(f"{value:.4g}" for value in self.alpha)
        return f"Choice(gamma={self.gamma:.4g}, alpha=[{alpha}], score={self.score:.6g})"


AnyPath = TypeVar("AnyPath", bound=FitPath)
AnyFit = TypeVar("AnyFit", bound=FitAtRidge)


class Criterion(ABC, Generic[AnyPath, AnyFit]):
    """A way to choose alpha, and to compare ridges: which is best, how good, and how precisely known."""

    name: ClassVar[str]

    def prepared(self, path: AnyPath, features: Features, sources: FloatArray) -> Self:
        """The criterion with what it must know of the whole problem; most need nothing.

        ``features`` has shape (n, p), ``sources`` (k, K, p).
        """
        return self

    @abstractmethod
    def choose(self, fit: AnyFit, point: FloatArray | None = None) -> Choice:
        """The choice at one ridge; with ``point`` that alpha is held."""

    def decide(
        self, path: AnyPath, gammas: Sequence[float], point: FloatArray | None = None
    ) -> tuple[list[Choice], int]:
        """The choice at every ridge, and which of them is best; with ``point`` that alpha is held."""
        fits: Any = path
        choices = [self.choose(fits.at(gamma), point) for gamma in long_steps(gammas, "ridge")]
        return choices, index_of_best(choices)

    def probabilities(self, choices: Sequence[Choice]) -> FloatArray | None:
        """Of the ridges of such choices, (g,); None if the scores say nothing of the kind."""
        return None

    @abstractmethod
    def covariance(self, fit: AnyFit, point: FloatArray) -> FloatArray:
        """Covariance (k, k) of the chosen alpha at a fixed ridge; infinite where alpha is."""


class RidgeCriterion(Criterion[RidgePath, RidgeFit]):
    """A criterion for squared loss: a function of (1, alpha) with a known best point."""

    @abstractmethod
    def best(self, fit: RidgeFit) -> FloatArray:
        """The best point (1, alpha) at one ridge, up to a positive factor; z_0 <= 0 means at infinity."""

    @abstractmethod
    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """How good a point is; larger is better, and comparable between ridges."""

    def tie(self, fit: RidgeFit, point: FloatArray) -> float:
        """Decides between equal scores."""
        return 0.0

    def choose(self, fit: RidgeFit, point: FloatArray | None = None) -> Choice:
        """The choice at one ridge; with ``point`` that alpha is held."""
        if point is None:
            point = normalised(self.best(fit))
        return Choice(fit.gamma, point, self.score(fit, point), self.tie(fit, point))


class SmoothCriterion(RidgeCriterion):
    """One whose best point moves smoothly with the samples, so that the jackknife knows its errors."""

    @abstractmethod
    def replicates(self, fit: RidgeFit) -> FloatArray:
        """The best points without one sample each, (n, 1 + k), up to positive factors."""

    def covariance(self, fit: RidgeFit, point: FloatArray) -> FloatArray:
        """By the jackknife; infinite also where a replicate of alpha is."""
        points = self.replicates(fit)
        if point[0] == 0 or not (points[:, 0] > 0).all():
            return np.full((point.size - 1,) * 2, np.inf)
        return jackknife(points[:, 1:] / points[:, :1], fit.path.design.samples)


class MarginCriterion(SmoothCriterion):
    """Largest mean over standard deviation of label times score, by measured or predicted moments."""

    @abstractmethod
    def moments(self, fit: RidgeFit) -> ScoreMoments:
        """Moments of the score at one ridge."""

    def best(self, fit: RidgeFit) -> FloatArray:
        """H^-1 a for mean a.z and variance z.H z."""
        return self.moments(fit).best_direction()

    def score(self, fit: RidgeFit, point: FloatArray) -> float:
        """The ratio."""
        return float(self.moments(fit).margin(point))


def index_of_best(choices: Sequence[Choice]) -> int:
    """Which choice scores highest; of equal ones that of the largest ridge, closest to the source."""
    top = max(choice.score for choice in choices)
    near = [i for i, one in enumerate(choices) if one.score == top or one.score >= top - EQUAL * abs(top)]
    return max(near, key=lambda i: (choices[i].tie, choices[i].gamma))


def jackknife(alphas: FloatArray, samples: Samples) -> FloatArray:
    r"""Covariance (k, k) of alpha from its values without one sample each, (n, k), or their changes.

    .. math:: \frac{n - 1}{n} \sum_i (\alpha_{-i} - \bar\alpha)(\alpha_{-i} - \bar\alpha)^\top
    """
    counts = samples.counts
    total = float(counts.sum())
    centred = alphas - counts @ alphas / total
    return np.asarray((total - 1.0) / total * (counts[:, None] * centred).T @ centred)


def accuracy_covariance(lines: LeaveOneOut, along: FloatArray, where: float) -> FloatArray:
    """Covariance (k, k) of the alpha of largest leave-one-out accuracy, at ``where`` times ``along``.

    From half the width of the alphas that are not worse by more than one paired standard error: among samples
    on which two alphas differ, say l that only the best gets right and w that only the other one does, l - w
    has standard error sqrt(l + w).  (The accuracy is a step function, and the jackknife is not for those.)
    """
    width = half_width(lines, along, where)
    if np.isinf(width):
        return np.full((along.size,) * 2, np.inf)
    return np.asarray(width**2 * np.outer(along, along))


def least_squares(gram: FloatArray) -> FloatArray:
    """(1, alpha) that minimises (1, -alpha) gram (1, -alpha)^T; (..., 1 + k) for (..., 1 + k, 1 + k)."""
    alpha = solve_scaled(gram[..., 1:, 1:], gram[..., 1:, 0])
    return np.concatenate([np.ones((*alpha.shape[:-1], 1)), alpha], axis=-1)
