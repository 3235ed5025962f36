"""The exact accuracy path against counting, at every alpha that matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmt_alpha.from_data.leave_one_out import LeaveOneOut
from rmt_alpha.from_data.zero_one import zero_one_path


def random_lines(seed: int, outputs: int, *, coarse: bool) -> LeaveOneOut:
    """Lines; ``coarse`` ones have small integers, so that ties and scores of exactly 0 abound."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 25))
    lines = rng.standard_normal((n, 2, outputs))
    if coarse:
        lines = rng.integers(-2, 3, (n, 2, outputs)).astype(float)
    if outputs == 1:
        labels = rng.choice([-1.0, 1.0], (n, 1))
    else:
        labels = 2.0 * np.eye(outputs)[rng.integers(0, outputs, n)] - 1
    return LeaveOneOut(lines, labels, rng.integers(1, 4, n).astype(float))


def counted(lines: LeaveOneOut, alpha: float) -> float:
    scores = lines.lines[:, 0] + alpha * lines.lines[:, 1]
    if scores.shape[1] == 1:
        right = (scores[:, 0] > 0) == (lines.labels[:, 0] > 0)
    else:
        right = scores.argmax(axis=1) == lines.labels.argmax(axis=1)
    return float(lines.counts @ right / lines.counts.sum())


@given(st.integers(0, 10**6), st.sampled_from([1, 3, 4]), st.booleans())
def test_equals_counting(seed, outputs, coarse):
    lines = random_lines(seed, outputs, coarse=coarse)
    path = zero_one_path(lines)
    breakpoints = path.breakpoints
    assert np.all(np.diff(breakpoints) > 0)
    assert breakpoints.size <= len(lines.lines) * (1 if outputs == 1 else 2)
    edges = np.concatenate([breakpoints[:1] - 1, breakpoints, breakpoints[-1:] + 1])
    for alpha in [*((edges[1:] + edges[:-1]) / 2), -1e9, 1e9]:
        assert path(alpha) == pytest.approx(counted(lines, alpha), abs=1e-15)
        assert lines.accuracy(np.array([1.0, alpha])) == path(alpha)
    if (
        coarse
    ):  # breakpoints are quotients of small integers: where such a score is exactly 0, arithmetic sees it
        for alpha in breakpoints[np.isin(breakpoints * 4 % 1, [0.0])]:
            assert path(alpha) == pytest.approx(counted(lines, alpha), abs=1e-15)
    assert path(np.inf) == path.values[-1]
    assert path(-np.inf) == path.values[0]


@given(st.integers(0, 10**6), st.sampled_from([1, 3]), st.booleans())
def test_plateaus_are_where_the_maximum_is(seed, outputs, coarse):
    path = zero_one_path(random_lines(seed, outputs, coarse=coarse))
    plateaus = path.plateaus
    for low, high in plateaus:
        inside = np.concatenate(
            [path.breakpoints[(path.breakpoints > low) & (path.breakpoints < high)], [low, high]]
        )
        inside = np.sort(np.clip(inside, -1e6, 1e6))
        assert np.all(path((inside[1:] + inside[:-1]) / 2) >= path.values.max() - 1e-12)
    length = sum(min(high, 1e6) - max(low, -1e6) for low, high in plateaus)
    edges = np.clip(np.concatenate([[-np.inf], path.breakpoints, [np.inf]]), -1e6, 1e6)
    assert length == pytest.approx(np.diff(edges)[path.values >= path.values.max() - 1e-12].sum())


def test_a_sample_that_is_right_at_one_alpha_only():
    # First of three classes, equal to the others at alpha = 1 and below them elsewhere: argmax takes the
    # first.
    lines = np.array([[[0.0, -1.0, 1.0], [0.0, 1.0, -1.0]]])
    path = zero_one_path(LeaveOneOut(lines, np.array([[1.0, -1.0, -1.0]]), np.ones(1)))
    assert path(1.0) == 1
    assert path(0.999) == path(1.001) == 0


def test_no_breakpoints_without_a_source():
    lines = LeaveOneOut(np.array([[[0.5], [0.0]], [[0.5], [0.0]]]), np.array([[1.0], [-1.0]]), np.ones(2))
    path = zero_one_path(lines)
    assert path.breakpoints.size == 0
    assert path(3.0) == path(-np.inf) == 0.5
    assert path.plateaus == [(-np.inf, np.inf)]


def test_cost_grows_like_sorting():
    # Anything quadratic would need 10^11 operations.
    rng = np.random.default_rng(0)
    n = 300_000
    lines = LeaveOneOut(rng.standard_normal((n, 2, 1)), rng.choice([-1.0, 1.0], (n, 1)), np.ones(n))
    assert zero_one_path(lines).breakpoints.size == n
