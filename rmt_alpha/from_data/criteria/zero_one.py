"""Largest exact leave-one-out accuracy over all real alpha."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.alphas import normalised
from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.criteria.squared_error import LooMse
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.leave_one_out import LeaveOneOut
from rmt_alpha.from_data.ridge_path import RidgeFit
from rmt_alpha.from_data.zero_one import StepFunction, right_intervals, zero_one_path


class LooAccuracy(Criterion):
    """Largest leave-one-out accuracy.

    The accuracy is constant between breakpoints, so many alphas are best: the one of least squared error is
    taken if it is among them, else the middle of the nearest interval of best ones, or the direction if that
    interval has no end.  With several sources, the line through 0 and that of least squared error is
    searched.
    """

    name = "loo_accuracy"

    def best(self, fit: RidgeFit) -> Array:
        """See the class."""
        along = _along(fit)
        where = nearest_best(zero_one_path(fit.leave_one_out, along), 1.0)
        if np.isinf(where):
            return np.concatenate([[0.0], np.sign(where) * along])
        return np.concatenate([[1.0], where * along])

    def score(self, fit: RidgeFit, point: Array) -> float:
        """The accuracy."""
        return fit.leave_one_out.accuracy(point)

    def tie(self, fit: RidgeFit, point: Array) -> float:
        """Minus the squared error: between equal accuracies the better regression wins."""
        return -fit.leave_one_out.squared_error(point)

    def replicates(self, fit: RidgeFit) -> Array:
        """Not used: the accuracy is a step function, and the jackknife is not for those."""
        raise NotImplementedError

    def covariance(self, fit: RidgeFit, point: Array) -> Array:
        """From half the width of the alphas that are not worse by more than one paired standard error.

        Among samples on which two alphas differ, say l that only the best gets right and w that only the
        other one does, l - w has standard error sqrt(l + w).
        """
        along = _along(fit)
        size = float(along @ along)
        if point[0] == 0:
            return np.full((along.size,) * 2, np.inf)
        width = half_width(fit.leave_one_out, along, float(point[1:] @ along) / size)
        return np.full((along.size,) * 2, np.inf) if np.isinf(width) else width**2 * np.outer(along, along)


def nearest_best(path: StepFunction, anchor: float) -> float:
    """The anchor if it is on a best interval, else the middle of the nearest one, or its infinite end."""
    low, high = min(path.plateaus, key=lambda ends: max(ends[0] - anchor, anchor - ends[1], 0.0))
    if low < anchor < high:
        return anchor
    if np.isinf(low) or np.isinf(high):
        return high if np.isinf(high) else low
    return (low + high) / 2


def _along(fit: RidgeFit) -> Array:
    """Direction of the alphas searched: that of least squared error, which is then at 1."""
    along = normalised(LooMse().best(fit))[1:]
    return along if along.any() else np.ones_like(along)


def half_width(lines: LeaveOneOut, along: Array, where: float) -> float:
    """Half the width of the t around ``where`` that are not worse, at alpha = t * along."""
    right = right_intervals(lines, along)
    start, end = right.start, right.end
    counts = lines.counts
    ends = []
    for side in (-1.0, 1.0):
        # Moving away from the best alpha, samples are lost where their interval ends, won where one begins.
        lost, won = (end, start) if side > 0 else (start, end)
        inside = (start < where) & (where < end)
        losses = side * (lost[inside] - where)
        ahead = ~inside & (side * (won - where) >= 0) & (start < end)
        gains = side * (won[ahead] - where)
        leaves = side * (lost[ahead] - where)
        place = np.concatenate([losses, gains, leaves])
        weights = np.concatenate([counts[inside], counts[ahead], -counts[ahead]])
        kind = np.concatenate([np.ones(losses.size), np.zeros(gains.size + leaves.size)])
        order = np.argsort(place, kind="stable")
        order = order[np.isfinite(place[order])]
        down = np.cumsum((weights * kind)[order])
        up = np.cumsum((weights * (1 - kind))[order])
        # The last step beyond which every alpha is worse; none if the last alphas are as good.
        good = np.flatnonzero(down - up <= np.sqrt(np.maximum(down + up, 0.0)))
        after = good[-1] + 1 if good.size else 0
        ends.append(float(place[order][after]) if after < order.size else np.inf)
    return sum(ends) / 2
