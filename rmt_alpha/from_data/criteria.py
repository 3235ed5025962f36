"""The ways to choose alpha and the ridge from data, each an object with a name.

A criterion answers three questions about a `RidgeFit`: which alpha is best, how good is an alpha, and how
precisely is the best one known.  `CRITERIA` maps names to criteria; a further one is one more entry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rmt_alpha._checks import check_choice
from rmt_alpha.from_data.design import EPS, Array
from rmt_alpha.from_data.geometry import Geometry
from rmt_alpha.from_data.points import as_alpha, as_point, normalised
from rmt_alpha.from_data.population import Population
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath
from rmt_alpha.from_data.score_moments import ScoreMoments


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
    tie: float = 0.0


class Criterion(ABC):
    """A way to choose alpha, and to compare ridges."""

    name: ClassVar[str]
    for_regression: ClassVar[bool] = False

    def prepared(self, path: RidgePath, features: Array, source: Array) -> Criterion:
        """The criterion with what it needs to know about the whole problem; most need nothing."""
        return self

    @abstractmethod
    def best(self, fit: RidgeFit) -> Array:
        """The best point (1, alpha), or direction (0, d)."""

    @abstractmethod
    def score(self, fit: RidgeFit, point: Array) -> float:
        """How good a point is; larger is better, and comparable between ridges."""

    @abstractmethod
    def replicates(self, fit: RidgeFit, point: Array) -> tuple[Array, Array]:
        """Points chosen without one sample each, (n, 1 + k), and the number of samples each stands for."""

    def tie(self, fit: RidgeFit, point: Array) -> float:
        """Decides between equal scores."""
        return 0.0

    def covariance(self, fit: RidgeFit, point: Array) -> Array:
        """Jackknife covariance (k, k) of the chosen alpha at a fixed ridge; infinite at a direction."""
        points, counts = self.replicates(fit, point)
        if point[0] == 0 or (points[:, 0] <= 0).any():
            return np.full((point.size - 1,) * 2, np.inf)
        alphas = points[:, 1:] / points[:, :1]
        total = counts.sum()
        centred = alphas - counts @ alphas / total
        return np.asarray((total - 1.0) / total * (counts[:, None] * centred).T @ centred)

    def choose(self, fit: RidgeFit, point: Array | None = None) -> Choice:
        """The choice at one ridge; with ``point`` that alpha is held."""
        if point is None:
            point = normalised(self.best(fit))
        return Choice(fit.gamma, point, self.score(fit, point), self.tie(fit, point))


class Evidence(Criterion):
    r"""Empirical Bayes: generalised least squares for alpha, marginal likelihood for the ridge.

    .. math:: y \sim \mathcal N\Big(b + \sum_k \alpha_k s_k,\;
        \sigma^2 \big(I + X^\top X / (n \gamma)\big)\Big)
    """

    name = "evidence"
    for_regression = True

    def best(self, fit: RidgeFit) -> Array:
        return _least_squares(fit.gram)

    def score(self, fit: RidgeFit, point: Array) -> float:
        if point[0] == 0:
            return -np.inf
        design, outputs = fit.path.design, fit.path.outputs
        mix = np.concatenate([point[:1], -point[1:]])
        total = outputs * (design.total - design.fit_intercept)
        square = max(float(mix @ fit.gram @ mix), np.finfo(float).tiny)
        sigma2 = design.total * square / total
        volume = outputs * np.log1p(design.eigenvalues / fit.gamma).sum()
        return float(-0.5 * (total * (np.log(2 * np.pi * sigma2) + 1.0) + volume))

    def replicates(self, fit: RidgeFit, point: Array) -> tuple[Array, Array]:
        # Without a sample, I - H becomes I - H - r r^T / r_ii with r its column for that sample: exact.
        design = fit.path.design
        missed = fit.residuals / np.sqrt(design.total * fit.left_out_freedom)[:, None, None]
        return _least_squares(fit.gram - np.einsum("iak,ibk->iab", missed, missed)), design.counts


class LooMse(Criterion):
    """Least leave-one-out squared error, in alpha and in the ridge."""

    name = "loo_mse"
    for_regression = True

    def _grams(self, fit: RidgeFit) -> Array:
        lines = fit.leave_one_out.lines.copy()
        lines[:, 0] = fit.leave_one_out.labels - lines[:, 0]
        return np.asarray(np.einsum("iak,ibk->iab", lines, lines))

    def best(self, fit: RidgeFit) -> Array:
        return _least_squares(np.tensordot(fit.leave_one_out.weights, self._grams(fit), 1))

    def score(self, fit: RidgeFit, point: Array) -> float:
        return -fit.leave_one_out.squared_error(point)

    def replicates(self, fit: RidgeFit, point: Array) -> tuple[Array, Array]:
        design, each = fit.path.design, self._grams(fit)
        together = np.tensordot(design.counts, each, 1)
        return _least_squares(together - each), design.counts


class LooSnr(Criterion):
    """Largest ratio of mean to standard deviation of the leave-one-out scores, label times score."""

    name = "loo_snr"

    def best(self, fit: RidgeFit) -> Array:
        return fit.leave_one_out.moments.best_direction()

    def score(self, fit: RidgeFit, point: Array) -> float:
        return float(fit.leave_one_out.moments.margin(point))

    def replicates(self, fit: RidgeFit, point: Array) -> tuple[Array, Array]:
        lines = fit.leave_one_out
        counts, contrasts = fit.path.design.counts, lines.contrasts
        left = counts.sum() - 1.0
        means = (counts @ contrasts - contrasts) / left
        each = np.einsum("ia,ib->iab", contrasts, contrasts)
        grams = (np.tensordot(counts, each, 1) - each) / left - np.einsum("ia,ib->iab", means, means)
        ridge = EPS * np.trace(lines.moments.gram) * np.eye(means.shape[1])
        return np.linalg.solve(grams + ridge, means[..., None])[..., 0], counts


class LooAccuracy(Criterion):
    """Largest exact leave-one-out accuracy over all real alpha."""

    name = "loo_accuracy"

    def best(self, fit: RidgeFit) -> Array:
        return best_plateau(fit, LooMse().best(fit))

    def score(self, fit: RidgeFit, point: Array) -> float:
        return fit.leave_one_out.accuracy(point)

    def tie(self, fit: RidgeFit, point: Array) -> float:
        return -fit.leave_one_out.squared_error(point)

    def replicates(self, fit: RidgeFit, point: Array) -> tuple[Array, Array]:
        return LooMse().replicates(fit, point)


class Theory(Criterion):
    """Largest accuracy that random matrix theory predicts from a few estimated numbers (two classes)."""

    name = "theory"

    def __init__(self, population: Population | None = None, geometry: Geometry | None = None) -> None:
        self.population, self.geometry = population, geometry

    def prepared(self, path: RidgePath, features: Array, source: Array) -> Criterion:
        if path.outputs != 1:
            raise ValueError(
                f"criterion 'theory' is for two classes, got {path.outputs}; use 'evidence' or 'loo_mse'"
            )
        geometry = Geometry.from_samples(
            features,
            path.columns[:, 0, 0],
            source[:, 0],
            path.design.counts,
            centred=not path.design.fit_intercept,
        )
        return Theory(geometry.population(), geometry)

    def _moments(self, fit: RidgeFit) -> ScoreMoments:
        assert self.population is not None
        return self.population.moments(fit.gamma, fit.path.design.total)

    def best(self, fit: RidgeFit) -> Array:
        return self._moments(fit).best_direction()

    def score(self, fit: RidgeFit, point: Array) -> float:
        return float(self._moments(fit).margin(point))

    def replicates(self, fit: RidgeFit, point: Array) -> tuple[Array, Array]:
        return LooSnr().replicates(fit, point)


def best_plateau(fit: RidgeFit, anchor: Array) -> Array:
    """The point on the line through 0 and ``anchor`` where the exact accuracy is best.

    The anchor itself where it is among the best, else the middle of the nearest best interval; the direction
    if that interval is unbounded.
    """
    from rmt_alpha.from_data.zero_one import zero_one_path

    along = anchor[1:]
    if not along.size or not np.any(along):
        along = np.ones_like(along)
    plateaus = zero_one_path(fit.leave_one_out, along).plateaus
    low, high = min(plateaus, key=lambda ends: max(ends[0] - 1.0, 1.0 - ends[1], 0.0))
    if low < 1.0 < high:
        where = 1.0
    elif np.isfinite(low) and np.isfinite(high):
        where = (low + high) / 2
    elif np.isinf(low) and np.isinf(high):
        where = 0.0
    else:
        return np.concatenate([[0.0], along if np.isinf(high) else -along])
    return np.concatenate([[1.0], where * along])


def _least_squares(gram: Array) -> Array:
    """(1, alpha) that minimises the quadratic form (1, -alpha) gram (1, -alpha)^T; shape (..., 1 + k)."""
    squares, products = gram[..., 1:, 1:], gram[..., 1:, 0]
    scale = np.sqrt(np.einsum("...aa->...a", squares))
    scale = np.where(scale > 0, scale, 1.0)
    # Parallel or silent sources share what they have in common (least norm).
    inverse = np.linalg.pinv(
        squares / (scale[..., :, None] * scale[..., None, :]), rcond=1e-12, hermitian=True
    )
    alpha = np.einsum("...ab,...b->...a", inverse, products / scale) / scale
    return np.concatenate([np.ones((*alpha.shape[:-1], 1)), alpha], axis=-1)


CRITERIA: dict[str, type[Criterion]] = {
    one.name: one for one in (Evidence, LooMse, LooAccuracy, LooSnr, Theory)
}
"""Criteria by name."""

DEFAULT = "evidence"


def find_criterion(name: Any, *, regression: bool = False) -> Criterion:
    """The criterion of that name."""
    names = tuple(key for key, kind in CRITERIA.items() if kind.for_regression or not regression)
    return CRITERIA[check_choice("criterion", name, names)]()


@dataclass(frozen=True, eq=False)
class Selection:
    """Choices for every ridge of a grid, and which of them is best.

    Attributes
    ----------
    choices : list of Choice
    index : int
    fit : RidgeFit
        The fit at the chosen ridge.
    covariance : ndarray of shape (k, k)
        Of alpha, at that ridge.
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
    criterion: Criterion, path: RidgePath, gammas: Iterable[float], alpha: Array | None = None
) -> Selection:
    """Choose the ridge and alpha together; with ``alpha`` given, the ridge alone.

    Among ridges of equal score the largest is taken: it is closest to the source.
    """
    point = None if alpha is None else as_point(alpha)
    gammas = list(gammas)
    choices = [criterion.choose(path.at(gamma), point) for gamma in gammas]
    top = max(choice.score for choice in choices)
    near = [i for i, one in enumerate(choices) if one.score >= top - 1e-12 * abs(top)] or [0]
    index = max(near, key=lambda i: (choices[i].tie, choices[i].gamma))
    fit = path.at(gammas[index])
    if point is None and path.sources:
        covariance = criterion.covariance(fit, choices[index].point)
    else:
        covariance = np.zeros((path.sources,) * 2)
    return Selection(choices, index, fit, covariance)
