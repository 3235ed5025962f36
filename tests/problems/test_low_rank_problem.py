"""What a `LowRankTransfer` refuses, and says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import rmt_alpha as ra

GIVEN = {"beta": 0.6, "spikes": [3, 2], "source_norm": 4.0, "noise": 1.0, "n": 120, "p": 50, "d": 40}


def made(**changes):
    return ra.LowRankTransfer(**{**GIVEN, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"beta": np.inf}, ValueError, "beta must be a number from -1e30 to 1e30, got inf"),
        ({"spikes": [1, -2]}, ValueError, "spikes must be a number from 0 to 1e30, got -2.0 at index 1"),
        ({"spikes": [[1, 2]]}, ValueError, r"spikes must be a one-dimensional array.* got shape \(1, 2\)"),
        ({"spikes": np.ones(41)}, ValueError, r"spikes must be at most min\(d, p\) = 40 numbers, got 41"),
        ({"source_norm": -1}, ValueError, "source_norm must be a number from 0"),
        ({"noise": 0.0}, ValueError, "noise must be a number from 1e-30"),
        ({"noise": [1.0, 2.0]}, TypeError, "noise must be one number here"),
        ({"n": np.inf}, ValueError, "n must be a number from 1e-30 to 1e30, got inf"),
        ({"p": 50.0}, TypeError, "p must be a whole number of at least 1, got 50.0"),
        ({"d": 0}, ValueError, "d must be a whole number of at least 1, got 0"),
        ({"n": 50}, ValueError, "gamma = 0 with n = p has infinite variance"),
        ({"gamma": -1.0}, ValueError, "gamma must be a number from 0"),
    ],
)
def test_refusals(changes, error, message):
    with pytest.raises(error, match=message):
        made(**changes)


@pytest.mark.parametrize(
    ("rank", "error", "message"),
    [
        (-1, ValueError, r"rank must be from 0 to min\(d, p\) = 40, got -1"),
        (41, ValueError, "at 40 the correction is unrestricted"),
        (1.5, TypeError, "rank must be a whole number"),
        (np.array([1, 2]), TypeError, "rank must be one whole number here"),
    ],
)
def test_ranks_that_are_none(rank, error, message):
    with pytest.raises(error, match=message):
        made().curve(rank)


def test_what_a_curve_cannot_answer():
    curve = made().curve(2)
    for question in ("accuracy", "mean", "neutral_alpha", "accuracy_std"):
        assert question not in curve.answers
    with pytest.raises(
        ra.errors.NotAvailable, match="LowRankCurve has no accuracy: a regression has no classes"
    ):
        curve.accuracy(1.0)
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        curve.risk(np.inf)
    assert np.shape(made().curve(2).risk([])) == (0,)


def test_a_spike_below_the_threshold_is_said_to_be_unseen():
    learnt = made(spikes=[3, 0.1, 0.0]).learnt(0.6)
    assert learnt.seen.tolist() == [True, False, False]
    # What is kept in its place is noise, with nothing of it.
    assert learnt.singular_values[1] == learnt.edge
    assert learnt.left[1] == learnt.right[1] == 0
    assert learnt.change[1] == learnt.edge_change > 0


def test_no_spikes_no_source():
    problem = made(spikes=[], source_norm=0.0, rest=1.0)
    assert problem.optimal_rank() == 0
    assert problem.optimal_alpha(0) == 1.0
    assert problem.curve(0).excess_risk(5.0) == pytest.approx(1.0)
    assert problem.samples_to_see().shape == (0,)
    assert dataclasses.replace(problem, spikes=[1.0]).spikes.tolist() == [1.0]
