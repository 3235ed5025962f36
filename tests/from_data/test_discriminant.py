"""The discriminant of scores of one class against the rest: its definition, limits, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from discriminants import by_hand, left_out_by_hand, prior
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from rmt_alpha import AlphaRidgeClassifierCV
from rmt_alpha.experiments.study.transfers.ours import OneVsRest
from rmt_alpha.from_data.discriminant import discriminant

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, classes, n=30):
    """Scores, labels, weights and what leaving out takes; the last class may have no sample."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.integers(0, classes, n)[:, None] == np.arange(classes), 1.0, -1.0)
    scores = rng.uniform(0.5, 2) * labels @ (np.eye(classes) + 0.2 * rng.standard_normal((classes, classes)))
    scores += rng.standard_normal((n, classes)) * rng.uniform(0.2, 1, classes)
    mass = rng.uniform(0.5, 3, n)
    return scores, labels, mass, np.minimum(mass, 1.0)


@given(seed=SEEDS, classes=st.integers(3, 7))
def test_it_is_its_definition_and_each_sample_is_left_out(seed, classes):
    scores, labels, mass, removed = drawn(seed, classes)
    found, held = discriminant(scores, labels, mass, removed), prior(scores, labels, mass)
    if found is None:
        assert held[0] <= 1e-12
        return
    matrix, shift = by_hand(scores, labels, mass, *held)
    # K^2 pseudo-samples bound the condition of the covariance by K (1 + n / K^2).
    assert scores @ found.matrix + found.shift == pytest.approx(scores @ matrix + shift, rel=1e-9, abs=1e-9)
    expected = left_out_by_hand(scores, labels, mass, removed)
    assert found.left_out == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert found.left_out != pytest.approx(scores @ matrix + shift, rel=1e-3)  # the sample matters


@given(seed=SEEDS, classes=st.integers(3, 6), log_size=st.floats(-100, 100))
def test_neither_units_nor_what_classes_share_nor_their_order_matter(seed, classes, log_size):
    scores, labels, mass, removed = drawn(seed, classes)
    found = discriminant(scores, labels, mass, removed)
    if found is None:
        return
    rng = np.random.default_rng(seed)
    order = rng.permutation(classes)
    moved = 10.0**log_size * (scores + rng.standard_normal((len(scores), 1)))[:, order]
    other = discriminant(moved, labels[:, order], mass, removed)
    assert other is not None
    assert other.left_out == pytest.approx(found.left_out[:, order], rel=1e-8, abs=1e-8)


def test_many_samples_have_fishers_discriminant():
    scores, labels, mass, _ = drawn(1, 5, 200)
    many = 1e10 * np.ones_like(mass)
    found = discriminant(scores, labels, many, np.ones_like(mass))
    assert found is not None
    columns = scores @ (np.eye(5) - 1 / 5)[:, :4]
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(columns, labels.argmax(axis=1))
    ours = scores @ found.matrix + found.shift

    def contrasts(values):
        return values - values.mean(axis=1, keepdims=True)

    # 25 pseudo-samples among 2e12.
    expected = contrasts(theirs.decision_function(columns))
    assert contrasts(ours) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_hardly_any_samples_leave_the_scores_as_they_are():
    scores, labels, mass, _ = drawn(2, 4)
    found = discriminant(scores, labels, 1e-10 * mass, 1e-11 * mass)
    assert found is not None
    centred = scores - scores.mean(axis=1, keepdims=True)
    ours = scores @ found.matrix + found.shift
    assert ours - ours.mean(axis=1, keepdims=True) == pytest.approx(
        ours.std() / centred.std() * centred, rel=1e-6, abs=1e-6 * ours.std()
    )


@pytest.mark.parametrize("scores", ["nothing", "upside down", "certain"])
def test_scores_without_a_discriminant(scores):
    _, labels, mass, removed = drawn(0, 4)
    value = {"nothing": 0 * labels, "upside down": -labels, "certain": 3 * labels}[scores]
    assert discriminant(value, labels, mass, removed) is None


# --- What it is for -----------------------------------------------------------------------------------------


def on_a_line(n, classes, seed):
    """Classes in a row along one of ten features: between two others a class is nowhere the largest."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    X = rng.standard_normal((n, 10))
    X[:, 0] += 4.0 * (y - (classes - 1) / 2)
    return X, y


def test_a_class_between_others_is_found():
    X, y = on_a_line(300, 4, 0)
    test, truth = on_a_line(4000, 4, 1)
    masked, found = (kind().fit(X, y).score(test, truth) for kind in (OneVsRest, AlphaRidgeClassifierCV))
    # Neighbours are 4 deviations apart, so that Bayes' rule is right for 1 - 1.5 Phi(-2) = .966; the inner
    # half is masked.
    assert masked < 0.75
    assert found > 0.93


def test_frequent_classes_are_expected():
    """Three classes that overlap, of .75, .17 and .08 of the samples: most are taken for the first."""
    frequencies, means = np.array([0.75, 0.17, 0.08]), 1.5 * np.eye(3, 8)

    def rows(n, seed):
        rng = np.random.default_rng(seed)
        y = rng.choice(3, n, p=frequencies)
        return means[y] + rng.standard_normal((n, 8)), y

    (X, y), (test, truth) = rows(300, 0), rows(20_000, 1)
    exponents = test @ means.T - 1.5**2 / 2
    bayes, even = (np.mean((exponents + p).argmax(axis=1) == truth) for p in (np.log(frequencies), 0.0))
    model = AlphaRidgeClassifierCV().fit(X, y)
    # The rule that takes classes for equally frequent loses 9 points; of that, an estimate of 8 x 3 numbers
    # from 300 samples, its classes' log frequencies shrunk by 9 of each, may lose a third.
    assert even < bayes - 0.08
    assert model.score(test, truth) > bayes - 0.03
    balanced = AlphaRidgeClassifierCV(class_weight="balanced").fit(X, y)
    assert balanced.score(test, truth) < bayes - 0.05


def test_left_out_scores_of_noise_are_right_by_chance():
    """Those by a discriminant that has seen the sample are not: the wrong formula trips."""
    told, seen, n = [], [], 40
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = np.where(rng.integers(0, 5, n)[:, None] == np.arange(5), 1.0, -1.0)
        scores = rng.standard_normal((n, 5))
        found = discriminant(scores, labels, np.ones(n), np.ones(n))
        if found is not None:
            kind = labels.argmax(axis=1)
            told.append(np.mean(found.left_out.argmax(axis=1) == kind))
            seen.append(np.mean((scores @ found.matrix + found.shift).argmax(axis=1) == kind))
    # a > 0 is asked for, which is half of the draws, and better than chance: by the mean of the own column
    # over the others, of a half normal law, .8 standard errors of it; 4 of .2 * .8 / n allow for that.
    error = np.sqrt(0.16 / (n * len(told)))
    assert len(told) >= 5
    assert np.mean(told) < 0.2 + 4 * error + 0.8 * np.sqrt(0.16 / n)
    assert np.mean(seen) > np.mean(told) + 4 * error
