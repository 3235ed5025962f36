"""Weights in a mixture: what they maximise, what must not matter, and how little a few labels can do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from rmt_alpha.from_data.stacking import stacked

seeds = st.integers(0, 2**32 - 1)


def drawn(seed, spread=1.0, n=30, rules=5):
    rng = np.random.default_rng(seed)
    losses = spread * rng.exponential(size=(rules, n)) * rng.exponential(size=(rules, 1))
    return (
        2 * (rng.dirichlet(np.ones(rules)) * 0.9 + 0.1 / rules),
        losses,
        rng.integers(1, 4, n).astype(float),
    )


def responsible(weights, losses):
    """The probability that a sample is of each rule."""
    return softmax(np.log(weights)[:, None] - losses, axis=0)


@given(seed=seeds, spread=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e3]), rules=st.integers(1, 12))
def test_each_rule_has_the_part_of_samples_that_it_explains_and_of_two_by_the_prior(seed, spread, rules):
    prior, losses, mass = drawn(seed, spread, rules=rules)
    weights = stacked(prior, losses, mass)
    expected = (prior + responsible(weights, losses) @ mass) / (2 + mass.sum())
    # The last step promises less than 1e-12, the square of a change relative to the prior's part of 1e-5 at
    # most; it is taken, and squares that.
    assert weights == pytest.approx(expected, rel=1e-9)


def test_probabilities_of_rules_as_a_whole_would_be_seen():
    prior, losses, mass = drawn(0)
    weights = softmax(np.log(prior) - losses @ mass)
    expected = (prior + responsible(weights, losses) @ mass) / (2 + mass.sum())
    assert weights != pytest.approx(expected, rel=0.1)


@given(seed=seeds)
def test_order_and_copies_do_not_matter(seed):
    prior, losses, mass = drawn(seed)
    weights = stacked(prior, losses, mass)
    order, rules = np.random.default_rng(seed).permutation(30), np.arange(5)[::-1]
    assert stacked(prior, losses[:, order], mass[order]) == pytest.approx(weights, rel=1e-9)
    assert stacked(prior[rules], losses[rules], mass) == pytest.approx(weights[rules], rel=1e-9)
    counts = mass.astype(int)
    copied = stacked(prior, np.repeat(losses, counts, axis=1), np.ones(counts.sum()))
    assert copied == pytest.approx(weights, rel=1e-9)
    # A rule that is there twice shares its prior, and its weight.
    twice = stacked(
        np.append(prior, prior[0]) / np.array([2, 1, 1, 1, 1, 2]), losses[[0, 1, 2, 3, 4, 0]], mass
    )
    assert twice[:5] / np.array([0.5, 1, 1, 1, 1]) == pytest.approx(weights, rel=1e-9)


def test_few_samples_do_not_make_a_rule_certain():
    # A rule that alone explains all of n samples: (1 + n) / (2 + n); in Bayesian averaging it would be 1.
    prior = np.array([1.0, 1.0])
    for n in (1, 4, 40):
        losses = np.array([np.zeros(n), np.full(n, 1000.0)])
        assert stacked(prior, losses, np.ones(n)) == pytest.approx(np.array([1 + n, 1]) / (2 + n), rel=1e-9)
    assert stacked(prior, np.ones((2, 3)), np.ones(3)) == pytest.approx(prior / 2, rel=1e-9)
