r"""The exact leave-one-out accuracy as a function of all real alpha: a step function.

Each sample is classified rightly on one interval of alpha, because the difference of the score of its class to
that of every other class is affine in alpha.  Sorting the ends of the intervals gives every value the accuracy
takes, in O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.leave_one_out import LeaveOneOut


@dataclass(frozen=True, eq=False)
class StepFunction:
    """A function of alpha that is constant between breakpoints.

    Attributes
    ----------
    breakpoints : ndarray of shape (m,)
        Increasing.
    values : ndarray of shape (m + 1,)
        Value before the first breakpoint, between neighbours, and after the last.
    at_breakpoints : ndarray of shape (m,)
        Value exactly at each breakpoint.
    """

    breakpoints: Array
    values: Array
    at_breakpoints: Array

    def __call__(self, alpha: Any) -> Any:
        """Value at alpha, any shape; infinities are allowed."""
        alpha = np.asarray(alpha, dtype=np.float64)
        before = np.searchsorted(self.breakpoints, alpha, side="left")
        after = np.searchsorted(self.breakpoints, alpha, side="right")
        if not self.breakpoints.size:
            return self.values[before]
        exact = self.at_breakpoints[np.minimum(before, self.breakpoints.size - 1)]
        return np.where(before == after, self.values[before], exact)[()]

    @cached_property
    def plateaus(self) -> list[tuple[float, float]]:
        """Open intervals on which the largest value is taken; neighbours are joined where it holds between."""
        edges = np.concatenate([[-np.inf], self.breakpoints, [np.inf]])
        best = self.values >= self.values.max() - 1e-12
        joined: list[tuple[float, float]] = []
        for index in np.flatnonzero(best):
            low, high = float(edges[index]), float(edges[index + 1])
            if (
                joined
                and joined[-1][1] == low
                and self.at_breakpoints[index - 1] >= self.values.max() - 1e-12
            ):
                joined[-1] = (joined[-1][0], high)
            else:
                joined.append((low, high))
        return joined


def zero_one_path(lines: LeaveOneOut, along: Array | None = None, start: Array | None = None) -> StepFunction:
    """The leave-one-out accuracy along alpha = start + t * along, as a function of t.

    Parameters
    ----------
    lines : LeaveOneOut
    along : ndarray of shape (k,), optional
        Direction; [1] by default, for one source.
    start : ndarray of shape (k,), optional
        0 by default.

    Returns
    -------
    StepFunction
    """
    sources = lines.lines.shape[1] - 1
    along = np.ones(sources) if along is None else along
    base = np.concatenate([[1.0], np.zeros(sources) if start is None else start])
    constant = np.einsum("iak,a->ik", lines.lines, base)
    slope = np.einsum("iak,a->ik", lines.lines[:, 1:], along)
    if constant.shape[1] == 1:
        # Binary: right if the score is > 0 for the second class and <= 0 for the first.
        sign = np.where(lines.labels > 0, 1.0, -1.0)
        gaps, rates, strict = sign * constant, sign * slope, lines.labels > 0
    else:
        # argmax: right if above every other class, and at least equal to the later ones.
        own = lines.labels.argmax(axis=1)[:, None]
        gaps = np.take_along_axis(constant, own, 1) - constant
        rates = np.take_along_axis(slope, own, 1) - slope
        others = np.arange(constant.shape[1])[None, :]
        gaps = np.where(others == own, 1.0, gaps)
        rates = np.where(others == own, 0.0, rates)
        strict = others < own
    return _count(gaps, rates, strict, lines.weights)


def _count(gaps: Array, rates: Array, strict: Any, weights: Array) -> StepFunction:
    """Weight of the rows for which gap + t rate > 0 (>= 0 where not strict) in every column."""
    with np.errstate(divide="ignore", invalid="ignore"):
        root = -gaps / rates
    root = np.where(np.isfinite(root), root, np.nan)  # a slope so small that the root overflows is none
    flat = np.isnan(root)
    never = (flat & np.where(strict, gaps <= 0, gaps < 0)).any(axis=1)
    low = np.where(~flat & (rates > 0), root, -np.inf)
    high = np.where(~flat & (rates < 0), root, np.inf)
    start, end = low.max(axis=1), high.min(axis=1)
    # Whether the end itself is right: only if no strict inequality ends there.
    start_in = ~((low == start[:, None]) & strict).any(axis=1)
    end_in = ~((high == end[:, None]) & strict).any(axis=1)
    point = (start == end) & start_in & end_in & ~never  # right at a single alpha
    valid = (start < end) & ~never
    breakpoints = np.unique(np.concatenate([start[valid], end[valid], start[point]]))
    breakpoints = breakpoints[np.isfinite(breakpoints)]
    size = breakpoints.size

    def tally(positions: Array, which: Any) -> Array:
        """Weight of rows by position of their end among the breakpoints."""
        return np.bincount(positions[which], weights=weights[which], minlength=size + 1)[: size + 1]

    from_ = np.searchsorted(breakpoints, start)  # -inf -> 0, as is the first breakpoint
    until = np.searchsorted(breakpoints, end)
    opens = np.isfinite(start)
    closes = np.isfinite(end)
    initial = weights[valid & ~opens].sum()
    up, down = tally(from_, valid & opens), tally(until, valid & closes)
    values = initial + np.concatenate([[0.0], np.cumsum(up[:size] - down[:size])])
    # At a breakpoint: those right on its left, minus those whose interval ends there, plus ends that count.
    exact = values[:-1] - down[:size]
    exact = (
        exact + tally(until, valid & closes & end_in)[:size] + tally(from_, valid & opens & start_in)[:size]
    )
    exact = exact + tally(from_, point)[:size]
    return StepFunction(breakpoints, np.clip(values, 0.0, 1.0), np.clip(exact, 0.0, 1.0))
