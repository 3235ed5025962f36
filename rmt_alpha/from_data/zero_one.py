r"""The exact leave-one-out accuracy as a function of all real alpha: a step function.

Each sample is classified rightly on one interval of alpha, because the difference of the score of its class
to that of every other class is affine in alpha.  Sorting the ends of the intervals gives every value that
the accuracy takes, in O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import BoolArray, FloatArray, Real
from rmt_alpha.from_data.leave_one_out import LeaveOneOut

SAME = 1e-12
"""Accuracies that differ by less are the same: weights need not be integers."""


@dataclass(frozen=True, eq=False)
class StepFunction:
    """A function of alpha that is constant between breakpoints."""

    breakpoints: FloatArray
    """Increasing; shape (m,)."""
    values: FloatArray
    """Value before the first breakpoint, between neighbours, and after the last; shape (m + 1,)."""
    at_breakpoints: FloatArray
    """Value exactly at each breakpoint, where a score is 0, or two are equal; shape (m,)."""

    def __call__(self, alpha: ArrayLike) -> Real:
        """Value at alpha, any shape; infinities are allowed."""
        alpha = np.asarray(alpha, dtype=np.float64)
        before = np.searchsorted(self.breakpoints, alpha, side="left")
        after = np.searchsorted(self.breakpoints, alpha, side="right")
        exact = np.append(self.at_breakpoints, self.values[-1])[before]
        return np.where(before == after, self.values[before], exact)[()]

    @cached_property
    def plateaus(self) -> list[tuple[float, float]]:
        """Open intervals on which the largest value is taken, joined where it is taken between them too."""
        edges = np.concatenate([[-np.inf], self.breakpoints, [np.inf]])
        top = self.values.max() - SAME
        joined: list[tuple[float, float]] = []
        for index in np.flatnonzero(self.values >= top):
            low, high = float(edges[index]), float(edges[index + 1])
            if joined and joined[-1][1] == low and self.at_breakpoints[index - 1] >= top:
                low = joined.pop()[0]
            joined.append((low, high))
        return joined


@dataclass(frozen=True, eq=False)
class RightIntervals:
    """Where on a line of alphas each sample is classified rightly."""

    start: FloatArray
    end: FloatArray
    """Ends, maybe infinite; start > end for a sample that is never right; shape (n,)."""
    start_in: BoolArray
    end_in: BoolArray
    """Whether the sample is right at the ends themselves; shape (n,)."""


def right_intervals(lines: LeaveOneOut, along: FloatArray) -> RightIntervals:
    """Where on the line alpha = t * along each sample is right, with ``along`` of shape (k,).

    As in scikit-learn, a score of exactly 0 counts for the first of two classes, and of equal scores of more
    classes the first counts.
    """
    lines = lines.decisions
    constant = lines.lines[:, 0]
    slope = np.einsum("iak,a->ik", lines.lines[:, 1:], along)
    if constant.shape[1] == 1:
        sign = np.where(lines.labels > 0, 1.0, -1.0)
        gaps, rates, strict = sign * constant, sign * slope, lines.labels > 0
    else:
        own = lines.labels.argmax(axis=1)[:, None]
        others = np.arange(constant.shape[1])[None, :]
        gaps = np.where(others == own, 1.0, np.take_along_axis(constant, own, 1) - constant)
        rates = np.where(others == own, 0.0, np.take_along_axis(slope, own, 1) - slope)
        strict = others < own
    # A gap must be positive (or 0 where not strict): a half-line of t for each gap that changes with t.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        root = -gaps / rates
    moving = np.isfinite(root)
    low = np.where(moving & (rates > 0), root, -np.inf)
    high = np.where(moving & (rates < 0), root, np.inf)
    start, end = low.max(axis=1), high.min(axis=1)
    never = (~moving & np.where(strict, gaps <= 0, gaps < 0)).any(axis=1)
    start_in = ~((low == start[:, None]) & strict).any(axis=1)
    end_in = ~((high == end[:, None]) & strict).any(axis=1)
    never |= (start > end) | ((start == end) & ~(start_in & end_in))
    return RightIntervals(np.where(never, np.inf, start), np.where(never, -np.inf, end), start_in, end_in)


def zero_one_path(lines: LeaveOneOut, along: FloatArray | None = None) -> StepFunction:
    """The leave-one-out accuracy on the line alpha = t * along, as a function of t; along is 1 by default."""
    along = np.ones(lines.lines.shape[1] - 1) if along is None else along
    where = right_intervals(lines, along)
    # Counts are summed and divided once: integers, as a rule, so that equal accuracies are equal.
    start, end, weights = where.start, where.end, lines.decisions.counts
    total = weights.sum()
    ends = np.concatenate([start, end])
    breakpoints = np.unique(ends[np.isfinite(ends)])
    size = breakpoints.size

    def tally(positions: FloatArray, which: BoolArray) -> FloatArray:
        """Weight of samples by the number of the breakpoint at which something happens to them."""
        places = np.searchsorted(breakpoints, positions[which])
        return np.asarray(np.bincount(places, weights=weights[which], minlength=size), dtype=np.float64)

    opens, closes = np.isfinite(start), np.isfinite(end)
    up, down = tally(start, opens), tally(end, closes)
    initial = weights[np.isneginf(start)].sum()
    values = initial + np.concatenate([[0.0], np.cumsum(up - down)])
    # At a breakpoint: right just before, minus what ends there, plus ends that still count, or count already.
    single = start == end
    at = values[:-1] - tally(end, closes & ~single)
    at += tally(end, closes & where.end_in & ~single) + tally(start, opens & where.start_in)
    return StepFunction(breakpoints, np.clip(values / total, 0.0, 1.0), np.clip(at / total, 0.0, 1.0))


def nearest_best(path: StepFunction, anchor: float) -> float:
    """The anchor if it is on a best interval, else the middle of the nearest one, or its infinite end."""
    low, high = min(path.plateaus, key=lambda ends: max(ends[0] - anchor, anchor - ends[1], 0.0))
    if low < anchor < high:
        return anchor
    if np.isinf(low) or np.isinf(high):
        return high if np.isinf(high) else low
    return (low + high) / 2


def half_width(lines: LeaveOneOut, along: FloatArray, where: float) -> float:
    """Half the width of the t around ``where`` that are not worse, at alpha = t * along."""
    right = right_intervals(lines, along)
    start, end = right.start, right.end
    counts = lines.decisions.counts
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
